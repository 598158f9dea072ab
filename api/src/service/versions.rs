//! Versions of an API: from draft to published and back, and the switch beside it.

mod claims;
mod draft;
mod effective;
mod lifecycle;
mod publish;
mod revisions;
mod summary;

use domain::actor::Action;
use domain::id::{ApiId, VersionId};
use domain::lifecycle::{VersionState, VersionStep};
use domain::name::Slug;
use domain::problem::Code;
use domain::snapshot::Kind;
use domain::wire::versions::{CreateVersion, Version};
use entity::{api, product, product_version, version};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, JoinType,
    ModelTrait, QueryFilter, QuerySelect, RelationTrait,
};
use serde_json::json;

pub(crate) use claims::{is_free, retired_under};
pub(crate) use draft::{DraftSettings, fill, insert};
pub use draft::{edit_draft, set_document};
pub use effective::effective;
pub use lifecycle::{deprecate, retire, undeprecate};
pub(crate) use lifecycle::{named, retired, shown, successor};
pub use publish::{promote, publish};
pub(crate) use revisions::current as current_revision;
pub(crate) use revisions::raw as raw_document;
pub use revisions::{Syntax, document, list as revisions};
pub(crate) use summary::{address, summaries};

use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::{apis, documents, names};
use crate::write::{Audit, Write, expect};

const SLUG_TAKEN: &str = "The API has a version of this name.";

/// A version with the rows that it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) version: version::Model,
    pub(crate) api: api::Model,
    pub(crate) draft: entity::draft::Model,
}

impl Loaded {
    pub(crate) fn state(&self) -> Result<VersionState> {
        Ok(self.version.state()?)
    }

    /// Both counters only rise, so their sum changes with either.
    pub(crate) fn etag(&self) -> i64 {
        self.version.etag + self.draft.etag
    }
}

/// The version, if the caller may do `action` to its API.
pub(crate) async fn load<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    id: VersionId,
    action: Action,
) -> Result<Loaded> {
    let version = version::Entity::find_by_id(id.uuid())
        .one(db)
        .await?
        .ok_or_else(Error::not_found)?;
    let api = apis::load(ctx, db, version.api_id.into(), action).await?;
    let draft = entity::draft::Entity::find_by_id(version.id)
        .one(db)
        .await?;
    let draft = draft.ok_or_else(|| Error::internal("a version without draft"))?;
    Ok(Loaded {
        version,
        api,
        draft,
    })
}

pub async fn get(ctx: &Ctx, id: VersionId) -> Result<Version> {
    let loaded = load(ctx, ctx.db(), id, Action::ReadApi).await?;
    show(ctx, loaded).await
}

/// A further version; its draft copies that of `from`, or starts with what is proposed.
pub async fn create(ctx: &Ctx, api: ApiId, input: CreateVersion) -> Result<Version> {
    let seen = apis::load(ctx, ctx.db(), api, Action::EditApi).await?;
    let mut check = Check::new();
    let slug = check.parse::<Slug>("/slug", &input.slug);
    let (slug,) = check.all((slug,))?;
    let parsed = match input.document.filter(|text| !text.trim().is_empty()) {
        Some(text) => Some(documents::parse(text).await?),
        None => None,
    };
    let from = match input.from {
        Some(from) => {
            let from = load(ctx, ctx.db(), from, Action::ReadApi).await?;
            if from.api.id != seen.id {
                return Err(Error::field("/from", "Choose a version of this API."));
            }
            Some(from.draft)
        }
        None => None,
    };
    let mut write = Write::begin(ctx).await?;
    let row = apis::load(ctx, write.tx(), api, Action::EditApi).await?;
    let made = insert(&mut write, &row, slug.as_str(), from.as_ref()).await?;
    if let Some(parsed) = &parsed {
        let document =
            documents::store(ctx, write.tx(), row.organization_id.into(), parsed).await?;
        fill(&mut write, &made, Some((document, &parsed.model)), None).await?;
    } else if let Some(document) = from.and_then(|from| from.document_id) {
        let model = documents::model(write.tx(), document).await?;
        fill(&mut write, &made, Some((document, &model)), None).await?;
    }
    write.commit().await?;
    get(ctx, made.id.into()).await
}

