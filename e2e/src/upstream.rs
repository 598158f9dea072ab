//! A real HTTP server that the journeys put behind the gateway; it remembers what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: HeaderMap,
    /// Empty where it broke off.
    pub body: Bytes,
}

/// Answers every request with 200 and `{"pets":[…],"path":"…"}`; for a path that ends with `/big`
/// that is a megabyte. What the query calls `tag` is said in `Surrogate-Key`, and what it calls
/// `group` in `Cache-Groups`.
pub struct Upstream {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Upstream {
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let memory = seen.clone();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let memory = memory.clone();
                let service = service_fn(move |request| answer(request, memory.clone()));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Ok(Self {
            address,
            seen,
            server,
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    memory: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let (head, sent) = request.into_parts();
    let sent = sent.collect().await.map(|sent| sent.to_bytes());
    let path = head.uri.path();
    let mut body = serde_json::json!({ "path": path, "pets": [{ "id": 10, "name": "doggie" }] });
    if path.ends_with("/big") {
        body["more"] = "x".repeat(1_000_000).into();
    }
    let tags = tags(&head.uri);
    let seen = Seen {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: head.headers,
        body: sent.unwrap_or_default(),
    };
    memory
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(seen);
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/json"));
    response.headers_mut().extend(tags);
    Ok(response)
}

fn tags(uri: &Uri) -> HeaderMap {
    let mut tags = HeaderMap::new();
    for part in uri.query().unwrap_or_default().split('&') {
        let (field, value) = match part.split_once('=') {
            Some(("tag", tag)) => ("surrogate-key", tag.to_owned()),
            Some(("group", group)) => ("cache-groups", format!("\"{group}\"")),
            _ => continue,
        };
        if let Ok(value) = HeaderValue::from_str(&value) {
            tags.append(field, value);
        }
    }
    tags
}
