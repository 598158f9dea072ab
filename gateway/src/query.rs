//! The query of a request: untouched, except that the parameter of an accepted key is cut out.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The first value of `name`, decoded, and the query without any parameter of that name (`None`
/// when nothing is left). `None` when the name is not there.
pub(crate) fn cut<'q>(query: &'q str, name: &str) -> Option<(Cow<'q, str>, Option<String>)> {
    let mut value = None;
    let mut rest = String::new();
    for part in query.split('&') {
        let (key, shown) = part.split_once('=').unwrap_or((part, ""));
        // Compared decoded, so that no spelling of the name slips through to the upstream.
        if percent_decode_str(key).eq(name.bytes()) {
            value.get_or_insert_with(|| percent_decode_str(shown).decode_utf8_lossy());
            continue;
        }
        if !rest.is_empty() {
            rest.push('&');
        }
        rest.push_str(part);
    }
    let rest = (!rest.is_empty()).then_some(rest);
    value.map(|value| (value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_cut_out() {
        let table = [
            ("key=1", Some(("1", None))),
            ("a=1&key=x%5fy&b=2", Some(("x_y", Some("a=1&b=2")))),
            ("key=1&%6bey=2&c", Some(("1", Some("c")))),
            ("keys=1", None),
            ("", None),
        ];
        for (query, expected) in table {
            let found = cut(query, "key");
            let found = found
                .as_ref()
                .map(|(value, rest)| (&**value, rest.as_deref()));
            assert_eq!(found, expected, "{query}");
        }
    }
}
