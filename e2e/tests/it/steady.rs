//! Requests at a steady rate, by clients that repair nothing: what is refused, reset or cut short is an
//! error.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Who asks at the same time, and how often each of them: 500 requests a second.
const CALLERS: usize = 16;
const EVERY: Duration = Duration::from_millis(32);

/// A client with a key: an answer that is not whole, or not 200, is an error.
pub(crate) struct Caller {
    address: SocketAddr,
    key: String,
    stream: Option<TcpStream>,
}

impl Caller {
    pub(crate) fn new(address: SocketAddr, key: &str) -> Self {
        Self {
            address,
            key: key.to_owned(),
            stream: None,
        }
    }

    /// Sends a request, on the connection of the last one where that was not ended.
    pub(crate) async fn get(&mut self, path: &str, keeps: bool) -> anyhow::Result<Vec<u8>> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(self.address).await.context("connect")?,
        };
        let close = if keeps { "" } else { "Connection: close\r\n" };
        let key = &self.key;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: a.test\r\nX-Api-Key: {key}\r\n{close}\r\n");
        stream.write_all(request.as_bytes()).await.context("send")?;
        let mut answer = Vec::new();
        while !is_whole(&answer) {
            if stream.read_buf(&mut answer).await.context("read")? == 0 {
                bail!("cut short: {}", String::from_utf8_lossy(&answer));
            }
        }
        ensure!(
            answer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
        if !has(&answer, b"connection: close") {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}

pub(crate) fn has(answer: &[u8], what: &[u8]) -> bool {
    answer
        .to_ascii_lowercase()
        .windows(what.len())
        .any(|window| window == what)
}

/// By `Content-Length`, or else by the last chunk.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let (head, body) = answer.split_at(end + 4);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| {
        line.strip_prefix("content-length:")?
            .trim()
            .parse::<usize>()
            .ok()
    });
    length.map_or_else(
        || body.ends_with(b"0\r\n\r\n"),
        |length| body.len() >= length,
    )
}

/// Many callers: half of them on connections that are kept, half on new ones.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    callers: Vec<JoinHandle<anyhow::Result<Duration>>>,
}

impl Load {
    pub(crate) fn begin(address: SocketAddr, key: &str, path: &str) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let answered = Arc::<AtomicU64>::default();
        let one = |index: usize| {
            let caller = Caller::new(address, key);
            let keeps = index.is_multiple_of(2);
            let (stop, answered) = (stop.clone(), answered.clone());
            tokio::spawn(steady(caller, path.to_owned(), keeps, stop, answered))
        };
        let callers = (0..CALLERS).map(one).collect();
        Self {
            stop,
            answered,
            callers,
        }
    }

    /// How many were answered, and how long the slowest took. An error: one was not.
    pub(crate) async fn end(self) -> anyhow::Result<(u64, Duration)> {
        self.stop.store(true, Ordering::Relaxed);
        let mut slowest = Duration::ZERO;
        for caller in self.callers {
            slowest = slowest.max(caller.await??);
        }
        Ok((self.answered.load(Ordering::Relaxed), slowest))
    }
}

async fn steady(
    mut caller: Caller,
    path: String,
    keeps: bool,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
) -> anyhow::Result<Duration> {
    let mut ticks = tokio::time::interval(EVERY);
    let mut slowest = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let began = Instant::now();
        caller.get(&path, keeps).await?;
        slowest = slowest.max(began.elapsed());
        answered.fetch_add(1, Ordering::Relaxed);
    }
    Ok(slowest)
}
