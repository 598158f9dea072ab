//! What names of targets resolve to. Only the first request to a name may wait for the resolver;
//! afterwards [`super::upkeep`] asks it anew when the answer's time is over, and what is known stays
//! when it fails.

mod dns;
mod due;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, TryFutureExt};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::dns::Names;
use self::due::Due;

pub use self::dns::NameFiles;

/// What is said of a name.
#[derive(Debug)]
struct Answer {
    addresses: Vec<SocketAddr>,
    /// How long they are good, where that is told.
    ttl: Option<Duration>,
}

type Ask = dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Answer>> + Send + Sync;

/// Who is asked for the addresses of a name: files and name servers of this host unless a test hands
/// in another.
#[derive(Clone)]
pub struct Resolver(Arc<Ask>);

impl Resolver {
    /// `ask` gets a name and the port that the addresses shall have; how long they are good it does
    /// not tell.
    pub fn new<A, F>(ask: A) -> Self
    where
        A: Fn(String, u16) -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        let untimed = |addresses| Answer {
            addresses,
            ttl: None,
        };
        Self(Arc::new(move |name, port| {
            ask(name, port).map_ok(untimed).boxed()
        }))
    }

    /// By these files and the name servers in them; `others` are asked where there is none, and for
    /// names that none of them knows.
    pub fn reading(files: NameFiles, others: Self) -> Self {
        let names = Arc::new(Names::new(files, others));
        Self(Arc::new(move |name, port| {
            let names = names.clone();
            async move { names.ask(&name, port).await }.boxed()
        }))
    }

    /// The system's own, which holds a thread for each question.
    fn system() -> Self {
        Self::new(|name, port| async move {
            let found = tokio::net::lookup_host((name, port)).await?;
            Ok(found.collect())
        })
    }

    /// The same on `runtime`, whoever asks: the threads of the data plane have requests to drive. A
    /// question ends when nobody waits for it.
    pub(crate) fn on(self, runtime: Handle) -> Self {
        Self(Arc::new(move |name, port| {
            let mut asked = JoinSet::new();
            asked.spawn_on(self.ask(name, port), &runtime);
            async move {
                let answer = asked.join_next().await;
                let ended = || Err(io::Error::other("the question ended without an answer"));
                answer.and_then(Result::ok).unwrap_or_else(ended)
            }
            .boxed()
        }))
    }

    fn ask(&self, name: String, port: u16) -> BoxFuture<'static, io::Result<Answer>> {
        (self.0)(name, port)
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::reading(NameFiles::default(), Self::system())
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver(…)")
    }
}

/// Addresses of one name that are tried and kept; of more the first.
const MOST: usize = 64;

/// What a question comes to; `None` where there is no answer.
type Asking = Shared<BoxFuture<'static, Option<Arc<Answer>>>>;

/// One name and port, shared by all targets that have them, in all states.
#[derive(Debug)]
pub(crate) struct Resolved {
    name: Box<str>,
    port: u16,
    known: ArcSwap<Vec<SocketAddr>>,
    /// The question under way, which all who ask meanwhile wait for.
    asking: Mutex<Option<Asking>>,
    due: Mutex<Due>,
}

impl Resolved {
    pub(crate) fn new(name: &str, port: u16) -> Self {
        Self {
            name: name.into(),
            port,
            known: ArcSwap::default(),
            asking: Mutex::default(),
            due: Mutex::new(Due::new(Instant::now())),
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

    /// Whether it is to be asked for anew. True for one of those who want to know, who then asks with
    /// that `patience`.
    pub(crate) fn falls_due(&self, now: Instant, patience: Duration) -> bool {
        self.due().take(now, patience)
    }

    /// Nobody answers where it leads to: it may lead elsewhere meanwhile.
    pub(crate) fn doubt(&self) {
        self.due().doubt();
    }

    /// Asks anew; false when there is no answer within `patience`, and what is known stays.
    pub(crate) async fn refresh(&self, resolver: &Resolver, patience: Duration) -> bool {
        let asked = tokio::time::timeout(patience, self.ask(resolver)).await;
        asked.unwrap_or_else(|_| {
            // The next one does not wait for this.
            *self.asking() = None;
            self.due().failed(Instant::now());
            false
        })
    }

    async fn ask(&self, resolver: &Resolver) -> bool {
        let ask = || {
            let asked = resolver.ask(self.name.to_string(), self.port);
            let good = |mut found: Answer| {
                found.addresses.truncate(MOST);
                (!found.addresses.is_empty()).then(|| Arc::new(found))
            };
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
            match &found {
                Some(found) => self.due().answered(Instant::now(), found.ttl),
                None => self.due().failed(Instant::now()),
            }
        }
        if let Some(found) = &found
            && (is_first || self.known.load().is_empty())
        {
            self.known.store(Arc::new(found.addresses.clone()));
        }
        found.is_some()
    }

    fn asking(&self) -> MutexGuard<'_, Option<Asking>> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn due(&self) -> MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[tokio::test]
    async fn many_addresses_are_cut_off() {
        let all = (0..10_000_u32).map(|ip| SocketAddr::from((ip.to_be_bytes(), 80)));
        let all: Vec<_> = all.collect();
        let told = all.clone();
        let resolver = Resolver::new(move |_, _| std::future::ready(Ok(told.clone())));
        let known = Resolved::new("h", 80).addresses(&resolver).await;
        assert_eq!(*known, all[..MOST]);
    }

    #[test]
    fn questions_are_asked_where_they_belong() {
        let runtime = |name: &str| {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(1).thread_name(name).enable_all();
            builder.build().unwrap()
        };
        let (here, there) = (runtime("here"), runtime("there"));
        let resolver = Resolver::new(|name, port| async move {
            assert_ne!(name, "bad", "a panic of this test's own");
            let thread = std::thread::current();
            assert_eq!(thread.name(), Some("there"));
            Ok(vec![SocketAddr::from(([10, 0, 0, 1], port))])
        });
        let resolver = resolver.on(there.handle().clone());
        for (name, found) in [("good", 1), ("bad", 0)] {
            let known = here.block_on(async {
                let resolved = Resolved::new(name, 80);
                resolved.addresses(&resolver).await
            });
            assert_eq!(known.len(), found, "{name}");
        }
    }
}
