//! The trace that a request belongs to, as its client says it (W3C Trace Context).

/// Version 00 is so long, and what comes after it begins alike.
const LENGTH: usize = 55;
/// Where in it the dashes stand.
const DASHES: [usize; 3] = [2, 35, 52];

/// The `trace-id` of a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId([u8; 16]);

impl TraceId {
    /// No trace: zeros name none.
    pub const NONE: Self = Self([0; 16]);

    /// What all `traceparent` of a request say. [`TraceId::NONE`] unless it is one, and a valid one
    /// (§3.2): of a version to come, what this one knows of it.
    pub fn of<'v>(mut shown: impl Iterator<Item = &'v [u8]>) -> Self {
        match (shown.next(), shown.next()) {
            (Some(value), None) => Self::read(value).unwrap_or(Self::NONE),
            _ => Self::NONE,
        }
    }

    fn read(value: &[u8]) -> Option<Self> {
        let (known, more) = value.split_at_checked(LENGTH)?;
        let has_dashes = DASHES.iter().all(|at| known[*at] == b'-');
        let [version] = digits(&known[..2])?;
        let trace: [u8; 16] = digits(&known[3..35])?;
        let parent: [u8; 8] = digits(&known[36..52])?;
        let [_flags] = digits(&known[53..])?;
        let ends = match version {
            0 => more.is_empty(),
            0xff => false,
            _ => more.first().is_none_or(|byte| *byte == b'-'),
        };
        (has_dashes && ends && parent != [0; 8]).then_some(Self(trace))
    }

    /// As 32 small digits, behind what is there; nothing for none.
    pub(super) fn put(self, text: &mut String) {
        if self != Self::NONE {
            domain::hex::push(text, &self.0);
        }
    }
}

/// The bytes of small hexadecimal digits; others are not allowed (§3.2.2).
fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const NOTHING: &str = "00000000000000000000000000000000";

    #[test]
    fn only_what_is_valid_names_a_trace() {
        let parent = "b7ad6b7169203331";
        let whole = format!("00-{TRACE}-{parent}-01");
        for (value, is_valid) in [
            (whole.clone(), true),
            (format!("00-{TRACE}-{parent}-ff"), true),
            (format!("cc-{TRACE}-{parent}-01"), true),
            (format!("cc-{TRACE}-{parent}-01-what.the-future-has"), true),
            (format!("cc-{TRACE}-{parent}-01."), false),
            (format!("00-{TRACE}-{parent}-01-more"), false),
            (format!("ff-{TRACE}-{parent}-01"), false),
            (format!("00-{NOTHING}-{parent}-01"), false),
            (format!("00-{TRACE}-0000000000000000-01"), false),
            (whole.to_uppercase(), false),
            (whole.replace('-', "_"), false),
            (whole.replace('7', "g"), false),
            (whole[..54].to_owned(), false),
            (format!(" {whole}"), false),
            ("é".repeat(28), false),
            (String::new(), false),
        ] {
            let mut text = String::new();
            TraceId::of([value.as_bytes()].into_iter()).put(&mut text);
            assert_eq!(text, if is_valid { TRACE } else { "" }, "{value:?}");
        }
        let twice = [whole.as_bytes(); 2];
        assert_eq!(TraceId::of(twice.into_iter()), TraceId::NONE);
        assert_eq!(TraceId::of([].into_iter()), TraceId::NONE);
    }
}
