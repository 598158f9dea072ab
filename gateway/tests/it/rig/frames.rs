//! A client of HTTP/2 that writes exactly the frames that a test says. Fields are literals, without
//! Huffman codes and the dynamic table, so that any bytes can stand in them.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

/// `SETTINGS_INITIAL_WINDOW_SIZE` (RFC 9113 §6.5.2).
const INITIAL_WINDOW: u16 = 4;
/// What a connection has before either side says anything of windows (RFC 9113 §6.9.2).
const WINDOW: u32 = 65_535;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Bytes of a frame that anybody takes (RFC 9113 §4.2).
const MOST: usize = 16 * 1024;
const PATIENCE: Duration = Duration::from_secs(20);

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

/// Name and value; those of pseudo fields begin with a colon.
pub type Field<'a> = (&'a str, &'a str);

/// A request, as it is written.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    pub fields: &'a [Field<'a>],
    /// Of each DATA frame; with none of them the head ends the stream.
    pub data: &'a [&'a str],
    pub trailers: &'a [Field<'a>],
}

impl Message<'_> {
    /// `ends`: with the end of the stream.
    fn frames(&self, stream: u32, ends: bool) -> Vec<u8> {
        let has_trailers = !self.trailers.is_empty();
        let is_bare = self.data.is_empty() && !has_trailers;
        let mut out = block(self.fields, stream, is_bare && ends);
        for (number, piece) in self.data.iter().enumerate() {
            let is_last = number + 1 == self.data.len() && !has_trailers;
            let flags = if is_last && ends { END_STREAM } else { 0 };
            out.extend(frame(DATA, flags, stream, piece.as_bytes()));
        }
        if has_trailers {
            out.extend(block(self.trailers, stream, ends));
        }
        out
    }
}

/// Fields in HEADERS, and in CONTINUATION where they are too many for one frame.
fn block(fields: &[Field<'_>], stream: u32, ends: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        write(&mut bytes, name);
        write(&mut bytes, value);
    }
    let mut out = Vec::new();
    let count = bytes.len().div_ceil(MOST);
    for (number, part) in bytes.chunks(MOST).enumerate() {
        let kind = if number == 0 { HEADERS } else { CONTINUATION };
        let mut flags = 0;
        if number == 0 && ends {
            flags |= END_STREAM;
        }
        if number + 1 == count {
            flags |= END_HEADERS;
        }
        out.extend(frame(kind, flags, stream, part));
    }
    out
}

/// A text with its length in front (RFC 7541 §5.2).
fn write(out: &mut Vec<u8>, text: &str) {
    match text.len() {
        length @ ..127 => out.push(length as u8),
        length => {
            out.push(127);
            let mut rest = length - 127;
            while rest >= 128 {
                out.push((rest % 128) as u8 | 128);
                rest /= 128;
            }
            out.push(rest as u8);
        }
    }
    out.extend_from_slice(text.as_bytes());
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Status(u16),
    /// Its stream was reset, with this error.
    Reset(u32),
    /// The connection was ended, with this error.
    Gone(u32),
    /// The same without a word.
    Closed,
}

pub struct Frames {
    stream: TcpStream,
    next: u32,
}

impl Frames {
    pub async fn connect(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let begin = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
        stream.write_all(&begin).await.unwrap();
        Self { stream, next: 1 }
    }

    /// The other end of one who connects to `listener`, which says nothing.
    pub async fn accept(listener: &TcpListener) -> Self {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut preface = [0; PREFACE.len()];
        stream.read_exact(&mut preface).await.unwrap();
        assert_eq!(preface, PREFACE);
        Self { stream, next: 2 }
    }

    /// Waits for a request, and ends the connection as one that has looked at none.
    pub async fn turn_away(&mut self) {
        let settings = frame(SETTINGS, 0, 0, &[]);
        self.stream.write_all(&settings).await.unwrap();
        while self.read().await.is_some_and(|(kind, ..)| kind != HEADERS) {}
        // The last stream that was looked at, and `NO_ERROR`.
        let end = frame(GOAWAY, 0, 0, &[0; 8]);
        self.stream.write_all(&end).await.unwrap();
    }

