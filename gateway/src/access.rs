//! Subscription access: whether the caller's application may use this version, and under which
//! plan.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use domain::key::KeyDigest;
use domain::problem::Code;

use crate::call::Call;
use crate::state::{Application, Key, Route, State, Subscription};

/// The subscription that decides: of the effective ones the earliest approved. Without one, the
/// code of the earliest that is there, as that is what its owner would ask about.
pub(crate) fn judge<'a>(
    state: &State,
    application: &'a Application,
    route: &Route,
    now: DateTime<Utc>,
) -> Result<&'a Subscription, Code> {
    if state.is_suspended(application.organization) {
        return Err(Code::OrganizationSuspended);
    }
    if application.disabled {
        return Err(Code::ApplicationDisabled);
    }
    let mut best: Option<(i64, &Subscription)> = None;
    let mut refused: Option<(i64, Code)> = None;
    for subscription in common(application, route) {
        // Without its plan it says nothing.
        let Some(plan) = state.plan(subscription) else {
            continue;
        };
        let at = subscription.approved_at;
        match subscription.terms(plan).judge(now) {
            Ok(()) if best.is_none_or(|(earliest, _)| at < earliest) => {
                best = Some((at, subscription))
            }
            Ok(()) => {}
            // A closed one says less than any other.
            Err(Code::NotSubscribed) => {}
            Err(code) if refused.is_none_or(|(earliest, _)| at < earliest) => {
                refused = Some((at, code))
            }
            Err(_) => {}
        }
    }
    match best {
        Some((_, subscription)) => Ok(subscription),
        None => Err(refused.map_or(Code::NotSubscribed, |(_, code)| code)),
    }
}

/// Whose a client or certificate is. Several organizations may say that it is theirs, as only
/// whoever shows it has proved anything. Of these counts the first that works and may use the
/// route: to name somebody else's gains nothing where one is not subscribed. Without one, the first
/// that works, or the first.
pub(crate) fn claimant<'a>(call: &Call<'a>, digest: KeyDigest) -> Option<&'a Key> {
    let state = call.state;
    let mut all = state.keys.all(digest);
    let first = all.next()?;
    let second = all.next();
    // As a rule there is one.
    let Some(second) = second else {
        return Some(first);
    };
    let works = |key: &Key| {
        let judged = state.keys.judge(key, call.wall_us, call.peer_address());
        judged.is_ok()
    };
    let may = |key: &Key| judge(state, &key.application, call.route, call.utc()).is_ok();
    let mut working = None;
    for key in [first, second].into_iter().chain(all) {
        if !works(key) {
            continue;
        }
        if may(key) {
            return Some(key);
        }
        working = working.or(Some(key));
    }
    working.or(Some(first))
}

/// Subscriptions to products that both lists have; both are short and sorted.
fn common<'a>(
    application: &'a Application,
    route: &Route,
) -> impl Iterator<Item = &'a Subscription> {
    let mut access = application.access.iter().peekable();
    let mut products = route.products.iter().copied().peekable();
    std::iter::from_fn(move || {
        loop {
            let subscription = *access.peek()?;
            match subscription.product.cmp(products.peek()?) {
                Ordering::Less => {
                    access.next();
                }
                Ordering::Greater => {
                    products.next();
                }
                Ordering::Equal => {
                    access.next();
                    return Some(subscription);
                }
            }
        }
    })
}
