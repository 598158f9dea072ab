//! Header fields of a message as they came over the wire: one buffer with their lines in it, and a
//! list of where each name and value stands. What goes on is copied out, line by line or many at a
//! time; nothing is ever put together anew.

mod copied;
mod name;

use std::cell::RefCell;
use std::ops::Range;

use crate::buffer::Buffer;

pub(crate) use copied::Copied;
pub(crate) use name::{Name, any_of};

thread_local! {
    static SPARE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

const KEPT: usize = 256;
/// What most messages need, so that reading one fills no table that is empty afterwards.
const USUAL: usize = 32;

/// Where a field stands in the buffer.
#[derive(Debug, Clone, Copy)]
struct Line {
    start: u32,
    value: u32,
    length: u32,
    name: u16,
    kind: Name,
    gone: bool,
    /// It reads `name: value` and CRLF, so it can be copied with its neighbours.
    is_plain: bool,
}

impl Line {
    const fn end(&self) -> usize {
        (self.value + self.length) as usize + 2
    }

    const fn name(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.name as usize
    }

    const fn value(&self) -> Range<usize> {
        let start = self.value as usize;
        start..start + self.length as usize
    }
}

/// Why lines are not fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    TooMany,
    TooLong,
    /// Not the grammar (RFC 9112 §5).
    Malformed,
}

/// The fields, and in front of them whatever stood before them in the message.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    bytes: Buffer,
    lines: Vec<Line>,
    /// The kinds that were ever there, as bits.
    kinds: u32,
}

impl Fields {
    /// None yet. `before` goes in front of them: [`Fields::text`] finds it there.
    pub(crate) fn new(before: &[u8]) -> Self {
        let mut bytes = Buffer::new();
        bytes.open().extend_from_slice(before);
        Self {
            bytes,
            lines: SPARE.with_borrow_mut(Vec::pop).unwrap_or_default(),
            kinds: 0,
        }
    }

    /// Reads the lines of `head` that begin at `from`, up to its empty line.
    pub(crate) fn read(
        head: &[u8],
        from: usize,
        most: usize,
        longest: usize,
    ) -> Result<Self, Unread> {
        let mut fields = Self::new(head);
        let mut few = [httparse::EMPTY_HEADER; USUAL];
        match fields.note(&mut few[..USUAL.min(most)], from, longest) {
            Err(Unread::TooMany) if most > USUAL => {
                let mut many = vec![httparse::EMPTY_HEADER; most];
                fields.note(&mut many, from, longest)?;
            }
            read => read?,
        }
        Ok(fields)
    }

    fn note<'b>(
        &'b mut self,
        parsed: &mut [httparse::Header<'b>],
        from: usize,
        longest: usize,
    ) -> Result<(), Unread> {
        let bytes = &**self.bytes;
        let found = match httparse::parse_headers(&bytes[from..], parsed) {
            Ok(httparse::Status::Complete((_, found))) => found,
            Err(httparse::Error::TooManyHeaders) => return Err(Unread::TooMany),
            Ok(httparse::Status::Partial) | Err(_) => return Err(Unread::Malformed),
        };
        let base = bytes.as_ptr() as usize;
        for header in found {
            let start = header.name.as_ptr() as usize - base;
            let name = header.name.len();
            // An empty value points anywhere behind its colon.
            let value = match header.value {
                [] => start + name + 1,
                value => value.as_ptr() as usize - base,
            };
            let end = value + header.value.len();
            if end - start > longest {
                return Err(Unread::TooLong);
            }
            let kind = Name::of(header.name.as_bytes());
            self.kinds |= kind.bit();
            let is_plain = bytes.get(start + name..start + name + 2) == Some(b": ")
                && value == start + name + 2
                && bytes.get(end..end + 2) == Some(b"\r\n");
            self.lines.push(Line {
                start: start as u32,
                value: value as u32,
                length: header.value.len() as u32,
                name: name as u16,
                kind,
                gone: false,
                is_plain,
            });
        }
        Ok(())
    }

    /// Another copy of them and of what stands in front of them.
    pub(crate) fn twin(&self) -> Self {
        let mut twin = Self::new(&self.bytes);
        twin.lines.extend_from_slice(&self.lines);
        twin.kinds = self.kinds;
        twin
    }

