//! Forms (`application/x-www-form-urlencoded`), pair by pair.

use percent_encoding::percent_decode_str;

use super::{Child, MASK, Masked, Paths, Walk, holds_key};

/// A field is a member of the body, and so is what stands before, between and behind brackets and
/// dots of its name: `user[password]` is `$.user.password` as well. It ends at the first pair that
/// cannot stand in a form.
pub fn form(paths: &Paths, bytes: &[u8], is_whole: bool, most: usize) -> Masked {
    let mut masked = Masked {
        is_cut: !is_whole,
        ..Masked::default()
    };
    let mut pairs = bytes.split(|b| matches!(b, b'&' | b';')).peekable();
    let mut is_first = true;
    while let Some(pair) = pairs.next() {
        let is_begun = pairs.peek().is_none() && !is_whole;
        let end = pair.iter().position(|b| *b == b'=');
        let (name, value) = pair.split_at(end.unwrap_or(pair.len()));
        // A name that was cut off may be one that is masked, and what is none may be anything.
        let is_told = !(is_begun && end.is_none());
        let read = plain(name, is_name).zip(plain(value, is_value));
        let Some((name, value)) = read.filter(|_| is_told) else {
            masked.is_cut = true;
            break;
        };
        if !is_first {
            masked.text.push('&');
        }
        is_first = false;
        let decoded = undone(name);
        let value = value.strip_prefix('=');
        if holds_key(&decoded) {
            masked.text.push_str(MASK);
            masked.count += 1;
        } else {
            masked.text.push_str(name);
        }
        let Some(value) = value else {
            continue;
        };
        masked.text.push('=');
        if is_masked(paths, &decoded) || holds_key(&undone(value)) {
            masked.text.push_str(MASK);
            masked.count += 1;
        } else {
            masked.text.push_str(value);
        }
    }
    masked.shorten(most);
    masked
}

fn is_masked(paths: &Paths, name: &str) -> bool {
    let mut walk = Walk::new(paths);
    if walk.enter(Child::Name(name)) {
        return true;
    }
    let mut walk = Walk::new(paths);
    let mut parts = name.split(['[', ']', '.']).filter(|part| !part.is_empty());
    parts.any(|part| match part.parse() {
        Ok(index) => walk.enter(Child::Index(index)),
        Err(_) => walk.enter(Child::Name(part)),
    })
}

fn is_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"*-._~%+[]!$'(),:@/?".contains(byte)
}

fn is_value(byte: &u8) -> bool {
    is_name(byte) || *byte == b'='
}

fn plain(bytes: &[u8], is: fn(&u8) -> bool) -> Option<&str> {
    let all = bytes.iter().all(is);
    std::str::from_utf8(bytes).ok().filter(|_| all)
}

fn undone(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_masked_by_their_names() {
        let paths = Paths::read(&["$..password", "$.user.pin", "$.list[*]"]).unwrap();
        for (body, is_whole, kept, count) in [
            ("a=1&password=s&b=2", true, "a=1&password=***&b=2", 1),
            (
                "password=a&PASSWORD=b",
                true,
                "password=***&PASSWORD=***",
                2,
            ),
            (
                "pass%77ord=a&p%61ss+word=b",
                true,
                "pass%77ord=***&p%61ss+word=***",
                2,
            ),
            (
                "user[password]=a&user%5Bpin%5D=b&user.pin=c",
                true,
                "user[password]=***&user%5Bpin%5D=***&user.pin=***",
                3,
            ),
            (
                "list[]=1&list[0]=2&pin=3",
                true,
                "list[]=1&list[0]=***&pin=3",
                1,
            ),
            ("a;password=s", true, "a&password=***", 1),
            ("password", true, "password", 0),
            ("password=", true, "password=***", 1),
            ("a=b=c&&d", true, "a=b=c&&d", 0),
            (
                "a=ptn_live_x&b=p%74n_y&ptn_z=1",
                true,
                "a=***&b=***&***=1",
                3,
            ),
            ("", true, "", 0),
            ("a=1&password=se", false, "a=1&password=***", 1),
            ("a=1&b=lon", false, "a=1&b=lon", 0),
            ("a=1&passw", false, "a=1", 0),
            ("a=1&pass%7", false, "a=1", 0),
            // What is no form is not kept, nor what comes behind it.
            (r#"{"password":"x"}"#, true, "", 0),
            ("a=1&b={\"password\":\"x\"}&c=2", true, "a=1", 0),
            ("a=1\r\npassword=x", true, "", 0),
            ("<password>x", true, "", 0),
            ("a=1&b=\u{e9}&c=2", true, "a=1", 0),
        ] {
            let found = form(&paths, body.as_bytes(), is_whole, 1000);
            assert_eq!((found.text.as_str(), found.count), (kept, count), "{body}");
        }
        assert_eq!(form(&paths, b"\xff=1", true, 100).text, "");
        let short = form(&paths, b"a=1&b=2", true, 3);
        assert_eq!((short.text.as_str(), short.is_cut), ("a=1", true));
    }
}
