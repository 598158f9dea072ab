//! One client connection: who is at the other end, and its life from accept to close.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::task::Context;

use domain::problem::Code;
use http::HeaderValue;
use tokio::net::TcpStream;

use crate::deadline::Deadline;
use crate::detail::{Capture, Of};
use crate::door::{self, Door, Entered, Protocol};
use crate::http1;
use crate::http2;
use crate::metrics::Late;
use crate::record::NameId;
use crate::standing::Standing;
use crate::tls::Secure;
use crate::worker::Worker;

/// Who is at the other end of the socket.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// The address as it goes into `X-Forwarded-For`.
    pub(crate) header: HeaderValue,
    /// One of `trusted_proxies`: its forwarding fields are believed.
    pub(crate) trusted: bool,
    /// What TLS established; `None` on a plain connection.
    pub(crate) secure: Option<Secure>,
}

impl Peer {
    /// What the client speaks with this gateway.
    pub(crate) const fn scheme(&self) -> &'static str {
        match self.secure {
            Some(_) => "https",
            None => "http",
        }
    }
}

/// What the parts of a connection share.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) peer: Peer,
    pub(crate) read_by: Deadline,
    pub(crate) write_by: Deadline,
    /// Bytes received, for the least rate.
    pub(crate) received: Cell<u64>,
    /// What was wrong with a request's body. Never reset: the connection ends with that request.
    pub(crate) fault: Cell<Option<Code>>,
    /// Its certificate does not count any more: no other request should come this way.
    pub(crate) barred: Cell<bool>,
    /// Body bytes of the present request.
    pub(crate) body_bytes: Cell<u64>,
    /// How many they may be.
    pub(crate) body_limit: Cell<u64>,
    /// The policy that says so, where it is not the gateway's own bound.
    pub(crate) body_limited_by: Cell<NameId>,
    /// What `log_detail` keeps of the present request.
    pub(crate) capture: RefCell<Option<Box<Capture>>>,
    /// By what the caller of the present request was let in.
    pub(crate) standing: Standing,
    /// Only for one stream of HTTP/2; the reader of HTTP/1 watches the rate itself.
    pace: Option<Pace>,
}

/// The least rate of a body that a library reads.
struct Pace {
    worker: Rc<Worker>,
    /// Body bytes when the present window began.
    from: Cell<u64>,
}

impl std::fmt::Debug for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pace({})", self.from.get())
    }
}

impl Client {
    fn new(worker: &Worker, peer: Peer, pace: Option<Pace>) -> Self {
        Self {
            peer,
            read_by: worker.sweeper.deadline(),
            write_by: worker.sweeper.deadline(),
            received: Cell::new(0),
            fault: Cell::new(None),
            barred: Cell::new(false),
            body_bytes: Cell::new(0),
            body_limit: Cell::new(worker.settings.limits.body_bytes),
            body_limited_by: Cell::new(NameId::NONE),
            capture: RefCell::new(None),
            standing: Standing::default(),
            pace,
        }
    }

    /// One request of a connection that carries many at a time.
    pub(crate) fn on_stream(worker: &Rc<Worker>, peer: Peer) -> Self {
        let pace = Pace {
            worker: worker.clone(),
            from: Cell::new(0),
        };
        Self::new(worker, peer, Some(pace))
    }

    /// The client of a request that nobody sent.
    pub(crate) fn of_nobody(worker: &Worker, peer: Peer) -> Self {
        Self::new(worker, peer, None)
    }

    /// Copies a part of a body, where that is kept; `is_last`: no more comes, as it is whole.
    pub(crate) fn copy(&self, of: Of, bytes: &[u8], is_last: bool) {
        let mut capture = self.capture.borrow_mut();
        let Some(one) = capture.as_mut() else {
            return;
        };
        if !one.copy(of, bytes) {
            *capture = None;
        } else if is_last {
            one.ended(of);
        }
    }

    /// Whether something of the present request is kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.capture.borrow().is_some()
    }

    /// Nothing of the body is there now: whether too little came in the window that is over.
    pub(crate) fn is_too_slow(&self, cx: &Context<'_>) -> bool {
        let Some(pace) = &self.pace else {
            return false;
        };
        let limits = &pace.worker.settings.limits;
        let total = self.body_bytes.get();
        if self.read_by.is_set() && self.read_by.has_passed(cx) {
            if total - pace.from.get() < limits.body_rate {
                self.fault.set(Some(Code::RequestTimeout));
                pace.worker.metrics.late(Late::Body);
                return true;
            }
            self.read_by.clear();
        }
        if !self.read_by.is_set() {
            pace.from.set(total);
            self.read_by.set(limits.body_window.as_millis() as u64);
            // Asks to be woken.
            self.read_by.has_passed(cx);
        }
        false
    }
}

/// Serves one connection until either side ends it, or the worker drains.
pub(crate) async fn serve(worker: Rc<Worker>, stream: TcpStream, address: SocketAddr, door: Door) {
    // An accepted socket without it costs a delayed acknowledgement per answer.
    let _ = stream.set_nodelay(true);
    let Some(entered) = door::enter(&worker, stream, address.ip(), door).await else {
        return;
    };
    let Entered {
        stream,
        peer,
        protocol,
    } = entered;
    let is_late = match protocol {
        Protocol::Http1 { is_late } => is_late,
        Protocol::Http2 => {
            worker.metrics.http2_connections.add(1);
            return Box::pin(http2::serve(worker, stream, peer)).await;
        }
    };
    let client = Rc::new(Client::new(&worker, peer, None));
    if is_late {
        client.read_by.set(0);
    }
    http1::serve(&worker, &client, stream).await;
}
