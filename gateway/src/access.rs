//! Subscription access: whether the caller's application may use this version, and under which
//! plan.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use domain::key::KeyDigest;
use domain::policy::Membership;
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
    judge_by(state, application, common(application, route), now)
}

/// The same later on, of an application that was let in by a subscription to `product`: by that one
/// or by another to it.
pub(crate) fn judge_again(
    state: &State,
    application: &Application,
    product: u32,
    now: DateTime<Utc>,
) -> Result<(), Code> {
    let all = application.access.iter();
    let its = all.filter(|subscription| subscription.product == product);
    judge_by(state, application, its, now).map(|_| ())
}

fn judge_by<'a>(
    state: &State,
    application: &Application,
    subscriptions: impl Iterator<Item = &'a Subscription>,
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
    for subscription in subscriptions {
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

/// Whose a client or certificate is, by all that it may be claimed by, which counts in this order.
/// Several organizations may say that it is theirs, as only whoever shows it has proved anything.
/// Of these counts the first that works and may use the route, else one that might if its time were
/// not over, and where callers must be of an application one that has anything to do with the
/// route, to be told why it may not. Nobody else is touched, or told of the call: to name somebody
/// else's without a subscription gains nothing, and takes nothing from anybody.
pub(crate) fn claimant<'a>(
    call: &Call<'a>,
    shown: &[KeyDigest],
    wanted: Membership,
) -> Option<&'a Key> {
    let state = call.state;
    let (mut over, mut barred) = (None, None);
    for key in shown.iter().flat_map(move |digest| state.keys.all(*digest)) {
        let works = state.keys.judge(key, call.wall_us, call.peer_address());
        match judge(state, &key.application, call.route, call.utc()) {
            Ok(_) if works.is_ok() => return Some(key),
            Ok(_) => {
                over.get_or_insert(key);
            }
            Err(Code::NotSubscribed) => {}
            Err(_) => {
                barred.get_or_insert(key);
            }
        }
    }
    match wanted {
        Membership::Required => over.or(barred),
        Membership::Optional => over,
    }
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
