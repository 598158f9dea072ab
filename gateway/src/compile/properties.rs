//! However a state was reached, it is the same: by changes one after the other, from the whole at
//! the same number, or from the disk.

mod parts;
mod tls;

use std::collections::{BTreeMap, BTreeSet};

use domain::api::Operations;
use domain::application::Lifetime;
use domain::id::Id;
use domain::key::{Environment, KeyDigest};
use domain::lifecycle::{ApplicationState, PlanState};
use domain::organization::ClientAddresses;
use domain::policy::Policy;
use domain::route::Spot;
use domain::snapshot::{self, Kind, Parts, Revision, Secret, Settings};
use domain::subscription::SubscriptionState;
use domain::upstream::UpstreamSettings;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::source::disk::{Disk, Kept, Whole};

/// How many objects there may be of each kind.
const OBJECTS: usize = 4;

/// One object becomes what `dice` says, or goes.
#[derive(Debug, Clone, Copy)]
struct Op {
    kind: Kind,
    object: usize,
    dice: u32,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let kinds = prop::sample::select(Kind::ALL.to_vec());
    let op = (kinds, 0..OBJECTS, any::<u32>()).prop_map(|(kind, object, dice)| Op {
        kind,
        object,
        dice,
    });
    prop::collection::vec(op, 1..8)
}

fn id<K>(kind: Kind, object: u32) -> Id<K> {
    Id::from_name(kind.as_str(), &(object as usize % OBJECTS).to_string())
}

fn uuid(kind: Kind, object: usize) -> Uuid {
    id::<()>(kind, object as u32).uuid()
}

fn policies(dice: u32, text: &str) -> Vec<Policy> {
    let text = text.replace('N', &(dice % 3 + 1).to_string());
    let all: Vec<Policy> = serde_json::from_str(&text).unwrap();
    if dice & 4 == 0 { all } else { Vec::new() }
}

const LIMIT: &str = r#"[{"rate_limit":{"limit":N,"window":"60s"}}]"#;
/// With what pages may read, also at the places of what is retired.
const PAGES: &str =
    r#"[{"rate_limit":{"limit":N,"window":"60s"}},{"cors":{"origins":["https://aN.test"]}}]"#;
/// Names a list that may be there, or another organization's.
const FILTER: &str = r#"[{"ip_filter":{"deny_lists":["lN"]}}]"#;
const QUOTA: &str =
    r#"[{"quota":{"limit":N,"period":"day"}},{"rate_limit":{"limit":N,"window":"1s"}}]"#;

impl Op {
    /// Puts the object. Which others it refers to is a matter of luck, also of those not there.
    fn put(self, parts: &mut Parts) {
        let Self { kind, object, dice } = self;
        let own = object as u32;
        let any = |shift: u32| dice >> shift;
        let is = |shift: u32| dice >> shift & 1 == 1;
        let time = |shift: u32| {
            let at = chrono::DateTime::from_timestamp(i64::from(any(shift) % 3) * 100, 0);
            at.filter(|_| is(shift + 2))
        };
        match kind {
            Kind::Organization => parts.organizations.push(snapshot::Organization {
                id: id(kind, own),
                slug: format!("o{}", any(3) % 2),
                suspended: is(2),
                client_addresses: ClientAddresses::ALL[(any(23) % 3) as usize],
                policies: policies(any(5), PAGES),
                unreadable: parts::unreadable(any(20)),
            }),
            Kind::Api => parts.apis.push(snapshot::Api {
                purges: Vec::new(),
                retired: parts::retired(own, any(14)),
                labels: parts::labels(any(12)),
                id: id(kind, own),
                organization: id(Kind::Organization, any(2)),
                slug: format!("a{}", any(4) % 2),
                policies: policies(any(6), PAGES),
                unreadable: parts::unreadable(any(20)),
            }),
            Kind::Version => parts.versions.push(parts::version(own, dice)),
            Kind::Upstream => parts.upstreams.push(parts::upstream(own, dice)),
            Kind::Product => parts.products.push(snapshot::Product {
                id: id(kind, own),
                organization: id(Kind::Organization, any(2)),
                versions: (0..OBJECTS as u32)
                    .filter(|index| is(4 + index))
                    .map(|index| id(Kind::Version, index))
                    .collect(),
            }),
            Kind::Plan => parts.plans.push(snapshot::Plan {
                id: id(kind, own),
                product: id(Kind::Product, any(2)),
                slug: format!("p{}", any(4) % 2),
                state: [PlanState::Published, PlanState::Closed][any(5) as usize % 2],
                priority: any(3) as i8 % 3,
                policies: policies(any(6), [LIMIT, QUOTA, FILTER][any(10) as usize % 3]),
            }),
            Kind::Application => parts.applications.push(snapshot::Application {
                id: id(kind, own),
                organization: id(Kind::Organization, any(2)),
                state: [ApplicationState::Active, ApplicationState::Disabled][any(4) as usize % 2],
                labels: parts::labels(any(5)),
            }),
            Kind::Credential => parts.credentials.push(snapshot::Credential {
                id: id(kind, own),
                application: id(Kind::Application, any(2)),
                environment: [Environment::Live, Environment::Test][any(4) as usize % 2],
                digest: digest(object, is(5)),
                lifetime: Lifetime {
                    expires_at: time(6),
                    retires_at: time(9),
                    revoked_at: time(12),
                },
                signs: None,
                argon2id: None,
                cidrs: (is(16).then(|| "10.0.0.0/8".parse().unwrap()))
                    .into_iter()
                    .collect(),
            }),
            Kind::Subscription => parts.subscriptions.push(snapshot::Subscription {
                id: id(kind, own),
                application: id(Kind::Application, any(2)),
                product: id(Kind::Product, any(4)),
                plan: id(Kind::Plan, any(6)),
                state: SubscriptionState::ALL[any(8) as usize % 8],
                paused: is(11),
                approved_at: time(12),
                starts_at: time(15),
                ends_at: time(18),
            }),
            Kind::Certificate => parts.certificates.push(tls::certificate(own, dice)),
            Kind::Host => parts.hosts.push(tls::host(object, dice)),
            Kind::IpList => parts.ip_lists.push(parts::ip_list(own, dice)),
            Kind::Settings => {
                let allow = is(2).then(|| "10.0.0.0/8".parse().unwrap());
                parts.settings = Some(Settings {
                    tokens: None,
                    upstream_allow: allow.into_iter().collect(),
                    ..Settings::default()
                });
            }
        }
    }
}

