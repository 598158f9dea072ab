//! States and what changes of them.

use super::*;

fn organization(name: &str, suspended: bool) -> Organization {
    Organization {
        id: OrganizationId::from_name("o", name),
        slug: name.into(),
        suspended,
        policies: vec![],
        unreadable: None,
    }
}

#[test]
fn a_delta_replaces_adds_and_removes() {
    let mut parts = Parts {
        organizations: vec![organization("a", false), organization("b", false)],
        ..Parts::default()
    };
    parts.apply(Delta {
        from: 1,
        state: 4,
        put: Parts {
            organizations: vec![organization("a", true), organization("c", false)],
            ..Parts::default()
        },
        gone: vec![(Kind::Organization, organization("b", false).id.uuid())],
    });
    assert_eq!(
        parts.organizations,
        [organization("a", true), organization("c", false)]
    );
}

#[test]
fn a_state_survives_the_disk() {
    let snapshot = Snapshot {
        schema: SCHEMA,
        state: 7,
        parts: Parts {
            organizations: vec![organization("a", false)],
            ..Parts::default()
        },
    };
    let json = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), snapshot);
}
