//! Versions, upstreams and lists, and what is to be told of them.

use std::collections::BTreeSet;

use domain::label::Label;
use domain::policy::ip_filter::Listed;
use domain::upstream::{CallerIs, Chosen};

use super::*;

pub(super) fn version(own: u32, dice: u32) -> snapshot::Version {
    let any = |shift: u32| dice >> shift;
    let is = |shift: u32| dice >> shift & 1 == 1;
    snapshot::Version {
        document: None,
        deprecation: is(22).then(|| deprecation(any(23))),
        unreadable: unreadable(any(23)),
        id: id(Kind::Version, own),
        api: id(Kind::Api, any(2)),
        slug: format!("v{}", any(4) % 2),
        enabled: is(5),
        revision: Revision {
            id: id(Kind::Version, own),
            number: any(6) % 3,
            route: snapshot::Route {
                hosts: (is(8).then(|| "x.org".to_owned())).into_iter().collect(),
                path: path(own, is(9)),
                strip_path: is(10),
                encoded_slashes: false,
                timeouts: None,
                selector: None,
                when: Vec::new(),
            },
            upstream: id(Kind::Upstream, any(11)),
            test_upstream: is(13).then(|| id(Kind::Upstream, any(14))),
            upstreams: is(12).then(|| chosen(any(15))).into_iter().collect(),
            policies: policies(any(16), if is(21) { FILTER } else { LIMIT }),
            operations_mode: [Operations::Open, Operations::Listed][any(20) as usize % 2],
            operations: Vec::new(),
        },
    }
}

fn deprecation(dice: u32) -> snapshot::Deprecation {
    snapshot::Deprecation {
        since: chrono::DateTime::UNIX_EPOCH,
        sunset: (dice & 1 == 1).then_some(chrono::DateTime::UNIX_EPOCH),
        successor: (dice >> 1 & 1 == 1).then(|| id(Kind::Version, dice >> 2)),
        retires: dice >> 4 & 1 == 1,
    }
}

/// At the place of a version that may be there, or of another API's that is retired as well.
pub(super) fn retired(own: u32, dice: u32) -> Vec<snapshot::Retired> {
    let is_there = dice & 1 == 1;
    let place = dice >> 1 & 3;
    let one = is_there.then(|| snapshot::Retired {
        id: domain::id::VersionId::from_name("retired", &own.to_string()),
        slug: "v0".to_owned(),
        revision: 1,
        route: snapshot::Route::at(path(place, false)),
        deprecation: deprecation(dice >> 3),
        cors: None,
    });
    one.into_iter().collect()
}

/// Few, as a route answers nothing else then.
pub(super) fn unreadable(dice: u32) -> Option<String> {
    (dice & 7 == 7).then(|| "it is newer".to_owned())
}

fn chosen(dice: u32) -> Chosen {
    Chosen {
        when: CallerIs {
            plan: Some("gold".to_owned()),
            ..CallerIs::default()
        },
        upstream: id(Kind::Upstream, dice),
    }
}

pub(super) fn upstream(own: u32, dice: u32) -> snapshot::Upstream {
    let url = format!("http://u{}.test", dice >> 2 & 1);
    let settings = format!(r#"{{"targets":[{{"url":"{url}"}}]}}"#);
    let settings: UpstreamSettings = serde_json::from_str(&settings).unwrap();
    snapshot::Upstream {
        id: id(Kind::Upstream, own),
        organization: id(Kind::Organization, dice >> 3),
        name: format!("u{own}"),
        settings,
        credential: Secret::None,
        client_certificate: None,
        unreadable: unreadable(dice >> 20),
    }
}

pub(super) fn labels(dice: u32) -> Vec<Label> {
    let label = |name: &str| Label {
        name: name.to_owned(),
        value: format!("{}", dice % 3),
    };
    let all = ["tier", "a/b"].map(label).into_iter();
    all.take(dice as usize % 3).collect()
}

/// Its name is its own, but it may be another organization's.
pub(super) fn ip_list(own: u32, dice: u32) -> snapshot::IpList {
    let networks = (0..dice >> 2 & 3).map(|net| format!("10.{net}.{}.0/24", dice >> 4 & 1));
    snapshot::IpList {
        id: id(Kind::IpList, own),
        organization: id(Kind::Organization, dice >> 5),
        name: format!("l{}", if dice >> 8 & 3 == 0 { own + 4 } else { own }),
        networks: networks.map(Listed::Always).collect(),
    }
}

/// What stands in the lists that are there.
pub(super) fn told(compiler: &Compiler, state: &State, told: &mut BTreeSet<String>) {
    for object in 0..OBJECTS as u32 {
        let number = compiler.ip_lists.numbers.get(&id(Kind::IpList, object));
        let list = number.and_then(|number| state.ip_list(*number));
        told.insert(format!("list {object} {list:?}"));
    }
}

#[test]
fn a_list_changes_alone() {
    let mut compiler = Compiler::new(Arc::default(), Arc::default(), None);
    let mut parts = Parts::default();
    let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Settings);
    for kind in kinds {
        for object in 0..OBJECTS {
            let dice = 0b1111_0001;
            Op { kind, object, dice }.put(&mut parts);
        }
    }
    for (number, list) in parts.ip_lists.iter_mut().enumerate() {
        list.organization = id(Kind::Organization, 0);
        list.name = format!("l{number}");
    }
    let api = parts.versions[0].api;
    let owner = parts.apis.iter_mut().find(|one| one.id == api).unwrap();
    owner.organization = id(Kind::Organization, 0);
    parts.versions[0].revision.policies =
        serde_json::from_str(r#"[{"ip_filter":{"deny_lists":["l1"]}}]"#).unwrap();
    let (mut list, mut other) = (parts.ip_lists[1].clone(), parts.ip_lists[2].clone());
    let before = Snapshot {
        schema: SCHEMA,
        state: 1,
        parts,
    };
    let before = compiler.full(before).unwrap();
    let put = |list: snapshot::IpList, state: u64| Delta {
        from: state - 1,
        state,
        put: Parts {
            ip_lists: vec![list],
            ..Parts::default()
        },
        gone: Vec::new(),
    };
    let at = |state: &State| {
        let found = state.routes.find("y.org", &path(0, false));
        match found {
            Some((Spot::Only(route), _)) => route.clone(),
            Some((Spot::Choice(_), _)) | None => panic!("no route"),
        }
    };
    list.networks = vec![Listed::Always("8.8.8.8".to_owned())];
    let after = compiler.delta(put(list.clone(), 2)).unwrap();
    assert!(
        Arc::ptr_eq(&at(&before), &at(&after)),
        "its networks are new, and nothing else"
    );
    let number = compiler.ip_lists.numbers[&list.id];
    let finds = |state: &State| state.ip_list(number)?.find([8, 8, 8, 8].into(), 0);
    assert_eq!((finds(&before), finds(&after)), (None, Some(32)));
    assert!(at(&after).chain.is_ok());
    other.name = "else".to_owned();
    let elsewhere = compiler.delta(put(other, 3)).unwrap();
    assert!(
        Arc::ptr_eq(&at(&after), &at(&elsewhere)),
        "it names no list of that name"
    );
    list.name = "other".to_owned();
    let renamed = compiler.delta(put(list, 4)).unwrap();
    assert!(at(&renamed).chain.is_err(), "what is named is not there");
}
