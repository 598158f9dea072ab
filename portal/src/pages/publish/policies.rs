//! The policies of a version's draft: one form at a time, by its place or its kind.

use api::http::extract::{Path, Query};
use api::service::{traffic, versions as service};
use domain::id::VersionId;
use domain::policy::{Mode, Policy};
use domain::wire::traffic::{Observed, ObservedPolicy, Range};
use domain::wire::versions::EditDraft;
use frontend::pages::publish::policies;
use frontend::pages::publish::policy::{Edit, Open};

use super::{Ids, sheets, sheets::Address, versions};
use crate::{
    failure::Result,
    place::Workspace,
    typed::{Typed, see},
};

pub(super) async fn show(
    workspace: Workspace,
    Path(ids): Path<Ids>,
    Query(address): Query<Address>,
) -> Result {
    let props = props(&workspace, &ids, &address, None).await?;
    Ok(workspace
        .visit
        .page("Policies", move || policies::view(props)))
}

/// The page around what is open; `edit` is a form that was sent.
async fn props(
    workspace: &Workspace,
    ids: &Ids,
    address: &Address,
    edit: Option<Edit>,
) -> Result<policies::Policies> {
    let id = VersionId::from_uuid(ids.version);
    let frame = versions::frame(workspace, id).await?;
    let present = &frame.version.draft.policies;
    let open = address.open(present);
    let stored = || sheets::stored(present, open, frame.version.etag, frame.may_edit);
    let seen = match (&edit, open) {
        (None, Open::At(index)) => seen(workspace, id, &present[index]).await,
        (Some(_), _) | (None, Open::New(_) | Open::None) => None,
    };
    let edit = edit.or_else(stored);
    let chain = service::effective(workspace.ctx(), id, true, None, None).await?;
    Ok(policies::Policies {
        frame,
        chain,
        open,
        edit,
        seen,
    })
}

/// What a policy that observes would have refused lately; nothing for who may not read that.
async fn seen(
    workspace: &Workspace,
    id: VersionId,
    policy: &Policy,
) -> Option<(Observed, ObservedPolicy)> {
    if policy.mode() != Mode::Observe {
        return None;
    }
    let found = traffic::observed(workspace.ctx(), id, Range::Day, None).await;
    let found = found.ok()?;
    let mut policies = found.policies.iter();
    let is_it = |one: &&ObservedPolicy| {
        one.from == "version" && one.kind == policy.kind().as_str() && one.name == policy.name()
    };
    let own = policies.find(is_it)?.clone();
    Some((found, own))
}

pub(super) async fn save(
    workspace: Workspace,
    Path(ids): Path<Ids>,
    Query(address): Query<Address>,
    typed: Typed,
) -> Result {
    let id = VersionId::from_uuid(ids.version);
    let frame = versions::frame(&workspace, id).await?;
    let mut all = frame.version.draft.policies.clone();
    let open = address.open(&all);
    let kind = sheets::kind(&typed, &all, open)?;
    let exists = matches!(open, Open::At(_));
    let (index, made) = match sheets::read(kind, exists, &typed)? {
        sheets::Asked::Again(edit) => {
            let props = props(&workspace, &ids, &address, Some(edit)).await?;
            let page = move || policies::view(props);
            return Ok(workspace.visit.page("Policies", page));
        }
        sheets::Asked::Refused(edit) => return refuse(&workspace, &ids, &address, edit).await,
        sheets::Asked::Remove => (sheets::remove(&mut all, open)?, None),
        sheets::Asked::Save(made) => (sheets::put(&mut all, open, made.0.clone())?, Some(made)),
    };
    let input = EditDraft {
        policies: Some(all),
        ..EditDraft::default()
    };
    // Places in a list mean something else once somebody has changed it.
    let etag = typed.etag().unwrap_or(frame.version.etag);
    match service::edit_draft(workspace.ctx(), id, Some(etag), input).await {
        Ok(version) => Ok(see(&format!(
            "{}/policies",
            versions::address(&workspace, &version)
        ))),
        Err(mut error) => {
            if let Some(made) = made {
                let at = format!("/policies/{index}");
                sheets::at_fields(&mut error, &at, &made.0, &made.1);
            }
            let form = typed.clone().refused(workspace.ctx(), error).await?;
            let edit = sheets::again(kind, exists, &typed, form);
            refuse(&workspace, &ids, &address, edit).await
        }
    }
}

async fn refuse(workspace: &Workspace, ids: &Ids, address: &Address, edit: Edit) -> Result {
    let props = props(workspace, ids, address, Some(edit)).await?;
    Ok(workspace
        .visit
        .refused("Policies", move || policies::view(props)))
}
