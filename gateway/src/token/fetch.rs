//! Loads sets of keys and keeps them fresh, on the runtime of whoever started the gateway.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use domain::policy::jwt::{MAX_TOKEN_KEYS, check_address};
use domain::snapshot;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use url::Url;

use super::keys::{KeySet, KeySets, Loaded, Omitted, Source};
use crate::outgoing::{self, Asked, Reach};
use crate::settings::{IssuerKeys, Settings};
use crate::state::State;
use crate::upstream::Roots;

/// After a failure, doubled with each further one.
const AGAIN: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 32;
const MOST_BYTES: usize = 1 << 20;

/// What is known of one set's fetches.
#[derive(Debug, Clone, Copy)]
struct Past {
    last: Instant,
    good: Option<Instant>,
    failures: u32,
    /// A token named a key that is not among them.
    wanted: bool,
}

impl Past {
    /// When it is time again.
    fn next(&self, times: &IssuerKeys) -> Instant {
        match self.failures {
            0 if self.wanted => self.last + times.apart,
            0 => self.last + times.fresh,
            count => {
                // A key that is asked for comes as soon as its issuer is back.
                let most = if self.wanted {
                    times.apart
                } else {
                    times.fresh
                };
                self.last + (AGAIN * 2_u32.pow(count.min(9) - 1)).min(most)
            }
        }
    }
}

/// Goes on until `stop`.
pub(crate) async fn keep_loaded(
    settings: Arc<Settings>,
    sets: Arc<KeySets>,
    state: watch::Receiver<Option<Arc<State>>>,
    mut stop: watch::Receiver<bool>,
) {
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => {}
        () = load_all(&settings, &sets, state) => {}
    }
}

async fn load_all(
    settings: &Settings,
    sets: &KeySets,
    mut state: watch::Receiver<Option<Arc<State>>>,
) {
    // It says where keys may be asked for.
    if state.wait_for(Option::is_some).await.is_err() {
        return;
    }
    let times = &settings.issuer_keys;
    let roots = Roots::default();
    let mut past: HashMap<Source, Past> = HashMap::new();
    // Each on its own: one that does not answer holds up no other.
    let mut busy: HashSet<Source> = HashSet::new();
    let mut fetches = FuturesUnordered::new();
    loop {
        let now = Instant::now();
        let mut next = now + times.fresh;
        let all = sets.in_use();
        past.retain(|source, _| all.iter().any(|(known, _)| known == source));
        for (source, set) in all {
            if busy.contains(&source) {
                continue;
            }
            let wanted = set.take_wanted();
            let when = past.get_mut(&source).map_or(now, |past| {
                past.wanted |= wanted;
                past.next(times)
            });
            if when > now {
                next = next.min(when);
            } else if busy.len() < AT_ONCE {
                busy.insert(source.clone());
                let allowed = state.borrow().as_ref().map(|state| state.settings.clone());
                let allowed = allowed.unwrap_or_default();
                let roots = &roots;
                fetches.push(async move {
                    let found = fetch(settings, &allowed, roots, &source, PATIENCE).await;
                    (source, set, found)
                });
            }
        }
        tokio::select! {
            Some((source, set, found)) = fetches.next(), if !fetches.is_empty() => {
                busy.remove(&source);
                let before = past.get(&source).copied();
                let after = settle(times, &source, &set, found, before, Instant::now());
                // Whoever reads the counts finds done what they say.
                sets.fetched.fetch_add(1, Relaxed);
                if after.failures > 0 {
                    sets.failed.fetch_add(1, Relaxed);
                }
                past.insert(source, after);
            }
            () = sleep_until(next) => {}
            () = sets.called.notified() => {}
        }
    }
}

