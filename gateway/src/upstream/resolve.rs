//! What names of targets resolve to. Only the first request to a name may wait for the resolver;
//! afterwards [`super::upkeep`] asks it anew, and what is known stays when it fails.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};

type Ask = dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync;

/// Who is asked for the addresses of a name; the system's resolver unless a test hands in another.
#[derive(Clone)]
pub struct Resolver(Arc<Ask>);

impl Resolver {
    /// `ask` gets a name and the port that the addresses shall have.
    pub fn new<A, F>(ask: A) -> Self
    where
        A: Fn(String, u16) -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        Self(Arc::new(move |name, port| Box::pin(ask(name, port))))
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new(|name, port| async move {
            let found = tokio::net::lookup_host((name, port)).await?;
            Ok(found.collect())
        })
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver(…)")
    }
}

/// What a question comes to; `None` where there is no answer.
type Asking = Shared<BoxFuture<'static, Option<Arc<Vec<SocketAddr>>>>>;

/// One name and port, shared by all targets that have them, in all states.
#[derive(Debug)]
pub(crate) struct Resolved {
    name: Box<str>,
    port: u16,
    known: ArcSwap<Vec<SocketAddr>>,
    /// The question under way: the system's resolver holds a thread for each, also for one that
    /// nobody waits for any more.
    asking: Mutex<Option<Asking>>,
}

impl Resolved {
    pub(crate) fn new(name: &str, port: u16) -> Self {
        Self {
            name: name.into(),
            port,
            known: ArcSwap::default(),
            asking: Mutex::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What is known, or else what the resolver says; empty when it fails.
    pub(crate) async fn addresses(&self, resolver: &Resolver) -> Arc<Vec<SocketAddr>> {
        let known = self.known.load_full();
        if !known.is_empty() {
            return known;
        }
        self.ask(resolver).await;
        self.known.load_full()
    }

    /// Asks anew; false when there is no answer within `patience`, and what is known stays.
    pub(crate) async fn refresh(&self, resolver: &Resolver, patience: Duration) -> bool {
        let asked = tokio::time::timeout(patience, self.ask(resolver)).await;
        asked.unwrap_or_else(|_| {
            // The next one does not wait for this.
            *self.asking() = None;
            false
        })
    }

    async fn ask(&self, resolver: &Resolver) -> bool {
        let ask = || {
            let asked = (resolver.0)(self.name.to_string(), self.port);
            let good = |found: Vec<SocketAddr>| (!found.is_empty()).then(|| Arc::new(found));
            asked
                .map(move |found| found.ok().and_then(good))
                .boxed()
                .shared()
        };
        let asking = self.asking().get_or_insert_with(ask).clone();
        let found = asking.clone().await;
        let mut present = self.asking();
        // Of those who hear it the first; one that was given up must not be in the place of a later.
        let is_first = present.as_ref().is_some_and(|one| one.ptr_eq(&asking));
        if is_first {
            *present = None;
        }
        if let Some(found) = &found
            && (is_first || self.known.load().is_empty())
        {
            self.known.store(found.clone());
        }
        found.is_some()
    }

    fn asking(&self) -> MutexGuard<'_, Option<Asking>> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn what_is_known_stays_when_the_resolver_fails() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let resolver = Resolver::new(move |_, port| {
            let count = counted.fetch_add(1, Ordering::Relaxed) as u8;
            async move {
                match count {
                    2 => Err(io::Error::other("no answer")),
                    3 => Ok(vec![]),
                    _ => Ok(vec![SocketAddr::from(([10, 0, 0, count], port))]),
                }
            }
        });
        let resolved = Resolved::new("h", 80);
        let address = |last| vec![SocketAddr::from(([10, 0, 0, last], 80))];
        for _ in 0..3 {
            assert_eq!(*resolved.addresses(&resolver).await, address(0));
        }
        assert_eq!(
            asked.load(Ordering::Relaxed),
            1,
            "known names are not asked"
        );
        for (refreshed, last) in [(true, 1), (false, 1), (false, 1), (true, 4)] {
            assert_eq!(resolved.refresh(&resolver, MINUTE).await, refreshed);
            assert_eq!(*resolved.addresses(&resolver).await, address(last));
        }
    }

    #[tokio::test]
    async fn those_who_ask_at_once_ask_one_question() {
        let asked = Arc::new(AtomicUsize::new(0));
        let (tell, told) = tokio::sync::watch::channel(false);
        let counted = asked.clone();
        let resolver = Resolver::new(move |_, port| {
            counted.fetch_add(1, Ordering::Relaxed);
            let mut told = told.clone();
            async move {
                let _ = told.wait_for(|told| *told).await;
                Ok(vec![SocketAddr::from(([10, 0, 0, 1], port))])
            }
        });
        let resolved = Resolved::new("h", 80);
        // This one does not wait for the answer, and the question goes on.
        let gone = tokio::time::timeout(Duration::ZERO, resolved.addresses(&resolver)).await;
        assert!(gone.is_err());
        let all = futures::future::join_all((0..9).map(|_| resolved.addresses(&resolver)));
        let (all, _) = tokio::join!(all, async { tell.send_replace(true) });
        assert!(all.iter().all(|found| found.len() == 1), "{all:?}");
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn an_unknown_name_is_asked_until_there_is_an_answer() {
        let resolver = Resolver::new(|_, _| async { Err(io::Error::other("no")) });
        let resolved = Resolved::new("h", 80);
        assert!(resolved.addresses(&resolver).await.is_empty());
        assert!(resolved.addresses(&resolver).await.is_empty());
    }

    #[tokio::test]
    async fn a_resolver_that_hangs_holds_nothing_up() {
        let resolver = Resolver::new(|_, _| std::future::pending());
        let resolved = Resolved::new("h", 80);
        assert!(!resolved.refresh(&resolver, Duration::ZERO).await);
    }
}
