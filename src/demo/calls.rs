//! Some traffic, so that dashboards and log have something true to show: real calls through the
//! gateway, most of them good.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Target behind the API's path, and whether the key goes with it.
const CALLS: &[(&str, bool)] = &[
    ("/books", true),
    ("/books?limit=3", true),
    ("/books/bk_7Hq2", true),
    ("/search?q=tide", true),
    ("/authors", true),
    ("/authors/au_3Kd1", true),
    ("/books/bk_4Rm8", true),
    ("/orders/or_1Ab9", true),
    ("/books/bk_0000", true),
    ("/books", false),
    ("/nothing", true),
];

const ROUNDS: usize = 12;

/// Calls until each has been made [`ROUNDS`] times; what goes wrong is left out.
pub(super) async fn some(gateway: SocketAddr, path: String, key: String) {
    for round in 0..ROUNDS * CALLS.len() {
        // The good ones come more often than the bad ones.
        let (target, with_key) = CALLS[(round * round + round / 3) % CALLS.len()];
        let key = with_key.then_some(key.as_str());
        if let Err(error) = call(gateway, &format!("{path}{target}"), key).await {
            tracing::debug!(%error, "A call of the demo failed.");
        }
        tokio::time::sleep(std::time::Duration::from_millis(15)).await;
    }
}

async fn call(gateway: SocketAddr, target: &str, key: Option<&str>) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(gateway).await?;
    let key = key.map_or_else(String::new, |key| format!("X-Api-Key: {key}\r\n"));
    let head =
        format!("GET {target} HTTP/1.1\r\nHost: {gateway}\r\n{key}Connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(())
}
