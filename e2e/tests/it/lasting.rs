//! What lasts, for journeys that end a gateway meanwhile: an upstream with slow, long and endless
//! answers, and clients over HTTP/1 and HTTP/2 that repair nothing.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use e2e::process::Portunus;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

pub(crate) const FREE: &str = "127.0.0.1:0";
/// Bytes of `/file`.
pub(crate) const FILE: usize = 16 * 1024 * 1024;
/// More than all sockets on the way hold.
const UPLOAD: usize = 64 * 1024 * 1024;
/// Pieces of `/slow`, which takes two seconds.
const PIECES: usize = 20;
/// For whatever a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The upstream, and what lets go of requests to `/held`.
pub(crate) struct Lasting {
    pub(crate) address: SocketAddr,
    pub(crate) release: watch::Sender<bool>,
    /// How many of them came.
    pub(crate) held: Arc<AtomicUsize>,
}

impl Lasting {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(FREE).await?;
        let address = listener.local_addr()?;
        let (release, released) = watch::channel(false);
        let held = Arc::<AtomicUsize>::default();
        let counted = held.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, released.clone(), counted.clone()));
            }
        });
        Ok(Self {
            address,
            release,
            held,
        })
    }

    /// The real gateway in front of it.
    pub(crate) async fn gateway(
        &self,
        folder: &Path,
        more: &[&str],
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Portunus> {
        let file = folder.join("gateway.yaml");
        if !file.exists() {
            std::fs::write(
                &file,
                format!(
                    "portunus: 1\nupstreams: {{ u: {{ targets: [{{ url: 'http://{}' }}] }} }}\n\
                     apis: {{ x: {{ versions: {{ v1: {{ match: {{ path: /x }}, upstream: u }} }} }} }}\n",
                    self.address
                ),
            )?;
        }
        let file = file.display().to_string();
        let mut args = vec!["--config", &*file, "--gateway", FREE, "--admin", FREE];
        args.extend_from_slice(more);
        let mut settings = settings.to_vec();
        settings.push(("PORTUNUS_CONNECTIONS_PER_ADDRESS", "1000"));
        Portunus::start("gateway", &folder.join("data"), &args, &settings).await
    }
}

async fn answer(
    mut stream: TcpStream,
    mut released: watch::Receiver<bool>,
    held: Arc<AtomicUsize>,
) -> std::io::Result<()> {
    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const SWITCHED: &[u8] =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nbegun";
    let mut head = Vec::new();
    loop {
        head.clear();
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let line = String::from_utf8_lossy(&head);
        match line.split(' ').nth(1).unwrap_or_default() {
            "/slow" => {
                stream.write_all(CHUNKED).await?;
                for _ in 0..PIECES {
                    stream.write_all(b"4\r\nslow\r\n").await?;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                stream.write_all(b"0\r\n\r\n").await?;
            }
            "/events" => {
                stream.write_all(CHUNKED).await?;
                loop {
                    stream.write_all(b"9\r\ndata: 1\n\n\r\n").await?;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            "/chat" => {
                stream.write_all(SWITCHED).await?;
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await?;
                return Ok(());
            }
            "/file" => {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {FILE}\r\n\r\n");
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&vec![b'f'; FILE]).await?;
            }
            path => {
                if path == "/held" {
                    held.fetch_add(1, Ordering::Relaxed);
                    let _ = released.wait_for(|released| *released).await;
                }
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                stream.write_all(answer).await?;
            }
        }
    }
}

/// One exchange of HTTP/1 on a connection of its own.
pub(crate) struct Exchange {
    pub(crate) stream: TcpStream,
    pub(crate) got: Vec<u8>,
}

impl Exchange {
    pub(crate) async fn begin(
        address: SocketAddr,
        path: &str,
        lines: &str,
    ) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("connect")?;
        Self::over(stream, path, lines).await
    }

    /// By a client with little room, so that what it does not read stays with the gateway.
    pub(crate) async fn narrow(address: SocketAddr, path: &str) -> anyhow::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(256 * 1024)?;
        Self::over(socket.connect(address).await?, path, "").await
    }

    /// Sends a body until nobody takes more of it, so that the gateway has unread bytes of it.
    pub(crate) async fn upload(address: SocketAddr, path: &str) -> anyhow::Result<Self> {
        let lines = format!("Content-Length: {UPLOAD}\r\n");
        let mut upload = Self::begin(address, path, &lines).await?;
        let body = vec![b'u'; UPLOAD];
        let write = upload.stream.write_all(&body);
        let taken = tokio::time::timeout(Duration::from_millis(300), write).await;
        ensure!(taken.is_err(), "all of it was taken: {taken:?}");
        Ok(upload)
    }

    async fn over(mut stream: TcpStream, path: &str, lines: &str) -> anyhow::Result<Self> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n");
        stream.write_all(request.as_bytes()).await?;
        let got = Vec::new();
        Ok(Self { stream, got })
    }

    /// A WebSocket whose first word has come.
    pub(crate) async fn chat(address: SocketAddr) -> anyhow::Result<Self> {
        let lines = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let mut chat = Self::begin(address, "/x/chat", lines).await?;
        chat.until("begun").await?;
        Ok(chat)
    }

    /// Reads until `end` has come.
    pub(crate) async fn until(&mut self, end: &str) -> anyhow::Result<()> {
        while !self.got.ends_with(end.as_bytes()) {
            let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.got));
            let count = read
                .await
                .with_context(|| format!("no {end:?} in time"))??;
            ensure!(count > 0, "cut short: {}", self.text());
        }
        Ok(())
    }

    /// What is said comes back.
    pub(crate) async fn echoes(&mut self, word: &str) -> anyhow::Result<()> {
        self.stream.write_all(word.as_bytes()).await?;
        self.until(word).await
    }

    /// Reads until the connection is closed in order: one that is reset is an error.
    pub(crate) async fn rest(&mut self) -> anyhow::Result<()> {
        let read = self.stream.read_to_end(&mut self.got);
        tokio::time::timeout(PATIENCE, read)
            .await
            .context("it goes on")??;
        Ok(())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.got[..self.got.len().min(2000)]).into_owned()
    }

    /// Fails unless all of `/slow` is there, with its end.
    pub(crate) fn is_slow_whole(&self) -> anyhow::Result<()> {
        let pieces = self.got.windows(4).filter(|four| *four == b"slow").count();
        ensure!(
            pieces == PIECES && self.got.ends_with(b"0\r\n\r\n"),
            "{pieces} pieces: {}",
            self.text()
        );
        Ok(())
    }
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// What has come on a stream of HTTP/2.
#[derive(Default)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_whole: bool,
}

