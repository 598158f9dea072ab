//! The portal's listener: how many connections it holds, and how long a client may take to ask.

use std::{future::Future, io::ErrorKind, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tower::Service;

/// What bounds a listener.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections at a time. Further ones wait in the operating system's queue.
    pub connections: usize,
    /// How long a head may take, however it trickles, counted from the end of the answer before:
    /// so also how long a connection may lie idle.
    pub head_timeout: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 1000,
            head_timeout: Duration::from_secs(10),
        }
    }
}

/// Serves `router` until `stop` resolves, then lets requests in flight end.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(bounds.head_timeout);
    let seats = Arc::new(Semaphore::new(bounds.connections));
    let open = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        // A seat first: who waits for one costs no file and no memory of ours.
        let next = async {
            let seat = Arc::clone(&seats).acquire_owned().await;
            (seat, accept(&listener).await)
        };
        let (seat, (stream, peer)) = tokio::select! {
            next = next => next,
            () = &mut stop => break,
        };
        let router = router.clone();
        let answer = service_fn(move |request: Request<Incoming>| {
            let mut request = request;
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().call(request)
        });
        let connection = open.watch(http.serve_connection(TokioIo::new(stream), answer));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(seat);
        });
    }
    drop(listener);
    open.shutdown().await;
}

/// The next connection. A listener that cannot accept now tries again: it outlives what is wrong.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => match error.kind() {
                // Gone before it was accepted.
                ErrorKind::ConnectionAborted
                | ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset => {}
                // Too many open files, mostly: asking at once would only burn the processor.
                _ => {
                    tracing::error!(%error, "The portal cannot accept a connection.");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            },
        }
    }
}
