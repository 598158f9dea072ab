//! Masking of what is kept of requests and answers: values at JSON paths, header fields that carry
//! credentials, and the platform's own keys wherever they stand. In doubt more is masked, and what
//! cannot be read is not kept: nothing behind the first byte that is not understood.

mod fields;
mod form;
mod json;
mod path;

pub use fields::{address, is_address, is_secret, same_name};
pub use form::{form, lines};
pub use json::json;
pub use path::{Child, LONGEST_PATH, MOST_PATHS, Paths, Walk};

/// What stands in the place of a value.
pub const MASK: &str = "***";

/// A body as it may be kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Masked {
    /// Without what is masked.
    pub text: String,
    /// Values that were masked.
    pub count: u32,
    /// It ends before the body does.
    pub is_cut: bool,
}

/// Whether one of the platform's keys or tokens stands in it, or a part of one.
pub fn holds_key(text: &str) -> bool {
    text.contains(KEY)
}

/// How keys of applications, personal tokens and access tokens begin.
const KEY: &str = "ptn_";

/// Whether it may stand inside of a key or token: all that a bearer token may have (RFC 6750 §2.1),
/// and what else stands in keys.
pub(crate) fn is_of_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-.~+/=".contains(c)
}

/// A text that has no members: only the platform's keys are masked, and characters that do not show
/// are replaced. It ends at the first byte that is no UTF-8.
pub fn text(bytes: &[u8], is_whole: bool, most: usize) -> Masked {
    let chunk = bytes.utf8_chunks().next();
    let valid = chunk.map_or("", |chunk| chunk.valid());
    let mut masked = Masked {
        is_cut: !is_whole || valid.len() < bytes.len(),
        ..Masked::default()
    };
    masked.add(valid);
    masked.shorten(most);
    masked
}

impl Masked {
    /// Adds a text without the platform's keys.
    fn add(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find(KEY) {
            self.show(&rest[..at]);
            self.text.push_str(KEY);
            self.text.push_str(MASK);
            self.count += 1;
            rest = rest[at..].trim_start_matches(is_of_key);
        }
        self.show(rest);
    }

    fn show(&mut self, text: &str) {
        let shown = text.chars().map(|c| match c {
            '\t' | '\n' | '\r' => c,
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        });
        self.text.extend(shown);
    }

    /// Cuts it at `most` bytes, on a character's border.
    pub fn shorten(&mut self, most: usize) {
        if self.text.len() > most {
            self.text.truncate(self.text.floor_char_boundary(most));
            self.is_cut = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_lose_keys_and_what_does_not_show() {
        let key = "ptn_live_abcdefghijklmnopqrstuvwxyz0123456789";
        for (bytes, is_whole, shown, count, is_cut) in [
            ("plain\n\ttext".as_bytes(), true, "plain\n\ttext", 0, false),
            (
                format!("a {key}, b {key}").as_bytes(),
                true,
                "a ptn_***, b ptn_***",
                2,
                false,
            ),
            (b"x ptn_li", false, "x ptn_***", 1, true),
            (
                b"<ptn_at_eyJh-bG.eyJz~+/dWI_.c2ln==> a",
                true,
                "<ptn_***> a",
                1,
                false,
            ),
            (b"a\0b\x1b", true, "a\u{fffd}b\u{fffd}", 0, false),
            (b"good\xffbad", true, "good", 0, true),
            (b"\xff\xfe\0{", true, "", 0, true),
            (b"", true, "", 0, false),
        ] {
            let masked = text(bytes, is_whole, 100);
            assert_eq!(
                (masked.text.as_str(), masked.count, masked.is_cut),
                (shown, count, is_cut)
            );
        }
        let short = text("é".repeat(10).as_bytes(), true, 5);
        assert_eq!((short.text.as_str(), short.is_cut), ("éé", true));
    }
}
