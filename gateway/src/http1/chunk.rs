//! The grammar of chunked bodies (RFC 9112 §7.1), strictly: hexadecimal digits, CRLF, nothing
//! that another reader could take for something else.

/// Where in a chunked body the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunked {
    Size {
        digits: u8,
        value: u64,
    },
    /// Bytes of the extension so far.
    Extension {
        length: u16,
        value: u64,
    },
    SizeEnd {
        value: u64,
    },
    Data {
        left: u64,
    },
    DataCr,
    DataEnd,
    /// At the start of a trailer line; `length` counts all trailers.
    TrailerStart {
        length: u16,
    },
    Trailer {
        length: u16,
    },
    TrailerEnd {
        length: u16,
    },
    LastEnd,
    Done,
}

const MAX_EXTENSION: u16 = 256;
const MAX_TRAILERS: u16 = 8192;

impl Chunked {
    pub(crate) const START: Self = Self::Size {
        digits: 0,
        value: 0,
    };

    /// Goes over `input` and appends the data in it; returns how many bytes belong to this body.
    /// `Err`: not the grammar.
    pub(crate) fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, ()> {
        let mut at = 0;
        while at < input.len() && *self != Self::Done {
            if let Self::Data { left } = *self {
                let taken = left.min((input.len() - at) as u64);
                out.extend_from_slice(&input[at..at + taken as usize]);
                at += taken as usize;
                *self = match left - taken {
                    0 => Self::DataCr,
                    left => Self::Data { left },
                };
                continue;
            }
            *self = self.step(input[at])?;
            at += 1;
        }
        Ok(at)
    }

    fn step(self, byte: u8) -> Result<Self, ()> {
        match (self, byte) {
            (Self::Size { digits, value }, _) if byte.is_ascii_hexdigit() => {
                if digits >= 15 {
                    return Err(());
                }
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                Ok(Self::Size {
                    digits: digits + 1,
                    value: value * 16 + u64::from(digit),
                })
            }
            (Self::Size { digits: 1.., value }, b'\r') => Ok(Self::SizeEnd { value }),
            (Self::Size { digits: 1.., value }, b';') => Ok(Self::Extension { length: 0, value }),
            (Self::Extension { value, .. }, b'\r') => Ok(Self::SizeEnd { value }),
            (Self::Extension { length, value }, b'\t' | b' '..=b'~') if length < MAX_EXTENSION => {
                Ok(Self::Extension {
                    length: length + 1,
                    value,
                })
            }
            (Self::SizeEnd { value: 0 }, b'\n') => Ok(Self::TrailerStart { length: 0 }),
            (Self::SizeEnd { value }, b'\n') => Ok(Self::Data { left: value }),
            (Self::DataCr, b'\r') => Ok(Self::DataEnd),
            (Self::DataEnd, b'\n') => Ok(Self::START),
            (Self::TrailerStart { .. }, b'\r') => Ok(Self::LastEnd),
            (Self::LastEnd, b'\n') => Ok(Self::Done),
            (Self::TrailerStart { .. }, b' ' | b'\t' | b':' | b'\n') => Err(()),
            (Self::Trailer { length }, b'\r') => Ok(Self::TrailerEnd { length }),
            (
                Self::TrailerStart { length } | Self::Trailer { length },
                b'\t' | b' '..=b'~' | 0x80..,
            ) if length < MAX_TRAILERS => Ok(Self::Trailer { length: length + 1 }),
            (Self::TrailerEnd { length }, b'\n') => Ok(Self::TrailerStart { length }),
            _ => Err(()),
        }
    }
}

/// Behind the last chunk: its size and no trailers.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// Four digits hold what is appended at a time, as a rule.
const SIZE_LINE: &[u8] = b"0000\r\n";
const LARGEST: usize = 0xffff;

/// Leaves room for the size of what is appended next.
pub(crate) fn begin_chunk(out: &mut Vec<u8>) {
    out.extend_from_slice(SIZE_LINE);
}

/// Makes a chunk of what was appended since `start`, where it began; of nothing none.
pub(crate) fn end_chunk(out: &mut Vec<u8>, start: usize) {
    let size = out.len() - start - SIZE_LINE.len();
    if size == 0 {
        return out.truncate(start);
    }
    if size > LARGEST {
        return end_chunks(out, start);
    }
    for (place, shift) in out[start..start + 4].iter_mut().zip([12, 8, 4, 0]) {
        *place = b"0123456789abcdef"[size >> shift & 15];
    }
    out.extend_from_slice(b"\r\n");
}

/// The same of more than one chunk holds: what encodes a body keeps some of it back, and appends
/// that with what comes next.
#[cold]
fn end_chunks(out: &mut Vec<u8>, start: usize) {
    let data = out.split_off(start + SIZE_LINE.len());
    out.truncate(start);
    for part in data.chunks(LARGEST) {
        let start = out.len();
        begin_chunk(out);
        out.extend_from_slice(part);
        end_chunk(out, start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(body: &[u8]) -> Result<(usize, bool), ()> {
        let mut state = Chunked::START;
        let mut data = Vec::new();
        let all = state.decode(body, &mut data)?;
        // However the bytes are cut, the verdict is the same.
        let mut piecewise = Chunked::START;
        let (mut count, mut one_by_one) = (0, Vec::new());
        for byte in body {
            count += piecewise.decode(&[*byte], &mut one_by_one)?;
        }
        assert_eq!((state, all, &data), (piecewise, count, &one_by_one));
        Ok((all, state == Chunked::Done))
    }

    #[test]
    fn the_grammar_and_nothing_else() {
        for good in [
            &b"0\r\n\r\n"[..],
            b"2\r\nab\r\n0\r\n\r\n",
            b"a;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\n",
            b"00000F\r\n012345678901234\r\n0\r\n\r\n",
        ] {
            assert_eq!(
                judge(good),
                Ok((good.len(), true)),
                "{:?}",
                String::from_utf8_lossy(good)
            );
        }
        for bad in [
            &b"0x2\r\nab\r\n"[..],
            b"+2\r\nab\r\n",
            b"-2\r\n",
            b"\r\n",
            b" 2\r\nab\r\n",
            b"2 \r\nab\r\n",
            b"2\nab\r\n",
            b"2\r\nab\n",
            b"2\r\nabc\r\n",
            b"ffffffffffffffff\r\n",
            b"2;\n",
            b"0\r\n\n",
            b"0\r\n x\r\n",
            b"0\r\nA: b\n",
        ] {
            assert_eq!(judge(bad), Err(()), "{:?}", String::from_utf8_lossy(bad));
        }
        assert_eq!(judge(b"0\r\n\r\nGET /"), Ok((5, true)));
        assert_eq!(judge(b"5\r\nab"), Ok((5, false)));
    }

    #[test]
    fn what_is_framed_is_read_again() {
        let more = [LARGEST, LARGEST + 1, 2 * LARGEST + 7, 1 << 20];
        for size in [0, 1, 15, 16, 255, 4096, crate::body::ROOM]
            .into_iter()
            .chain(more)
        {
            let data = vec![b'x'; size];
            let mut framed = b"before".to_vec();
            begin_chunk(&mut framed);
            framed.extend_from_slice(&data);
            end_chunk(&mut framed, 6);
            framed.extend_from_slice(LAST_CHUNK);
            let mut out = Vec::new();
            let mut state = Chunked::START;
            assert_eq!(state.decode(&framed[6..], &mut out), Ok(framed.len() - 6));
            assert!(state == Chunked::Done && out == data, "{size}");
        }
    }
}
