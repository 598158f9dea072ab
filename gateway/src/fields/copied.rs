//! Fields that are kept for long: in as little memory as they need, shared between threads.

use std::hint::black_box;

use bytes::Bytes;

use super::{Fields, Line, Name};

/// What is no longer than this lies right behind its fields.
const SHORT: usize = 4 * 1024;

/// A copy of fields, without what stood in front of them.
#[derive(Debug)]
pub(crate) struct Copied {
    /// One line right behind the other.
    bytes: Bytes,
    lines: Box<[Short]>,
    kinds: u32,
}

/// A line, where all lines lie one behind the other as they are written.
#[derive(Debug, Clone, Copy)]
struct Short {
    length: u32,
    name: u16,
    kind: Name,
}

impl Copied {
    pub(crate) fn of(fields: &Fields) -> Self {
        Self::with(fields, b"").0
    }

    /// With the body that they came with: a short one is copied into the same piece of memory, so that
    /// giving both is going through one.
    pub(crate) fn beside(fields: &Fields, body: Bytes) -> (Self, Bytes) {
        if body.len() <= SHORT {
            Self::with(fields, &body)
        } else {
            (Self::of(fields), body)
        }
    }

    fn with(fields: &Fields, more: &[u8]) -> (Self, Bytes) {
        let mut copy = Fields::new(b"");
        for (name, value) in fields.iter() {
            copy.push(std::str::from_utf8(name).unwrap_or_default(), value);
        }
        let end = copy.bytes.len();
        let mut bytes = Vec::with_capacity(end + more.len());
        bytes.extend_from_slice(&copy.bytes);
        bytes.extend_from_slice(more);
        let all = Bytes::from(bytes);
        let short = |line: &Line| Short {
            length: line.length,
            name: line.name,
            kind: line.kind,
        };
        let copied = Self {
            bytes: all.slice(..end),
            lines: copy.lines.iter().map(short).collect(),
            kinds: copy.kinds,
        };
        (copied, all.slice(end..))
    }

    /// Fields of a message again.
    pub(crate) fn fields(&self) -> Fields {
        let mut fields = Fields::new(&self.bytes);
        let mut start = 0;
        fields.lines.extend(self.lines.iter().map(|short| {
            let Short { length, name, kind } = *short;
            // Behind the colon and its blank.
            let value = start + u32::from(name) + 2;
            let line = Line {
                start,
                value,
                length,
                name,
                kind,
                gone: false,
                is_plain: true,
            };
            start = value + length + 2;
            line
        }));
        fields.kinds = self.kinds;
        fields
    }

    /// Asks for the lines of the processor's cache that [`Copied::fields`] reads first.
    pub(crate) fn fetch(&self) {
        black_box((self.kinds, self.bytes.first().copied()));
        black_box(self.lines.first().map(|line| line.kind));
    }

    /// Bytes in memory.
    pub(crate) fn weight(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_as_it_was() {
        for (text, more) in [
            ("", ""),
            ("", "body"),
            ("Host: a\r\n", "body"),
            ("Etag:\"1\"\r\nX-A:  1\r\nX-B:\r\nDate: d\r\n", ""),
        ] {
            let head = format!("HTTP/1.1 200 OK\r\n{text}\r\n");
            let mut fields = Fields::read(head.as_bytes(), 17, 100, 1000).unwrap();
            fields.remove_named(b"x-a");
            let (copied, behind) = Copied::with(&fields, more.as_bytes());
            assert_eq!(behind, more, "{text:?}");
            let again = copied.fields();
            assert!(again.known().eq(fields.known()), "{text:?}");
            let (mut first, mut second) = (Vec::new(), Vec::new());
            fields.write(&mut first);
            again.write(&mut second);
            assert_eq!(first, second, "{text:?}");
        }
    }
}
