//! An upstream that answers with what it got. The path decides what else it does.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;

#[derive(Clone)]
pub struct Upstream {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    pub requests: Arc<AtomicUsize>,
    /// Lets requests to `/hold` go on.
    pub release: Arc<Notify>,
}

impl Upstream {
    pub async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap()).await
    }

    pub async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let upstream = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            requests: Arc::default(),
            release: Arc::default(),
        };
        let served = upstream.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                served.connections.fetch_add(1, Ordering::Relaxed);
                let one = served.clone();
                let service = service_fn(move |request| answer(one.clone(), request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        upstream
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

type Body = BoxBody<Bytes, Infallible>;

async fn answer(
    upstream: Upstream,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    upstream.requests.fetch_add(1, Ordering::Relaxed);
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let path = parts.uri.path();
    if path.ends_with("/hold") {
        upstream.release.notified().await;
    }
    if path.ends_with("/big") {
        let text = "x".repeat(1_000_000);
        return Ok(Response::new(Full::new(Bytes::from(text)).boxed()));
    }
    if path.ends_with("/chunks") {
        let frames = ["one ", "two ", "three"].map(|part| Ok(Frame::data(Bytes::from(part))));
        return Ok(Response::new(BodyExt::boxed(StreamBody::new(
            futures::stream::iter(frames),
        ))));
    }
    let headers: Vec<(&str, &str)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or("?")))
        .collect();
    let text = serde_json::json!({
        "method": parts.method.as_str(),
        "path": parts.uri.path_and_query().map(ToString::to_string),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
    });
    let mut response = Response::builder().header("content-type", "application/json");
    for pair in parts.uri.query().unwrap_or_default().split('&') {
        if let Some(cost) = pair.strip_prefix("cost=") {
            response = response.header("x-cost", cost);
        }
    }
    if path.ends_with("/teapot") {
        response = response.status(418);
    }
    if path.ends_with("/empty") {
        return Ok(response.status(204).body(Full::default().boxed()).unwrap());
    }
    if path.ends_with("/hop") {
        response = response
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .header("set-cookie", "portunus_session=evil")
            .header("set-cookie", "a=1")
            .header("x-request-id", "theirs");
    }
    Ok(response
        .body(Full::new(Bytes::from(text.to_string())).boxed())
        .unwrap())
}

/// An upstream of raw bytes: each connection gets the next of `scripts`, which is what it answers
/// to each request until it is used up and the connection is closed.
pub async fn scripted(scripts: Vec<Vec<&'static str>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for script in scripts {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                for answer in script {
                    let mut got = Vec::new();
                    while !got.ends_with(b"\r\n\r\n") {
                        if !matches!(stream.read_buf(&mut got).await, Ok(1..)) {
                            return;
                        }
                    }
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    address
}
