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
    // As in XML several of one name are a list, with and without brackets.
    if Walk::new(paths).enter(Child::Element(name)) {
        return true;
    }
    let mut walk = Walk::new(paths);
    let mut parts = name.split(['[', ']', '.']).filter(|part| !part.is_empty());
    parts.any(|part| walk.enter(Child::Element(part)))
}

/// A form that is a text, as browsers send it with `enctype="text/plain"`, or one that was not
/// encoded: pairs line by line, with whatever may stand in a text. What is masked is so to the line's
/// end, and on lines behind it that name nothing, as its value may have any character. It ends at the
/// first pair that may hold JSON or XML, and at the first byte that is no UTF-8.
pub fn lines(paths: &Paths, bytes: &[u8], is_whole: bool, most: usize) -> Masked {
    let chunk = bytes.utf8_chunks().next();
    let valid = chunk.map_or("", |chunk| chunk.valid());
    let mut masked = Masked {
        is_cut: !is_whole || valid.len() < bytes.len(),
        ..Masked::default()
    };
    let mut is_masking = false;
    for line in valid.split(['\r', '\n']).filter(|line| !line.is_empty()) {
        if is_masking && !line.contains('=') {
            continue;
        }
        if !masked.text.is_empty() {
            masked.text.push('\n');
        }
        let (shown, what) = pairs(paths, line);
        masked.add(&line[..shown]);
        is_masking = what == Behind::Masked;
        match what {
            Behind::Nothing => {}
            Behind::Masked => {
                masked.text.push_str(MASK);
                masked.count += 1;
            }
            Behind::Document => {
                masked.is_cut = true;
                break;
            }
        }
    }
    masked.shorten(most);
    masked
}

/// What stands on a line behind that which is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    Nothing,
    Masked,
    Document,
}

/// How much of a line is shown.
fn pairs(paths: &Paths, line: &str) -> (usize, Behind) {
    let mut start = 0;
    for pair in line.split_inclusive(['&', ';']) {
        if pair.contains(['{', '<', '"']) {
            return (start, Behind::Document);
        }
        if let Some((name, _)) = pair.split_once('=') {
            if holds_key(&undone(pair)) {
                return (start, Behind::Masked);
            }
            if is_masked(paths, &undone(name)) {
                return (start + name.len() + 1, Behind::Masked);
            }
        }
        start += pair.len();
    }
    (line.len(), Behind::Nothing)
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
        let paths = [
            "$..password",
            "$.user.pin",
            "$.list[*]",
            "$.cards[*].number",
            "$['2024'].pin",
            "$.row[2].a",
        ];
        let paths = Paths::read(&paths).unwrap();
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
                "list[]=1&list[0]=2&list=3&list=4&pin=3",
                true,
                "list[]=***&list[0]=***&list=***&list=***&pin=3",
                4,
            ),
            (
                "cards[][number]=1&cards[7][number]=2&cards.number=3&cards[]=4",
                true,
                "cards[][number]=***&cards[7][number]=***&cards.number=***&cards[]=4",
                3,
            ),
            (
                "2024[pin]=1&2024.pin=2&2025[pin]=3",
                true,
                "2024[pin]=***&2024.pin=***&2025[pin]=3",
                2,
            ),
            (
                "row[1]=1&row[2]=2&row[2][a]=3",
                true,
                "row[1]=1&row[2]=2&row[2][a]=***",
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

    #[test]
    fn texts_are_masked_line_by_line() {
        let paths = Paths::read(&["$..password", "$.pins[*]"]).unwrap();
        for (body, kept, count, is_cut) in [
            (
                "user=J\u{f6} D\r\npassword=my own\r\nb=2\r\n",
                "user=J\u{f6} D\npassword=***\nb=2",
                1,
                false,
            ),
            ("a=1 2&password=x y", "a=1 2&password=***", 1, false),
            // What may be in the value as well.
            ("password=a&b=c;d\na=1", "password=***\na=1", 1, false),
            (
                "password=a\nb\n\nc\na=1\nd",
                "password=***\na=1\nd",
                1,
                false,
            ),
            (
                "Pass Word = a\npins=1\npins[]=2",
                "Pass Word =***\npins=***\npins[]=***",
                3,
                false,
            ),
            ("p%61ssword=a b", "p%61ssword=***", 1, false),
            ("a=x ptn_live_y\nb=1", "***\nb=1", 1, false),
            ("a=1&p%74n_x=2 3\nb", "a=1&***", 1, false),
            ("a=1\nx ptn_live_y", "a=1\nx ptn_***", 1, false),
            ("a=1 2&b={\"password\": \"x\"}\nc=1", "a=1 2&", 0, true),
            ("a=1\n<password>x", "a=1\n", 0, true),
            ("", "", 0, false),
        ] {
            let found = lines(&paths, body.as_bytes(), true, 1000);
            assert_eq!(
                (found.text.as_str(), found.count, found.is_cut),
                (kept, count, is_cut),
                "{body}"
            );
        }
        let found = lines(&paths, b"a=\xff&password=x", true, 100);
        assert_eq!((found.text.as_str(), found.is_cut), ("a=", true));
        let found = lines(&paths, b"password=se", false, 100);
        assert_eq!((found.text.as_str(), found.is_cut), ("password=***", true));
        assert_eq!(lines(&paths, b"a=1\nb=2", true, 5).text, "a=1\nb");
    }
}