/// Switches a version on or off for all callers, without touching its state.
pub async fn set_enabled(ctx: &Ctx, id: VersionId, enabled: bool) -> Result<Version> {
    let mut write = Write::begin(ctx).await?;
    let loaded = load(ctx, write.tx(), id, Action::EditApi).await?;
    if loaded.version.enabled != enabled {
        let mut active: version::ActiveModel = loaded.version.clone().into();
        active.enabled = Set(enabled);
        active.etag = Set(loaded.version.etag + 1);
        active.update(write.tx()).await?;
        let verb = if enabled {
            "version.enable"
        } else {
            "version.disable"
        };
        write
            .audit(
                Audit::new(verb, "version", loaded.version.id)
                    .of(loaded.api.organization_id.into()),
            )
            .await?;
        write.changed(Kind::Version, loaded.version.id).await?;
        write.commit().await?;
    }
    get(ctx, id).await
}

/// Takes a version off the gateways; its place in the address space becomes free.
pub async fn unpublish(ctx: &Ctx, id: VersionId, if_match: Option<i64>) -> Result<Version> {
    let mut write = Write::begin(ctx).await?;
    let loaded = load(ctx, write.tx(), id, Action::EditApi).await?;
    expect(if_match, loaded.etag())?;
    let before = loaded.state()?;
    let after = before.step(VersionStep::Unpublish)?;
    claims::release(write.tx(), loaded.version.id).await?;
    let mut active: version::ActiveModel = loaded.version.clone().into();
    active.state = Set(after.as_str().to_owned());
    active.etag = Set(loaded.version.etag + 1);
    lifecycle::forget(&mut active);
    active.update(write.tx()).await?;
    let audit = Audit::new("version.unpublish", "version", loaded.version.id)
        .of(loaded.api.organization_id.into());
    write
        .audit(
            audit
                .before(lifecycle::told(&loaded.version))
                .after(json!({ "state": after })),
        )
        .await?;
    write.changed(Kind::Version, loaded.version.id).await?;
    write.commit().await?;
    get(ctx, id).await
}

/// Refused while it is served.
pub async fn delete(ctx: &Ctx, id: VersionId, if_match: Option<i64>) -> Result<()> {
    let mut write = Write::begin(ctx).await?;
    let loaded = load(ctx, write.tx(), id, Action::EditApi).await?;
    expect(if_match, loaded.etag())?;
    if loaded.state()?.is_served() {
        return Err(Error::new(Code::Conflict, "Unpublish it first."));
    }
    let audit = Audit::new("version.delete", "version", loaded.version.id)
        .of(loaded.api.organization_id.into());
    write
        .audit(audit.before(json!({ "api": loaded.api.slug, "slug": loaded.version.slug })))
        .await?;
    write.changed(Kind::Version, loaded.version.id).await?;
    if loaded.state()? == VersionState::Retired {
        write.changed(Kind::Api, loaded.api.id).await?;
    }
    loaded.version.delete(write.tx()).await?;
    write.commit().await
}

pub(crate) async fn show(ctx: &Ctx, loaded: Loaded) -> Result<Version> {
    let db = ctx.db();
    let summaries = summaries(ctx, db, [loaded.api.id]).await?;
    let summary = summaries
        .into_values()
        .flatten()
        .find(|summary| summary.id.uuid() == loaded.version.id);
    let products: Vec<product::Model> = product::Entity::find()
        .join(
            JoinType::InnerJoin,
            product_version::Relation::Product.def().rev(),
        )
        .filter(product_version::Column::VersionId.eq(loaded.version.id))
        .all(db)
        .await?;
    let team = names::teams(db, [loaded.api.team_id])
        .await?
        .get(loaded.api.team_id);
    let successor = successor(db, &loaded.version).await?;
    Ok(Version {
        deprecation: shown(&loaded.version, |_| successor)?,
        summary: summary.ok_or_else(Error::not_found)?,
        organization: loaded.api.organization_id.into(),
        team,
        api: domain::wire::Named {
            id: loaded.api.id.into(),
            name: loaded.api.name.clone(),
            slug: loaded.api.slug.clone(),
        },
        visibility: loaded.api.visibility()?,
        products: products
            .into_iter()
            .map(|row| domain::wire::Named {
                id: row.id.into(),
                name: row.name,
                slug: row.slug,
            })
            .collect(),
        draft: draft::show(ctx, &loaded).await?,
        created_at: loaded.version.created_at,
        etag: loaded.etag(),
    })
}
