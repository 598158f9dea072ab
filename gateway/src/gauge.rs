//! What the count of instructions (`benches/instructions.rs`) and the cost of policies
//! (`benches/policies`) reach of a request's way: all of it but its client's socket. No part of what
//! the gateway offers.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use domain::id::OrganizationId;
use domain::snapshot::Snapshot;
use rustls_pki_types::CertificateDer;

use crate::body::{Cut, Inflow, ROOM};
use crate::cache::Cache;
use crate::client::Client;
use crate::compile::Compiler;
use crate::explain::Counts;
use crate::http1;
use crate::lease::Leases;
use crate::metrics::WorkerMetrics;
use crate::pipeline;
use crate::record::{Names, RING_RECORDS, Rings};
use crate::settings::Settings;
use crate::tls::{Authorities, Certificate, Secure};
use crate::token::Seen;
use crate::worker::Worker;

/// A worker with a state, and nobody connected.
pub struct Gauge {
    worker: Rc<Worker>,
    client: Rc<Client>,
    rings: Rings,
    answered: usize,
}

impl std::fmt::Debug for Gauge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gauge({})", self.answered)
    }
}

impl Gauge {
    /// `None` when the configuration cannot be taken.
    pub fn new(snapshot: Snapshot) -> Option<Self> {
        let settings = Arc::new(Settings::default());
        let names = Arc::<Names>::default();
        let mut counts = Counts::none(&settings, false);
        // Answers have room. Limits of the cluster are spent from what a node lets through before it
        // has settled for the first time, which nobody does here.
        let shared = Arc::get_mut(&mut counts.shared)?;
        shared.cache = Arc::new(Cache::new(settings.limits.cache));
        shared.leases = Arc::new(Leases::new(true));
        let mut compiler = Compiler::new(names.clone(), counts.limits.clone(), None);
        let state = compiler.full(snapshot).ok()?;
        let rings = Rings::new(1, names);
        let metrics = Arc::<WorkerMetrics>::default();
        let worker = Worker::new(settings, counts.shared, metrics, rings.sink(0));
        *worker.state.borrow_mut() = Some(Rc::new(state));
        let client = Client::of_nobody(&worker, worker.peer([127, 0, 0, 1].into()));
        Some(Self {
            worker: Rc::new(worker),
            client: Rc::new(client),
            rings,
            answered: 0,
        })
    }

    /// The same for a client that has shown a certificate (DER) in its handshake. `None` when it
    /// cannot be read.
    #[must_use]
    pub fn with_certificate(mut self, der: &[u8]) -> Option<Self> {
        let certificate = Certificate::of(&[CertificateDer::from(der)])?;
        let mut peer = self.worker.peer([127, 0, 0, 1].into());
        peer.secure = Some(Secure {
            server_name: None,
            clients: Some(Authorities {
                digest: [0; 32],
                owner: OrganizationId::NIL,
            }),
            certificate: Some(Rc::new(certificate)),
        });
        self.client = Rc::new(Client::of_nobody(&self.worker, peer));
        Some(self)
    }

    /// Forgets the tokens that it has seen, and what `log_detail` copied: as if nothing had been
    /// asked before.
    pub fn forget(&self) {
        *self.worker.seen.borrow_mut() = Seen::default();
        self.rings.lose_details();
    }

    /// Reads a head: whether it is taken.
    pub fn read(&self, head: &[u8]) -> bool {
        http1::parse(head, &self.worker.settings.limits).is_ok()
    }

    /// Reads a head and answers it: the status. 0 where it was not answered at once.
    pub fn answer(&mut self, head: &[u8]) -> u16 {
        self.answer_with(head, &[])
    }

    /// The same for a request with a body, which is all there.
    pub fn answer_with(&mut self, head: &[u8], body: &[u8]) -> u16 {
        let Ok(parsed) = http1::parse(head, &self.worker.settings.limits) else {
            return 0;
        };
        let mut context = Context::from_waker(Waker::noop());
        let mut inflow = There { body, at: 0 };
        let answering = pipeline::handle(&self.worker, &self.client, parsed.head, &mut inflow);
        let answered = std::pin::pin!(answering).poll(&mut context);
        count(&mut self.answered, &self.rings);
        match answered {
            Poll::Ready(Some(delivery)) => delivery.answer.status,
            Poll::Ready(None) | Poll::Pending => 0,
        }
    }

    /// The same to the last byte of the answer, for which it may wait, within a
    /// [`tokio::task::LocalSet`]: the status, and how many bytes its body had. 0 where the answer did
    /// not come, or not whole.
    pub async fn exchange(&mut self, head: &[u8], body: &[u8]) -> (u16, usize) {
        let Ok(parsed) = http1::parse(head, &self.worker.settings.limits) else {
            return (0, 0);
        };
        let mut inflow = There { body, at: 0 };
        let answering = pipeline::handle(&self.worker, &self.client, parsed.head, &mut inflow);
        let answered = answering.await;
        count(&mut self.answered, &self.rings);
        let Some(mut delivery) = answered else {
            return (0, 0);
        };
        let mut part = Vec::new();
        let mut length = 0;
        loop {
            let filled = poll_fn(|cx| delivery.poll_fill(cx, &mut inflow, &mut part)).await;
            length += part.len();
            part.clear();
            match filled {
                Ok(true) => return (delivery.answer.status, length),
                Ok(false) => {}
                Err(Cut) => return (0, 0),
            }
        }
    }
}

/// One more is answered. Records are read before they are too many.
fn count(answered: &mut usize, rings: &Rings) {
    *answered += 1;
    if answered.is_multiple_of(RING_RECORDS / 2) {
        rings.drain(|_| ());
    }
}

/// A body that is there.
struct There<'b> {
    body: &'b [u8],
    at: usize,
}

impl Inflow for There<'_> {
    fn length(&self) -> Option<u64> {
        Some(self.body.len() as u64)
    }

    fn is_done(&self) -> bool {
        self.at == self.body.len()
    }

    fn poll_fill(&mut self, _: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Result<(), Cut>> {
        let end = self.body.len().min(self.at + ROOM);
        out.extend_from_slice(&self.body[self.at..end]);
        self.at = end;
        Poll::Ready(Ok(()))
    }

    fn poll_gone(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}