    /// A part of what stands in front of the fields.
    pub(crate) fn text(&self, range: Range<usize>) -> &str {
        let bytes = self.bytes.get(range).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Whether one of `kinds` ([`any_of`]) was ever there.
    pub(crate) const fn had(&self, kinds: u32) -> bool {
        self.kinds & kinds != 0
    }

    fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.iter().filter(|line| !line.gone)
    }

    /// All values of a kind, in order.
    pub(crate) fn all(&self, kind: Name) -> impl DoubleEndedIterator<Item = &[u8]> {
        let lines = if self.had(kind.bit()) {
            &*self.lines
        } else {
            &[]
        };
        let there = lines.iter().filter(move |line| line.kind == kind);
        there
            .filter(|line| !line.gone)
            .map(|line| &self.bytes[line.value()])
    }

    pub(crate) fn get(&self, kind: Name) -> Option<&[u8]> {
        self.all(kind).next()
    }

    /// All values of any name.
    pub(crate) fn named(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let same =
            move |line: &&Line| self.bytes[line.name()].eq_ignore_ascii_case(name.as_bytes());
        self.lines()
            .filter(same)
            .map(|line| &self.bytes[line.value()])
    }

    /// Names as they were written, and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines()
            .map(|line| (&self.bytes[line.name()], &self.bytes[line.value()]))
    }

    /// The same, each with what its name means.
    pub(crate) fn known(&self) -> impl Iterator<Item = (Name, &[u8], &[u8])> {
        self.lines().map(|line| {
            let (name, value) = (&self.bytes[line.name()], &self.bytes[line.value()]);
            (line.kind, name, value)
        })
    }

    pub(crate) fn remove(&mut self, kind: Name) {
        if self.had(kind.bit()) {
            self.remove_kinds(|known| known == kind);
        }
    }

    /// Takes out all of the kinds that `goes` says yes to.
    pub(crate) fn remove_kinds(&mut self, goes: impl Fn(Name) -> bool) {
        for line in &mut self.lines {
            line.gone |= goes(line.kind);
        }
    }

    pub(crate) fn remove_named(&mut self, name: &[u8]) {
        // Their lengths tell most names apart, without a look at their bytes.
        let like = |line: &&mut Line| usize::from(line.name) == name.len() && !line.gone;
        for line in self.lines.iter_mut().filter(like) {
            line.gone = self.bytes[line.name()].eq_ignore_ascii_case(name);
        }
    }

    /// Keeps what `keep` says yes to; it is asked with kind, name and value.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(Name, &[u8], &[u8]) -> bool) {
        for line in self.lines.iter_mut().filter(|line| !line.gone) {
            let (name, value) = (&self.bytes[line.name()], &self.bytes[line.value()]);
            line.gone = !keep(line.kind, name, value);
        }
    }

    /// Adds one behind the others; what would be more than one line is left out. `name` must be one.
    pub(crate) fn push(&mut self, name: &str, value: &[u8]) {
        let kind = Name::of(name.as_bytes());
        self.add(kind, name, |bytes| bytes.extend_from_slice(value));
    }

    /// Sets `name` to the value that the first of `from` has, if there is one.
    pub(crate) fn copy(&mut self, from: Name, name: &str) {
        let found = self.lines().find(|line| line.kind == from).map(Line::value);
        if let Some(value) = found {
            let kind = Name::of(name.as_bytes());
            self.clear(kind, name);
            self.add(kind, name, |bytes| bytes.extend_from_within(value));
        }
    }

    fn add(&mut self, kind: Name, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let bytes = self.bytes.open();
        let start = bytes.len();
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        let value = bytes.len();
        write(bytes);
        // Wherever it came from, a value ends no line (RFC 9110 §5.5).
        if ends_line(&bytes[value..]) {
            return bytes.truncate(start);
        }
        let length = bytes.len() - value;
        bytes.extend_from_slice(b"\r\n");
        self.kinds |= kind.bit();
        self.lines.push(Line {
            start: start as u32,
            value: value as u32,
            length: length as u32,
            name: name.len() as u16,
            kind,
            gone: false,
            is_plain: true,
        });
    }

    /// The same in place of all of that name.
    pub(crate) fn set(&mut self, name: &str, value: &[u8]) {
        let kind = Name::of(name.as_bytes());
        self.clear(kind, name);
        self.add(kind, name, |bytes| bytes.extend_from_slice(value));
    }

    fn clear(&mut self, kind: Name, name: &str) {
        match kind {
            Name::Other | Name::Hop | Name::Forwarding | Name::Portunus | Name::Underscore => {
                self.remove_named(name.as_bytes());
            }
            _ => self.remove(kind),
        }
    }

    /// Appends all lines, each with its CRLF.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut run = 0..0;
        for line in self.lines() {
            let start = line.start as usize;
            if line.is_plain {
                if run.end == start {
                    run.end = line.end();
                    continue;
                }
                out.extend_from_slice(&self.bytes[run]);
                run = start..line.end();
                continue;
            }
            out.extend_from_slice(&self.bytes[run]);
            run = 0..0;
            out.extend_from_slice(&self.bytes[line.name()]);
            out.extend_from_slice(b": ");
            out.extend_from_slice(&self.bytes[line.value()]);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(&self.bytes[run]);
    }
}

