//! Products: bundles of versions, owned by one team, offered under plans.

mod bundle;

use domain::actor::Action;
use domain::id::{OrganizationId, ProductId};
use domain::name::{DisplayName, Slug};
use domain::problem::Code;
use domain::snapshot::Kind;
use domain::wire::products::{CreateProduct, EditProduct, Product};
use domain::wire::{Page, TeamPaging};
use entity::{plan, product, subscription};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ModelTrait,
    PaginatorTrait, QueryFilter, QuerySelect,
};
use serde_json::json;
use uuid::Uuid;

pub(crate) use bundle::offer;

use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::Window;
use crate::service::reach::{self, Reach};
use crate::service::{apis, names, plans};
use crate::write::{Audit, Write, expect};

const SLUG_TAKEN: &str = "Another product of the organization has this address.";
const MAX_DESCRIPTION: usize = 10_000;

/// States in which a subscription is open.
pub(crate) const OPEN: [&str; 3] = ["pending", "approved", "suspended"];

pub async fn list(
    ctx: &Ctx,
    organization: OrganizationId,
    paging: &TeamPaging,
) -> Result<Page<Product>> {
    let reach = Reach::of(ctx, Action::ReadProduct, organization, paging.team)?;
    let window = Window::<Uuid>::new(&paging.paging())?;
    let query =
        product::Entity::find().filter(product::Column::OrganizationId.eq(organization.uuid()));
    let query = window.newest_first(
        reach.narrow(query, product::Column::TeamId),
        product::Column::Id,
    );
    let page = window.page(query.all(ctx.db()).await?, |row| row.id);
    let mut items = Vec::with_capacity(page.items.len());
    for row in page.items {
        items.push(show(ctx, row).await?);
    }
    Ok(Page {
        items,
        next: page.next,
    })
}

pub async fn get(ctx: &Ctx, id: ProductId) -> Result<Product> {
    let row = load(ctx, ctx.db(), id, Action::ReadProduct).await?;
    show(ctx, row).await
}

pub async fn create(
    ctx: &Ctx,
    organization: OrganizationId,
    input: CreateProduct,
) -> Result<Product> {
    reach::in_team(ctx, ctx.db(), Action::EditProduct, organization, input.team).await?;
    let (name, slug, description) =
        checked(&input.name, input.slug.as_deref(), None, &input.description)?;
    let mut write = Write::begin(ctx).await?;
    let row = insert(
        &mut write,
        organization,
        input.team.uuid(),
        name.as_str(),
        slug,
        description,
    )
    .await?;
    bundle::replace(&write, &row, &input.versions).await?;
    write.commit().await?;
    show(ctx, row).await
}

/// Writes a new row; a slug that was proposed gets a number where another product has it.
async fn insert(
    write: &mut Write<'_>,
    organization: OrganizationId,
    team: Uuid,
    name: &str,
    slug: Option<Slug>,
    description: String,
) -> Result<product::Model> {
    let ctx = write.ctx();
    let slug = match slug {
        Some(slug) => slug,
        None => {
            let taken: Vec<String> = product::Entity::find()
                .select_only()
                .column(product::Column::Slug)
                .filter(product::Column::OrganizationId.eq(organization.uuid()))
                .into_tuple()
                .all(write.tx())
                .await?;
            apis::propose(name, "product", |slug| {
                taken.iter().any(|taken| taken == slug)
            })?
        }
    };
    let row = product::Model {
        id: ctx.id::<()>()?.uuid(),
        organization_id: organization.uuid(),
        team_id: team,
        slug: slug.to_string(),
        name: name.to_owned(),
        description,
        created_at: ctx.now,
        etag: 1,
    };
    let active: product::ActiveModel = row.clone().into();
    let inserted = product::Entity::insert(active)
        .exec_without_returning(write.tx())
        .await;
    inserted.map_err(|error| Error::from(error).unique("/slug", SLUG_TAKEN))?;
    let audit = Audit::new("product.create", "product", row.id).of(organization);
    write
        .audit(audit.after(json!({ "name": row.name, "slug": row.slug })))
        .await?;
    write.changed(Kind::Product, row.id).await?;
    Ok(row)
}

