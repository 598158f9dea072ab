//! A request's body that is taken whole before it goes on, because a policy looks into it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use domain::id::OrganizationId;
use tokio::time::{Instant, timeout_at};

use crate::body::{Cut, Inflow, Outflow, ROOM};
use crate::buffer::Buffer;
use crate::forward::Stop;
use crate::holdings::{Beside, Charge, Holdings};
use crate::metrics::WorkerMetrics;

/// A request waits no longer than this for its turn with somebody who looks into its body and changes
/// nothing.
const LOOKED_AT_WITHIN: Duration = Duration::from_millis(10);

/// Why a body is not there as a whole.
pub(crate) enum Unheld {
    /// The client's part ended, or a limit of its connection was passed.
    Cut,
    /// It did not come in time.
    Late,
    /// It is longer than was asked for. What was taken goes on with the rest.
    TooLong,
    /// The worker holds as much as it may, or as much as it may for one organization.
    NoRoom,
}

/// The client's body; what was taken of it comes first.
pub(crate) struct Held<'i> {
    inner: &'i mut dyn Inflow,
    bytes: Buffer,
    /// How much of that is gone.
    at: usize,
    /// All of it was taken.
    is_whole: bool,
    /// It is not waited for any more, by nobody: from the first who asks for it on.
    until: Option<Instant>,
    holdings: &'i Holdings,
    charge: Charge<'i>,
}

impl<'i> Held<'i> {
    pub(crate) const fn new(
        inner: &'i mut dyn Inflow,
        holdings: &'i Holdings,
        of: OrganizationId,
        metrics: &'i WorkerMetrics,
    ) -> Self {
        Self {
            inner,
            bytes: Buffer::new(),
            at: 0,
            is_whole: false,
            until: None,
            holdings,
            charge: holdings.charge(of, metrics),
        }
    }

    /// Takes all of it, up to `most` bytes. However many ask for it, its client has its time once.
    pub(crate) async fn collect(&mut self, most: u64) -> Result<(), Unheld> {
        let known = self.whole().or(self.inner.length());
        // What another has taken, who wanted more, is there in any case.
        if known.unwrap_or(self.bytes.len() as u64) > most {
            return Err(Unheld::TooLong);
        }
        if self.inner.is_done() {
            self.is_whole = true;
            return Ok(());
        }
        let within = self.holdings.within;
        let until = *self.until.get_or_insert_with(|| Instant::now() + within);
        let taken = timeout_at(until, self.take(most)).await;
        taken.unwrap_or(Err(Unheld::Late))
    }

    async fn take(&mut self, most: u64) -> Result<(), Unheld> {
        while !self.inner.is_done() {
            if !self.charge.has_room() {
                return Err(Unheld::NoRoom);
            }
            let before = self.bytes.len();
            let (inner, out) = (&mut *self.inner, self.bytes.open());
            let polled = poll_fn(|cx| inner.poll_fill(cx, out)).await;
            let more = (self.bytes.len() - before) as u64;
            self.charge.add(more);
            polled.map_err(|Cut| Unheld::Cut)?;
            if self.bytes.len() as u64 > most {
                return Err(Unheld::TooLong);
            }
        }
        self.is_whole = true;
        Ok(())
    }

    /// How long it is, where it was taken whole.
    pub(crate) fn whole(&self) -> Option<u64> {
        self.is_whole.then_some(self.bytes.len() as u64)
    }

    /// What was taken.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Lends what was taken, to be given back by [`Self::restore`].
    pub(crate) fn lend(&mut self) -> Buffer {
        std::mem::take(&mut self.bytes)
    }

    pub(crate) fn restore(&mut self, bytes: Buffer) {
        self.bytes = bytes;
    }

    /// Has what was taken looked into, for no longer than a request waits that goes on in any case.
    ///
    /// # Errors
    /// Nobody had time for it.
    pub(crate) async fn look<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&[u8]) -> T + Send + 'static,
    ) -> Result<T, Stop> {
        let beside = Beside::of(self.holdings, self.bytes.len());
        // Shared, as it is needed also where the work's turn does not come.
        let body = Arc::new(self.lend());
        let shared = body.clone();
        let looked = beside
            .run_within(LOOKED_AT_WITHIN, move || work(&shared))
            .await;
        let body = Arc::try_unwrap(body);
        self.restore(body.unwrap_or_else(|shared| Buffer::around(shared.to_vec())));
        looked
    }

    /// Another body goes on in its place, if there is room for it. It was taken whole.
    pub(crate) fn replace(&mut self, bytes: Vec<u8>) -> bool {
        let more = (bytes.len() as u64).saturating_sub(self.charge.bytes());
        if more > 0 && !self.charge.has_room() {
            return false;
        }
        self.charge.add(more);
        self.bytes = Buffer::around(bytes);
        self.at = 0;
        true
    }

    /// An answer came before all that was taken was asked for: the connection gets the rest, as
    /// nobody asks this for it any more.
    pub(crate) fn hand_over(&self, outflow: &mut Outflow) {
        if self.at < self.bytes.len() {
            outflow.owe(&self.bytes[self.at..], self.inner.is_done());
        }
    }
}

