//! `Cache-Control` of requests and answers (RFC 9111 §5.2). Where it can be read in two ways, the
//! more careful one counts.

/// Longest time that anybody means, in seconds; what is longer is this (RFC 9111 §1.2.2).
pub(crate) const LONGEST: u64 = 1 << 31;

/// What an answer says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) no_store: bool,
    /// Also where it names fields: then for the whole answer.
    pub(crate) no_cache: bool,
    pub(crate) private: bool,
    pub(crate) public: bool,
    pub(crate) must_revalidate: bool,
    pub(crate) proxy_revalidate: bool,
    pub(crate) must_understand: bool,
    pub(crate) max_age: Option<u64>,
    pub(crate) s_maxage: Option<u64>,
    pub(crate) stale_while_revalidate: Option<u64>,
    pub(crate) stale_if_error: Option<u64>,
}

impl Said {
    pub(crate) fn read<'l>(lines: impl Iterator<Item = &'l [u8]>) -> Self {
        let mut said = Self::default();
        let is_whole = each(lines, |name, value| match name {
            "no-store" => said.no_store = true,
            "no-cache" => said.no_cache = true,
            "private" => said.private = true,
            "public" => said.public = true,
            "must-revalidate" => said.must_revalidate = true,
            "proxy-revalidate" => said.proxy_revalidate = true,
            "must-understand" => said.must_understand = true,
            "max-age" => least(&mut said.max_age, value),
            "s-maxage" => least(&mut said.s_maxage, value),
            "stale-while-revalidate" => least(&mut said.stale_while_revalidate, value),
            "stale-if-error" => least(&mut said.stale_if_error, value),
            _ => {}
        });
        // Behind a quote that never ends anything may have been meant.
        said.no_store |= !is_whole;
        said
    }

    /// Whether an answer to a request with credentials may go to others (RFC 9111 §3.5).
    pub(crate) const fn is_for_all(&self) -> bool {
        self.public || self.must_revalidate || self.s_maxage.is_some()
    }

    /// Never given when it is stale (RFC 9111 §4.2.4).
    pub(crate) const fn is_strict(&self) -> bool {
        self.must_revalidate || self.proxy_revalidate || self.s_maxage.is_some() || self.no_cache
    }
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) no_store: bool,
    pub(crate) no_cache: bool,
    pub(crate) only_if_cached: bool,
    pub(crate) max_age: Option<u64>,
    pub(crate) min_fresh: Option<u64>,
    /// Without a number [`LONGEST`].
    pub(crate) max_stale: Option<u64>,
}

impl Asked {
    pub(crate) fn read<'l>(lines: impl Iterator<Item = &'l [u8]>) -> Self {
        let mut asked = Self::default();
        each(lines, |name, value| match name {
            "no-store" => asked.no_store = true,
            "no-cache" => asked.no_cache = true,
            "only-if-cached" => asked.only_if_cached = true,
            "max-age" => least(&mut asked.max_age, value),
            "min-fresh" => asked.min_fresh = asked.min_fresh.max(Some(seconds(value))),
            "max-stale" if value.is_none() => asked.max_stale = Some(LONGEST),
            "max-stale" => least(&mut asked.max_stale, value),
            _ => {}
        });
        asked
    }
}

/// What is said twice is the less of both, what is no number is nothing (RFC 9111 §4.2.1).
fn least(kept: &mut Option<u64>, value: Option<&str>) {
    let seconds = seconds(value);
    *kept = Some(kept.map_or(seconds, |before| before.min(seconds)));
}

fn seconds(value: Option<&str>) -> u64 {
    let value = value.unwrap_or_default();
    number(value.as_bytes()).unwrap_or(0)
}

/// Delta seconds: digits, and nothing else.
pub(crate) fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    let mut number = 0_u64;
    for byte in value {
        if !byte.is_ascii_digit() {
            return None;
        }
        let digit = u64::from(byte - b'0');
        number = number.saturating_mul(10).saturating_add(digit).min(LONGEST);
    }
    Some(number)
}