/// Two digests for each key: it may become another one.
fn digest(object: usize, other: bool) -> KeyDigest {
    KeyDigest::of(&[object as u8, u8::from(other)])
}

/// Two places for each version, that it shares with no other.
fn path(object: u32, other: bool) -> String {
    format!("/v{object}{}", if other { "/b" } else { "" })
}

/// Each object once, as a source gives it: put as the last of `ops` has it, or gone.
fn delta(from: u64, ops: &[Op]) -> Delta {
    let mut delta = Delta {
        from,
        state: from + 1,
        put: Parts::default(),
        gone: Vec::new(),
    };
    let single = |op: &Op| match op.kind {
        Kind::Settings => 0,
        _ => op.object,
    };
    let last: BTreeMap<_, Op> = ops.iter().map(|op| ((op.kind, single(op)), *op)).collect();
    for op in last.into_values() {
        if op.dice.is_multiple_of(4) {
            delta.gone.push((op.kind, uuid(op.kind, op.object)));
        } else {
            op.put(&mut delta.put);
        }
    }
    delta
}

impl Compiler {
    /// Another one, that gives the same numbers.
    fn like(other: &Self) -> Self {
        let mut new = Self::new(other.names.clone(), other.limits.clone(), None);
        new.product_numbers = other.product_numbers.clone();
        new.route_numbers = other.route_numbers.clone();
        new.target_numbers = other.target_numbers.clone();
        new.ip_lists.numbers = other.ip_lists.numbers.clone();
        new.consumers.plan_numbers = other.consumers.plan_numbers.clone();
        new
    }
}

/// Everything that a request may meet, in words.
fn told(compiler: &Compiler, state: &State) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    for object in 0..OBJECTS {
        for other in [false, true] {
            let key = state.keys.find(&digest(object, other));
            told.insert(format!("key {object} {other} {key:?}"));
            for (wall, from) in [(0, "10.0.0.1"), (150_000_000, "192.168.0.1")] {
                let judged = key.map(|key| state.keys.judge(key, wall, from.parse().unwrap()));
                told.insert(format!("judged {object} {other} {wall} {judged:?}"));
            }
            for host in ["x.org", "y.org"] {
                let route = state.routes.find(host, &path(object as u32, other));
                // When a target was added is no part of what is asked for: it begins slowly.
                let route = format!("{route:?}").replace(&format!("back: {}", u64::MAX), "back: 0");
                told.insert(format!("route {object} {other} {host} {route}"));
                let retired = state.retired.as_ref();
                let retired = retired.and_then(|all| all.find(host, &path(object as u32, other)));
                told.insert(format!("retired {object} {other} {host} {retired:?}"));
            }
        }
        let number = compiler
            .consumers
            .plan_numbers
            .get(&id(Kind::Plan, object as u32));
        let plan = number.and_then(|number| state.plans.get(*number as usize)?.as_ref());
        told.insert(format!("plan {object} {plan:?}"));
        let organization = id(Kind::Organization, object as u32);
        told.insert(format!(
            "suspended {object} {}",
            state.is_suspended(organization)
        ));
        let credential = id(Kind::Credential, object as u32);
        told.insert(format!(
            "digest {object} {:?}",
            compiler.digest_of(credential)
        ));
    }
    tls::told(state, &mut told);
    parts::told(compiler, state, &mut told);
    told.insert(format!("settings {:?}", state.settings));
    told.insert(format!("number {}", state.number));
    let names: BTreeMap<_, _> = compiler.route_names.all().into_iter().collect();
    told.insert(format!("names {names:?}"));
    told
}

