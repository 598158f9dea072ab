//! The escapes in texts of JSON (RFC 8259 §7), undone: also in what was cut off, or is no JSON.

use std::borrow::Cow;

/// Without them. What is none stays, a lone surrogate is U+FFFD.
pub(crate) fn unescaped(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'\\') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        let Some((kind, behind)) = rest.split_first() else {
            out.push(b'\\');
            break;
        };
        rest = behind;
        match kind {
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => match unit(rest) {
                Some(high) => {
                    rest = &rest[4..];
                    let is_high = (0xd800..0xdc00).contains(&high);
                    let low = rest.strip_prefix(b"\\u").and_then(unit);
                    let low = low.filter(|low| is_high && (0xdc00..0xe000).contains(low));
                    if low.is_some() {
                        rest = &rest[6..];
                    }
                    let mut units = char::decode_utf16([Some(high), low].into_iter().flatten());
                    let c = units.next().and_then(Result::ok);
                    let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                None => out.extend_from_slice(b"\\u"),
            },
            other => out.push(*other),
        }
    }
    Cow::Owned(out)
}

/// Four hexadecimal digits.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.get(..4)?;
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> String {
        let found = unescaped(text.as_bytes());
        String::from_utf8(found.into_owned()).unwrap()
    }

    #[test]
    fn escapes_are_undone() {
        for (written, read) in [
            ("", ""),
            ("plain \u{e9}", "plain \u{e9}"),
            (r#"\"\\\/"#, "\"\\/"),
            (r"\b\f\n\r\t", "\u{8}\u{c}\n\r\t"),
            (r"p\u0074n\u00e9", "ptn\u{e9}"),
            (r"\ud83d\ude00", "\u{1f600}"),
            // What is lone, and what is none.
            (r"\ud83d", "\u{fffd}"),
            (r"\ude00x", "\u{fffd}x"),
            (r"\ud83d\u0041", "\u{fffd}A"),
            (r"\u12", r"\u12"),
            (r"\u00g0", r"\u00g0"),
            ("\\\u{e9}", "\u{e9}"),
            ("a\\", "a\\"),
        ] {
            assert_eq!(text(written), read, "{written}");
        }
    }

    #[test]
    fn what_has_none_is_not_copied() {
        assert!(matches!(unescaped(b"\xff a"), Cow::Borrowed(b"\xff a")));
        assert_eq!(unescaped(b"\xff\\n").as_ref(), b"\xff\n");
    }
}
