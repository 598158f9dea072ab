//! The rate-limit fields that stand on good answers and refusals alike.

use crate::fields::Fields;
use crate::text::Text;

/// One limit as the client sees it (draft-ietf-httpapi-ratelimit-headers).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) name: &'a str,
    pub(crate) quota: u64,
    /// Seconds.
    pub(crate) window: u64,
    pub(crate) left: u64,
    /// Seconds until it is full again.
    pub(crate) reset: u64,
    /// What a request takes of it.
    pub(crate) cost: u64,
    /// Whether `left` is without this request.
    pub(crate) taken: bool,
}

/// Limits of one request that are shown beside the usual few; what is beyond them is enforced all
/// the same.
const MOST_BESIDE: usize = 6;
/// Bytes of a list of as many: a name has at most 40, a number 16 and a time 7.
const ROOM: usize = 640;
/// The same of the usual few, with the longest numbers there are.
const USUAL_ROOM: usize = 192;

/// The limits of one request, in place for the usual few.
#[derive(Debug, Default)]
pub(crate) struct ShownLimits<'a> {
    first: [Option<Shown<'a>>; 2],
    more: Vec<Shown<'a>>,
}

impl<'a> ShownLimits<'a> {
    pub(crate) fn push(&mut self, shown: Shown<'a>) {
        match self.first.iter_mut().find(|item| item.is_none()) {
            Some(place) => *place = Some(shown),
            None if self.more.len() < MOST_BESIDE => self.more.push(shown),
            None => {}
        }
    }

    /// What this request took was put back.
    pub(crate) fn give_back(&mut self) {
        for shown in self
            .first
            .iter_mut()
            .flatten()
            .chain(&mut self.more)
            .filter(|shown| shown.taken)
        {
            shown.left += shown.cost;
            shown.taken = false;
        }
    }

    /// What a limit says it took was more, or less; and when it is full, where that has changed.
    pub(crate) fn correct(&mut self, name: &'a str, difference: i64, reset: Option<u64>) {
        // Two may have one name: it is the very same text.
        let is_it = |shown: &&mut Shown<'_>| std::ptr::eq(shown.name, name);
        let mut all = self.first.iter_mut().flatten().chain(&mut self.more);
        if let Some(shown) = all.find(is_it) {
            shown.left = match difference {
                0.. => shown.left.saturating_sub(difference.unsigned_abs()),
                _ => shown.left.saturating_add(difference.unsigned_abs()),
            };
            shown.reset = reset.unwrap_or(shown.reset);
        }
    }

    /// Adds `RateLimit-Policy` and `RateLimit`, nothing when no limit was met.
    pub(crate) fn write(&self, fields: &mut Fields) {
        if self.first[0].is_none() {
            return;
        }
        if self.more.is_empty() {
            self.write_in::<USUAL_ROOM>(fields);
        } else {
            self.write_in::<ROOM>(fields);
        }
    }

    fn write_in<const N: usize>(&self, fields: &mut Fields) {
        let (mut policy, mut state) = (Text::<N>::new(), Text::<N>::new());
        let items = self.first.iter().flatten().chain(&self.more);
        for (index, item) in items.enumerate() {
            if index > 0 {
                policy.push(", ");
                state.push(", ");
            }
            policy
                .quoted(item.name)
                .push(";q=")
                .number(item.quota)
                .push(";w=")
                .number(item.window);
            state
                .quoted(item.name)
                .push(";r=")
                .number(item.left)
                .push(";t=")
                .number(item.reset);
        }
        if let (Some(policy), Some(state)) = (policy.whole(), state.whole()) {
            // An upstream behind another gateway may have said the same of itself.
            fields.set("ratelimit-policy", policy);
            fields.set("ratelimit", state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_list_members() {
        let mut shown = ShownLimits::default();
        let mut fields = Fields::new(b"");
        shown.write(&mut fields);
        assert_eq!(fields.iter().count(), 0);
        shown.push(Shown {
            name: "minute",
            quota: 100,
            window: 60,
            left: 57,
            reset: 31,
            cost: 5,
            taken: true,
        });
        shown.push(Shown {
            name: "quota",
            quota: 1000,
            window: 86400,
            left: 9,
            reset: 5,
            cost: 1,
            taken: false,
        });
        shown.write(&mut fields);
        let mut out = Vec::new();
        fields.write(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "ratelimit-policy: \"minute\";q=100;w=60, \"quota\";q=1000;w=86400\r\n\
             ratelimit: \"minute\";r=57;t=31, \"quota\";r=9;t=5\r\n"
        );
        shown.give_back();
        let mut fields = Fields::new(b"");
        shown.write(&mut fields);
        let left = fields.named("ratelimit").next();
        assert_eq!(left, Some(&b"\"minute\";r=62;t=31, \"quota\";r=9;t=5"[..]));
    }

    #[test]
    fn eight_are_shown_however_long_they_are() {
        let name = "n".repeat(40);
        let mut shown = ShownLimits::default();
        for _ in 0..9 {
            shown.push(Shown {
                name: &name,
                quota: 1_000_000_000_000_000,
                window: 31 * 86_400,
                left: 999_999_999_999_999,
                reset: 31 * 86_400,
                cost: 1,
                taken: true,
            });
        }
        let mut fields = Fields::new(b"");
        shown.write(&mut fields);
        for name in ["ratelimit-policy", "ratelimit"] {
            let list = fields.named(name).next().unwrap_or_default();
            assert_eq!(list.split(|b| *b == b',').count(), 8, "{name}");
        }
    }
}
