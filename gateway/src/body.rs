//! Bodies both ways. They keep what they know of their length, so that nothing is chunked anew,
//! and they count what passes.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use domain::problem::Code;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::client::Client;
use crate::metrics::Late;
use crate::report::Report;
use crate::upstream::Link;

/// A body that ends before its time; why stands in [`Client::fault`] or nowhere.
#[derive(Debug)]
pub(crate) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body was cut off")
    }
}

impl std::error::Error for Cut {}

/// A request's body on its way to the upstream: counted, and cut off above its limit.
pub(crate) struct Inbound(Option<(Incoming, Rc<Client>, u64)>);

impl Inbound {
    pub(crate) const fn empty() -> Self {
        Self(None)
    }

    /// `limit` in bytes.
    pub(crate) fn new(incoming: Incoming, client: Rc<Client>, limit: u64) -> Self {
        if incoming.is_end_stream() {
            return Self(None);
        }
        Self(Some((incoming, client, limit)))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let Some((incoming, client, limit)) = &mut self.get_mut().0 else {
            return Poll::Ready(None);
        };
        loop {
            let polled = Pin::new(&mut *incoming).poll_frame(cx);
            if polled.is_pending() && client.is_too_slow(cx) {
                return Poll::Ready(Some(Err(Cut)));
            }
            let frame = match std::task::ready!(polled) {
                None => return Poll::Ready(None),
                Some(Err(_)) => return Poll::Ready(Some(Err(Cut))),
                Some(Ok(frame)) => frame,
            };
            // Trailers of requests are not forwarded.
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let total = client.body_bytes.get() + data.len() as u64;
            client.body_bytes.set(total);
            if total > *limit {
                client.fault.set(Some(Code::BodyTooLarge));
                return Poll::Ready(Some(Err(Cut)));
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|(incoming, ..)| incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            None => SizeHint::with_exact(0),
            Some((incoming, ..)) => incoming.size_hint(),
        }
    }
}

/// An answer's body on its way to the client. It holds the report, which is made when it is gone.
pub(crate) struct Outbound {
    kind: Kind,
    report: Option<Report>,
}

enum Kind {
    Whole(Option<Bytes>),
    /// With the connection that it comes over, until that is given back.
    Stream(Incoming, Option<Box<Link>>),
}

impl Outbound {
    pub(crate) const fn full(bytes: Bytes) -> Self {
        Self {
            kind: Kind::Whole(Some(bytes)),
            report: None,
        }
    }

    pub(crate) const fn stream(incoming: Incoming, link: Box<Link>) -> Self {
        Self {
            kind: Kind::Stream(incoming, Some(link)),
            report: None,
        }
    }

    /// Ties the report to the body's end.
    pub(crate) fn report(&mut self, report: Report) {
        self.report = Some(report);
    }

    /// Counts, and lets go of the report with the last byte.
    fn passed(&mut self, bytes: usize) {
        if let Some(report) = &mut self.report {
            report.bytes_out += bytes as u64;
        }
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        let Kind::Stream(incoming, link) = &mut self.kind else {
            return Poll::Ready(None);
        };
        let mut driven = false;
        loop {
            match Pin::new(&mut *incoming).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Some(link) = link.as_deref_mut() {
                        link.deadline.clear();
                    }
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    return Poll::Ready(Some(Ok(data)));
                }
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Some(Err(Cut))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {}
            }
            let Some(link) = link.as_deref_mut() else {
                return Poll::Ready(Some(Err(Cut)));
            };
            if driven {
                if !link.deadline.is_set() {
                    link.deadline.set(link.idle_ms);
                }
                if link.deadline.has_passed(cx) {
                    if let Some(report) = &self.report {
                        report.worker.metrics.late(Late::Upstream);
                    }
                    return Poll::Ready(Some(Err(Cut)));
                }
                return Poll::Pending;
            }
            link.drive(cx);
            driven = true;
        }
    }

    /// The exchange is over: the connection goes back, unless it cannot be used again.
    fn give_back(&mut self) {
        if let (Kind::Stream(_, link), Some(report)) = (&mut self.kind, &self.report)
            && let Some(link) = link.take()
        {
            report
                .worker
                .pool
                .give_back(link, report.worker.sweeper.now());
        }
    }
}

impl Body for Outbound {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = self.get_mut();
        if let Kind::Whole(bytes) = &mut this.kind {
            let bytes = bytes.take().filter(|bytes| !bytes.is_empty());
            this.passed(bytes.as_ref().map_or(0, Bytes::len));
            return Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))));
        }
        let polled = std::task::ready!(this.poll_stream(cx));
        match polled {
            Some(Ok(data)) => {
                this.passed(data.len());
                if this.is_end_stream() {
                    this.give_back();
                }
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Some(Err(cut)) => Poll::Ready(Some(Err(cut))),
            None => {
                this.give_back();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Kind::Stream(incoming, _) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Kind::Stream(incoming, _) => incoming.size_hint(),
        }
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        // A HEAD's answer, a 204 and a 304 have no body that anybody would read to its end.
        if self.is_end_stream() {
            self.give_back();
        }
    }
}