pub async fn edit(
    ctx: &Ctx,
    id: ProductId,
    if_match: Option<i64>,
    input: EditProduct,
) -> Result<Product> {
    let mut write = Write::begin(ctx).await?;
    let row = load(ctx, write.tx(), id, Action::EditProduct).await?;
    expect(if_match, row.etag)?;
    let (name, slug, description) = checked(
        input.name.as_deref().unwrap_or(&row.name),
        Some(input.slug.as_deref().unwrap_or(&row.slug)),
        Some(&row.slug),
        input.description.as_deref().unwrap_or(&row.description),
    )?;
    let before = json!({ "name": row.name, "slug": row.slug, "versions": bundle::ids(write.tx(), row.id).await? });
    if let Some(versions) = &input.versions {
        bundle::replace(&write, &row, versions).await?;
    }
    let etag = row.etag + 1;
    let mut active: product::ActiveModel = row.into();
    active.name = Set(name.to_string());
    if let Some(slug) = slug {
        active.slug = Set(slug.to_string());
    }
    active.description = Set(description);
    active.etag = Set(etag);
    let updated = active.update(write.tx()).await;
    let row = updated.map_err(|error| Error::from(error).unique("/slug", SLUG_TAKEN))?;
    let after = json!({ "name": row.name, "slug": row.slug, "versions": bundle::ids(write.tx(), row.id).await? });
    write
        .audit(
            Audit::new("product.edit", "product", row.id)
                .of(row.organization_id.into())
                .before(before)
                .after(after),
        )
        .await?;
    write.changed(Kind::Product, row.id).await?;
    write.commit().await?;
    show(ctx, row).await
}

/// Refused while subscriptions to it are open.
pub async fn delete(ctx: &Ctx, id: ProductId, if_match: Option<i64>) -> Result<()> {
    let mut write = Write::begin(ctx).await?;
    let row = load(ctx, write.tx(), id, Action::EditProduct).await?;
    expect(if_match, row.etag)?;
    let open = open_subscriptions(write.tx(), row.id).await?;
    if open > 0 {
        let detail = format!("{open} subscriptions to it are open. End them, or close its plans.");
        return Err(Error::new(Code::Conflict, detail));
    }
    let of_it = plan::Entity::find()
        .filter(plan::Column::ProductId.eq(row.id))
        .all(write.tx())
        .await?;
    for plan in of_it {
        write.changed(Kind::Plan, plan.id).await?;
    }
    let audit = Audit::new("product.delete", "product", row.id).of(row.organization_id.into());
    write
        .audit(audit.before(json!({ "name": row.name, "slug": row.slug })))
        .await?;
    write.changed(Kind::Product, row.id).await?;
    row.delete(write.tx()).await?;
    write.commit().await
}

/// The row, if the caller may do `action` to it.
pub(crate) async fn load<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    id: ProductId,
    action: Action,
) -> Result<product::Model> {
    let row = product::Entity::find_by_id(id.uuid())
        .one(db)
        .await?
        .ok_or_else(Error::not_found)?;
    ctx.may(action, row.organization_id.into(), Some(row.team_id.into()))?;
    Ok(row)
}

async fn open_subscriptions<C: ConnectionTrait>(db: &C, product: Uuid) -> Result<u64> {
    let open = subscription::Entity::find()
        .filter(subscription::Column::ProductId.eq(product))
        .filter(subscription::Column::State.is_in(OPEN));
    Ok(open.count(db).await?)
}

fn checked(
    name: &str,
    slug: Option<&str>,
    had: Option<&str>,
    description: &str,
) -> Result<(DisplayName, Option<Slug>, String)> {
    let mut check = Check::new();
    let name = check.parse::<DisplayName>("/name", name);
    let slug = slug.filter(|slug| !slug.is_empty()).and_then(|text| {
        let parsed = check.parse::<Slug>("/slug", text);
        let free = parsed
            .as_ref()
            .is_none_or(|slug| had == Some(slug.as_str()) || !slug.is_reserved());
        check.that(free, "/slug", || {
            "This word is reserved. Choose another.".to_owned()
        });
        parsed
    });
    let description = check.text("/description", description, MAX_DESCRIPTION);
    let (name,) = check.all((name,))?;
    Ok((name, slug, description))
}

async fn show(ctx: &Ctx, row: product::Model) -> Result<Product> {
    let db = ctx.db();
    Ok(Product {
        id: row.id.into(),
        organization: row.organization_id.into(),
        team: names::teams(db, [row.team_id]).await?.get(row.team_id),
        versions: bundle::show(db, row.id).await?,
        plans: plans::of_product(ctx, &row).await?,
        subscriptions: open_subscriptions(db, row.id).await?,
        name: row.name,
        slug: row.slug,
        description: row.description,
        created_at: row.created_at,
        etag: row.etag,
    })
}
