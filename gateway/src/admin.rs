//! Health, metrics and what purges the cache, on an address of their own and on the separate
//! runtime.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::api::Purge;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::duty::{Duty, reached};
use crate::metrics;
use crate::node::Node;

/// Scrapers and probes are few.
const CONNECTIONS: usize = 64;

/// Of what is to be purged, in bytes, and how long it may take to come.
const LONGEST: usize = 16 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection is kept.
const KEPT: Duration = Duration::from_secs(60);

/// Serves until `stop` says so, or another process does.
pub(crate) async fn run(listener: TcpListener, node: Arc<Node>, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut duty = node.duty.clone();
    reached(&mut duty, Duty::Serving).await;
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            () = relieved(&mut duty) => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            continue;
        };
        let node = node.clone();
        tokio::spawn(async move {
            serve(stream, node).await;
            drop(place);
        });
    }
}

/// Resolves when another process answers on the same address.
async fn relieved(duty: &mut watch::Receiver<Duty>) {
    let _ = duty.wait_for(|duty| *duty == Duty::Relieved).await;
}

async fn serve(stream: TcpStream, node: Arc<Node>) {
    let mut duty = node.duty.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let node = node.clone();
        async move {
            let answer = match request.uri().path() {
                "/cache/purge" => purge(request, &node).await,
                _ => answer(&request, &node),
            };
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(10))
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // Who asks for health and goes away is no event.
    tokio::select! {
        _ = connection.as_mut() => return,
        // Whoever keeps a connection would be told of this process, and not of the one that serves.
        () = relieved(&mut duty) => {}
        // And whoever takes no answer would keep one of the few places.
        () = tokio::time::sleep(KEPT) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(PATIENCE * 2, connection).await;
}

fn answer(request: &Request<Incoming>, node: &Node) -> Response<Full<Bytes>> {
    let (status, media_type, text) = match request.uri().path() {
        "/livez" => (StatusCode::OK, "text/plain", "live\n".to_owned()),
        "/readyz" if node.is_ready() => (StatusCode::OK, "text/plain", "ready\n".to_owned()),
        "/readyz" => (
            StatusCode::SERVICE_UNAVAILABLE,
            "text/plain",
            node.why_not_ready().to_owned(),
        ),
        "/metrics" => {
            let mut text = metrics::page(&node.workers, &node.gauges());
            node.more_metrics(&mut text);
            (StatusCode::OK, "text/plain; version=0.0.4", text)
        }
        _ => (
            StatusCode::NOT_FOUND,
            "text/plain",
            "Try /livez, /readyz or /metrics.\n".to_owned(),
        ),
    };
    say(status, media_type, text)
}

/// Takes out of the cache what a `POST` of JSON says. No page of another site can send one: that
/// type is asked for beforehand, and nobody allows it here.
async fn purge(request: Request<Incoming>, node: &Node) -> Response<Full<Bytes>> {
    let media_type = request.headers().get(CONTENT_TYPE);
    let is_json = media_type.is_some_and(|value| value == "application/json");
    if request.method() != Method::POST || !is_json {
        let words = "POST application/json: {\"url\": …}, {\"prefix\": …}, {\"tag\": …} or {\"all\": true}.\n";
        return say(StatusCode::BAD_REQUEST, "text/plain", words.to_owned());
    }
    let body = Limited::new(request.into_body(), LONGEST).collect();
    let read = match tokio::time::timeout(PATIENCE, body).await {
        Ok(Ok(body)) => {
            serde_json::from_slice::<Purge>(&body.to_bytes()).map_err(|error| error.to_string())
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("It took too long.".to_owned()),
    };
    match read {
        Ok(purge) => {
            tracing::info!(?purge, "Kept answers are taken out.");
            let count = node.shared.cache.purge(purge);
            say(
                StatusCode::OK,
                "application/json",
                format!("{{\"purged\":{count}}}\n"),
            )
        }
        Err(error) => say(StatusCode::BAD_REQUEST, "text/plain", format!("{error}\n")),
    }
}

fn say(status: StatusCode, media_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// Binds the admin address.
pub(crate) fn listen(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
