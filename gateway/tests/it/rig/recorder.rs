//! An upstream that keeps every byte it gets and reads requests as strictly as the RFCs are meant:
//! what a gateway sends to it is one well-formed request after another, or it is a fault.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[derive(Clone)]
pub struct Recorder {
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// What the next requests are answered with, instead of 200.
    answers: VecDeque<&'static str>,
    whole: Vec<Received>,
    faults: Vec<String>,
}

/// One whole request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub line: String,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Received {
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = self.fields.iter().filter(|(known, _)| known == name);
        same.map(|(_, value)| value.as_str()).collect()
    }
}

impl Seen {
    /// Notes a request, and says what it is answered with.
    fn receive(&mut self, request: Received) -> &'static str {
        self.whole.push(request);
        let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        self.answers.pop_front().unwrap_or(ok)
    }
}

impl Recorder {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let recorder = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
        };
        let seen = recorder.seen.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let seen = seen.clone();
                tokio::spawn(async move {
                    let mut bytes = Vec::new();
                    while matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
                        loop {
                            match read(&bytes) {
                                Ok(None) => break,
                                Ok(Some((request, used))) => {
                                    bytes.drain(..used);
                                    let answer = seen.lock().unwrap().receive(request);
                                    if stream.write_all(answer.as_bytes()).await.is_err() {
                                        return;
                                    }
                                }
                                Err(fault) => {
                                    let text = String::from_utf8_lossy(&bytes).into_owned();
                                    let fault = format!("{fault}: {text:?}");
                                    seen.lock().unwrap().faults.push(fault);
                                    return;
                                }
                            }
                        }
                    }
                });
            }
        });
        recorder
    }

    /// The next request that has no answer yet gets this one.
    pub fn answer_next(&self, answer: &'static str) {
        self.seen.lock().unwrap().answers.push_back(answer);
    }

    /// The whole requests since the last call. Panics where anything else came.
    pub fn take(&self) -> Vec<Received> {
        let mut seen = self.seen.lock().unwrap();
        assert!(seen.faults.is_empty(), "{:?}", seen.faults);
        std::mem::take(&mut seen.whole)
    }
}

/// A whole request at the start of `bytes`, and its length.
fn read(bytes: &[u8]) -> Result<Option<(Received, usize)>, &'static str> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "the head is not text")?;
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let parts: Vec<&str> = line.split(' ').collect();
    if parts.len() != 3 || parts[2] != "HTTP/1.1" || !parts[1].starts_with('/') {
        return Err("no request line");
    }
    let mut fields = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(": ").ok_or("a line without ': '")?;
        let is_token = |c: char| c.is_ascii_alphanumeric() || "-.!#$%&'*+^`|~".contains(c);
        if name.is_empty() || !name.chars().all(is_token) {
            return Err("a name that is no token, or has an underscore");
        }
        if value.contains(|c: char| c.is_control() && c != '\t') || value.trim() != value {
            return Err("a value with something in it");
        }
        fields.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let all = |name: &str| -> Vec<String> {
        let same = fields.iter().filter(|(known, _)| known == name);
        same.map(|(_, value)| value.clone()).collect()
    };
    if all("host").len() != 1 {
        return Err("not one Host");
    }
    let (lengths, codings) = (all("content-length"), all("transfer-encoding"));
    let mut at = end + 4;
    let body = match (&*lengths, &*codings) {
        ([], []) => Vec::new(),
        ([length], []) => {
            let length: usize = length.parse().map_err(|_| "a length that is none")?;
            let Some(body) = bytes.get(at..at + length) else {
                return Ok(None);
            };
            at += length;
            body.to_vec()
        }
        ([], [coding]) if coding == "chunked" => {
            let mut body = Vec::new();
            loop {
                let Some(length) = bytes[at..].windows(2).position(|two| two == b"\r\n") else {
                    return Ok(None);
                };
                let line = std::str::from_utf8(&bytes[at..at + length]).unwrap_or("?");
                let size = usize::from_str_radix(line, 16).map_err(|_| "a size that is none")?;
                at += length + 2;
                let Some(chunk) = bytes.get(at..at + size + 2) else {
                    return Ok(None);
                };
                if &chunk[size..] != b"\r\n" {
                    return Err("a chunk that does not end");
                }
                at += size + 2;
                if size == 0 {
                    break;
                }
                body.extend_from_slice(&chunk[..size]);
            }
            body
        }
        _ => return Err("a body of two lengths"),
    };
    Ok(Some((Received { line, fields, body }, at)))
}
