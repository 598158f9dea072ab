//! JSON (RFC 8259) that is copied token by token, without what is masked: so a body that was cut off
//! is masked as far as it goes, and of one that is no JSON nothing is kept behind where that shows.

use std::borrow::Cow;

use super::{Child, MASK, Masked, Paths, Walk, holds_key};
use crate::escape;

/// What is nested deeper is not kept.
const DEEPEST: usize = 128;

/// One value, or several one behind the other as in NDJSON, each masked for itself. What comes out
/// has no blanks between its tokens.
pub fn json(paths: &Paths, bytes: &[u8], is_whole: bool, most: usize) -> Masked {
    let mut reader = Reader {
        // A mark of the byte order is no text.
        bytes: bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes),
        at: 0,
        is_whole,
        walk: Walk::new(paths),
        levels: Vec::new(),
        quiet: None,
        out: String::new(),
        most,
        count: 0,
    };
    let is_read = reader.all().is_some();
    Masked {
        text: reader.out,
        count: reader.count,
        is_cut: !(is_read && is_whole),
    }
}

/// An object or a list that is open.
#[derive(Clone, Copy)]
struct Level {
    is_object: bool,
    /// Members or items that have begun.
    count: u64,
}

/// Each of its steps is `None` where nothing more can be kept.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// There is no more of it than these bytes.
    is_whole: bool,
    walk: Walk<'a>,
    levels: Vec<Level>,
    /// What is inside of so many levels is masked, and is not written.
    quiet: Option<usize>,
    out: String,
    most: usize,
    count: u32,
}

