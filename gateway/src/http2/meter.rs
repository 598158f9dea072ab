//! Counts frames that carry nothing of a request while they come in: the library answers each of
//! them, however many there are.

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
        let count = self.meter.read(&buf.filled()[before..]);
        if count > 0 {
            self.connection.controlled(count);
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
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, parts)
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
}

impl Meter {
    const fn new() -> Self {
        Self {
            skip: PREFACE.len(),
            head: [0; HEAD],
            have: 0,
        }
    }

    /// How many frames of control end their head in `bytes`. Empty DATA and CONTINUATION are for
    /// the library's own bounds, and WINDOW_UPDATE is not answered.
    fn read(&mut self, mut bytes: &[u8]) -> u32 {
        let mut count = 0;
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
            let [high, middle, low, kind, ..] = self.head;
            self.skip = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            self.have = 0;
            match kind {
                DATA | HEADERS | WINDOW_UPDATE | CONTINUATION => {}
                // SETTINGS, PING, PRIORITY, RST_STREAM, GOAWAY, and kinds that are skipped.
                _ => count += 1,
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, length: u32) -> Vec<u8> {
        let mut frame = length.to_be_bytes()[1..].to_vec();
        frame.extend([kind, 0, 0, 0, 0, 0]);
        frame.resize(HEAD + length as usize, kind);
        frame
    }

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        let mut bytes = PREFACE.to_vec();
        for (kind, length) in [
            (4, 12),
            (1, 30),
            (6, 8),
            (0, 70_000),
            (2, 5),
            (8, 4),
            (250, 0),
        ] {
            bytes.extend(frame(kind, length));
        }
        for size in [1, 2, 9, 10, 64, 1 << 20] {
            let mut meter = Meter::new();
            let count: u32 = bytes.chunks(size).map(|piece| meter.read(piece)).sum();
            assert_eq!(count, 4, "in pieces of {size}");
        }
    }
}