/// Tells each directive, its name in small letters and its value without quotes. False where a
/// quote does not end.
fn each<'l>(
    lines: impl Iterator<Item = &'l [u8]>,
    mut met: impl FnMut(&str, Option<&str>),
) -> bool {
    let mut is_whole = true;
    for line in lines {
        let text = String::from_utf8_lossy(line).to_ascii_lowercase();
        is_whole &= members(&text, b',', |member| {
            let (name, value) = match member.split_once('=') {
                None => (member, None),
                Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            };
            met(name, value);
        });
    }
    is_whole
}

/// The members of a list, trimmed, with what stands in quotes left whole.
pub(crate) fn members<'t>(text: &'t str, between: u8, mut met: impl FnMut(&'t str)) -> bool {
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            byte if byte == between && !quoted => {
                met(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    met(text[start..].trim());
    !quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(lines: &[&str]) -> Said {
        Said::read(lines.iter().map(|line| line.as_bytes()))
    }

    #[test]
    fn answers_are_read_carefully() {
        let none = Said::default();
        let age = |seconds| Said {
            max_age: Some(seconds),
            ..none
        };
        for (lines, is) in [
            (&[][..], none),
            (&["max-age=60"], age(60)),
            (&["MaX-aGe=60, x"], age(60)),
            (&["max-age=0060"], age(60)),
            (&["max-age=\"60\""], age(60)),
            (&["max-age='60'"], age(0)),
            (&["max-age=-60"], age(0)),
            (&["max-age=6.0"], age(0)),
            (&["max-age"], age(0)),
            (&["max-age=99999999999999999999999"], age(LONGEST)),
            (&["max-age=60", "max-age=5"], age(5)),
            (&["x=\"max-age=60, no-store\", max-age=1"], age(1)),
            (&["x=\"a\\\", max-age=60\", max-age=1"], age(1)),
            (
                &["max-age=60, s-maxage=1"],
                Said {
                    s_maxage: Some(1),
                    ..age(60)
                },
            ),
            (
                &["No-StOrE"],
                Said {
                    no_store: true,
                    ..none
                },
            ),
            (
                &["x=\"a", "max-age=60"],
                Said {
                    no_store: true,
                    ..age(60)
                },
            ),
            (
                &["private=\"set-cookie\", no-cache=\"a, b\""],
                Said {
                    private: true,
                    no_cache: true,
                    ..none
                },
            ),
        ] {
            assert_eq!(said(lines), is, "{lines:?}");
        }
    }

    #[test]
    fn requests_are_read() {
        let read = |text: &str| Asked::read([text.as_bytes()].into_iter());
        let none = Asked::default();
        for (text, is) in [
            ("nothing-to-see-here", none),
            (
                "max-stale",
                Asked {
                    max_stale: Some(LONGEST),
                    ..none
                },
            ),
            (
                "max-stale=5, min-fresh=7, only-if-cached",
                Asked {
                    max_stale: Some(5),
                    min_fresh: Some(7),
                    only_if_cached: true,
                    ..none
                },
            ),
        ] {
            assert_eq!(read(text), is, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_line_breaks_the_reader(lines in proptest::collection::vec(".{0,60}", 0..4)) {
            let said = Said::read(lines.iter().map(|line| line.as_bytes()));
            prop_assert!(said.max_age.is_none_or(|age| age <= LONGEST));
        }

        /// Whatever stands in front of it in lines of their own, what forbids is seen.
        #[test]
        fn what_forbids_is_never_missed(lines in proptest::collection::vec("[ -~]{0,40}", 0..4)) {
            let all = lines.iter().map(|line| line.as_bytes()).chain([&b"no-store"[..]]);
            prop_assert!(Said::read(all).no_store);
        }
    }
}
