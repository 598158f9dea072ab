//! The draft as its editors see it, with what stands in the way of publishing.

use domain::api::Operations;
use domain::id::UpstreamId;
use domain::openapi::Document;
use domain::policy::{Looks, Policy};
use domain::problem::Invalid;
use domain::wire::versions::{Draft, DraftChosen, DraftOperation};
use entity::organization;
use sea_orm::{ConnectionTrait, EntityTrait};
use uuid::Uuid;

use super::super::{Loaded, claims};
use super::{DraftSettings, Routable, routable};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::{documents, names, upstreams};

/// What stands in the way of publishing. A clash of routes is told by the error itself.
pub(in crate::service::versions) async fn blockers<C: ConnectionTrait>(
    db: &C,
    loaded: &Loaded,
    settings: &DraftSettings,
) -> Result<Vec<Invalid>> {
    let mut found = settings.unreadable.clone();
    // What stands in the place of its settings is nobody's.
    if settings.is_lost() {
        return Ok(found);
    }
    found.extend(settings.check_policies());
    let organization = loaded.api.organization_id;
    found.extend(settings.check_asked(db, organization, None).await?);
    found.extend(settings.check_chosen(db, organization).await?);
    match settings.upstream {
        None => found.push(Invalid::new(
            "/upstream",
            "Choose the upstream that requests go to.",
        )),
        Some(id) if !upstreams::exists(db, organization, id).await? => {
            found.push(Invalid::new(
                "/upstream",
                "This upstream is gone. Choose another.",
            ));
        }
        Some(_) => {}
    }
    if let Some(id) = settings.test_upstream
        && !upstreams::exists(db, organization, id).await?
    {
        found.push(Invalid::new(
            "/test_upstream",
            "This upstream is gone. Choose another, or none.",
        ));
    }
    if settings.operations_mode == Operations::Listed && loaded.draft.document_id.is_none() {
        let message =
            "Without a document nothing is listed. Import one, or let all operations pass.";
        found.push(Invalid::new("/operations_mode", message));
    }
    Ok(found)
}

/// What policies could not check in the document that they look into. It reads all of the document, so
/// it is asked when a version is published, and not each time its draft is looked at.
pub(in crate::service::versions) async fn contract<C: ConnectionTrait>(
    db: &C,
    loaded: &Loaded,
    settings: &DraftSettings,
) -> Result<Vec<Invalid>> {
    let operations = settings.operations.iter().map(|(_, policies)| policies);
    let own: Vec<&Vec<Policy>> = operations.chain([&settings.policies]).collect();
    let looks = |all: &[&Vec<Policy>]| Looks::of(all.iter().copied().flatten());
    let Some(id) = loaded.draft.document_id else {
        let message = "A policy looks into the version's document. Import one.";
        let missing = looks(&own)
            .any()
            .then(|| Invalid::new("/policies", message));
        return Ok(missing.into_iter().collect());
    };
    let api = loaded.api.kept().policies;
    let organization = organization::Entity::find_by_id(loaded.api.organization_id);
    let organization = organization.one(db).await?.ok_or_else(Error::not_found)?;
    let organization = organization.kept().policies;
    let mut all = own;
    all.extend([&api, &organization]);
    match looks(&all) {
        looks if looks.any() => documents::uncheckable(db, id, looks).await,
        _ => Ok(Vec::new()),
    }
}

pub(in crate::service::versions) async fn show(ctx: &Ctx, loaded: &Loaded) -> Result<Draft> {
    let db = ctx.db();
    let settings = DraftSettings::read(&loaded.draft);
    let mut found = blockers(db, loaded, &settings).await?;
    if !settings.is_lost()
        && let Err(refused) = claims::check(db, loaded, &settings.route).await
    {
        found.extend(refused.invalid);
    }
    let (document, operations) = match loaded.draft.document_id {
        None => (None, Vec::new()),
        Some(id) => {
            let model = documents::model(db, id).await?;
            (
                Some(documents::info(db, id, &model).await?),
                listed(loaded.version.id, &model, &settings),
            )
        }
    };
    let chosen = settings.upstreams.iter().map(|one| one.upstream);
    let ids = [settings.upstream, settings.test_upstream]
        .into_iter()
        .flatten()
        .chain(chosen)
        .map(UpstreamId::uuid);
    let upstreams = names::upstreams(db, ids).await?;
    Ok(Draft {
        document,
        upstream: settings.upstream.map(|id| upstreams.get(id.uuid())),
        test_upstream: settings.test_upstream.map(|id| upstreams.get(id.uuid())),
        upstreams: settings
            .upstreams
            .into_iter()
            .map(|one| DraftChosen {
                upstream: upstreams.get(one.upstream.uuid()),
                when: one.when,
            })
            .collect(),
        route: settings.route,
        policies: settings.policies,
        operations_mode: settings.operations_mode,
        operations,
        unreadable: settings.unreadable,
        blockers: found,
        updated_at: loaded.draft.updated_at,
    })
}

fn listed(version: Uuid, model: &Document, settings: &DraftSettings) -> Vec<DraftOperation> {
    let show = |operation: Routable<'_>| DraftOperation {
        id: operation.id,
        method: operation.method.as_str().to_owned(),
        template: operation.template.to_owned(),
        summary: operation.summary.to_owned(),
        policies: settings.of_operation(operation.id),
    };
    routable(version, model).into_iter().map(show).collect()
}
