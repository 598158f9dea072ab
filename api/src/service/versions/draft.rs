//! The draft: the one mutable form of a version. Gateways never see it; publishing checks it
//! again, because what it points to may have changed.

mod settings;
mod shown;

use domain::actor::Action;
use domain::api::Operations;
use domain::id::{OperationId, VersionId};
use domain::openapi::{Document, Method};
use domain::policy::{KeyAuth, Policy};
use domain::route;
use domain::snapshot::Route;
use domain::wire::versions::{EditDraft, SetDocument, Version};
use entity::row::{as_written, write_json};
use entity::{api, draft, operation, version};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, EntityTrait, sea_query::OnConflict,
};
use serde_json::json;
use uuid::Uuid;

pub(crate) use settings::DraftSettings;
pub(super) use shown::{blockers, contract, show};

use super::{Loaded, SLUG_TAKEN, claims, get, load};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::{documents, upstreams};
use crate::write::{Audit, Write, expect};

/// A method and template of the document that gateways can match.
#[derive(Debug, Clone)]
pub(crate) struct Routable<'d> {
    pub(crate) id: OperationId,
    pub(crate) method: Method,
    pub(crate) template: &'d str,
    pub(crate) summary: &'d str,
}

/// The operations that a document gives a version, each with its stable id: the same for the same
/// version, method and template, whichever revision. TRACE is never passed on.
pub(crate) fn routable(version: Uuid, model: &Document) -> Vec<Routable<'_>> {
    let mut matched = route::Operations::default();
    let listed = model.operations.iter().filter(|operation| {
        operation.method != Method::Trace
            && matched.insert(operation.method.as_str(), &operation.path, ())
    });
    listed
        .map(|operation| Routable {
            id: OperationId::from_name(
                "operation",
                &format!("{version} {} {}", operation.method, operation.path),
            ),
            method: operation.method,
            template: &operation.path,
            summary: &operation.summary,
        })
        .collect()
}

/// Makes a version with its draft. Portal-made versions ask for a key by default.
pub(crate) async fn insert(
    write: &mut Write<'_>,
    api: &api::Model,
    slug: &str,
    from: Option<&draft::Model>,
) -> Result<version::Model> {
    let ctx = write.ctx();
    let prefix = claims::own_prefix(write.tx(), api.organization_id).await?;
    let route = Route::at(format!(
        "{}/{}/{slug}",
        prefix.trim_end_matches('/'),
        api.slug
    ));
    let settings = match from {
        Some(from) => DraftSettings {
            route,
            ..copied(from)?
        },
        None => DraftSettings {
            route,
            upstream: None,
            test_upstream: None,
            upstreams: Vec::new(),
            policies: vec![Policy::KeyAuth(KeyAuth::default())],
            operations_mode: Operations::Open,
            operations: Vec::new(),
            unreadable: Vec::new(),
        },
    };
    let row = version::Model {
        id: ctx.id::<()>()?.uuid(),
        organization_id: api.organization_id,
        api_id: api.id,
        slug: slug.to_owned(),
        state: "draft".to_owned(),
        enabled: true,
        current_revision_id: None,
        deprecated_at: None,
        sunset_at: None,
        successor_id: None,
        retire_at_sunset: false,
        message: String::new(),
        created_at: ctx.now,
        published_at: None,
        etag: 1,
    };
    let active: version::ActiveModel = row.clone().into();
    let inserted = version::Entity::insert(active)
        .exec_without_returning(write.tx())
        .await;
    inserted.map_err(|error| Error::from(error).unique("/slug", SLUG_TAKEN))?;
    let draft = draft::ActiveModel {
        version_id: Set(row.id),
        settings: Set(write_json("draft.settings", &settings)?),
        document_id: Set(None),
        updated_at: Set(ctx.now),
        updated_by: Set(ctx.user_id().map(Into::into)),
        etag: Set(1),
    };
    draft::Entity::insert(draft)
        .exec_without_returning(write.tx())
        .await?;
    let audit = Audit::new("version.create", "version", row.id).of(row.organization_id.into());
    write
        .audit(audit.after(json!({ "api": api.slug, "slug": slug, "route": settings.route })))
        .await?;
    Ok(row)
}

/// What a further version takes over. Policies of operations are of a version's own.
fn copied(from: &draft::Model) -> Result<DraftSettings> {
    let mut settings = DraftSettings::read(from);
    let is_taken = |pointer: &str| !pointer.starts_with("/operations/");
    settings.unreadable.retain(|one| is_taken(&one.pointer));
    settings.operations.clear();
    settings.whole()
}

/// Puts a document, and perhaps an upstream, into a draft. Policies of operations that the
/// document no longer has go with them.
pub(crate) async fn fill(
    write: &mut Write<'_>,
    version: &version::Model,
    document: Option<(Uuid, &Document)>,
    upstream: Option<Uuid>,
) -> Result<()> {
    let ctx = write.ctx();
    let row = draft::Entity::find_by_id(version.id)
        .one(write.tx())
        .await?
        .ok_or_else(Error::not_found)?;
    let mut settings = DraftSettings::read(&row).whole()?;
    let had_document = row.document_id.is_some();
    let etag = row.etag + 1;
    let mut active: draft::ActiveModel = row.into();
    if let Some((id, model)) = document {
        let operations = routable(version.id, model);
        if !had_document {
            settings.operations_mode = if operations.is_empty() {
                Operations::Open
            } else {
                Operations::Listed
            };
        }
        settings
            .operations
            .retain(|(id, _)| operations.iter().any(|operation| operation.id == *id));
        store_operations(write.tx(), version.id, &operations).await?;
        active.document_id = Set(Some(id));
    }
    if let Some(upstream) = upstream {
        settings.upstream = Some(upstream.into());
    }
    active.settings = Set(write_json("draft.settings", &settings)?);
    active.updated_at = Set(ctx.now);
    active.updated_by = Set(ctx.user_id().map(Into::into));
    active.etag = Set(etag);
    active.update(write.tx()).await?;
    Ok(())
}

