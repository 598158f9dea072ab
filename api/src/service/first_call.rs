//! The first call: a ready command that shows the API answering, made from the newest effective
//! subscription (portal.md §6).

use domain::actor::Action;
use domain::api::Operations;
use domain::id::ApplicationId;
use domain::openapi::{self, Fill, HeaderValue, Language, SampleRequest};
use domain::route::Ask;
use domain::snapshot;
use domain::wire::Named;
use domain::wire::applications::FirstCall;
use entity::{api, plan, product_version, subscription, version};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
    RelationTrait,
};

use crate::ctx::Ctx;
use crate::error::Result;
use crate::service::{applications, documents, subscriptions, versions};

const KEY_HEADER: &str = "X-Api-Key";

/// With a hint in the key's place; `None` while no subscription is effective.
pub async fn get(ctx: &Ctx, application: ApplicationId) -> Result<Option<FirstCall>> {
    with_key(ctx, application, "$API_KEY").await
}

/// With this key in it: only for the page that shows the key anyway.
pub(crate) async fn with_key(
    ctx: &Ctx,
    application: ApplicationId,
    key: &str,
) -> Result<Option<FirstCall>> {
    let db = ctx.db();
    let application = applications::load(ctx, db, application, Action::ReadApplication).await?;
    let rows = subscription::Entity::find()
        .filter(subscription::Column::ApplicationId.eq(application.id))
        .filter(subscription::Column::State.eq("approved"))
        .order_by_desc(subscription::Column::ApprovedAt)
        .find_also_related(plan::Entity)
        .all(db)
        .await?;
    for (row, plan) in rows {
        let Some(plan) = plan else { continue };
        if subscriptions::terms(&row, &plan)?.judge(ctx.now).is_err() {
            continue;
        }
        for version in served(db, row.product_id).await? {
            if let Some(call) = call_to(ctx, db, version, key).await? {
                return Ok(Some(call));
            }
        }
    }
    Ok(None)
}

/// A product's versions that gateways answer for, newest first.
pub(crate) async fn served<C: ConnectionTrait>(
    db: &C,
    product: uuid::Uuid,
) -> Result<Vec<version::Model>> {
    let rows = version::Entity::find()
        .join(
            JoinType::InnerJoin,
            product_version::Relation::Version.def().rev(),
        )
        .filter(product_version::Column::ProductId.eq(product))
        .filter(version::Column::Enabled.eq(true))
        .order_by_desc(version::Column::Id)
        .all(db)
        .await?;
    let mut kept = Vec::with_capacity(rows.len());
    for row in rows {
        if row.state()?.is_served() {
            kept.push(row);
        }
    }
    Ok(kept)
}

async fn call_to<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    version: version::Model,
    key: &str,
) -> Result<Option<FirstCall>> {
    let Some((row, revision)) = versions::current_revision(db, version.current_revision_id).await?
    else {
        return Ok(None);
    };
    let Some(api) = api::Entity::find_by_id(version.api_id).one(db).await? else {
        return Ok(None);
    };
    let base = base(ctx, &revision);
    let ask = ask(&revision, &version.slug);
    let api = Named {
        id: api.id.into(),
        name: api.name,
        slug: api.slug,
    };
    let header = (KEY_HEADER, key_value(key));
    if let Some(document) = row.document_id {
        let model = documents::model(db, document).await?;
        if let Some(operation) = openapi::first_call(&model) {
            let mut request =
                SampleRequest::new(&model, operation, &base, Some(header), Fill::Required);
            if let Some(ask) = ask {
                ask.add_to(&mut request);
            }
            return Ok(Some(FirstCall {
                api,
                version: version.slug,
                title: format!("{} {}", operation.method, operation.path),
                method: operation.method.as_str().to_owned(),
                curl: request.render(Language::Curl),
                url: request.url,
            }));
        }
        if revision.operations_mode == Operations::Listed {
            return Ok(None);
        }
    }
    let mut request = SampleRequest {
        method: openapi::Method::Get,
        url: base,
        headers: vec![(header.0.to_owned(), header.1)],
        body: None,
    };
    if let Some(ask) = ask {
        ask.add_to(&mut request);
    }
    Ok(Some(FirstCall {
        api,
        version: version.slug,
        title: format!("GET {}", revision.route.path),
        method: "GET".to_owned(),
        curl: request.render(Language::Curl),
        url: request.url,
    }))
}

fn key_value(key: &str) -> HeaderValue {
    match key.strip_prefix('$') {
        Some(variable) => HeaderValue::Variable(variable.to_owned()),
        None => HeaderValue::text(key),
    }
}

/// How a request asks for this version, where versions share its address.
pub(crate) fn ask(revision: &snapshot::Revision, version: &str) -> Option<Ask> {
    revision.route.selector.as_ref()?.ask(version)
}

pub(crate) fn base(ctx: &Ctx, revision: &snapshot::Revision) -> String {
    let host = revision
        .route
        .hosts
        .iter()
        .find(|host| !host.starts_with("*."))
        .map_or("", String::as_str);
    versions::address(ctx, host, &revision.route.path)
}
