//! The page of the policies at one place, whichever place it is: showing what is open, and saving
//! its form among the others.

use std::future::Future;

use api::http::extract::{Path, Query};
use api::service::refusals;
use domain::policy::{Policy, PolicyKind};
use domain::problem::Code;
use frontend::pages::publish::attached::Attached;
use frontend::pages::publish::policy::{Edit, Open};
use leptos::prelude::AnyView;

use super::{Ids, sheets, sheets::Address, sheets::Asked};
use crate::{
    failure::{Failure, Result},
    place::Workspace,
    typed::{Typed, see},
};

/// Largest form of a policy: its YAML, or as much JSON in one of its fields, with each character
/// written as three.
pub(super) const FORM: usize = 1024 * 1024;

/// Why policies are not saved beside others that cannot be read: a list takes the place of all.
pub(super) const WOULD_BE_LOST: &str = "Not all policies here can be read, maybe as a newer release wrote \
     them, and saving would lose those. Update Portunus, or write all policies of this place anew over \
     the management API.";

/// Where policies stand.
pub(super) trait Place: Sized + Send + Sync {
    const TITLE: &'static str;
    type Page: Send;

    /// The place of an address; 404 unless it is the workspace's.
    fn load(workspace: &Workspace, ids: &Ids) -> impl Future<Output = Result<Self>> + Send;

    /// What stands there.
    fn attached(&self, workspace: &Workspace) -> Attached;

    fn etag(&self) -> i64;

    /// Where the service finds them in what it is sent.
    fn pointer(&self) -> String {
        "/policies".to_owned()
    }

    /// Puts these in the place of all that stand there.
    fn save(
        &self,
        workspace: &Workspace,
        etag: i64,
        all: Vec<Policy>,
    ) -> impl Future<Output = api::Result<()>> + Send;

    /// What else the page shows.
    fn page(
        self,
        workspace: &Workspace,
        attached: Attached,
    ) -> impl Future<Output = Result<Self::Page>> + Send;

    fn view(page: Self::Page) -> AnyView;
}

pub(super) async fn show<P: Place>(
    workspace: Workspace,
    Path(ids): Path<Ids>,
    Query(address): Query<Address>,
) -> Result {
    let place = P::load(&workspace, &ids).await?;
    let attached = place.attached(&workspace);
    let open = address.open(&attached.policies);
    let edit = sheets::stored(&attached.policies, open, place.etag(), attached.may_edit);
    let page = place
        .page(
            &workspace,
            Attached {
                open,
                edit,
                ..attached
            },
        )
        .await?;
    Ok(workspace.visit.page(P::TITLE, move || P::view(page)))
}

/// `typed` is a failure where the form was longer than [`FORM`].
pub(super) async fn save<P: Place>(
    workspace: Workspace,
    Path(ids): Path<Ids>,
    Query(address): Query<Address>,
    typed: Result<Typed>,
) -> Result {
    let place = P::load(&workspace, &ids).await?;
    let typed = match typed {
        Ok(typed) => typed,
        Err(failure) => return too_long(&workspace, place, &address, failure).await,
    };
    let attached = place.attached(&workspace);
    if !attached.unreadable.is_empty() {
        return Err(Failure::because(Code::Conflict, WOULD_BE_LOST));
    }
    let present = attached.policies;
    let kind = sheets::kind(&typed, &present, &address)?;
    sheets::bounded(kind, &typed)?;
    let sent = Sent {
        kind,
        address,
        typed,
    };
    match sent.address.find(&sent.typed, &present) {
        Some(open) => act(&workspace, &ids, place, open, &sent).await,
        None => gone(&workspace, place, &sent).await,
    }
}

/// A form that came back.
struct Sent {
    address: Address,
    kind: PolicyKind,
    typed: Typed,
}

