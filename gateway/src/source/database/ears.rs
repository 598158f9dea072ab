//! What tells a source when to look: this very process, PostgreSQL, the gateway, and the time.

use std::time::Duration;

use entity::database::{ChangeListener, Heard, listen};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Changes, FIRST, Over};

/// Looking for changes while something tells of them: a notice may get lost.
const SLOW: Duration = Duration::from_secs(1);
/// Looking for changes while nothing tells of them.
const FAST: Duration = Duration::from_millis(200);
/// Between attempts to listen.
const RELISTEN: Duration = Duration::from_secs(2);

/// Everything that tells when to look.
pub(super) struct Ears {
    url: Option<String>,
    listener: Option<ChangeListener>,
    retry: Instant,
    told: Option<watch::Receiver<u64>>,
    needs_full: watch::Receiver<bool>,
}

impl Ears {
    pub(super) fn new(
        url: Option<String>,
        told: Option<watch::Receiver<u64>>,
        needs_full: watch::Receiver<bool>,
    ) -> Self {
        Self {
            url,
            listener: None,
            retry: Instant::now(),
            told,
            needs_full,
        }
    }

    /// Tries to listen. What was changed before it succeeds is for the next look to find.
    pub(super) async fn listen(&mut self) {
        self.retry = Instant::now() + RELISTEN;
        let Some(url) = &self.url else {
            return;
        };
        match timeout(FIRST, listen(url)).await {
            Ok(Ok(Some(listener))) => self.listener = Some(listener),
            Ok(Ok(None)) => self.url = None,
            Ok(Err(error)) => {
                tracing::warn!(%error, "Changes cannot be listened for; looking for them instead.")
            }
            Err(_late) => {
                tracing::warn!("Changes cannot be listened for in time; looking for them instead.")
            }
        }
    }

    /// Whether the gateway asks for everything, and has not been heard yet: a state that it refuses
    /// for good is not sent over and over.
    pub(super) fn needs_full(&mut self) -> bool {
        let new = self.needs_full.has_changed().unwrap_or(false);
        *self.needs_full.borrow_and_update() && new
    }

    /// Returns when it is time to look.
    pub(super) async fn next(&mut self, away: bool, changes: &Changes) -> Result<(), Over> {
        if self.listener.is_none() && self.url.is_some() && !away && Instant::now() >= self.retry {
            self.listen().await;
            return Ok(());
        }
        let told = self.told.is_some() || self.listener.is_some();
        let look = Instant::now() + if told && !away { SLOW } else { FAST };
        tokio::select! {
            () = sleep_until(look) => {}
            () = hear(&mut self.listener) => {}
            () = be_told(&mut self.told) => {}
            () = want(&mut self.needs_full) => {}
            () = changes.closed() => return Err(Over),
        }
        Ok(())
    }
}

async fn hear(listener: &mut Option<ChangeListener>) {
    let Some(ears) = listener else {
        return std::future::pending().await;
    };
    match ears.next().await {
        Ok(Heard::Change(_) | Heard::Gap) => {}
        Err(error) => {
            tracing::warn!(%error, "Listening for changes has ended; looking for them instead.");
            *listener = None;
        }
    }
}

async fn be_told(told: &mut Option<watch::Receiver<u64>>) {
    let Some(number) = told else {
        return std::future::pending().await;
    };
    if number.changed().await.is_err() {
        *told = None;
    }
}

/// Leaves what it saw unseen, for [`Ears::needs_full`].
async fn want(needs_full: &mut watch::Receiver<bool>) {
    let mut ahead = needs_full.clone();
    loop {
        if ahead.changed().await.is_err() {
            return std::future::pending().await;
        }
        if *ahead.borrow() {
            return;
        }
    }
}