impl Inflow for Held<'_> {
    /// Known once all of it was taken, whatever the client said before.
    fn length(&self) -> Option<u64> {
        self.whole().or(self.inner.length())
    }

    fn is_done(&self) -> bool {
        self.at == self.bytes.len() && self.inner.is_done()
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Result<(), Cut>> {
        if self.at < self.bytes.len() {
            let end = self.bytes.len().min(self.at + ROOM);
            out.extend_from_slice(&self.bytes[self.at..end]);
            self.at = end;
            return Poll::Ready(Ok(()));
        }
        self.inner.poll_fill(cx, out)
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.inner.poll_gone(cx)
    }

    fn can_repeat(&self) -> bool {
        self.is_whole
    }

    fn repeat(&mut self) {
        self.at = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Comes part by part.
    struct Parts(Vec<Vec<u8>>, Option<u64>);

    impl Inflow for Parts {
        fn length(&self) -> Option<u64> {
            self.1
        }

        fn is_done(&self) -> bool {
            self.0.is_empty()
        }

        fn poll_fill(&mut self, _: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Result<(), Cut>> {
            out.extend(self.0.remove(0));
            Poll::Ready(Ok(()))
        }

        fn poll_gone(&mut self, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }

    async fn all(inflow: &mut dyn Inflow) -> Vec<u8> {
        let mut out = Vec::new();
        while !inflow.is_done() {
            let filled = poll_fn(|cx| inflow.poll_fill(cx, &mut out)).await;
            assert!(filled.is_ok());
        }
        out
    }

    #[tokio::test]
    async fn what_was_taken_goes_on_as_it_came() {
        let (metrics, holdings) = (WorkerMetrics::default(), Holdings::default());
        for (length, most, whole) in [
            (Some(6), 6, true),
            (None, 6, true),
            (Some(6), 5, false),
            (None, 5, false),
            (None, 0, false),
        ] {
            let mut parts = Parts(vec![vec![1], vec![2, 2], vec![3, 3, 3]], length);
            let mut held = Held::new(&mut parts, &holdings, of(1), &metrics);
            let collected = held.collect(most).await;
            assert_eq!(collected.is_ok(), whole);
            assert_eq!(metrics.held_bytes.get(), held.bytes().len() as u64);
            assert_eq!(held.length(), if whole { Some(6) } else { length });
            assert_eq!(held.can_repeat(), whole);
            assert_eq!(all(&mut held).await, [1, 2, 2, 3, 3, 3]);
            if whole {
                held.repeat();
                assert_eq!(all(&mut held).await, [1, 2, 2, 3, 3, 3]);
            }
            drop(held);
            assert_eq!(metrics.held_bytes.get(), 0);
        }
    }

    fn of(organization: u8) -> OrganizationId {
        OrganizationId::from_name("o", &organization.to_string())
    }

    /// Nothing comes.
    struct Silent;

    impl Inflow for Silent {
        fn length(&self) -> Option<u64> {
            Some(1)
        }

        fn is_done(&self) -> bool {
            false
        }

        fn poll_fill(&mut self, _: &mut Context<'_>, _: &mut Vec<u8>) -> Poll<Result<(), Cut>> {
            Poll::Pending
        }

        fn poll_gone(&mut self, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn what_does_not_come_is_not_waited_for() {
        let metrics = WorkerMetrics::default();
        let holdings = Holdings::within(std::time::Duration::from_millis(10));
        let mut silent = Silent;
        let mut held = Held::new(&mut silent, &holdings, of(1), &metrics);
        assert!(matches!(held.collect(9).await, Err(Unheld::Late)));
    }

    #[tokio::test]
    async fn however_many_ask_for_it_it_is_waited_for_once() {
        const WITHIN: Duration = Duration::from_millis(300);
        let metrics = WorkerMetrics::default();
        let holdings = Holdings::within(WITHIN);
        let mut silent = Silent;
        let mut held = Held::new(&mut silent, &holdings, of(1), &metrics);
        assert!(matches!(held.collect(9).await, Err(Unheld::Late)));
        let began = Instant::now();
        for _ in 0..5 {
            assert!(matches!(held.collect(9).await, Err(Unheld::Late)));
        }
        assert!(began.elapsed() < WITHIN);
    }

    #[tokio::test]
    async fn who_wants_less_than_was_taken_waits_for_no_more() {
        let (metrics, holdings) = (WorkerMetrics::default(), Holdings::default());
        let mut parts = Parts(vec![vec![1; 4], vec![2; 4], vec![3; 4]], None);
        let mut held = Held::new(&mut parts, &holdings, of(1), &metrics);
        for (most, taken) in [(5, 8), (2, 8), (7, 8), (9, 12), (8, 12)] {
            let collected = held.collect(most).await;
            assert!(matches!(collected, Err(Unheld::TooLong)), "{most}");
            assert_eq!(held.bytes().len(), taken, "{most}");
        }
        assert!(held.collect(12).await.is_ok());
    }

    #[tokio::test]
    async fn what_is_only_looked_at_goes_on_whoever_has_time_for_it() {
        const LONG: usize = 100_000;
        let (metrics, holdings) = (WorkerMetrics::default(), Holdings::default());
        let mut parts = Parts(vec![vec![1; LONG]], None);
        let mut held = Held::new(&mut parts, &holdings, of(1), &metrics);
        assert!(held.collect(LONG as u64).await.is_ok());
        let looked = held.look(<[u8]>::len).await;
        assert!(looked.is_ok_and(|length| length == LONG));
        let busy = holdings.all_turns().await;
        assert!(held.look(<[u8]>::len).await.is_err());
        drop(busy);
        assert_eq!(all(&mut held).await, [1; LONG]);
    }
}