/// Does what the form asks for with the policy that it is meant for.
async fn act<P: Place>(
    workspace: &Workspace,
    ids: &Ids,
    place: P,
    open: Open,
    sent: &Sent,
) -> Result {
    let exists = matches!(open, Open::At(_));
    let mut all = place.attached(workspace).policies;
    let (index, made) = match sheets::read(sent.kind, exists, &sent.typed)? {
        Asked::Again(edit) => {
            let page = page(workspace, place, open, edit).await?;
            return Ok(workspace.visit.page(P::TITLE, move || P::view(page)));
        }
        Asked::Refused(edit) => return refuse(workspace, place, open, edit).await,
        Asked::Remove => (sheets::remove(&mut all, open)?, None),
        Asked::Save(made) => (sheets::put(&mut all, open, made.0.clone())?, Some(made)),
    };
    // Places in a list mean something else once somebody has changed it.
    let etag = sent.typed.etag().unwrap_or(place.etag());
    let mut error = match place.save(workspace, etag, all).await {
        Ok(()) => return Ok(see(&place.attached(workspace).home)),
        Err(error) => error,
    };
    if error.code == Code::PreconditionFailed {
        refusals::note(workspace.ctx(), &error).await;
        return changed::<P>(workspace, ids, sent).await;
    }
    if let Some(made) = made {
        let at = format!("{}/{index}", place.pointer());
        sheets::at_fields(&mut error, &at, &made.0, &made.1);
    }
    let form = sent.typed.clone().refused(workspace.ctx(), error).await?;
    let edit = sheets::again(sent.kind, exists, &sent.typed, form);
    refuse(workspace, place, open, edit).await
}

/// What is open, with a word about a form that was too long to be read.
async fn too_long<P: Place>(
    workspace: &Workspace,
    place: P,
    address: &Address,
    failure: Failure,
) -> Result {
    let attached = place.attached(workspace);
    if failure.code != Code::BodyTooLarge || !attached.may_edit {
        return Err(failure);
    }
    let open = address.open(&attached.policies);
    let edit = sheets::too_long(&attached.policies, open, place.etag());
    refuse(workspace, place, open, edit.ok_or(failure)?).await
}

/// The form again, because something of the place was changed since it was shown. With the next
/// time that it is sent, it is meant for what is there now.
async fn changed<P: Place>(workspace: &Workspace, ids: &Ids, sent: &Sent) -> Result {
    let place = P::load(workspace, ids).await?;
    let present = place.attached(workspace).policies;
    let Some(open) = sent.address.find(&sent.typed, &present) else {
        return gone(workspace, place, sent).await;
    };
    let typed = sent.typed.clone().without("etag");
    let form = typed.into_form().with("etag", place.etag().to_string());
    let form = form.refused(
        "Somebody changed something here since you opened this. Nothing of yours is saved yet, and \
         what you typed is kept: look at what stands here now, then send it again.",
    );
    let exists = matches!(open, Open::At(_));
    let edit = sheets::again(sent.kind, exists, &sent.typed, form);
    refuse(workspace, place, open, edit).await
}

/// The form again as one of a new policy, because that which it was opened for is there no more.
async fn gone<P: Place>(workspace: &Workspace, place: P, sent: &Sent) -> Result {
    if !place.attached(workspace).may_edit {
        return Err(Failure::of(Code::Forbidden));
    }
    let typed = sent.typed.clone().without("etag").without("was");
    let form = typed.into_form().with("etag", place.etag().to_string());
    let form = form.refused(
        "Somebody removed, replaced or renamed this policy since you opened it. What you typed is \
         kept: look at what stands here now, and save it to add it as a new one.",
    );
    let edit = sheets::again(sent.kind, false, &sent.typed, form);
    refuse(workspace, place, Open::New(sent.kind), edit).await
}

async fn page<P: Place>(
    workspace: &Workspace,
    place: P,
    open: Open,
    edit: Edit,
) -> Result<P::Page> {
    let attached = Attached {
        open,
        edit: Some(edit),
        ..place.attached(workspace)
    };
    place.page(workspace, attached).await
}

async fn refuse<P: Place>(workspace: &Workspace, place: P, open: Open, edit: Edit) -> Result {
    let page = page(workspace, place, open, edit).await?;
    Ok(workspace.visit.refused(P::TITLE, move || P::view(page)))
}
