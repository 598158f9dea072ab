//! The id of a request: our own, or that of a trusted proxy.

use std::cell::Cell;

/// Makes ids that differ, not ids that cannot be guessed: xorshift128+ per worker.
#[derive(Debug)]
pub(crate) struct Ids(Cell<(u64, u64)>);

impl Ids {
    /// Any two numbers, best random ones.
    pub(crate) fn new(a: u64, b: u64) -> Self {
        Self(Cell::new((a | 1, b)))
    }

    fn next(&self) -> u64 {
        let (mut x, y) = self.0.get();
        x ^= x << 23;
        x ^= x >> 17;
        x ^= y ^ (y >> 26);
        self.0.set((y, x));
        x.wrapping_add(y)
    }

    /// 32 hexadecimal digits: 12 of milliseconds since 1970, so that ids sort by time, then 20
    /// of chance.
    pub(crate) fn make(&self, wall_us: u64) -> [u8; 32] {
        let time = (wall_us / 1000) << 16 | (self.next() & 0xffff);
        let mut out = [0; 32];
        for (part, number) in [time, self.next()].into_iter().enumerate() {
            for digit in 0..16 {
                let nibble = (number >> (60 - 4 * digit)) as usize & 15;
                out[16 * part + digit] = b"0123456789abcdef"[nibble];
            }
        }
        out
    }
}

/// Whether a proxy's id may go on: short and plain.
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&bytes.len()) && bytes.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_begin_with_the_time() {
        let ids = Ids::new(0, 0);
        let first = ids.make(0x1234_5678_9abc * 1000);
        let second = ids.make(0x1234_5678_9abc * 1000);
        assert_ne!(first, second);
        assert_eq!(&first[..12], b"123456789abc");
        assert!(is_plain(&first));
        assert!(!is_plain(b"a b"));
    }
}
