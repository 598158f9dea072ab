//! However much ids and digests are alike, what is found by a part of them is what is meant.

use domain::application::Lifetime;
use domain::id::{Id, OrganizationId};
use domain::key::{Environment, KeyDigest};
use domain::snapshot::Kind;
use domain::subscription::SubscriptionState;
use uuid::Uuid;

use super::*;

const OBJECTS: u8 = 4;

fn id<K>(object: u8, ends_alike: bool) -> Id<K> {
    let object = u128::from(object) + 1;
    Id::from_uuid(Uuid::from_u128(if ends_alike {
        object << 64
    } else {
        object
    }))
}

/// Applications with a key and a subscription each. Digests begin alike.
fn put(applications_alike: bool) -> Put {
    let mut put = Put::default();
    for object in 0..OBJECTS {
        let application = id(object, applications_alike);
        let mut digest = KeyDigest::of(b"");
        digest.0[31] = object;
        put.applications.push(snapshot::Application {
            id: application,
            organization: OrganizationId::NIL,
            state: ApplicationState::Active,
            labels: Vec::new(),
        });
        put.credentials.push(snapshot::Credential {
            id: id(object, true),
            application,
            environment: Environment::Live,
            digest,
            lifetime: Lifetime::default(),
            cidrs: Vec::new(),
            signs: None,
            argon2id: None,
        });
        put.subscriptions.push(snapshot::Subscription {
            id: id(object, !applications_alike),
            application,
            product: ProductId::NIL,
            plan: PlanId::NIL,
            state: SubscriptionState::Approved,
            paused: false,
            approved_at: None,
            starts_at: None,
            ends_at: None,
        });
    }
    put
}

#[test]
fn what_is_alike_is_told_apart() {
    for alike in [false, true] {
        let mut consumers = Consumers::default();
        let mut products = ProductNumbers::default();
        let mut keys = consumers.fill(put(alike), &mut products);
        // Whether there is a key, and how many subscriptions where there is an application.
        let all: (bool, Option<usize>) = (true, Some(1));
        let mut expected = [all; OBJECTS as usize];
        for (gone, object, left) in [
            (None, 0, all),
            (Some(Kind::Credential), 1, (false, Some(1))),
            (Some(Kind::Subscription), 1, (false, Some(0))),
            (Some(Kind::Subscription), 2, (true, Some(0))),
            (Some(Kind::Application), 3, (false, None)),
            (Some(Kind::Application), 1, (false, None)),
        ] {
            let uuid = |kind: Kind| match kind {
                Kind::Credential => id::<()>(object, true).uuid(),
                Kind::Subscription => id::<()>(object, !alike).uuid(),
                _ => id::<()>(object, alike).uuid(),
            };
            let gone: Vec<_> = gone.map(|kind| (kind, uuid(kind))).into_iter().collect();
            consumers.change(&gone, Put::default(), &mut products, &mut keys);
            expected[usize::from(object)] = left;
            let told = (0..OBJECTS).map(|object| {
                let key = consumers.key(id(object, true), &keys);
                let application = consumers.application(id(object, alike), &keys);
                (key.is_some(), application.map(|one| one.access.len()))
            });
            assert_eq!(told.collect::<Vec<_>>(), expected, "{gone:?}");
        }
        consumers.change(&[], put(alike), &mut products, &mut keys);
        for object in 0..OBJECTS {
            let key = consumers.key(id(object, true), &keys).unwrap();
            assert_eq!(key.application().id, id(object, alike));
            assert_eq!(key.application().access.len(), 1);
        }
        assert!(consumers.keyless.is_empty() && consumers.lone_owners.is_empty());
    }
}
