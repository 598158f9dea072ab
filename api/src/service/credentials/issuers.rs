//! Whose tokens the APIs take that an application is subscribed to: what its clients are to be of.

use std::collections::BTreeMap;

use domain::actor::Action;
use domain::effective;
use domain::id::ApplicationId;
use domain::subscription::SubscriptionState;
use domain::wire::credentials::KnownIssuer;
use entity::{api, organization, subscription};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::ctx::Ctx;
use crate::error::Result;
use crate::service::first_call::served;
use crate::service::{applications, versions};

/// Each once, with the APIs that take its tokens, by name.
pub async fn issuers(ctx: &Ctx, application: ApplicationId) -> Result<Vec<KnownIssuer>> {
    let db = ctx.db();
    let application = applications::load(ctx, db, application, Action::ReadApplication).await?;
    let open = [SubscriptionState::Approved, SubscriptionState::Pending];
    let rows = subscription::Entity::find()
        .filter(subscription::Column::ApplicationId.eq(application.id))
        .filter(subscription::Column::State.is_in(open.map(SubscriptionState::as_str)))
        .all(db)
        .await?;
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows {
        for version in served(db, row.product_id).await? {
            for (issuer, api) in of_version(db, &version).await? {
                let apis = found.entry(issuer).or_default();
                if !apis.contains(&api) {
                    apis.push(api);
                }
            }
        }
    }
    let known = found.into_iter();
    Ok(known
        .map(|(issuer, apis)| KnownIssuer { issuer, apis })
        .collect())
}

async fn of_version<C: ConnectionTrait>(
    db: &C,
    version: &entity::version::Model,
) -> Result<Vec<(String, String)>> {
    let revision = versions::current_revision(db, version.current_revision_id).await?;
    let api = api::Entity::find_by_id(version.api_id).one(db).await?;
    let (Some((_, revision)), Some(api)) = (revision, api) else {
        return Ok(Vec::new());
    };
    let owner = organization::Entity::find_by_id(api.organization_id)
        .one(db)
        .await?;
    let of_organization = owner.map(|owner| owner.kept().policies).unwrap_or_default();
    let of_api = api.kept().policies;
    let chain = effective::chain(&of_organization, &of_api, &revision.policies, &[], &[]);
    let issuers = effective::issuers(&chain).into_iter();
    Ok(issuers
        .map(|issuer| (issuer.to_owned(), api.name.clone()))
        .collect())
}
