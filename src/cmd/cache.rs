//! `portunus cache purge`: asks a running gateway, at its address of health and metrics, to take kept
//! answers out.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::Context;
use serde_json::json;

use super::exit::No;
use super::health::{PATIENCE, address};
use crate::cli::{Purge, Purged};

/// Of an answer of the admin address.
const LONGEST: u64 = 64 * 1024;

pub fn run(purge: &Purge) -> anyhow::Result<()> {
    let address = address(&purge.process)?;
    let answer = post(address, &body(&purge.what).to_string())
        .with_context(|| format!("{address} does not answer"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.starts_with("HTTP/1.1 200 ") {
        let told: serde_json::Value = serde_json::from_str(body).context("its answer")?;
        println!("{} kept answers were taken out.", told["purged"]);
        return Ok(());
    }
    Err(No(format!(
        "{address} did not take anything out: {}",
        body.trim()
    ))
    .into())
}

fn body(what: &Purged) -> serde_json::Value {
    let Purged {
        url,
        prefix,
        tag,
        all: _,
    } = what;
    match (url, prefix, tag) {
        (Some(url), _, _) => json!({ "url": url }),
        (_, Some(prefix), _) => json!({ "prefix": prefix }),
        (_, _, Some(tag)) => json!({ "tag": tag }),
        (None, None, None) => json!({ "all": true }),
    }
}

fn post(address: SocketAddr, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "POST /cache/purge HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.take(LONGEST).read_to_string(&mut answer)?;
    Ok(answer)
}
