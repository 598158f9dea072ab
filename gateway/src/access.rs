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
    key: &'a Key,
    route: &Route,
    now: DateTime<Utc>,
) -> Result<&'a Subscription, Code> {
    judge_by(state, key, common(key.application(), route), now)
}

/// The same later on, of an application that was let in by a subscription to `product`: by that one
/// or by another to it.
pub(crate) fn judge_again(
    state: &State,
    key: &Key,
    product: u32,
    now: DateTime<Utc>,
) -> Result<(), Code> {
    let all = key.application().access.iter();
    let its = all.filter(|subscription| subscription.product == product);
    judge_by(state, key, its, now).map(|_| ())
}

fn judge_by<'a>(
    state: &State,
    key: &Key,
    subscriptions: impl Iterator<Item = &'a Subscription>,
    now: DateTime<Utc>,
) -> Result<&'a Subscription, Code> {
    if state.is_suspended(key.organization()) {
        return Err(Code::OrganizationSuspended);
    }
    let application = key.application();
    if application.is_disabled() {
        return Err(Code::ApplicationDisabled);
    }
    let mut best: Option<(u64, &Subscription)> = None;
    let mut refused: Option<(u64, Code)> = None;
    for subscription in subscriptions {
        // Without its plan it says nothing.
        let Some(plan) = state.plan(subscription) else {
            continue;
        };
        let at = subscription.approved_at();
        match application.terms(subscription, plan).judge(now) {
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

/// Whose a client or certificate is, by all that it may be claimed by. Several organizations may say
/// that it is theirs, as only whoever shows it has proved anything. Of the claims that work and may
/// use the route counts what [`earliest`] says, else one that might if its time were not over, and
/// where callers must be of an application one that has anything to do with the route, to be told
/// why it may not. Nobody else is touched, or told of the call: to name somebody else's without a
/// subscription gains nothing, and takes nothing from anybody.
pub(crate) fn claimant<'a>(
    call: &Call<'a>,
    shown: &[KeyDigest],
    wanted: Membership,
) -> Option<&'a Key> {
    let state = call.state;
    let all = || {
        let shown = shown.iter();
        shown.flat_map(move |digest| state.keys.all(*digest))
    };
    let may = |key: &Key| judge(state, key, call.route, call.utc()).map(|_| ());
    let works = |key: &Key| {
        let judged = state.keys.judge(key, call.wall_us, call.peer_address());
        judged.is_ok()
    };
    let good = || all().filter(move |key| works(key) && may(key).is_ok());
    if let Some(key) = earliest(good) {
        return Some(key);
    }
    let (mut over, mut barred) = (None, None);
    for key in all() {
        match may(key) {
            Ok(()) => {
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

/// Of good claims, in the order of what they name: the earliest says whose it is, so that nobody
/// takes over another's calls by naming more exactly what has been named before. Among claims of
/// that organization the order counts.
fn earliest<'a, All: Iterator<Item = &'a Key>>(good: impl Fn() -> All) -> Option<&'a Key> {
    let mut rest = good();
    let first = rest.next()?;
    let earliest = rest.fold(
        first,
        |known, key| if key.id < known.id { key } else { known },
    );
    let whose = earliest.organization();
    if first.organization() == whose {
        return Some(first);
    }
    good().find(|key| key.organization() == whose)
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

#[cfg(test)]
mod tests {
    use domain::application::Lifetime;
    use domain::id::{ApplicationId, CredentialId, OrganizationId};
    use domain::key::Environment;
    use domain::snapshot;
    use uuid::Uuid;

    use super::*;
    use crate::state::Held;

    /// A claim of the organization, the `at`th of all.
    fn claim(organization: u128, at: u128) -> Key {
        let credential = snapshot::Credential {
            id: CredentialId::from_uuid(Uuid::from_u128(at)),
            application: ApplicationId::NIL,
            environment: Environment::Live,
            digest: KeyDigest::of(b""),
            lifetime: Lifetime::default(),
            cidrs: Vec::new(),
            signs: None,
            argon2id: None,
        };
        let organization = OrganizationId::from_uuid(Uuid::from_u128(organization));
        Key::new(
            &credential,
            Held::alone(organization, Application::default()),
        )
    }

    #[test]
    fn whoever_claimed_first_keeps_it_whatever_others_name() {
        // Organization and time of each claim, the most exact one first; which of them counts.
        for (claims, counts) in [
            (&[][..], None),
            (&[(1, 1)], Some(1)),
            (&[(1, 2), (2, 1)], Some(1)),
            (&[(1, 2), (1, 1)], Some(2)),
            (&[(1, 3), (2, 2), (2, 1)], Some(2)),
            (&[(1, 3), (2, 2), (1, 1)], Some(3)),
        ] {
            let keys: Vec<Key> = claims.iter().map(|(of, at)| claim(*of, *at)).collect();
            let found = earliest(|| keys.iter()).map(|key| key.id.uuid().as_u128());
            assert_eq!(found, counts, "{claims:?}");
        }
    }
}
