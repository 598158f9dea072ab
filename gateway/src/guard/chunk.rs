//! The grammar of chunked bodies (RFC 9112 §7.1), strictly: hexadecimal digits, CRLF, nothing
//! that another reader could take for something else.

/// Where in a chunked body the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunked {
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
    pub(super) const START: Self = Self::Size {
        digits: 0,
        value: 0,
    };

    /// Goes over `input`; returns how many bytes belong to this body. `Err`: not the grammar.
    pub(super) fn feed(&mut self, input: &[u8]) -> Result<usize, ()> {
        let mut at = 0;
        while at < input.len() && *self != Self::Done {
            if let Self::Data { left } = *self {
                let taken = left.min((input.len() - at) as u64);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(body: &[u8]) -> Result<(usize, bool), ()> {
        let mut state = Chunked::START;
        let all = state.feed(body)?;
        // However the bytes are cut, the verdict is the same.
        let mut piecewise = Chunked::START;
        let mut count = 0;
        for byte in body {
            count += piecewise.feed(&[*byte])?;
        }
        assert_eq!((state, all), (piecewise, count));
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
}
