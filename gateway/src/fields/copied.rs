//! Fields that are kept for long: in as little memory as they need, shared between threads.

use super::{Fields, Line};

/// A copy of fields, without what stood in front of them.
#[derive(Debug)]
pub(crate) struct Copied {
    bytes: Box<[u8]>,
    lines: Box<[Line]>,
    kinds: u32,
}

impl Copied {
    pub(crate) fn of(fields: &Fields) -> Self {
        let mut copy = Fields::new(b"");
        for (name, value) in fields.iter() {
            copy.push(std::str::from_utf8(name).unwrap_or_default(), value);
        }
        Self {
            bytes: copy.bytes.as_slice().into(),
            lines: copy.lines.as_slice().into(),
            kinds: copy.kinds,
        }
    }

    /// Fields of a message again.
    pub(crate) fn fields(&self) -> Fields {
        let mut fields = Fields::new(&self.bytes);
        fields.lines.extend_from_slice(&self.lines);
        fields.kinds = self.kinds;
        fields
    }

    /// Bytes in memory.
    pub(crate) fn weight(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.lines)
    }
}
