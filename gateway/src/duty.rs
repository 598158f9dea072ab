//! Whose turn it is: a gateway may be prepared while another process still serves its addresses
//! and its data directory, and one that was relieved still ends what it has begun.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, OwnedMutexGuard, watch};

/// From first to last; a gateway never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty {
    /// Everything is prepared, nothing is accepted and nothing on disk is written.
    Waiting,
    Serving,
    /// Another process accepts on the same addresses, and writes in the data directory.
    Relieved,
    /// What is under way ends, the rest is closed.
    Leaving,
}

impl Duty {
    /// On the way out, either way.
    pub(crate) fn is_over(self) -> bool {
        self >= Self::Relieved
    }

    /// What follows when the process is to end. Where its turn never came, the connections in the
    /// queues and the data directory are another's, who accepts and writes on.
    pub(crate) const fn at_the_end(self) -> Self {
        match self {
            Self::Waiting | Self::Relieved => Self::Relieved,
            Self::Serving | Self::Leaving => Self::Leaving,
        }
    }
}

/// Resolves when the gateway has got as far as `duty`, or is gone.
pub(crate) async fn reached(duty: &mut watch::Receiver<Duty>, least: Duty) {
    let _ = duty.wait_for(|now| *now >= least).await;
}

/// The right to write the last good state in the data directory. It is had while serving, and
/// given up for good when another process takes over.
#[derive(Debug, Clone, Default)]
pub struct Pen {
    /// `None`: nobody else ever writes there.
    duty: Option<watch::Receiver<Duty>>,
    writing: Arc<Mutex<()>>,
    /// Another process may have written meanwhile.
    lent: Arc<AtomicBool>,
}

impl Pen {
    pub(crate) fn new(duty: watch::Receiver<Duty>) -> Self {
        Self {
            duty: Some(duty),
            writing: Arc::default(),
            lent: Arc::default(),
        }
    }

    /// Waits for the right, and for what is being written. `None`: it is lost.
    pub(crate) async fn take(&mut self) -> Option<OwnedMutexGuard<()>> {
        if let Some(duty) = &mut self.duty {
            reached(duty, Duty::Serving).await;
        }
        let held = self.writing.clone().lock_owned().await;
        let is_lost = |duty: &watch::Receiver<Duty>| *duty.borrow() == Duty::Relieved;
        match &self.duty {
            Some(duty) if is_lost(duty) => None,
            Some(_) | None => Some(held),
        }
    }

    /// Another process had it, and gave it back.
    pub(crate) fn come_back(&self) {
        self.lent.store(true, Ordering::Relaxed);
    }

    /// Whether it came back since this was asked last: what lies there is not what was left.
    pub(crate) fn was_lent(&self) -> bool {
        self.lent.swap(false, Ordering::Relaxed)
    }

    /// Waits for what is being written. Nothing is until what is given is dropped, and once the gateway
    /// is relieved nothing ever will be.
    pub(crate) async fn rest(&self) -> OwnedMutexGuard<()> {
        self.writing.clone().lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pen_is_had_while_serving() {
        let (tell, duty) = watch::channel(Duty::Waiting);
        let pen = Pen::new(duty);
        let mut waiting = pen.clone();
        let waiting = tokio::spawn(async move { waiting.take().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        tell.send_replace(Duty::Serving);
        let held = waiting.await.unwrap();
        assert!(held.is_some());
        tell.send_replace(Duty::Relieved);
        let (resting, mut late) = (pen.clone(), pen.clone());
        let resting = tokio::spawn(async move { drop(resting.rest().await) });
        let late = tokio::spawn(async move { late.take().await });
        tokio::task::yield_now().await;
        assert!(!resting.is_finished(), "the last write ends first");
        drop(held);
        resting.await.unwrap();
        assert!(late.await.unwrap().is_none());
        let mut alone = Pen::default();
        assert!(alone.take().await.is_some());
    }
}
