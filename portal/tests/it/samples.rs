//! Sample props of the pages, made up like those of the visual prototype.

use domain::{
    actor::{Actor, Owned},
    id::OrganizationId,
    lifecycle::VersionState,
};
use frontend::{
    document::Theme,
    form::Form,
    frame::{Membership, Person, Place, Visitor},
    pages::{
        catalog::{Catalog, Entry, Facet, FacetValue},
        failure::Failure,
        landing::Landing,
        sign_in::SignIn,
    },
    part::state::Badge,
};

pub(crate) fn anonymous(theme: Theme) -> Visitor {
    Visitor {
        site: "Foxglove Books".into(),
        theme,
        person: None,
        scripted: true,
    }
}

pub(crate) fn signed_in(theme: Theme) -> Visitor {
    let person = Person {
        name: "Mara Tiller".into(),
        email: "mara@foxglove.example".into(),
        organizations: vec![Membership {
            slug: "foxglove".into(),
            name: "Foxglove Books".into(),
            teams: vec![
                ("storefront".into(), "Storefront".into()),
                ("warehouse".into(), "Warehouse".into()),
            ],
        }],
        operator: false,
        waiting: 3,
    };
    Visitor {
        site: "Portunus".into(),
        person: Some(person),
        ..anonymous(theme)
    }
}

pub(crate) fn storefront() -> Place {
    let owned = Owned {
        organization: OrganizationId::from_name("organization", "foxglove"),
        team: None,
    };
    Place::new(
        &Actor::System("sample"),
        owned,
        ("foxglove".into(), "Foxglove Books".into()),
        Some(("storefront".into(), "Storefront".into())),
    )
}

pub(crate) fn sign_in(theme: Theme) -> SignIn {
    SignIn {
        visitor: anonymous(theme),
        form: Form::typed(vec![
            ("email".into(), "ines@lantern.example".into()),
            ("password".into(), "must never come back".into()),
        ])
        .problem_at("/password", "E-mail or password is not right."),
        notice: None,
        next: Some("/o/foxglove".into()),
        open: true,
    }
}

pub(crate) fn landing(theme: Theme) -> Landing {
    Landing {
        visitor: anonymous(theme),
        gateway_url: "https://api.foxglove.example/".into(),
        apis: 9,
        featured: entries(),
    }
}

pub(crate) fn catalog(theme: Theme) -> Catalog {
    let value = |words: &str, count, on| FacetValue {
        words: words.into(),
        href: "/apis".into(),
        count,
        on,
    };
    Catalog {
        visitor: anonymous(theme),
        words: String::new(),
        filters: vec![("tag".into(), "webhooks".into(), "/apis".into())],
        facets: vec![
            Facet {
                title: "Category",
                values: vec![value("All", 9, true), value("Commerce", 3, false)],
            },
            Facet {
                title: "Owner",
                values: vec![value("Storefront", 4, false), value("Warehouse", 2, false)],
            },
        ],
        entries: entries(),
        total: 9,
        newer: None,
        older: Some("/apis?after=x".into()),
    }
}

pub(crate) fn empty_catalog(theme: Theme) -> Catalog {
    Catalog {
        words: "<nothing>".into(),
        filters: Vec::new(),
        entries: Vec::new(),
        total: 0,
        ..catalog(theme)
    }
}

pub(crate) fn missing(theme: Theme) -> Failure {
    Failure {
        visitor: anonymous(theme),
        status: 404,
        code: "not_found".into(),
        title: "Not found".into(),
        detail: "There is no such thing, or it is not yours to see.".into(),
        ways: Failure::usual(),
        request_id: "0a9e4d6c-5b1f-4a53-9a6f-0d1b2c3d4e5f".into(),
    }
}

fn entries() -> Vec<Entry> {
    let entry =
        |name: &str, version: &str, state: VersionState, words: &str, owner: &str, operations| {
            Entry {
                href: format!("/apis/{}", name.to_lowercase()),
                name: name.into(),
                version: version.into(),
                state: match state {
                    VersionState::Published => Badge::from(state).quiet(),
                    other => Badge::from(other),
                },
                description: words.into(),
                owner: owner.into(),
                operations,
                remarks: vec!["streaming".into()],
                plan: Some(("Free plan".into(), "approved at once".into())),
            }
        };
    let published = VersionState::Published;
    vec![
        entry(
            "Bookshop",
            "v2",
            published,
            "Titles, editions, prices and orders. The API behind every Foxglove shop window.",
            "Storefront",
            24,
        ),
        entry(
            "Inventory",
            "v1",
            published,
            "Stock per shop and warehouse, reservations, and a stream of changes as Server-Sent Events.",
            "Warehouse",
            11,
        ),
        entry(
            "Reviews",
            "v1",
            VersionState::Deprecated,
            "Reader reviews and ratings. Moved into Bookshop v2; no new subscriptions.",
            "Storefront",
            1,
        ),
    ]
}