/// A short value is gone through sooner than what searches many bytes at a time has begun.
fn ends_line(value: &[u8]) -> bool {
    if value.len() < 16 {
        return value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
    }
    memchr::memchr3(b'\r', b'\n', 0, value).is_some()
}

impl Drop for Fields {
    fn drop(&mut self) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.clear();
        if (1..=256).contains(&lines.capacity()) {
            // At a thread's end there may be nothing to give it back to.
            let _ = SPARE.try_with(|spare| {
                let mut spare = spare.borrow_mut();
                if spare.len() < KEPT {
                    spare.push(lines);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Fields, Unread> {
        let head = format!("GET / HTTP/1.1\r\n{text}\r\n");
        Fields::read(head.as_bytes(), 16, 100, 1000)
    }

    fn written(fields: &Fields) -> String {
        let mut out = Vec::new();
        fields.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_was_read_is_written() {
        for (text, out) in [
            ("", ""),
            ("Host: a\r\nB: c\r\n", "Host: a\r\nB: c\r\n"),
            (
                "Host:a\r\nB:   c \r\nD: \r\nE:\r\nF: g\r\n",
                "Host: a\r\nB: c\r\nD: \r\nE: \r\nF: g\r\n",
            ),
        ] {
            assert_eq!(written(&read(text).unwrap()), out, "{text:?}");
        }
        assert_eq!(read("A : b\r\n").unwrap_err(), Unread::Malformed);
        assert_eq!(read(&"A: b\r\n".repeat(101)).unwrap_err(), Unread::TooMany);
        assert_eq!(read(&"A: b\r\n".repeat(100)).unwrap().iter().count(), 100);
        let long = format!("A: {}\r\n", "b".repeat(1000));
        assert_eq!(read(&long).unwrap_err(), Unread::TooLong);
    }

    #[test]
    fn fields_are_found_taken_out_and_added() {
        let mut fields = read("Host: a\r\nx-a: 1\r\nCookie: c\r\nX-A: 2\r\ncookie: d\r\n").unwrap();
        assert_eq!(fields.get(Name::Host), Some(&b"a"[..]));
        assert_eq!(fields.named("x-a").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(
            fields.all(Name::Cookie).rev().collect::<Vec<_>>(),
            [b"d", b"c"]
        );
        fields.remove(Name::Cookie);
        fields.set("Host", b"b");
        assert_eq!(fields.get(Name::Cookie), None);
        assert_eq!(written(&fields), "x-a: 1\r\nX-A: 2\r\nHost: b\r\n");
        fields.set("X-a", b"3");
        assert_eq!(written(&fields), "Host: b\r\nX-a: 3\r\n");
        for value in [&b"1\r\nEvil: 2"[..], b"1\n", b"1\0"] {
            fields.push("x-b", value);
        }
        assert_eq!(written(&fields), "Host: b\r\nX-a: 3\r\n");
    }
}
