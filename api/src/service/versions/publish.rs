//! Publishing: the draft becomes the next revision, that one becomes current, and a product
//! offers it. Promoting moves only the pointer.

use domain::actor::Action;
use domain::id::{RevisionId, VersionId};
use domain::lifecycle::{VersionState, VersionStep};
use domain::openapi::Document;
use domain::problem::{Code, Invalid};
use domain::snapshot::{self, Kind};
use domain::wire::apis::EditApi;
use domain::wire::versions::{PromoteRevision, PublishVersion, Version};
use entity::row::write_json;
use entity::{revision, version};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use serde_json::json;
use uuid::Uuid;

use super::draft::{blockers, contract, routable};
use super::{DraftSettings, Loaded, claims, get, lifecycle, load};
use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::{apis, documents, named, products};
use crate::write::{Audit, Event, Write, expect};

const MAX_NOTE: usize = 2000;

/// Checks everything, makes the next revision and serves it.
pub async fn publish(
    ctx: &Ctx,
    id: VersionId,
    if_match: Option<i64>,
    input: PublishVersion,
) -> Result<Version> {
    let mut check = Check::new();
    let note = check.text("/note", &input.note, MAX_NOTE);
    check.done()?;
    // A large document takes a while to load; outside of the transaction it holds up nobody.
    let seen = load(ctx, ctx.db(), id, Action::EditApi).await?;
    let mut model = load_model(ctx.db(), seen.draft.document_id).await?;
    let settings = DraftSettings::read(&seen.draft);
    let uncheckable = contract(ctx.db(), &seen, &settings).await?;
    if !uncheckable.is_empty() {
        return Err(Error::invalid(uncheckable));
    }
    let mut write = Write::begin(ctx).await?;
    let loaded = load(ctx, write.tx(), id, Action::EditApi).await?;
    expect(if_match, loaded.etag())?;
    if loaded.draft.document_id != seen.draft.document_id {
        model = load_model(write.tx(), loaded.draft.document_id).await?;
    }
    let state = loaded.state()?.step(VersionStep::Publish)?;
    lifecycle::before_sunset(&loaded, ctx.now)?;
    let settings = DraftSettings::read(&loaded.draft);
    let made = next_revision(ctx, write.tx(), &loaded, &settings, model.as_ref()).await?;
    revision::Entity::insert(stored(ctx, &loaded, &made, &note)?)
        .exec_without_returning(write.tx())
        .await?;
    claims::claim(write.tx(), &loaded, &made.route).await?;
    set_current(&write, &loaded, state, made.id).await?;
    if let Some(visibility) = input.visibility
        && visibility != loaded.api.visibility()?
    {
        let edit = EditApi {
            visibility: Some(visibility),
            ..EditApi::default()
        };
        apis::apply(&mut write, loaded.api.clone(), edit).await?;
    }
    products::offer(&mut write, &loaded, input.product).await?;
    tell(&mut write, &loaded, "version.publish", &made, &note).await?;
    lifecycle::taken_back(&mut write, &loaded.api, &loaded.version).await?;
    write.commit().await?;
    get(ctx, id).await
}

async fn load_model<C: ConnectionTrait>(
    db: &C,
    document: Option<Uuid>,
) -> Result<Option<Document>> {
    match document {
        Some(id) => Ok(Some(documents::model(db, id).await?)),
        None => Ok(None),
    }
}

/// The draft as a revision, once nothing stands in its way.
async fn next_revision<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    loaded: &Loaded,
    settings: &DraftSettings,
    model: Option<&Document>,
) -> Result<snapshot::Revision> {
    let found = blockers(db, loaded, settings).await?;
    let (Some(upstream), []) = (settings.upstream, found.as_slice()) else {
        return Err(Error::invalid(found));
    };
    claims::check(db, loaded, &settings.route).await?;
    let last: Option<i32> = revision::Entity::find()
        .select_only()
        .column(revision::Column::Number)
        .filter(revision::Column::VersionId.eq(loaded.version.id))
        .order_by_desc(revision::Column::Number)
        .limit(1)
        .into_tuple()
        .one(db)
        .await?;
    let operations = model
        .map(|model| routable(loaded.version.id, model))
        .unwrap_or_default();
    Ok(snapshot::Revision {
        id: ctx.id()?,
        number: u32::try_from(last.unwrap_or(0)).unwrap_or(0) + 1,
        route: settings.route.clone(),
        upstream,
        test_upstream: settings.test_upstream,
        upstreams: settings.upstreams.clone(),
        policies: settings.policies.clone(),
        operations_mode: settings.operations_mode,
        operations: operations
            .into_iter()
            .map(|operation| snapshot::Operation {
                id: operation.id,
                method: operation.method.as_str().to_owned(),
                template: operation.template.to_owned(),
                policies: settings.of_operation(operation.id),
            })
            .collect(),
    })
}

