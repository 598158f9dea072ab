//! An upstream that answers with the status that a test sets, and counts probes apart.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[derive(Clone)]
pub struct Moody {
    pub address: SocketAddr,
    /// What requests are answered with.
    pub status: Arc<AtomicU16>,
    /// What `/healthz` is answered with.
    pub health: Arc<AtomicU16>,
    requests: Arc<AtomicUsize>,
    probes: Arc<AtomicUsize>,
}

impl Moody {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let moody = Self {
            address: listener.local_addr().unwrap(),
            status: Arc::new(AtomicU16::new(200)),
            health: Arc::new(AtomicU16::new(200)),
            requests: Arc::default(),
            probes: Arc::default(),
        };
        let served = moody.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let one = served.clone();
                let service = service_fn(move |request| {
                    let answer = one.answer(&request);
                    async move { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        moody
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let (count, status) = if request.uri().path() == "/healthz" {
            assert_eq!(request.headers()["user-agent"], "portunus-health");
            assert_eq!(request.headers()["host"], self.address.to_string());
            (&self.probes, &self.health)
        } else {
            (&self.requests, &self.status)
        };
        count.fetch_add(1, Ordering::Relaxed);
        let answer = Response::builder().status(status.load(Ordering::Relaxed));
        answer.body(Full::from("moody")).unwrap()
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    pub fn probes(&self) -> usize {
        self.probes.load(Ordering::Relaxed)
    }

    pub fn answers(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// Sets what probes get, and waits until `count` of them got it.
    pub async fn probed(&self, status: u16, count: usize) {
        self.health.store(status, Ordering::Relaxed);
        // One may be under way with the status before.
        let wanted = self.probes() + count + 1;
        while self.probes() < wanted {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}
