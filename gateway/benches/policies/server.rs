//! The upstream that is asked: in the same process and on the same thread, so that what it costs is
//! the same for all who ask.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, EnterGuard, Runtime};
use tokio::task::LocalSet;

use crate::callers::introspected;
use crate::texts;

/// A thread with its upstream.
pub struct Thread {
    local: LocalSet,
    runtime: Runtime,
    address: SocketAddr,
    answered: Rc<Cell<u64>>,
}

impl Thread {
    /// With an upstream that takes connections whenever something is waited for.
    pub fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let local = LocalSet::new();
        let answered = Rc::<Cell<u64>>::default();
        local.spawn_local(listen(listener, answered.clone()));
        Self {
            local,
            runtime,
            address,
            answered,
        }
    }

    /// Where the upstream is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests the upstream has answered.
    pub fn answered(&self) -> u64 {
        self.answered.get()
    }

    /// For what is polled by hand, and measures time by the runtime's clock.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// Waits for something, while the upstream answers.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.local.block_on(&self.runtime, future)
    }
}

async fn listen(listener: TcpListener, answered: Rc<Cell<u64>>) {
    let note = answer(&texts::note());
    let introspected = answer(&introspected());
    let answers = Rc::new([note, introspected]);
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::task::spawn_local(serve(stream, answers.clone(), answered.clone()));
    }
}

/// A whole answer, which may be kept, and says what its request cost.
fn answer(body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Cache-Control: public, max-age=3600\r\nX-Cost: 3\r\n\r\n{body}"
    )
    .into_bytes()
}

/// One connection, until the other side ends it.
async fn serve(mut stream: TcpStream, answers: Rc<[Vec<u8>; 2]>, answered: Rc<Cell<u64>>) {
    let mut got = Vec::with_capacity(16 * 1024);
    loop {
        if stream.read_buf(&mut got).await.unwrap_or(0) == 0 {
            return;
        }
        let Some(length) = length(&got) else {
            continue;
        };
        let [note, introspected] = &*answers;
        let is_token = got.starts_with(b"POST /introspect ");
        let answer = if is_token { introspected } else { note };
        got.drain(..length);
        answered.set(answered.get() + 1);
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

/// Of the first request with its body, when it is whole.
fn length(got: &[u8]) -> Option<usize> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(head) = request.parse(got).unwrap() else {
        return None;
    };
    let is_length = |name: &str| name.eq_ignore_ascii_case("content-length");
    let mut fields = request.headers.iter();
    let length = fields.find(|field| is_length(field.name));
    let length = length.map_or(0, |field| {
        std::str::from_utf8(field.value)
            .unwrap()
            .parse::<usize>()
            .unwrap()
    });
    (got.len() >= head + length).then_some(head + length)
}