/// Puts what was found into the set.
fn settle(
    times: &IssuerKeys,
    (address, _): &Source,
    set: &KeySet,
    found: Result<Value, Failed>,
    before: Option<Past>,
    now: Instant,
) -> Past {
    let loaded = found.and_then(|keys| Loaded::read(&keys).ok_or(Failed::NoKeys));
    match loaded {
        Ok(loaded) => {
            // Also with none: whoever withdraws all keys means it.
            if loaded.is_empty() {
                tracing::warn!(%address, "An issuer has no keys that can be used; none of its tokens is taken.");
            }
            // Tokens that were verified with the same keys stay verified.
            let is_same = set.get().is_some_and(|known| known.is_like(&loaded));
            if !is_same {
                // Once for a set: it is fetched again and again.
                if let Some(omitted) = loaded.omitted() {
                    tell(address, omitted);
                }
                set.put(Some(Arc::new(loaded)));
            }
            Past {
                last: now,
                good: Some(now),
                failures: 0,
                wanted: false,
            }
        }
        Err(error) => {
            let failures = before.map_or(0, |past| past.failures) + 1;
            if failures == 1 {
                tracing::warn!(%address, %error, "Keys of an issuer could not be loaded; those that are known stay for a while.");
            }
            let good = before.and_then(|past| past.good);
            if good.is_none_or(|good| now > good + times.stale) {
                set.put(None);
            }
            Past {
                last: now,
                good,
                failures,
                wanted: false,
            }
        }
    }
}

/// Tokens that such a key has signed are refused, for a reason that nobody sees in them.
fn tell(address: &str, omitted: Omitted) {
    let Omitted { beyond, other_size } = omitted;
    tracing::warn!(
        %address,
        beyond,
        other_size,
        "An issuer has keys that are passed over: beyond the first {MAX_TOKEN_KEYS}, or of RSA and \
         not of 2048 to 4096 bits with an exponent of at most 32."
    );
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Outgoing(#[from] outgoing::Failed),
    #[error("its answer is not JSON")]
    Json,
    #[error("its document is of another issuer, or names no keys")]
    Document,
    #[error("it is no set of keys")]
    NoKeys,
}

/// In time, however many questions it takes, or not at all.
async fn fetch(
    settings: &Settings,
    allowed: &snapshot::Settings,
    roots: &Roots,
    source: &Source,
    patience: Duration,
) -> Result<Value, Failed> {
    let found = timeout(patience, keys(settings, allowed, roots, source)).await;
    found.unwrap_or(Err(outgoing::Failed::TimedOut.into()))
}

async fn keys(
    settings: &Settings,
    allowed: &snapshot::Settings,
    roots: &Roots,
    (address, discovered): &Source,
) -> Result<Value, Failed> {
    let ask = |address: String| async move { get(settings, allowed, roots, &address).await };
    if !discovered {
        return ask(address.clone()).await;
    }
    let document = ask(address.clone()).await?;
    ask(named(address, &document)?).await
}

/// Where the keys are, as the document of an issuer says.
fn named(address: &str, document: &Value) -> Result<String, Failed> {
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    // OpenID Connect Discovery 1.0 §4.3: it must be the issuer that was asked for.
    let base = |issuer: &str| issuer.trim_end_matches('/').to_owned();
    let own = address.strip_suffix("/.well-known/openid-configuration");
    if text("issuer").map(base).as_deref() != own {
        return Err(Failed::Document);
    }
    let keys = text("jwks_uri").ok_or(Failed::Document)?;
    let is_good = check_address("", keys).is_none();
    // Whoever is on the way of a plain request could put other keys in.
    if !is_good || (is_tls(address) && !is_tls(keys)) {
        return Err(Failed::Document);
    }
    Ok(keys.to_owned())
}

/// By its scheme, which counts however it is written (RFC 3986 §3.1).
fn is_tls(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| url.scheme() == "https")
}

async fn get(
    settings: &Settings,
    allowed: &snapshot::Settings,
    roots: &Roots,
    address: &str,
) -> Result<Value, Failed> {
    let url = Url::parse(address).map_err(|_| outgoing::Failed::Address)?;
    let reach = Reach {
        allowed,
        own: &settings.own_addresses,
        resolver: &settings.resolver,
        roots,
    };
    let asked = Asked {
        url: &url,
        accept: "application/json",
        most: MOST_BYTES,
    };
    let body = outgoing::get(&reach, &asked).await?;
    serde_json::from_slice(&body).map_err(|_| Failed::Json)
}

#[cfg(test)]
mod tests;
