//! The socket of an upstream connection, plain or TLS, with a trace of the present exchange: what
//! was written, and whether anything came back.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// What happened on the wire since the request was handed over.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) answered: Cell<bool>,
    /// Whether `written` is kept: on a reused connection, for a second try.
    pub(super) keep: Cell<bool>,
    pub(super) written: RefCell<Vec<u8>>,
}

/// Heads beyond this are not kept, and not tried again.
const KEPT: usize = 64 * 1024;

impl Trace {
    pub(super) fn begin(&self, keep: bool) {
        self.answered.set(false);
        self.keep.set(keep);
        self.written.borrow_mut().clear();
    }

    fn note(&self, bytes: &[u8]) {
        let mut written = self.written.borrow_mut();
        if written.len() + bytes.len() > KEPT {
            self.keep.set(false);
        } else {
            written.extend_from_slice(bytes);
        }
    }
}

enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

pub(super) struct Stream {
    socket: Socket,
    trace: Rc<Trace>,
}

impl Stream {
    pub(super) fn plain(stream: TcpStream, trace: Rc<Trace>) -> Self {
        Self {
            socket: Socket::Plain(stream),
            trace,
        }
    }

    pub(super) fn tls(stream: TlsStream<TcpStream>, trace: Rc<Trace>) -> Self {
        Self {
            socket: Socket::Tls(Box::new(stream)),
            trace,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let poll = match &mut this.socket {
            Socket::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Socket::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        if buf.filled().len() > before {
            this.trace.answered.set(true);
        }
        poll
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = match &mut this.socket {
            Socket::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Socket::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        };
        if this.trace.keep.get()
            && let Poll::Ready(Ok(count)) = &poll
        {
            this.trace.note(&bytes[..*count]);
        }
        poll
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = match &mut this.socket {
            Socket::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
            Socket::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
        };
        if this.trace.keep.get()
            && let Poll::Ready(Ok(count)) = &poll
        {
            let mut left = *count;
            for part in parts {
                let taken = left.min(part.len());
                this.trace.note(&part[..taken]);
                left -= taken;
            }
        }
        poll
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Plain(stream) => stream.is_write_vectored(),
            Socket::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().socket {
            Socket::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Socket::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().socket {
            Socket::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Socket::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
