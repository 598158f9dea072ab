//! What matching looks at in a request beyond its host and path, whoever holds it.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// A request whose version is chosen.
pub trait Asked {
    /// As it was sent: upper case.
    fn method(&self) -> &str;

    /// Hands over each value of a header field, in the order of the lines. `name` is lower case.
    fn each(&self, name: &str, met: &mut dyn FnMut(&[u8]));

    /// As it was sent, without the question mark.
    fn query(&self) -> Option<&str>;
}

/// Hands the first value of a field to `judge`: the others do not count, so that two conditions on
/// different values of one field never hold together.
pub(super) fn first_field(
    asked: &impl Asked,
    name: &str,
    judge: impl FnOnce(Option<&[u8]>) -> bool,
) -> bool {
    let mut judge = Some(judge);
    let mut answer = false;
    asked.each(name, &mut |value| {
        if let Some(judge) = judge.take() {
            answer = judge(Some(value.trim_ascii()));
        }
    });
    match judge {
        Some(judge) => judge(None),
        None => answer,
    }
}

/// The same with the first cookie of a name, whichever line it is on (RFC 6265 §4.2.1).
pub(super) fn first_cookie(
    asked: &impl Asked,
    name: &str,
    judge: impl FnOnce(Option<&[u8]>) -> bool,
) -> bool {
    let mut judge = Some(judge);
    let mut answer = false;
    asked.each("cookie", &mut |line| {
        for pair in line.split(|b| *b == b';') {
            let value = pair
                .trim_ascii()
                .strip_prefix(name.as_bytes())
                .and_then(|rest| rest.strip_prefix(b"="));
            if let Some(value) = value
                && let Some(judge) = judge.take()
            {
                answer = judge(Some(value));
            }
        }
    });
    match judge {
        Some(judge) => judge(None),
        None => answer,
    }
}

/// Every value of a parameter, percent-decoded. The name is compared decoded, so that no spelling
/// of it slips by.
pub(super) fn parameters<'q>(
    query: Option<&'q str>,
    name: &'q str,
) -> impl Iterator<Item = Cow<'q, [u8]>> {
    let parts = query.unwrap_or_default().split('&');
    parts.filter_map(move |part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let is_it = key == name || key.contains('%') && percent_decode_str(key).eq(name.bytes());
        (is_it && !part.is_empty()).then(|| percent_decode_str(value).into())
    })
}

#[cfg(test)]
pub(super) mod testing {
    use super::Asked;

    /// A request as a test writes it: `GET /x?y` and lines of fields.
    pub(in crate::route) struct Written(
        pub(in crate::route) &'static str,
        pub(in crate::route) &'static [(&'static str, &'static str)],
    );

    impl Asked for Written {
        fn method(&self) -> &str {
            self.0.split(' ').next().unwrap()
        }

        fn each(&self, name: &str, met: &mut dyn FnMut(&[u8])) {
            let lines = self.1.iter();
            lines
                .filter(|(known, _)| *known == name)
                .for_each(|(_, value)| met(value.as_bytes()));
        }

        fn query(&self) -> Option<&str> {
            Some(self.0.split_once('?')?.1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::Written;
    use super::*;

    #[test]
    fn the_first_value_counts() {
        let asked = Written(
            "GET /?a=1&a=2&%61=3&b&a%20b=x%2Fy",
            &[
                ("x", " 1 "),
                ("x", "2"),
                ("cookie", "a=1; b=2"),
                ("cookie", "c=3;b=4; d="),
            ],
        );
        for (name, value) in [("x", Some("1")), ("y", None)] {
            assert!(first_field(&asked, name, |found| found == value.map(str::as_bytes)));
        }
        for (name, value) in [
            ("a", Some("1")),
            ("b", Some("2")),
            ("c", Some("3")),
            ("d", Some("")),
            ("e", None),
        ] {
            let is_it = |found: Option<&[u8]>| found == value.map(str::as_bytes);
            assert!(first_cookie(&asked, name, is_it), "{name}");
        }
        let values = |name: &'static str| -> Vec<String> {
            let found = parameters(asked.query(), name);
            found
                .map(|value| String::from_utf8(value.into_owned()).unwrap())
                .collect()
        };
        assert_eq!(values("a"), ["1", "2", "3"]);
        assert_eq!(values("b"), [""]);
        assert_eq!(values("a b"), ["x/y"]);
        assert_eq!(values("c"), [""; 0]);
    }
}
