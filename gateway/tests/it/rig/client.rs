//! A client that writes exactly what a test says, and reads answers just well enough.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a client writes to and reads from.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

pub struct Client {
    stream: Box<dyn Wire>,
    buffer: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: String,
    /// The same as it came.
    pub raw: Vec<u8>,
}

impl Answer {
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self
            .fields
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of a problem.
    pub fn code(&self) -> String {
        assert_eq!(
            self.field("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        self.json()["code"].as_str().unwrap().to_owned()
    }

    /// A header field as the upstream saw it.
    pub fn seen(&self, name: &str) -> Option<String> {
        let fields = self.json()["headers"].as_array().unwrap().clone();
        let found = fields.iter().find(|field| field[0] == name);
        found.map(|field| field[1].as_str().unwrap().to_owned())
    }

    pub fn seen_path(&self) -> String {
        self.json()["path"].as_str().unwrap().to_owned()
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    /// A client on a connection that was made elsewhere.
    pub fn over(stream: impl Wire + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            buffer: Vec::new(),
        }
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub async fn send(&mut self, request: &str) -> Answer {
        self.write(request.as_bytes()).await;
        self.read().await
    }

    pub async fn get(&mut self, path: &str, fields: &[&str]) -> Answer {
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: test\r\n{fields}\r\n"
        ))
        .await
    }

    /// More bytes; `false` at the end.
    async fn fill(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.buffer);
        let count = tokio::time::timeout(PATIENCE, read)
            .await
            .expect("no answer in time");
        matches!(count, Ok(1..))
    }

    /// The next answer.
    pub async fn read(&mut self) -> Answer {
        self.try_read()
            .await
            .expect("the connection ended before an answer")
    }

    pub async fn try_read(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            if !self.fill().await {
                return None;
            }
        };
        let head = String::from_utf8(self.buffer.drain(..end).collect()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let fields: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut answer = Answer {
            status,
            fields,
            body: String::new(),
            raw: Vec::new(),
        };
        if status == 100 {
            return Some(answer);
        }
        let body = if answer.field("transfer-encoding").is_some() {
            self.chunks().await
        } else {
            let length = answer
                .field("content-length")
                .map_or(0, |length| length.parse().unwrap());
            self.exactly(length).await
        };
        answer.body = String::from_utf8_lossy(&body).into_owned();
        answer.raw = body;
        Some(answer)
    }

    /// A head alone, as of an answer to HEAD.
    pub async fn read_bare(&mut self) -> String {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.fill().await, "the connection ended before an answer");
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        String::from_utf8(head).unwrap()
    }

    async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            assert!(self.fill().await, "the body was cut off");
        }
        self.buffer.drain(..length).collect()
    }

    async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(at) = find(&self.buffer, b"\r\n") {
                    break at;
                }
                assert!(self.fill().await, "the body was cut off");
            };
            let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let size =
                usize::from_str_radix(std::str::from_utf8(&line[..end]).unwrap(), 16).unwrap();
            let chunk = self.exactly(size + 2).await;
            if size == 0 {
                return body;
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }

    /// Whether the other side has closed.
    pub async fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill().await
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
