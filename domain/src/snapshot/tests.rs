//! States and what changes of them.

use super::*;

fn organization(name: &str, suspended: bool) -> Organization {
    Organization {
        id: OrganizationId::from_name("o", name),
        slug: name.into(),
        suspended,
        client_addresses: ClientAddresses::default(),
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

#[test]
fn what_is_retired_is_no_version_to_a_former_release() {
    let since = "2026-01-02T03:04:05Z".parse().unwrap();
    let api = Api {
        id: ApiId::from_name("api", "shop"),
        organization: OrganizationId::from_name("o", "a"),
        slug: "shop".into(),
        policies: vec![],
        labels: vec![],
        purges: vec![],
        unreadable: None,
        retired: vec![Retired {
            id: VersionId::from_name("version", "v1"),
            slug: "v1".into(),
            revision: 3,
            route: Route::at("/shop/v1"),
            deprecation: Deprecation {
                since,
                sunset: None,
                successor: None,
                retires: false,
            },
            cors: None,
        }],
    };
    let parts = Parts {
        apis: vec![api],
        ..Parts::default()
    };
    let mut json = serde_json::to_value(&parts).unwrap();
    assert_eq!(
        serde_json::from_value::<Parts>(json.clone()).unwrap(),
        parts
    );
    assert_eq!(json["versions"], serde_json::json!([]));
    // A former release writes no such member, and passes over it.
    json["apis"][0].as_object_mut().unwrap().remove("retired");
    let former: Parts = serde_json::from_value(json).unwrap();
    assert!(former.apis[0].retired.is_empty());
}

#[test]
fn only_a_chosen_sunset_is_an_end() {
    let sunset = "2026-06-01T00:00:00Z".parse().ok();
    for (sunset, retires, end) in [
        (sunset, true, sunset),
        (sunset, false, None),
        (None, true, None),
    ] {
        let deprecation = Deprecation {
            since: "2026-01-01T00:00:00Z".parse().unwrap(),
            sunset,
            successor: None,
            retires,
        };
        assert_eq!(deprecation.end(), end, "{sunset:?} {retires}");
    }
}
