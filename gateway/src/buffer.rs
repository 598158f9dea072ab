//! Byte buffers that a worker uses again and again: held while there is something in them, so that
//! a connection that waits holds none.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

const KEPT: usize = 256;
const FIRST: usize = 4 * 1024;
/// Larger ones are not kept.
const LARGEST: usize = 128 * 1024;

/// Empty until it is written to; gives its memory back when it is closed or dropped.
#[derive(Debug, Default)]
pub(crate) struct Buffer(Vec<u8>);

impl Buffer {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Around what somebody else has made.
    pub(crate) const fn around(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Ready to be written to.
    pub(crate) fn open(&mut self) -> &mut Vec<u8> {
        if self.0.capacity() == 0 {
            let spare = SPARE.with_borrow_mut(Vec::pop);
            self.0 = spare.unwrap_or_else(|| Vec::with_capacity(FIRST));
        }
        &mut self.0
    }

    /// Empties it and lets go of its memory.
    pub(crate) fn close(&mut self) {
        let mut bytes = std::mem::take(&mut self.0);
        if !(1..=LARGEST).contains(&bytes.capacity()) {
            return;
        }
        bytes.clear();
        // At a thread's end there may be nothing to give it back to.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < KEPT {
                spare.push(bytes);
            }
        });
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.close();
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_empty() {
        let mut first = Buffer::new();
        first.open().extend_from_slice(b"secret");
        let place = first.as_ptr();
        first.close();
        assert_eq!((first.len(), first.capacity()), (0, 0));
        let mut second = Buffer::new();
        assert!(second.open().is_empty());
        assert_eq!(second.as_ptr(), place);
        second.open().resize(2 * LARGEST, 0);
        second.close();
        assert!(SPARE.with_borrow(Vec::is_empty), "huge ones are let go");
    }
}