fn stored(
    ctx: &Ctx,
    loaded: &Loaded,
    made: &snapshot::Revision,
    note: &str,
) -> Result<revision::ActiveModel> {
    Ok(revision::ActiveModel {
        id: Set(made.id.uuid()),
        version_id: Set(loaded.version.id),
        number: Set(i32::try_from(made.number).map_err(Error::internal)?),
        document_id: Set(loaded.draft.document_id),
        snapshot: Set(write_json("revision.snapshot", made)?),
        note: Set(note.to_owned()),
        created_at: Set(ctx.now),
        created_by: Set(ctx.user_id().map(Into::into)),
    })
}

async fn set_current(
    write: &Write<'_>,
    loaded: &Loaded,
    state: VersionState,
    revision: RevisionId,
) -> Result<()> {
    let mut active: version::ActiveModel = loaded.version.clone().into();
    active.state = Set(state.as_str().to_owned());
    active.current_revision_id = Set(Some(revision.uuid()));
    active.published_at = Set(Some(write.ctx().now));
    active.etag = Set(loaded.version.etag + 1);
    if state == VersionState::Published {
        lifecycle::forget(&mut active);
    }
    active.update(write.tx()).await?;
    Ok(())
}

async fn tell(
    write: &mut Write<'_>,
    loaded: &Loaded,
    action: &'static str,
    made: &snapshot::Revision,
    note: &str,
) -> Result<()> {
    let organization = loaded.api.organization_id.into();
    let after = json!({ "revision": made.number, "route": made.route, "note": note });
    let audit = Audit::new(action, "version", loaded.version.id).of(organization);
    write
        .audit(audit.before(lifecycle::told(&loaded.version)).after(&after))
        .await?;
    write
        .event(Event {
            kind: "version.published",
            organization: Some(organization),
            object_kind: "version",
            object: loaded.version.id,
            payload: json!({ "api": loaded.api.name, "version": loaded.version.slug, "revision": made.number, "note": note }),
        })
        .await?;
    write.changed(Kind::Version, loaded.version.id).await
}

/// Makes an earlier (or later) revision current. What it points to must still be there.
pub async fn promote(
    ctx: &Ctx,
    id: VersionId,
    number: u32,
    if_match: Option<i64>,
    input: PromoteRevision,
) -> Result<Version> {
    let mut check = Check::new();
    let note = check.text("/note", &input.note, MAX_NOTE);
    check.done()?;
    let mut write = Write::begin(ctx).await?;
    let loaded = load(ctx, write.tx(), id, Action::EditApi).await?;
    expect(if_match, loaded.etag())?;
    let state = loaded.state()?;
    if state == VersionState::Retired {
        return Err(Error::new(
            Code::IllegalTransition,
            "A version that is retired keeps its revision.",
        ));
    }
    let row = revision::Entity::find()
        .filter(revision::Column::VersionId.eq(loaded.version.id))
        .filter(revision::Column::Number.eq(i32::try_from(number).unwrap_or(-1)))
        .one(write.tx())
        .await?
        .ok_or_else(Error::not_found)?;
    let made = row.snapshot().map_err(|error| {
        let message = "This release cannot read the revision, maybe as a newer one wrote it. Update Portunus, or publish a new one.";
        Error::new(Code::Conflict, message).with_source(error)
    })?;
    check_upstreams(write.tx(), &loaded, &made).await?;
    if state.is_served() {
        claims::check(write.tx(), &loaded, &made.route).await?;
        claims::claim(write.tx(), &loaded, &made.route).await?;
    }
    set_current(&write, &loaded, state, made.id).await?;
    tell(&mut write, &loaded, "version.promote", &made, &note).await?;
    write.commit().await?;
    get(ctx, id).await
}

async fn check_upstreams<C: ConnectionTrait>(
    db: &C,
    loaded: &Loaded,
    made: &snapshot::Revision,
) -> Result<()> {
    let chosen = made.upstreams.iter().map(|one| one.upstream);
    for id in [Some(made.upstream), made.test_upstream]
        .into_iter()
        .flatten()
        .chain(chosen)
    {
        if !crate::service::upstreams::exists(db, loaded.api.organization_id, id).await? {
            let message = "An upstream of this revision is gone. Publish a new revision instead.";
            return Err(Error {
                invalid: vec![Invalid::new("/upstream", message)],
                ..Error::new(Code::Conflict, message)
            });
        }
    }
    let organization = loaded.api.organization_id.into();
    let own = made.operations.iter().map(|one| &one.policies);
    let all = own.chain([&made.policies]);
    let places: Vec<_> = all.map(|policies| (String::new(), &**policies)).collect();
    let named = named::check(db, organization, &places).await?;
    if named.is_empty() {
        return Ok(());
    }
    let message = "An upstream or a list that a policy of this revision names is gone, or was not fetched yet. Publish a new revision instead.";
    Err(Error {
        invalid: named,
        ..Error::new(Code::Conflict, message)
    })
}
