//! A socket to a client or an upstream, plain or with TLS on it.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::coop::unconstrained;
use tokio_rustls::TlsStream;

/// How much is read at once of a connection that is cut off: what the system holds for one by default.
const PIECE: usize = 4096;
const PIECES: usize = 64;

/// Bytes both ways.
#[derive(Debug)]
pub(crate) enum Socket {
    Plain(TcpStream),
    /// In a box: plain connections should not pay for its size.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    /// Whether it is open and nothing waits to be read, as far as is known. Nobody is woken when that
    /// changes.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut one = [0];
        match self {
            Self::Plain(stream) => {
                let read = stream.try_read(&mut one);
                read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
            }
            Self::Tls(stream) => {
                let mut cx = Context::from_waker(Waker::noop());
                let mut buf = ReadBuf::new(&mut one);
                // A task that has done much in one go would be told that nothing is there, as if it
                // were for it to wait: whoever sends many requests at once could bring that about.
                let read =
                    unconstrained(poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, &mut buf)));
                pin!(read).poll(&mut cx).is_pending()
            }
        }
    }

    /// Whoever closes it from now on throws away what the other side has not taken. The system would
    /// else keep all of it, and ask on, for a peer that does not read: megabytes for each connection
    /// whose place is free already.
    pub(crate) fn discard(&self) {
        // One that is gone has nothing to throw away.
        let _ = self.tcp().set_zero_linger();
    }

    /// Ends what is sent, before it is closed in the middle of something: closing what has unread bytes
    /// in it would reset what is still on its way to the other side. Nothing is waited for, and TLS is
    /// not told of an end, which this is not (RFC 8446 §6.1). Given back is what may still be read
    /// when this is closed.
    pub(crate) fn part(&self) -> Option<Parted> {
        let socket = SockRef::from(self.tcp());
        // What is thrown away has no end in order.
        if socket.linger().is_ok_and(|wait| wait.is_some()) {
            return None;
        }
        // One that is gone needs no end.
        socket.shutdown(Shutdown::Write).ok()?;
        // Without a descriptor for it only what is there now is read.
        let parted = socket.try_clone().map(Parted).ok();
        is_open(&socket).then_some(parted).flatten()
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

/// A connection over which nothing more is sent.
#[derive(Debug)]
pub(crate) struct Parted(socket2::Socket);

impl Parted {
    /// Throws away what has come. Whether more may come.
    pub(crate) fn is_open(&self) -> bool {
        is_open(&self.0)
    }
}

fn is_open(socket: &socket2::Socket) -> bool {
    let mut unread = [MaybeUninit::uninit(); PIECE];
    for _ in 0..PIECES {
        match socket.recv(&mut unread) {
            Ok(1..) => {}
            Ok(0) => return false,
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
    true
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