/// A connection of HTTP/2 (RFC 9113), by frames. Bodies must fit into the first windows.
pub(crate) struct Frames {
    stream: TcpStream,
    /// The code with which the other side said that it goes away, once it did.
    pub(crate) goaway: Option<u32>,
    bodies: HashMap<u32, Body>,
    next: u32,
}

impl Frames {
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(address).await.context("connect")?;
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        stream.write_all(preface).await?;
        let mut frames = Self {
            stream,
            goaway: None,
            bodies: HashMap::new(),
            next: 1,
        };
        frames.write(SETTINGS, 0, 0, &[]).await?;
        Ok(frames)
    }

    async fn write(&mut self, kind: u8, flags: u8, of: u32, payload: &[u8]) -> anyhow::Result<()> {
        let mut out = u32::try_from(payload.len())?.to_be_bytes()[1..].to_vec();
        out.extend([kind, flags]);
        out.extend(of.to_be_bytes());
        out.extend(payload);
        self.stream.write_all(&out).await?;
        Ok(())
    }

    /// Asks for `path` on a new stream, and says which.
    pub(crate) async fn ask(&mut self, path: &str) -> anyhow::Result<u32> {
        // HPACK without Huffman codes: `:method: GET`, `:scheme: http`, `:path`, `:authority`.
        let mut head = vec![0x82, 0x86, 0x04, u8::try_from(path.len())?];
        head.extend(path.as_bytes());
        head.extend(b"\x01\x06a.test");
        let of = self.next;
        self.next += 2;
        self.bodies.insert(of, Body::default());
        self.write(HEADERS, END_STREAM | END_HEADERS, of, &head)
            .await?;
        Ok(of)
    }

    /// Takes the next frame; false when the connection was closed in order.
    pub(crate) async fn step(&mut self) -> anyhow::Result<bool> {
        let mut head = [0; 9];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut head));
        let count = read.await.context("no frame in time")??;
        if count == 0 {
            return Ok(false);
        }
        let rest = self.stream.read_exact(&mut head[count..]).await;
        rest.context("in the middle of a frame")?;
        let [_, high, low, kind, flags, of @ ..] = head;
        ensure!(head[0] == 0, "a frame above 64 KiB");
        let mut payload = vec![0; usize::from(high) << 8 | usize::from(low)];
        let read = self.stream.read_exact(&mut payload).await;
        read.context("in the middle of a frame")?;
        let of = u32::from_be_bytes(of);
        match kind {
            SETTINGS | PING if flags & ACK == 0 => {
                let said: &[u8] = if kind == PING { &payload } else { &[] };
                self.write(kind, ACK, 0, said).await?;
            }
            GOAWAY => {
                let code = payload.get(4..8).context("a code")?;
                self.goaway = Some(u32::from_be_bytes(code.try_into()?));
            }
            HEADERS | DATA => {
                let body = self.bodies.get_mut(&of).context("nobody asked")?;
                match kind {
                    DATA => body.bytes.extend(&payload),
                    // `:status: 200` (RFC 7541, appendix A).
                    _ => ensure!(payload.first() == Some(&0x88), "stream {of} is no 200"),
                }
                body.is_whole |= flags & END_STREAM != 0;
            }
            RESET => bail!("stream {of} was reset: {payload:?}"),
            _ => {}
        }
        Ok(true)
    }

    /// What has come of a stream that was asked for.
    pub(crate) fn body(&self, of: u32) -> &Body {
        &self.bodies[&of]
    }

    /// Waits until the stream has begun to answer.
    pub(crate) async fn begun(&mut self, of: u32) -> anyhow::Result<()> {
        while self.body(of).bytes.is_empty() {
            ensure!(self.step().await?, "closed before stream {of} began");
        }
        Ok(())
    }

    /// The whole body of a stream.
    pub(crate) async fn whole(&mut self, of: u32) -> anyhow::Result<Vec<u8>> {
        while !self.body(of).is_whole {
            let came = self.body(of).bytes.len();
            ensure!(self.step().await?, "stream {of} was cut off at {came}");
        }
        Ok(self.bodies.remove(&of).unwrap_or_default().bytes)
    }

    /// Waits until the other side says that it goes away, without an error.
    pub(crate) async fn told_to_go(&mut self) -> anyhow::Result<()> {
        while self.goaway.is_none() {
            ensure!(self.step().await?, "closed without a word");
        }
        ensure!(self.goaway == Some(0), "{:?}", self.goaway);
        Ok(())
    }

    /// Waits until it is closed in order, behind a word about that.
    pub(crate) async fn closed(&mut self) -> anyhow::Result<()> {
        while self.step().await? {}
        ensure!(self.goaway == Some(0), "{:?}", self.goaway);
        Ok(())
    }
}
