//! The catalog: published APIs as readers find them, each reader only those that its visibility
//! shows. Who may see an API may also ask for its plans.

mod entry;
mod page;
mod search;

use domain::actor::{Actor, Resource, Scope};
use entity::{api, product_version, version};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QuerySelect,
    QueryTrait, RelationTrait, Select,
};
use uuid::Uuid;

pub use page::{api_page, change_log, document, model, operations};
pub(crate) use search::contains;
pub use search::search;

use crate::ctx::Ctx;
use crate::error::Result;

/// States in which a version is shown and served.
const SERVED: [&str; 2] = ["published", "deprecated"];

/// APIs that the actor may see and that have something to show.
fn listed(actor: &Actor) -> Select<api::Entity> {
    let served = version::Entity::find()
        .select_only()
        .column(version::Column::ApiId)
        .filter(version::Column::State.is_in(SERVED))
        .into_query();
    visible(actor).filter(api::Column::Id.in_subquery(served))
}

/// `private` is for the owning team (and those above it), `internal` for the organization,
/// `public` for everyone. A token without the scope sees what everyone sees.
fn visible(actor: &Actor) -> Select<api::Entity> {
    let reads = |scope: &Scope| scope.resource == Resource::Apis;
    let scopes = actor.person().and_then(|person| person.scopes.as_ref());
    if scopes.is_some_and(|scopes| !scopes.iter().any(reads)) {
        return api::Entity::visible_to(&Actor::Anonymous);
    }
    api::Entity::visible_to(actor)
}

/// Whether the actor may ask for the product's plans: it offers a served version of an API that
/// the actor sees.
pub(crate) async fn sees_product<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    product: Uuid,
) -> Result<bool> {
    let seen = visible(&ctx.actor)
        .join(JoinType::InnerJoin, version::Relation::Api.def().rev())
        .join(
            JoinType::InnerJoin,
            product_version::Relation::Version.def().rev(),
        )
        .filter(product_version::Column::ProductId.eq(product))
        .filter(version::Column::State.is_in(SERVED));
    Ok(seen.count(db).await? > 0)
}
