//! A provider with one published API and a consumer who is subscribed to it, as rows.

use chrono::{DateTime, Utc};
use domain::api::Operations;
use domain::id::Id;
use domain::snapshot::{self, Route};
use entity::{
    api, application, certificate, certificate_host, credential, host, ip_list, ip_list_content,
    organization, plan, product, product_version, revision, subscription, team, upstream, version,
};
use sea_orm::{ActiveModelTrait, ConnectionTrait, IntoActiveModel};
use uuid::Uuid;

pub(crate) fn id(name: &str) -> Uuid {
    Id::<()>::from_name("test", name).uuid()
}

pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 123_456_000).unwrap()
}

pub(crate) async fn insert<C: ConnectionTrait, M>(db: &C, row: M)
where
    M: IntoActiveModel<<M::Entity as sea_orm::EntityTrait>::ActiveModel> + sea_orm::ModelTrait,
    M: sea_orm::FromQueryResult,
    <M::Entity as sea_orm::EntityTrait>::ActiveModel: Send + ActiveModelTrait<Entity = M::Entity>,
{
    let row = row.into_active_model();
    <M::Entity as sea_orm::EntityTrait>::insert(row)
        .exec_without_returning(db)
        .await
        .unwrap();
}

pub(crate) fn organization(name: &str) -> organization::Model {
    organization::Model {
        id: id(name),
        slug: name.into(),
        name: name.into(),
        state: "active".into(),
        grants: format!(r#"[{{"path":"/{name}"}}]"#),
        client_addresses: "whole".into(),
        policies: r#"[{"key_auth":{}}]"#.into(),
        created_at: at(0),
        created_by: None,
        etag: 1,
    }
}

pub(crate) fn team(organization: &str) -> team::Model {
    team::Model {
        id: id(&format!("{organization} team")),
        organization_id: id(organization),
        slug: "team".into(),
        name: "Team".into(),
        description: String::new(),
        created_at: at(0),
        etag: 1,
    }
}

pub(crate) fn upstream(name: &str) -> upstream::Model {
    upstream::Model {
        id: id(name),
        organization_id: id("provider"),
        team_id: id("provider team"),
        name: name.into(),
        settings: r#"{"targets":[{"url":"http://127.0.0.1:9000"}]}"#.into(),
        credential: Some("c2VhbGVk".into()),
        client_certificate: None,
        client_key: None,
        created_at: at(0),
        updated_at: at(0),
        etag: 1,
    }
}

pub(crate) fn certificate(name: &str) -> certificate::Model {
    certificate::Model {
        id: id(name),
        organization_id: Some(id("provider")),
        name: name.into(),
        is_default: false,
        chain: "-----BEGIN CERTIFICATE-----".into(),
        key: "c2VhbGVk".into(),
        created_at: at(0),
        updated_at: at(0),
        etag: 1,
    }
}

pub(crate) fn certificate_host(certificate: Uuid, host: &str) -> certificate_host::Model {
    certificate_host::Model {
        host: host.into(),
        certificate_id: certificate,
    }
}

pub(crate) fn ip_list(name: &str) -> ip_list::Model {
    ip_list::Model {
        id: id(name),
        organization_id: id("provider"),
        name: name.replace(' ', "-"),
        description: String::new(),
        entries: 2,
        source: None,
        source_tag: None,
        fetched_at: None,
        tried_at: None,
        problem: None,
        failures: 0,
        next_at: None,
        created_at: at(0),
        updated_at: at(0),
        etag: 1,
    }
}

pub(crate) fn ip_list_content(list: Uuid, until: u32) -> ip_list_content::Model {
    ip_list_content::Model {
        list_id: list,
        entries: format!(
            r#"[{{"net":"10.0.0.0/8","note":"for people"}},{{"net":"::1","until":"20{until}-01-01T00:00:00Z"}}]"#
        ),
    }
}

pub(crate) fn host(name: &str) -> host::Model {
    host::Model {
        id: id(name),
        organization_id: None,
        host: format!("{}.test", name.replace(' ', "-")),
        tls: Some("required".into()),
        client_ca: None,
        client_crl: None,
        client_crl_current: None,
        created_at: at(0),
        updated_at: at(0),
        etag: 1,
    }
}

pub(crate) fn version(name: &str) -> version::Model {
    version::Model {
        id: id(name),
        organization_id: id("provider"),
        api_id: id("api"),
        slug: name.into(),
        state: "published".into(),
        enabled: true,
        current_revision_id: Some(id(&format!("{name} 1"))),
        deprecated_at: None,
        sunset_at: None,
        successor_id: None,
        retire_at_sunset: false,
        message: String::new(),
        created_at: at(0),
        published_at: Some(at(1)),
        etag: 1,
    }
}

pub(crate) fn revision(version: &str, number: i32) -> revision::Model {
    let name = format!("{version} {number}");
    let snapshot = snapshot::Revision {
        id: id(&name).into(),
        number: number.unsigned_abs(),
        route: Route {
            hosts: vec![],
            path: format!("/provider/{version}"),
            ..domain::snapshot::Route::at("/")
        },
        upstream: id("upstream").into(),
        test_upstream: None,
        upstreams: vec![],
        policies: vec![],
        operations_mode: Operations::Listed,
        operations: vec![],
    };
    revision::Model {
        id: id(&name),
        version_id: id(version),
        number,
        document_id: None,
        snapshot: serde_json::to_string(&snapshot).unwrap(),
        note: String::new(),
        created_at: at(0),
        created_by: None,
    }
}

pub(crate) fn plan(name: &str) -> plan::Model {
    plan::Model {
        id: id(name),
        organization_id: id("provider"),
        product_id: id("product"),
        slug: name.into(),
        name: name.into(),
        description: String::new(),
        state: "published".into(),
        approval: "manual".into(),
        terms: String::new(),
        terms_revision: 1,
        price: String::new(),
        policies: r#"[{"rate_limit":{"limit":5,"window":"60s"}}]"#.into(),
        scopes: None,
        max_per_application: None,
        max_subscriptions: None,
        organizations: "[]".into(),
        priority: 0,
        position: 0,
        created_at: at(0),
        published_at: None,
        etag: 1,
    }
}

pub(crate) fn credential(name: &str) -> credential::Model {
    credential::Model {
        id: id(name),
        organization_id: id("consumer"),
        application_id: id("application"),
        kind: "key".into(),
        digest: [id(name).as_bytes().as_slice(), id(name).as_bytes()].concat(),
        claim: None,
        claimed: None,
        display_id: "ptn_live_ab".into(),
        name: name.into(),
        environment: "live".into(),
        cidrs: r#"["10.0.0.0/8"]"#.into(),
        created_at: at(0),
        created_by: None,
        expires_at: Some(at(1000)),
        retires_at: None,
        revoked_at: None,
        revoked_by: None,
        rolled_from: None,
        told_end: None,
        told_ahead: None,
        tell_after: None,
        etag: 1,
    }
}

pub(crate) fn subscription(name: &str, state: &str) -> subscription::Model {
    subscription::Model {
        id: id(name),
        provider_id: id("provider"),
        consumer_id: id("consumer"),
        application_id: id("application"),
        product_id: id("product"),
        plan_id: id("plan"),
        state: state.into(),
        paused: false,
        reason: "please".into(),
        decision_note: String::new(),
        requested_by: None,
        requested_at: at(0),
        decided_by: None,
        decided_at: None,
        approved_at: Some(at(5)),
        starts_at: None,
        ends_at: None,
        terms_revision: None,
        updated_at: at(0),
        etag: 1,
    }
}

/// All of it. Nothing is appended to the change table.
pub(crate) async fn plant<C: ConnectionTrait>(db: &C) {
    for name in ["provider", "consumer"] {
        insert(db, organization(name)).await;
        insert(db, team(name)).await;
    }
    insert(db, upstream("upstream")).await;
    let api = api::Model {
        purges: None,
        id: id("api"),
        organization_id: id("provider"),
        team_id: id("provider team"),
        slug: "api".into(),
        name: "API".into(),
        summary: String::new(),
        description: String::new(),
        category: String::new(),
        tags: "[]".into(),
        labels: r#"[{"name":"tier","value":"gold"}]"#.into(),
        visibility: "private".into(),
        policies: "[]".into(),
        search: api::search_text(["API", "Bücher"]),
        created_at: at(0),
        updated_at: at(0),
        etag: 1,
    };
    insert(db, api).await;
    insert(db, version("v1")).await;
    insert(db, revision("v1", 1)).await;
    let product = product::Model {
        id: id("product"),
        organization_id: id("provider"),
        team_id: id("provider team"),
        slug: "product".into(),
        name: "Product".into(),
        description: String::new(),
        created_at: at(0),
        etag: 1,
    };
    insert(db, product).await;
    insert(
        db,
        product_version::Model {
            product_id: id("product"),
            version_id: id("v1"),
        },
    )
    .await;
    insert(db, plan("plan")).await;
    let application = application::Model {
        id: id("application"),
        organization_id: id("consumer"),
        team_id: id("consumer team"),
        slug: "application".into(),
        name: "Application".into(),
        description: String::new(),
        state: "active".into(),
        labels: Some(r#"[{"name":"team","value":""},{"name":"a/b","value":"c.d"}]"#.into()),
        created_at: at(0),
        created_by: None,
        etag: 1,
    };
    insert(db, application).await;
    insert(db, credential("key")).await;
    insert(db, subscription("subscription", "approved")).await;
}
