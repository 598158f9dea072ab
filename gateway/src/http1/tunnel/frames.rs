//! Where the frames of a WebSocket end (RFC 6455 §5.2), so that one of ours fits behind them.

/// Close with 1008, policy violation (§5.5.1, §7.4.1), as a server sends it.
pub(super) const NOT_ALLOWED: [u8; 4] = [0x88, 2, 0x03, 0xf0];

/// The longest head of a frame: a length of 64 bits, and a mask.
const LONGEST: usize = 14;
const OPCODE: u8 = 0x0f;
const CLOSE: u8 = 0x08;
const MASKED: u8 = 0x80;

/// Follows the bytes of one direction. It looks at heads only: what it costs depends on the number
/// of frames, not on their length.
#[derive(Debug)]
pub(super) struct Frames {
    head: [u8; LONGEST],
    /// Of the present head, how much has passed.
    known: usize,
    /// Of the present payload, how much has not.
    left: u64,
    /// A Close has passed, or what is no frame: nothing fits behind either.
    is_over: bool,
}

impl Frames {
    pub(super) const fn new() -> Self {
        Self {
            head: [0; LONGEST],
            known: 0,
            left: 0,
            is_over: false,
        }
    }

    /// These come next.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !self.is_over && !bytes.is_empty() {
            if self.left > 0 {
                let passed = self.left.min(bytes.len() as u64);
                self.left -= passed;
                bytes = &bytes[passed as usize..];
                continue;
            }
            self.head[self.known] = bytes[0];
            self.known += 1;
            bytes = &bytes[1..];
            if self.known == self.head_bytes() {
                self.known = 0;
                self.begin();
            }
        }
    }

    /// Whether the last frame is whole, and another may follow. Control frames may stand between the
    /// parts of a message (§5.4).
    pub(super) const fn is_between(&self) -> bool {
        !self.is_over && self.known == 0 && self.left == 0
    }

    /// How long the present head is, as far as it says so.
    const fn head_bytes(&self) -> usize {
        if self.known < 2 {
            return 2;
        }
        let length = match self.head[1] & !MASKED {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if self.head[1] & MASKED == 0 { 0 } else { 4 };
        2 + length + mask
    }

    /// The head is whole.
    fn begin(&mut self) {
        let [first, second, long @ ..] = &self.head;
        self.left = match second & !MASKED {
            126 => u64::from(u16::from_be_bytes([long[0], long[1]])),
            127 => {
                let mut length = [0; 8];
                length.copy_from_slice(&long[..8]);
                u64::from_be_bytes(length)
            }
            short => u64::from(short),
        };
        self.is_over = first & OPCODE == CLOSE || self.left >> 63 != 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_fits_where_a_frame_is_whole_and_none_is_the_last() {
        let long = |head: &[u8], payload: usize| [head, vec![0x88; payload].as_slice()].concat();
        for (bytes, is_between) in [
            (&b""[..], true),
            (&[0x81], false),
            (&[0x81, 0], true),
            (&[0x81, 2, b'a'], false),
            (&[0x81, 2, b'a', b'b'], true),
            // The first part of a message, and a ping in its middle.
            (&[0x01, 1, b'a', 0x89, 0], true),
            (&[0x81, 0x82, 1, 2, 3, 4, b'a'], false),
            (&[0x81, 0x82, 1, 2, 3, 4, b'a', b'b'], true),
            (&long(&[0x82, 126, 1, 0], 255), false),
            (&long(&[0x82, 126, 1, 0], 256), true),
            (&long(&[0x82, 126, 1], 0), false),
            (&long(&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0], 65_535), false),
            (&long(&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0], 65_536), true),
            (&[0x88, 0], false),
            (&[0x88, 2, 3, 0xe8, 0x81, 0], false),
            (b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xffabc", false),
        ] {
            // However they are cut up on their way.
            for size in [1, 2, 3, 7, 100_000] {
                let mut frames = Frames::new();
                bytes.chunks(size).for_each(|part| frames.pass(part));
                let begin = bytes.get(..9).unwrap_or(bytes);
                assert_eq!(frames.is_between(), is_between, "{size} {begin:?}");
            }
        }
    }

    #[test]
    fn ours_is_a_frame_and_the_last() {
        let mut frames = Frames::new();
        frames.pass(&NOT_ALLOWED);
        assert!(frames.is_over);
        assert_eq!(frames.left, 2, "the code is all that it says");
        assert_eq!(u16::from_be_bytes([NOT_ALLOWED[2], NOT_ALLOWED[3]]), 1008);
    }
}