impl Reader<'_> {
    fn all(&mut self) -> Option<()> {
        self.blanks();
        while self.at < self.bytes.len() {
            if !self.out.is_empty() {
                self.put("\n")?;
            }
            self.value()?;
            while !self.levels.is_empty() {
                self.step()?;
            }
            self.blanks();
        }
        Some(())
    }

    fn blanks(&mut self) {
        while self
            .peek()
            .is_some_and(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
        {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn put(&mut self, text: &str) -> Option<()> {
        if self.quiet.is_some() {
            return Some(());
        }
        if self.out.len() + text.len() > self.most {
            return None;
        }
        self.out.push_str(text);
        Some(())
    }

    fn mask(&mut self) -> Option<()> {
        self.put("\"")?;
        self.put(MASK)?;
        self.put("\"")?;
        self.count += u32::from(self.quiet.is_none());
        Some(())
    }

    /// What stands inside of the innermost level: its end, or the next of its members or items.
    fn step(&mut self) -> Option<()> {
        self.blanks();
        let level = self.levels.last_mut()?;
        let Level { is_object, count } = *level;
        level.count += 1;
        let end = if is_object { b'}' } else { b']' };
        if self.peek()? == end {
            self.at += 1;
            self.levels.pop();
            self.put(if is_object { "}" } else { "]" })?;
            self.ended();
            return Some(());
        }
        let comma = if count > 0 {
            self.expect(b',')?;
            self.blanks();
            ","
        } else {
            ""
        };
        let is_masked = if is_object {
            self.member(comma)?
        } else {
            self.put(comma)?;
            self.enter(Child::Index(count))
        };
        if is_masked {
            self.mask()?;
            self.quiet = Some(self.levels.len());
        }
        self.value()
    }

    /// A member's name and what stands between it and its value. Says whether the value is masked.
    fn member(&mut self, comma: &str) -> Option<bool> {
        let Text { raw, is_ended } = self.text()?;
        if !is_ended {
            return None;
        }
        self.blanks();
        self.expect(b':')?;
        self.blanks();
        let name = unescaped(raw);
        self.put(comma)?;
        if holds_key(&name) {
            self.mask()?;
        } else {
            self.put("\"")?;
            self.put(raw)?;
            self.put("\"")?;
        }
        self.put(":")?;
        Some(self.enter(Child::Name(&name)))
    }

    fn enter(&mut self, child: Child<'_>) -> bool {
        self.quiet.is_none() && self.walk.enter(child)
    }

    /// A value ended: what was entered for it is left.
    fn ended(&mut self) {
        let depth = self.levels.len();
        match self.quiet {
            Some(quiet) if quiet < depth => {}
            Some(_) => {
                self.quiet = None;
                self.walk.leave();
            }
            None if depth > 0 => self.walk.leave(),
            None => {}
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn value(&mut self) -> Option<()> {
        match self.peek()? {
            open @ (b'{' | b'[') => {
                if self.levels.len() >= DEEPEST {
                    return None;
                }
                self.at += 1;
                let is_object = open == b'{';
                self.put(if is_object { "{" } else { "[" })?;
                self.levels.push(Level {
                    is_object,
                    count: 0,
                });
            }
            b'"' => {
                let Text { raw, is_ended } = self.text()?;
                if holds_key(&unescaped(raw)) {
                    self.mask()?;
                } else {
                    self.put("\"")?;
                    self.put(raw)?;
                    if is_ended {
                        self.put("\"")?;
                    }
                }
                if !is_ended {
                    return None;
                }
                self.ended();
            }
            _ => {
                self.word()?;
                self.ended();
            }
        }
        Some(())
    }

    /// A number or a literal, if it is sure that its end is there.
    fn word(&mut self) -> Option<()> {
        let bytes = self.bytes;
        let rest = &bytes[self.at..];
        let is_inside = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        let end = rest.iter().position(|b| !is_inside(b));
        if end.is_none() && !self.is_whole {
            return None;
        }
        let word = std::str::from_utf8(&rest[..end.unwrap_or(rest.len())]).ok()?;
        if !matches!(word, "true" | "false" | "null") && !is_number(word) {
            return None;
        }
        self.at += word.len();
        self.put(word)
    }
}

/// What stands between two quotes.
struct Text<'a> {
    raw: &'a str,
    is_ended: bool,
}

impl<'a> Reader<'a> {
    /// A string, or what there is of it where the body was cut off.
    fn text(&mut self) -> Option<Text<'a>> {
        self.expect(b'"')?;
        let bytes = self.bytes;
        let start = self.at;
        loop {
            let Some(byte) = self.peek() else {
                return self.begun(start, self.at);
            };
            match byte {
                b'"' => {
                    let raw = std::str::from_utf8(&bytes[start..self.at]).ok()?;
                    self.at += 1;
                    return Some(Text {
                        raw,
                        is_ended: true,
                    });
                }
                b'\\' => {
                    let escape = self.at;
                    let length = match bytes.get(escape + 1) {
                        None => return self.begun(start, escape),
                        Some(b'u') => 6,
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                        Some(_) => return None,
                    };
                    let end = bytes.len().min(escape + length);
                    let digits = bytes.get(escape + 2..end).unwrap_or_default();
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    if end < escape + length {
                        return self.begun(start, escape);
                    }
                    self.at = end;
                }
                0..=0x1f => return None,
                _ => self.at += 1,
            }
        }
    }

    /// A string that the body's end cut off. Of a character that was cut off nothing is left.
    fn begun(&mut self, start: usize, end: usize) -> Option<Text<'a>> {
        if self.is_whole {
            return None;
        }
        self.at = self.bytes.len();
        let bytes = &self.bytes[start..end];
        let raw = match std::str::from_utf8(bytes) {
            Ok(raw) => raw,
            Err(error) if error.error_len().is_none() => {
                std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
            }
            Err(_) => return None,
        };
        Some(Text {
            raw,
            is_ended: false,
        })
    }
}

/// RFC 8259 §6.
fn is_number(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let word = word.strip_prefix('-').unwrap_or(word);
    let (mantissa, exponent) = match word.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (word, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent
            .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

/// Without its escapes.
fn unescaped(raw: &str) -> Cow<'_, str> {
    match escape::unescaped(raw.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(raw),
        Cow::Owned(text) => Cow::Owned(String::from_utf8_lossy(&text).into_owned()),
    }
}

#[cfg(test)]
mod tests;