    /// How many bytes may be on their way to the other side, of one stream and of all, as it says
    /// when it begins.
    pub async fn windows(&mut self) -> (u32, u32) {
        let told = async {
            let (mut of_stream, mut of_all) = (None, None);
            while of_stream.is_none() || of_all.is_none() {
                match self.read().await.expect("it goes on") {
                    (SETTINGS, 0, payload) => of_stream = of_stream.or(initial_window(&payload)),
                    (WINDOW_UPDATE, 0, payload) => of_all = Some(WINDOW + number(&payload)),
                    _ => {}
                }
            }
            of_stream.zip(of_all)
        };
        let told = tokio::time::timeout(PATIENCE, told).await;
        told.expect("its windows in time").unwrap()
    }

    /// Sends a request in one write, and says what comes of it.
    pub async fn send(&mut self, message: &Message<'_>) -> End {
        let stream = self.begin();
        let frames = message.frames(stream, true);
        self.stream.write_all(&frames).await.unwrap();
        let end = tokio::time::timeout(PATIENCE, self.end(stream)).await;
        end.unwrap_or_else(|_| panic!("nothing comes of {message:?}"))
    }

    /// Sends a request without its end, and resets its stream with `error`, in one write.
    pub async fn give_up(&mut self, message: &Message<'_>, error: u32) {
        let stream = self.begin();
        let mut frames = message.frames(stream, false);
        frames.extend(frame(RST_STREAM, 0, stream, &error.to_be_bytes()));
        self.stream.write_all(&frames).await.unwrap();
    }

    /// The number of the next stream.
    const fn begin(&mut self) -> u32 {
        let stream = self.next;
        self.next += 2;
        stream
    }

    async fn end(&mut self, stream: u32) -> End {
        while let Some((kind, of, payload)) = self.read().await {
            match kind {
                HEADERS if of == stream => return End::Status(status(&payload)),
                RST_STREAM if of == stream => return End::Reset(number(&payload)),
                GOAWAY => return End::Gone(number(&payload[4..])),
                _ => {}
            }
        }
        End::Closed
    }

    /// Kind, stream and payload of the next frame.
    async fn read(&mut self) -> Option<(u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let [high, middle, low, kind, _, stream @ ..] = head;
        let length = u32::from_be_bytes([0, high, middle, low]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some((kind, u32::from_be_bytes(stream), payload))
    }

    /// Whether the other side closes.
    pub async fn is_closed(&mut self) -> bool {
        let all = async { while self.read().await.is_some() {} };
        tokio::time::timeout(PATIENCE, all).await.is_ok()
    }
}

/// The number that a payload begins with.
fn number(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[..4].try_into().unwrap())
}

fn initial_window(settings: &[u8]) -> Option<u32> {
    let mut settings = settings.chunks_exact(6);
    let found = settings.find(|one| one[..2] == INITIAL_WINDOW.to_be_bytes())?;
    Some(number(&found[2..]))
}

/// The status that an answer's fields begin with: an entry of the static table, or three digits in
/// Huffman codes, of which 0, 1 and 2 have five bits and the others six (RFC 7541, appendix B).
fn status(block: &[u8]) -> u16 {
    const INDEXED: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    match block {
        [index @ 0x88..=0x8e, ..] => INDEXED[usize::from(index - 0x88)],
        [0x48 | 0x08, length, text @ ..] if *length > 0x80 => {
            let text = &text[..usize::from(length - 0x80)];
            let bits = text
                .iter()
                .fold(0, |all, byte| all * 256 + u32::from(*byte));
            let mut left = 8 * text.len();
            let mut status = 0;
            for _ in 0..3 {
                let short = (bits >> (left - 5)) & 0x1f;
                let digit = if short < 3 {
                    left -= 5;
                    short
                } else {
                    left -= 6;
                    ((bits >> left) & 0x3f) - 22
                };
                status = status * 10 + digit;
            }
            status as u16
        }
        _ => panic!("no status: {block:?}"),
    }
}
