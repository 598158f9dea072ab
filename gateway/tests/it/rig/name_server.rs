//! A name server on loopback: it says what a test wants, and counts what it is asked.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateway::{NameFiles, Resolver};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

/// The longest answer in one datagram (RFC 1035 §4.2.1).
const DATAGRAM: usize = 512;

/// What is said of a name.
#[derive(Clone, Default)]
pub struct Entry {
    pub addresses: Vec<IpAddr>,
    pub ttl: u32,
    /// It is another name, whose entry is meant, and for how long.
    pub alias: Option<(&'static str, u32)>,
    /// The addresses are said to be those of another name.
    pub said_of: Option<&'static str>,
    /// From the question to the answer.
    pub delay: Duration,
    /// There is none.
    pub silent: bool,
}

impl Entry {
    pub fn new(addresses: &[IpAddr], ttl: u32) -> Self {
        Self {
            addresses: addresses.to_vec(),
            ttl,
            ..Self::default()
        }
    }
}

#[derive(Default)]
struct Zone {
    entries: HashMap<String, Entry>,
    /// The names of all questions for addresses of IPv4.
    asked: Vec<String>,
}

pub struct NameServer {
    port: u16,
    zone: Arc<Mutex<Zone>>,
    folder: TempDir,
}

impl NameServer {
    pub async fn start() -> Self {
        let (socket, listener) = loop {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            if let Ok(socket) = UdpSocket::bind(address).await {
                break (Arc::new(socket), listener);
            }
        };
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            zone: Arc::default(),
            folder: tempfile::tempdir().unwrap(),
        };
        server.write(
            "resolv.conf",
            "nameserver 127.0.0.1\nsearch example.test\noptions timeout:2 attempts:2\n",
        );
        let zone = server.zone.clone();
        tokio::spawn(async move {
            let mut message = [0; DATAGRAM];
            loop {
                let (length, from) = socket.recv_from(&mut message).await.unwrap();
                let (question, zone, socket) =
                    (message[..length].to_vec(), zone.clone(), socket.clone());
                tokio::spawn(async move {
                    if let Some(answer) = answer(&question, &zone).await {
                        let _ = socket.send_to(&datagram(answer), from).await;
                    }
                });
            }
        });
        let zone = server.zone.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(converse(stream, zone.clone()));
            }
        });
        server
    }

    pub fn tell(&self, name: &str, entry: Entry) {
        let mut zone = self.zone.lock().unwrap();
        zone.entries.insert(name.to_owned(), entry);
    }

    pub fn forget(&self, name: &str) {
        self.zone.lock().unwrap().entries.remove(name);
    }

    /// How often it was asked for addresses of a name.
    pub fn asked(&self, name: &str) -> usize {
        let zone = self.zone.lock().unwrap();
        zone.asked.iter().filter(|asked| *asked == name).count()
    }

    /// `hosts` or `resolv.conf`, for the resolver.
    pub fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.path().join(file), text).unwrap();
    }

    pub fn resolver(&self, others: Resolver) -> Resolver {
        let files = NameFiles {
            hosts: self.folder.path().join("hosts"),
            resolv_conf: self.folder.path().join("resolv.conf"),
            port: self.port,
        };
        Resolver::reading(files, others)
    }
}

async fn converse(mut stream: TcpStream, zone: Arc<Mutex<Zone>>) {
    while let Ok(length) = stream.read_u16().await {
        let mut question = vec![0; length.into()];
        if stream.read_exact(&mut question).await.is_err() {
            return;
        }
        if let Some(answer) = answer(&question, &zone).await {
            let length = (answer.len() as u16).to_be_bytes();
            let _ = stream.write_all(&[&length[..], &answer].concat()).await;
        }
    }
}

/// What does not fit is cut off, and the client told so.
fn datagram(mut answer: Vec<u8>) -> Vec<u8> {
    if answer.len() > DATAGRAM {
        let (_, end) = name_of(&answer).unwrap();
        answer.truncate(end + 4);
        answer[2] |= 2;
        answer[6..8].fill(0);
    }
    answer
}

/// The whole message (RFC 1035 §4.1); no compression.
async fn answer(question: &[u8], zone: &Mutex<Zone>) -> Option<Vec<u8>> {
    let (name, end) = name_of(question)?;
    let kind = u16::from_be_bytes([*question.get(end)?, *question.get(end + 1)?]);
    let asked = question.get(12..end + 4)?;
    let (found, meant) = {
        let mut zone = zone.lock().unwrap();
        if kind == A {
            zone.asked.push(name.clone());
        }
        let found = zone.entries.get(&name).cloned();
        let alias = found.as_ref().and_then(|found| found.alias);
        let meant = alias.and_then(|(other, _)| zone.entries.get(other).cloned());
        (found, meant)
    };
    let is_known = found.is_some();
    let found = found.unwrap_or_default();
    if found.silent {
        return None;
    }
    tokio::time::sleep(found.delay).await;
    let (mut records, mut owner) = (Vec::new(), name);
    if let Some((other, ttl)) = found.alias {
        records.push(record(&owner, CNAME, ttl, &written(other)));
        owner = other.to_owned();
    }
    let owner = found.said_of.map_or(owner, str::to_owned);
    let meant = meant.unwrap_or(found);
    for address in &meant.addresses {
        match (address, kind) {
            (IpAddr::V4(ip), A) => records.push(record(&owner, A, meant.ttl, &ip.octets())),
            (IpAddr::V6(ip), AAAA) => records.push(record(&owner, AAAA, meant.ttl, &ip.octets())),
            _ => {}
        }
    }
    let mut answer = question[..2].to_vec();
    // An answer of whoever is responsible, who asks others as well; or there is no such name.
    answer.extend([0x85, if is_known { 0x80 } else { 0x83 }]);
    answer.extend([0, 1]);
    answer.extend((records.len() as u16).to_be_bytes());
    answer.extend([0; 4]);
    answer.extend(asked);
    answer.extend(records.concat());
    Some(answer)
}

/// The first question's name, and where it ends.
fn name_of(message: &[u8]) -> Option<(String, usize)> {
    let (mut labels, mut at) = (Vec::new(), 12);
    loop {
        let length = usize::from(*message.get(at)?);
        let label = message.get(at + 1..at + 1 + length)?;
        at += 1 + length;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
    }
}

fn record(owner: &str, kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut record = written(owner);
    record.extend(kind.to_be_bytes());
    record.extend([0, 1]);
    record.extend(ttl.to_be_bytes());
    record.extend((data.len() as u16).to_be_bytes());
    record.extend(data);
    record
}

fn written(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.') {
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}
