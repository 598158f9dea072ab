//! Which versions a product bundles: those of its own team; an organization admin adds any of the
//! organization's.

use domain::actor::Action;
use domain::id::{ProductId, VersionId};
use domain::snapshot::Kind;
use domain::wire::Named;
use domain::wire::products::BundledVersion;
use entity::{api, product, product_version, version};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, RelationTrait, Set,
};
use serde_json::json;
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::versions::Loaded;
use crate::write::{Audit, Write};

const MAX_VERSIONS: usize = 200;

/// Replaces the whole bundle; what was in it before may stay whoever put it there.
pub(super) async fn replace(
    write: &Write<'_>,
    row: &product::Model,
    versions: &[VersionId],
) -> Result<()> {
    if versions.len() > MAX_VERSIONS {
        return Err(Error::field(
            "/versions",
            format!("Bundle at most {MAX_VERSIONS} versions."),
        ));
    }
    let had = ids(write.tx(), row.id).await?;
    for (index, id) in versions.iter().enumerate() {
        let known =
            had.contains(&id.uuid()) || may_bundle(write.ctx(), write.tx(), row, *id).await?;
        if !known {
            let message = "Choose a version of an API that the product's team owns.";
            return Err(Error::field(format!("/versions/{index}"), message));
        }
    }
    product_version::Entity::delete_many()
        .filter(product_version::Column::ProductId.eq(row.id))
        .exec(write.tx())
        .await?;
    let mut wanted: Vec<Uuid> = versions.iter().map(|id| id.uuid()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    for version in wanted {
        add(write.tx(), row.id, version).await?;
    }
    Ok(())
}

async fn may_bundle<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    row: &product::Model,
    id: VersionId,
) -> Result<bool> {
    let found = version::Entity::find_by_id(id.uuid())
        .find_also_related(api::Entity)
        .one(db)
        .await?;
    let Some((_, Some(api))) = found else {
        return Ok(false);
    };
    let organization = row.organization_id.into();
    let any = ctx.can(Action::EditProduct, organization, None);
    Ok(api.organization_id == row.organization_id && (any || api.team_id == row.team_id))
}

async fn add<C: ConnectionTrait>(db: &C, product: Uuid, version: Uuid) -> Result<()> {
    let row = product_version::ActiveModel {
        product_id: Set(product),
        version_id: Set(version),
    };
    product_version::Entity::insert(row)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

pub(super) async fn ids<C: ConnectionTrait>(db: &C, product: Uuid) -> Result<Vec<Uuid>> {
    let found = product_version::Entity::find()
        .select_only()
        .column(product_version::Column::VersionId)
        .filter(product_version::Column::ProductId.eq(product))
        .order_by_asc(product_version::Column::VersionId);
    Ok(found.into_tuple().all(db).await?)
}

/// Sees to it that a version which is being published is offered: in `wanted`; else where it is
/// already; else beside its API's other versions; else in a product of its own.
pub(crate) async fn offer(
    write: &mut Write<'_>,
    loaded: &Loaded,
    wanted: Option<ProductId>,
) -> Result<()> {
    let ctx = write.ctx();
    let version = loaded.version.id;
    let row = match wanted {
        Some(id) => {
            let row = super::load(ctx, write.tx(), id, Action::EditProduct).await?;
            if !may_bundle(ctx, write.tx(), &row, version.into()).await? {
                return Err(Error::field(
                    "/product",
                    "Choose a product of the API's team.",
                ));
            }
            row
        }
        None if is_offered(write.tx(), version).await? => return Ok(()),
        None => match beside(write.tx(), loaded).await? {
            Some(row) => row,
            None => {
                let api = &loaded.api;
                let (organization, name) = (api.organization_id.into(), api.name.clone());
                super::insert(
                    write,
                    organization,
                    api.team_id,
                    &name,
                    None,
                    api.summary.clone(),
                )
                .await?
            }
        },
    };
    if ids(write.tx(), row.id).await?.contains(&version) {
        return Ok(());
    }
    add(write.tx(), row.id, version).await?;
    let audit = Audit::new("product.add_version", "product", row.id).of(row.organization_id.into());
    write
        .audit(audit.after(json!({ "version": version })))
        .await?;
    write.changed(Kind::Product, row.id).await
}

async fn is_offered<C: ConnectionTrait>(db: &C, version: Uuid) -> Result<bool> {
    Ok(product_version::Entity::find()
        .filter(product_version::Column::VersionId.eq(version))
        .count(db)
        .await?
        > 0)
}

/// The oldest product of the same team that bundles another version of the API.
async fn beside<C: ConnectionTrait>(db: &C, loaded: &Loaded) -> Result<Option<product::Model>> {
    let found = product::Entity::find()
        .join(
            JoinType::InnerJoin,
            product_version::Relation::Product.def().rev(),
        )
        .join(
            JoinType::InnerJoin,
            product_version::Relation::Version.def(),
        )
        .filter(version::Column::ApiId.eq(loaded.api.id))
        .filter(product::Column::TeamId.eq(loaded.api.team_id))
        .order_by_asc(product::Column::Id)
        .one(db);
    Ok(found.await?)
}

pub(super) async fn show<C: ConnectionTrait>(db: &C, product: Uuid) -> Result<Vec<BundledVersion>> {
    let ids = ids(db, product).await?;
    let rows = version::Entity::find()
        .filter(version::Column::Id.is_in(ids))
        .find_also_related(api::Entity)
        .order_by_desc(version::Column::Id)
        .all(db)
        .await?;
    let mut shown = Vec::with_capacity(rows.len());
    for (version, api) in rows {
        let Some(api) = api else { continue };
        shown.push(BundledVersion {
            id: version.id.into(),
            state: version.state()?,
            slug: version.slug,
            api: Named {
                id: api.id.into(),
                name: api.name,
                slug: api.slug,
            },
        });
    }
    Ok(shown)
}