async fn store_operations<C: ConnectionTrait>(
    db: &C,
    version: Uuid,
    operations: &[Routable<'_>],
) -> Result<()> {
    for some in operations.chunks(500) {
        let rows = some.iter().map(|listed| operation::ActiveModel {
            id: Set(listed.id.uuid()),
            version_id: Set(version),
            method: Set(listed.method.as_str().to_owned()),
            template: Set(listed.template.to_owned()),
            summary: Set(listed.summary.to_owned()),
        });
        let again = OnConflict::column(operation::Column::Id)
            .update_column(operation::Column::Summary)
            .to_owned();
        operation::Entity::insert_many(rows)
            .on_conflict(again)
            .exec_without_returning(db)
            .await?;
    }
    Ok(())
}

/// Replaces the draft's document.
pub async fn set_document(
    ctx: &Ctx,
    id: VersionId,
    if_match: Option<i64>,
    input: SetDocument,
) -> Result<Version> {
    load(ctx, ctx.db(), id, Action::EditApi).await?;
    let parsed = documents::parse(input.document).await?;
    let mut write = Write::begin(ctx).await?;
    let loaded = load(ctx, write.tx(), id, Action::EditApi).await?;
    expect(if_match, loaded.etag())?;
    let document =
        documents::store(ctx, write.tx(), loaded.api.organization_id.into(), &parsed).await?;
    fill(
        &mut write,
        &loaded.version,
        Some((document, &parsed.model)),
        None,
    )
    .await?;
    let audit = Audit::new("version.set_document", "version", loaded.version.id)
        .of(loaded.api.organization_id.into());
    let before = json!({ "document": loaded.draft.document_id });
    write
        .audit(
            audit
                .before(before)
                .after(json!({ "document": document, "title": parsed.model.title })),
        )
        .await?;
    write.commit().await?;
    get(ctx, id).await
}

pub async fn edit_draft(
    ctx: &Ctx,
    id: VersionId,
    if_match: Option<i64>,
    input: EditDraft,
) -> Result<Version> {
    let write = Write::begin(ctx).await?;
    let loaded = load(ctx, write.tx(), id, Action::EditApi).await?;
    expect(if_match, loaded.etag())?;
    let before = as_written(&loaded.draft.settings);
    let after = edited(write.tx(), &loaded, input).await?;
    let mut active: draft::ActiveModel = loaded.draft.clone().into();
    active.settings = Set(write_json("draft.settings", &after)?);
    active.updated_at = Set(ctx.now);
    active.updated_by = Set(ctx.user_id().map(Into::into));
    active.etag = Set(loaded.draft.etag + 1);
    active.update(write.tx()).await?;
    let audit = Audit::new("version.edit_draft", "version", loaded.version.id)
        .of(loaded.api.organization_id.into());
    write.audit(audit.before(&before).after(&after)).await?;
    write.commit().await?;
    get(ctx, id).await
}

async fn edited<C: ConnectionTrait>(
    db: &C,
    loaded: &Loaded,
    input: EditDraft,
) -> Result<DraftSettings> {
    let organization = loaded.api.organization_id;
    let mut settings = DraftSettings::read(&loaded.draft);
    settings.replaced_by(&input);
    let mut settings = settings.whole()?;
    let already = settings.clone();
    for (pointer, id) in [
        ("/upstream", input.upstream),
        ("/test_upstream", input.test_upstream.flatten()),
    ] {
        if let Some(id) = id
            && !upstreams::exists(db, organization, id).await?
        {
            return Err(Error::field(
                pointer,
                "Choose an upstream of this organization.",
            ));
        }
    }
    settings.upstreams = input.upstreams.unwrap_or(settings.upstreams);
    settings.upstream = input.upstream.or(settings.upstream);
    settings.test_upstream = input.test_upstream.unwrap_or(settings.test_upstream);
    settings.operations_mode = input.operations_mode.unwrap_or(settings.operations_mode);
    settings.policies = input.policies.unwrap_or(settings.policies);
    for operation in input.operations.unwrap_or_default() {
        let known = operation::Entity::find_by_id(operation.id.uuid())
            .one(db)
            .await?;
        if known.is_none_or(|known| known.version_id != loaded.version.id) {
            return Err(Error::field(
                "/operations",
                "Name operations of this version's document.",
            ));
        }
        settings.operations.retain(|(id, _)| *id != operation.id);
        if !operation.policies.is_empty() {
            settings.operations.push((operation.id, operation.policies));
        }
    }
    let mut found = settings.check_policies();
    found.extend(settings.check_chosen(db, organization).await?);
    let asked = settings.check_asked(db, organization, Some(&already));
    found.extend(asked.await?);
    if !found.is_empty() {
        return Err(Error::invalid(found));
    }
    if let Some(route) = input.route {
        claims::check(db, loaded, &route).await?;
        settings.route = route;
    }
    Ok(settings)
}
