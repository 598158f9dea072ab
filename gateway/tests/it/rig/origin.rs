//! An upstream that answers as the request's field `X-Answer` says, and counts: its body tells one
//! answer from another. `X-Answer: 200 | Cache-Control: max-age=60 | ETag: "a" | hold`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// A request as it came: its method and target, and its fields.
pub type Seen = (String, Vec<(String, String)>);

#[derive(Clone)]
pub struct Origin {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Each permit lets one request with `hold` go on.
    pub release: Arc<Semaphore>,
}

impl Origin {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            release: Arc::new(Semaphore::new(0)),
        };
        let served = origin.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let one = served.clone();
                let service = service_fn(move |request| answer(one.clone(), request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        origin
    }

    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// The newest request.
    pub fn last(&self) -> Seen {
        self.seen
            .lock()
            .unwrap()
            .last()
            .cloned()
            .unwrap_or_default()
    }
}

async fn answer(
    origin: Origin,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let _ = body.collect().await;
    let text = |name: &str| {
        let value = parts.headers.get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    let fields = parts.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.to_string(), value.into_owned())
    });
    let number = {
        let mut seen = origin.seen.lock().unwrap();
        seen.push((format!("{} {}", parts.method, parts.uri), fields.collect()));
        seen.len()
    };
    let wanted = text("x-answer").unwrap_or_else(|| "200".to_owned());
    let mut wanted = wanted.split('|').map(str::trim);
    let mut status = wanted.next().unwrap().parse::<u16>().unwrap();
    let mut response = Response::builder();
    for line in wanted {
        if line == "hold" {
            origin.release.acquire().await.unwrap().forget();
            continue;
        }
        let (name, value) = line.split_once(": ").unwrap();
        let name = name.to_ascii_lowercase();
        if name == "etag" && text("if-none-match").as_deref() == Some(value)
            || name == "last-modified" && text("if-modified-since").as_deref() == Some(value)
        {
            status = 304;
        }
        response = response.header(name, value);
    }
    let body = match status {
        204 | 304 => String::new(),
        _ => format!("answer {number}"),
    };
    Ok(response
        .status(status)
        .body(Full::new(body.into()))
        .unwrap())
}
