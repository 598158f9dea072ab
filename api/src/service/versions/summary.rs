//! Versions in lists: what a row of an API's page says, in four queries for any number of APIs.

use std::collections::HashMap;

use domain::wire::versions::VersionSummary;
use entity::{draft, revision, route, version};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::Result;

type At = chrono::DateTime<chrono::Utc>;

/// By API, newest version first.
pub(crate) async fn summaries<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    apis: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Vec<VersionSummary>>> {
    let rows = version::Entity::find()
        .filter(version::Column::ApiId.is_in(apis))
        .order_by_desc(version::Column::Id)
        .all(db)
        .await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let drafts: Vec<(Uuid, At)> = draft::Entity::find()
        .select_only()
        .columns([draft::Column::VersionId, draft::Column::UpdatedAt])
        .filter(draft::Column::VersionId.is_in(ids.iter().copied()))
        .into_tuple()
        .all(db)
        .await?;
    let drafts: HashMap<Uuid, At> = drafts.into_iter().collect();
    let revisions: Vec<(Uuid, i32, At)> = revision::Entity::find()
        .select_only()
        .columns([
            revision::Column::Id,
            revision::Column::Number,
            revision::Column::CreatedAt,
        ])
        .filter(revision::Column::Id.is_in(rows.iter().filter_map(|row| row.current_revision_id)))
        .into_tuple()
        .all(db)
        .await?;
    let revisions: HashMap<Uuid, (i32, At)> = revisions
        .into_iter()
        .map(|(id, number, at)| (id, (number, at)))
        .collect();
    let routes = route::Entity::find()
        .filter(route::Column::VersionId.is_in(ids))
        .order_by_asc(route::Column::Host)
        .all(db)
        .await?;
    let routes: HashMap<Uuid, route::Model> = routes
        .into_iter()
        .rev()
        .map(|row| (row.version_id, row))
        .collect();

    let mut by_api: HashMap<Uuid, Vec<VersionSummary>> = HashMap::new();
    for row in rows {
        let current = row.current_revision_id.and_then(|id| revisions.get(&id));
        let drafted = drafts.get(&row.id).copied().unwrap_or(row.created_at);
        by_api.entry(row.api_id).or_default().push(VersionSummary {
            id: row.id.into(),
            state: row.state()?,
            enabled: row.enabled,
            current: current.and_then(|(number, _)| u32::try_from(*number).ok()),
            changed: current.is_none_or(|(_, published)| drafted > *published),
            address: routes
                .get(&row.id)
                .map(|route| address(ctx, &route.host, &route.path)),
            updated_at: drafted,
            slug: row.slug,
        });
    }
    Ok(by_api)
}

/// Where clients reach a route: the gateway's public address, with the route's own host if it has
/// one that is no pattern.
pub(crate) fn address(ctx: &Ctx, host: &str, path: &str) -> String {
    let gateway = &ctx.settings().gateway_url;
    let mut base = gateway.clone();
    if !host.is_empty() && !host.starts_with("*.") {
        // A host that is well-formed as a route is well-formed in a URL.
        let _ = base.set_host(Some(host));
    }
    let base = base.as_str().trim_end_matches('/');
    if path == "/" {
        base.to_owned()
    } else {
        format!("{base}{path}")
    }
}
