//! Counts frames that carry nothing of a request, and heads, while they come in: the library answers
//! each of them, however many there are and whether a request comes of it or not.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::PREFACE;
use super::exchange::Connection;
use crate::socket::Socket;

/// Length, kind, flags and stream (RFC 9113 §4.1).
const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

/// A socket of HTTP/2 whose frames are looked at as they are read.
pub(super) struct Metered {
    socket: Socket,
    meter: Meter,
    connection: Rc<Connection>,
}

impl Metered {
    pub(super) const fn new(socket: Socket, connection: Rc<Connection>) -> Self {
        Self {
            socket,
            meter: Meter::new(),
            connection,
        }
    }

    fn wrote(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(polled, Poll::Ready(Ok(1..))) {
            self.connection.takes();
        }
        polled
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        if self.connection.is_cut() {
            self.socket.discard();
        } else {
            self.connection.worker.over.part(&self.socket);
        }
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Nothing more is read of a connection that is sent away: a flood costs what it was allowed
        // to. Who serves it looks at it after this poll, and closes it in time.
        if self.connection.is_flooded() {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.socket).poll_read(cx, buf);
        let Counts { control, heads } = self.meter.read(&buf.filled()[before..]);
        if control > 0 {
            self.connection.controlled(control);
        }
        if heads > 0 {
            self.connection.headed(heads);
        }
        polled
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.wrote(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write_vectored(cx, parts);
        self.wrote(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// Where in the bytes of a connection the next one lies.
#[derive(Debug)]
struct Meter {
    /// Bytes before the next head.
    skip: usize,
    head: [u8; HEAD],
    have: usize,
    /// The last stream that a head opened; a further head of it is its trailers.
    last: u32,
}

/// What began in some bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    /// Frames that carry nothing of a request.
    control: u32,
    /// Heads of new streams.
    heads: u32,
}

impl Meter {
    const fn new() -> Self {
        Self {
            skip: PREFACE.len(),
            head: [0; HEAD],
            have: 0,
            last: 0,
        }
    }

    /// The frames whose own heads end in `bytes`. Empty DATA and CONTINUATION are for the library's
    /// own bounds, and WINDOW_UPDATE is not answered.
    fn read(&mut self, mut bytes: &[u8]) -> Counts {
        let mut counts = Counts::default();
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let wanted = (HEAD - self.have).min(bytes.len());
            self.head[self.have..self.have + wanted].copy_from_slice(&bytes[..wanted]);
            self.have += wanted;
            bytes = &bytes[wanted..];
            if self.have < HEAD {
                break;
            }
            let [high, middle, low, kind, _, stream @ ..] = self.head;
            self.skip = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            self.have = 0;
            match kind {
                HEADERS => {
                    // Without the reserved bit, which counts for nothing (RFC 9113 §4.1).
                    let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
                    if stream > self.last {
                        self.last = stream;
                        counts.heads += 1;
                    }
                }
                DATA | WINDOW_UPDATE | CONTINUATION => {}
                // SETTINGS, PING, PRIORITY, RST_STREAM, GOAWAY, and kinds that are skipped.
                _ => counts.control += 1,
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, length: u32, stream: u32) -> Vec<u8> {
        let mut frame = length.to_be_bytes()[1..].to_vec();
        frame.extend([kind, 0]);
        frame.extend(stream.to_be_bytes());
        frame.resize(HEAD + length as usize, kind);
        frame
    }

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        let mut bytes = PREFACE.to_vec();
        for (kind, length, stream) in [
            (4, 12, 0),
            (1, 30, 1),
            (6, 8, 0),
            (0, 70_000, 1),
            (2, 5, 1),
            (8, 4, 0),
            (1, 30, 5),
            (9, 30, 5),
            // Trailers.
            (1, 30, 1),
            (250, 0, 0),
        ] {
            bytes.extend(frame(kind, length, stream));
        }
        for size in [1, 2, 9, 10, 64, 1 << 20] {
            let mut meter = Meter::new();
            let mut counts = (0, 0);
            for piece in bytes.chunks(size) {
                let Counts { control, heads } = meter.read(piece);
                counts = (counts.0 + control, counts.1 + heads);
            }
            assert_eq!(counts, (4, 2), "in pieces of {size}");
        }
    }
}