/// The numbers of all targets that are named.
fn targets(state: &State) -> BTreeSet<u32> {
    let members = state.upstreams.iter().flat_map(|one| &one.targets);
    members.map(|member| member.target.number).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn changes_add_up_to_the_whole(steps in prop::collection::vec(ops(), 1..20)) {
        let data = tempfile::tempdir().unwrap();
        let disk = Disk::new(data.path(), &KeyRing::new(vec![[1; 32]]));
        let mut kept = Kept::new(disk.clone());
        let mut whole = Snapshot { schema: SCHEMA, state: 1, parts: Parts::default() };
        kept.whole(&Whole::of(&whole).unwrap()).unwrap();
        let mut changing = Compiler::new(Arc::default(), Arc::default(), None);
        changing.full(whole.clone()).unwrap();
        let mut state = None;
        let mut before = BTreeSet::new();
        for ops in &steps {
            let delta = delta(whole.state, ops);
            whole.state = delta.state;
            whole.parts.apply(delta.clone());
            kept.changes(std::slice::from_ref(&delta)).unwrap();
            state = Some(changing.delta(delta).unwrap());
            // Half of the way is looked at as well: what is wrong there may be put right later.
            let mut anew = Compiler::like(&changing);
            let expected = anew.full(whole.clone()).unwrap();
            let state = state.as_ref().unwrap();
            prop_assert_eq!(told(&changing, state), told(&anew, &expected));
            let gone: BTreeSet<u32> = state.gone.iter().map(|one| one.number).collect();
            let there = targets(state);
            prop_assert!(gone.is_disjoint(&there), "{:?} {:?}", gone, there);
            prop_assert!(before.difference(&there).all(|left| gone.contains(left)));
            before = there;
        }
        let from_disk = disk.load().unwrap().unwrap();
        let mut anew = Compiler::like(&changing);
        let expected = anew.full(from_disk).unwrap();
        let state = state.unwrap();
        prop_assert_eq!(told(&changing, &state), told(&anew, &expected));
    }
}

#[test]
fn a_change_shares_what_it_does_not_touch() {
    let mut compiler = Compiler::new(Arc::default(), Arc::default(), None);
    let mut parts = Parts::default();
    let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Settings);
    for kind in kinds {
        for object in 0..OBJECTS {
            Op {
                kind,
                object,
                dice: 0b1111_0001,
            }
            .put(&mut parts);
        }
    }
    let plan = parts.plans[0].clone();
    let version = parts.versions[0].clone();
    let before = compiler
        .full(Snapshot {
            schema: SCHEMA,
            state: 1,
            parts,
        })
        .unwrap();
    let put = |parts: Parts, state: u64| Delta {
        from: state - 1,
        state,
        put: parts,
        gone: Vec::new(),
    };
    let plans = Parts {
        plans: vec![plan],
        ..Parts::default()
    };
    let after = compiler.delta(put(plans, 2)).unwrap();
    assert!(!Arc::ptr_eq(&before.plans, &after.plans));
    for object in 0..OBJECTS {
        let of = |state: &State| {
            let key = state.keys.find(&digest(object, true)).unwrap();
            key.held()
        };
        assert!(
            of(&before).is(&of(&after)),
            "its subscribers are as they were"
        );
    }
    let versions = Parts {
        versions: vec![version],
        ..Parts::default()
    };
    let last = compiler.delta(put(versions, 3)).unwrap();
    let at = |state: &State, object: u32| {
        let found = state.routes.find("y.org", &path(object, false));
        found.and_then(|(spot, _)| match spot {
            Spot::Only(route) => Some(route.clone()),
            Spot::Choice(_) => None,
        })
    };
    assert!(!Arc::ptr_eq(
        &at(&after, 0).unwrap(),
        &at(&last, 0).unwrap()
    ));
    for object in 1..OBJECTS as u32 {
        assert!(Arc::ptr_eq(
            &at(&after, object).unwrap(),
            &at(&last, object).unwrap()
        ));
    }
    assert!(Arc::ptr_eq(&after.plans, &last.plans));
}
