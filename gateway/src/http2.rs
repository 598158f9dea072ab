//! HTTP/2 towards clients (RFC 9113): many requests on one connection, each on the same way as one
//! of HTTP/1, and bounds on what a connection may do beside them.

mod exchange;
mod inflow;
mod meter;
mod request;

use std::error::Error;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use crate::client::Peer;
use crate::metrics::Late;
use crate::socket::Socket;
use crate::worker::Worker;
use exchange::{Connection, Exchange};
use meter::Metered;

/// What every connection of HTTP/2 begins with where nothing was agreed before (RFC 9113 §3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// As ALPN names it.
pub(crate) const ALPN: &[u8] = b"h2";

/// How much a client may send of one body, and of all, before it is read on.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// How much of an answer is held for a client that does not take it.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams that the library resets for a client's errors before it gives up on the connection.
const LOCAL_RESETS: usize = 128;
/// How often a connection looks at its deadlines.
const LOOK_MS: u64 = 500;
/// How long a client may take to see why it is sent away.
const PARTING_MS: u64 = 1000;

/// Tasks of a connection stay on its worker: one for each request, right when that has begun.
#[derive(Clone)]
struct Local(Rc<Connection>);

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        let task = tokio::task::spawn_local(future);
        self.0.runs(task.abort_handle());
    }
}

/// Serves one connection until either side ends it, or the worker drains.
pub(crate) async fn serve(worker: Rc<Worker>, socket: Socket, peer: Peer) {
    let limits = &worker.settings.limits;
    let connection = Rc::new(Connection::new(worker.clone(), peer));
    let shared = connection.clone();
    let service = service_fn(move |request| {
        shared.asked();
        // Not when its task first runs: the task is to be known to it.
        let exchange = Exchange::begin(shared.clone());
        request::answer(shared.clone(), exchange, request)
    });
    let serving = http2::Builder::new(Local(connection.clone()))
        .max_concurrent_streams(limits.http2_streams)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(limits.http2_resets as usize)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .serve_connection(
            TokioIo::new(Metered::new(socket, connection.clone())),
            service,
        );
    let mut serving = pin!(serving);
    let look = worker.sweeper.deadline();
    look.set(LOOK_MS);
    // When it was told to end, and by when it must have.
    let mut parting: Option<u64> = None;
    let mut told = false;
    let ended = poll_fn(|cx| {
        if !told && (worker.draining.get() || connection.is_barred()) {
            told = true;
            serving.as_mut().graceful_shutdown();
        }
        if let Poll::Ready(result) = serving.as_mut().poll(cx) {
            return Poll::Ready(result);
        }
        if parting.is_none() && connection.is_flooded() {
            worker.metrics.http2_flooded.add(1);
            serving.as_mut().graceful_shutdown();
            parting = Some(worker.sweeper.now() + PARTING_MS);
            // What it says goes out at the next poll.
            cx.waker().wake_by_ref();
        }
        while look.has_passed(cx) {
            let now = worker.sweeper.now();
            if parting.is_some_and(|by| now >= by) {
                return Poll::Ready(Ok(()));
            }
            if let Some(late) = connection.late(now) {
                worker.metrics.late(late);
                match late {
                    // Nothing is under way: a word, and it is over.
                    Late::Idle | Late::Head => {
                        serving.as_mut().graceful_shutdown();
                        parting.get_or_insert(now + PARTING_MS);
                        cx.waker().wake_by_ref();
                    }
                    Late::Write | Late::Body | Late::Upstream | Late::Handshake => {
                        connection.cut();
                        return Poll::Ready(Ok(()));
                    }
                }
            }
            look.set(LOOK_MS);
        }
        Poll::Pending
    })
    .await;
    if ended.is_err_and(|error| is_fault(&error)) {
        worker.metrics.refuse_framing(400);
    }
}

/// Whether a client broke the protocol, and did not just go away.
fn is_fault(error: &hyper::Error) -> bool {
    let source = error.source();
    let found = source.and_then(|source| source.downcast_ref::<h2::Error>());
    found.is_some_and(|error| !error.is_io() && !error.is_remote())
}
