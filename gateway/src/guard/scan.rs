//! The state of a client connection's input: heads are held back until they are whole and
//! checked, bodies are counted or followed by their grammar.

use super::chunk::Chunked;
use super::head::{self, Framing, Refused};
use crate::settings::Limits;

/// Where in the input the next byte stands.
#[derive(Debug)]
enum Phase {
    /// Before or in a head.
    Head,
    Length(u64),
    Chunked(Chunked),
}

/// What a run of input bytes was.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fed {
    /// Heads that were completed.
    pub(super) heads: u32,
    pub(super) refused: Option<Wrong>,
}

/// Why nothing more of the input is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// Before a request exists: answered with a bare status.
    Head(Refused),
    /// Inside of a request's body.
    Body,
}

#[derive(Debug)]
pub(super) struct Scan {
    phase: Phase,
    /// A head that is not whole yet.
    partial: Vec<u8>,
    /// How far `partial` was searched for its end.
    searched: usize,
}

impl Scan {
    pub(super) const fn new() -> Self {
        Self {
            phase: Phase::Head,
            partial: Vec::new(),
            searched: 0,
        }
    }

    pub(super) const fn in_body(&self) -> bool {
        !matches!(self.phase, Phase::Head)
    }

    pub(super) const fn in_head(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Goes over `input` and hands what is good to `out`, in order.
    pub(super) fn feed(
        &mut self,
        mut input: &[u8],
        limits: &Limits,
        mut out: impl FnMut(&[u8]),
    ) -> Fed {
        let mut fed = Fed::default();
        while !input.is_empty() {
            match &mut self.phase {
                Phase::Head => match self.feed_head(input, limits, &mut out) {
                    Ok(Some(used)) => {
                        fed.heads += 1;
                        input = &input[used..];
                    }
                    Ok(None) => return fed,
                    Err(status) => {
                        fed.refused = Some(Wrong::Head(status));
                        return fed;
                    }
                },
                Phase::Length(left) => {
                    let used = (*left).min(input.len() as u64);
                    *left -= used;
                    let done = *left == 0;
                    out(&input[..used as usize]);
                    input = &input[used as usize..];
                    if done {
                        self.phase = Phase::Head;
                    }
                }
                Phase::Chunked(state) => {
                    let Ok(used) = state.feed(input) else {
                        fed.refused = Some(Wrong::Body);
                        return fed;
                    };
                    out(&input[..used]);
                    input = &input[used..];
                    if *state == Chunked::Done {
                        self.phase = Phase::Head;
                    }
                }
            }
        }
        fed
    }

    /// How much of `input` the head took once it is whole; `None` when more is needed.
    fn feed_head(
        &mut self,
        input: &[u8],
        limits: &Limits,
        out: &mut impl FnMut(&[u8]),
    ) -> Result<Option<usize>, Refused> {
        let before = self.partial.len();
        if before == 0 {
            // One empty line before a request is a leftover of old clients (RFC 9112 §2.2).
            let empty = usize::from(input.starts_with(b"\r\n")) * 2;
            let rest = &input[empty..];
            if let Some(end) = head::end(rest, 0)? {
                self.begin_body(head::check(&rest[..end], limits)?);
                out(&rest[..end]);
                return Ok(Some(empty + end));
            }
            self.hold(rest, limits)?;
            return Ok(None);
        }
        self.hold(input, limits)?;
        let Some(end) = head::end(&self.partial, self.searched)? else {
            self.searched = self
                .partial
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1);
            return Ok(None);
        };
        self.begin_body(head::check(&self.partial[..end], limits)?);
        out(&self.partial[..end]);
        self.partial = Vec::new();
        self.searched = 0;
        Ok(Some(end - before))
    }

    fn hold(&mut self, input: &[u8], limits: &Limits) -> Result<(), Refused> {
        self.partial.extend_from_slice(input);
        let first_line = self.partial.iter().position(|byte| *byte == b'\n');
        let target = first_line.unwrap_or(self.partial.len());
        if target > limits.target_bytes + 32 {
            return Err(414);
        }
        // What came behind a whole head does not count for it; `check` judges that exactly.
        if self.partial.len() > 2 * limits.head_bytes.max(16 * 1024) {
            return Err(431);
        }
        Ok(())
    }

    fn begin_body(&mut self, framing: Framing) {
        self.phase = match framing {
            Framing::Length(0) => Phase::Head,
            Framing::Length(length) => Phase::Length(length),
            Framing::Chunked => Phase::Chunked(Chunked::START),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(scan: &mut Scan, input: &[u8]) -> (Vec<u8>, Fed) {
        let mut out = Vec::new();
        let fed = scan.feed(input, &Limits::default(), |bytes| {
            out.extend_from_slice(bytes)
        });
        (out, fed)
    }

    const TWO: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: h\r\n\r\n";

    #[test]
    fn messages_are_told_apart_however_they_are_cut() {
        for step in 1..TWO.len() {
            let mut scan = Scan::new();
            let (mut all, mut heads) = (Vec::new(), 0);
            for piece in TWO.chunks(step) {
                let (out, fed) = feed(&mut scan, piece);
                assert_eq!(fed.refused, None);
                all.extend(out);
                heads += fed.heads;
            }
            assert_eq!((all.as_slice(), heads), (TWO, 2), "{step}");
            assert!(!scan.in_body() && !scan.in_head());
        }
    }

    #[test]
    fn a_bad_second_message_leaves_the_first() {
        let mut scan = Scan::new();
        let bytes = b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\nHost: h\r\n\r\n";
        let (out, fed) = feed(&mut scan, bytes);
        assert_eq!(out, &bytes[..27]);
        assert_eq!(
            fed,
            Fed {
                heads: 1,
                refused: Some(Wrong::Head(400))
            }
        );
        let mut scan = Scan::new();
        let (_, fed) = feed(
            &mut scan,
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\n",
        );
        assert_eq!(fed.refused, Some(Wrong::Body));
    }

    #[test]
    fn endless_heads_end() {
        let mut scan = Scan::new();
        feed(&mut scan, b"GET /");
        let status = (0..100).find_map(|_| feed(&mut scan, &[b'a'; 200]).1.refused);
        assert_eq!(status, Some(Wrong::Head(414)));
        let mut scan = Scan::new();
        feed(&mut scan, b"GET / HTTP/1.1\r\n");
        let status = (0..1000).find_map(|_| {
            feed(
                &mut scan,
                b"A: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n",
            )
            .1
            .refused
        });
        assert_eq!(status, Some(Wrong::Head(431)));
        let (out, _) = feed(&mut Scan::new(), b"\r\nGET / HTTP/1.1\r\n\r\n");
        assert_eq!(out, b"GET / HTTP/1.1\r\n\r\n");
    }
}
