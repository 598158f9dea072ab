//! The provider's side of subscriptions: the inbox and the subscribers.

use api::http::extract::{Path, Query};
use api::service::{plans, products, subscriptions as service};
use domain::id::SubscriptionId;
use domain::problem::Code;
use domain::subscription::SubscriptionState;
use domain::wire::subscriptions::{Decide, SubscriptionVerb};
use frontend::form::Form;
use frontend::pages::publish::approvals;
use serde::Deserialize;

use super::{Cursor, Ids, at, older};
use crate::{
    failure::{Failure, Result},
    place::Workspace,
    query::Query as Address,
    typed::{Typed, see},
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    after: Option<String>,
    /// Which tab is open; what waits unless it says otherwise.
    state: String,
    /// What was just decided, and on which request.
    done: String,
    of: Option<SubscriptionId>,
}

pub(super) async fn inbox(workspace: Workspace, Query(asked): Query<Asked>) -> Result {
    let state = tab(SubscriptionState::parse(&asked.state));
    let mut props = inbox_props(&workspace, state, asked.after).await?;
    props.done = match (SubscriptionVerb::parse(&asked.done), asked.of) {
        (Some(verb), Some(id)) => Some((
            verb,
            opened(&workspace, id, Form::default()).await?.subscription,
        )),
        _ => None,
    };
    // The oldest request is open at once: it has waited longest.
    if let Some(first) = props.listed.first().map(|subscription| subscription.id) {
        props.open = Some(opened(&workspace, first, Form::default()).await?);
    }
    let title = titled(&props);
    Ok(workspace
        .visit
        .page(&title, move || approvals::inbox(props)))
}

/// The tab that holds requests of `state`: those of a state without one are among what waits.
fn tab(state: Option<SubscriptionState>) -> SubscriptionState {
    state
        .filter(|state| approvals::TABS.contains(state))
        .unwrap_or(SubscriptionState::Pending)
}

/// Who waits is seen in the browser's own tab.
fn titled(props: &approvals::Approvals) -> String {
    match props.waiting {
        0 => "Approvals".to_owned(),
        waiting => format!("({waiting}) Approvals"),
    }
}

async fn inbox_props(
    workspace: &Workspace,
    state: SubscriptionState,
    after: Option<String>,
) -> Result<approvals::Approvals> {
    let base = format!("{}/approvals", workspace.address());
    let (ctx, organization) = (workspace.ctx(), workspace.organization_id());
    let (listed, next, waiting) = if state == SubscriptionState::Pending {
        let paging = Cursor { after }.in_team(workspace.team_id());
        let found = service::approvals(ctx, organization, &paging).await?;
        (found.items, found.next, found.pending)
    } else {
        let waiting = service::pending_count(ctx, organization, workspace.team_id()).await?;
        let filter = service::SubscriberFilter {
            team: workspace.team_id(),
            state: Some(state),
            ..Default::default()
        };
        let paging = Cursor { after }.paging();
        let found = service::subscribers(ctx, organization, &filter, &paging).await?;
        (found.items, found.next, waiting)
    };
    let query = Address::default();
    let query = match state {
        SubscriptionState::Pending => query,
        other => query.with("state", other.as_str()),
    };
    Ok(approvals::Approvals {
        at: at(workspace),
        state,
        listed,
        waiting,
        older: next.map(|next| query.with("after", &next).after(&base)),
        open: None,
        done: None,
    })
}

async fn opened(
    workspace: &Workspace,
    id: SubscriptionId,
    form: Form,
) -> Result<approvals::Opened> {
    let subscription = service::get(workspace.ctx(), id).await?;
    if subscription.provider.id != workspace.organization_id() {
        return Err(Failure::of(Code::NotFound));
    }
    let plan = plans::get(workspace.ctx(), subscription.plan.id).await?;
    let product = products::get(workspace.ctx(), subscription.product.id).await?;
    let versions = product.versions.into_iter();
    Ok(approvals::Opened {
        versions: versions
            .map(|version| format!("{} {}", version.api.name, version.slug))
            .collect(),
        subscription,
        plan,
        form,
    })
}

/// The request `id` in the list of its state.
async fn around(
    workspace: &Workspace,
    id: SubscriptionId,
    form: Form,
) -> Result<approvals::Approvals> {
    let opened = opened(workspace, id, form).await?;
    let state = tab(Some(opened.subscription.state));
    let mut props = inbox_props(workspace, state, None).await?;
    props.open = Some(opened);
    Ok(props)
}

pub(super) async fn open(workspace: Workspace, Path(ids): Path<Ids>) -> Result {
    let id = SubscriptionId::from_uuid(ids.subscription);
    let props = around(&workspace, id, Form::default()).await?;
    let title = titled(&props);
    Ok(workspace
        .visit
        .page(&title, move || approvals::inbox(props)))
}

/// Takes the step that the button names.
async fn take(
    workspace: &Workspace,
    id: SubscriptionId,
    typed: &Typed,
) -> Result<std::result::Result<(), api::Error>> {
    opened(workspace, id, Form::default()).await?;
    let verb = SubscriptionVerb::parse(typed.get("do")).filter(|verb| verb.is_providers());
    let verb = verb.ok_or_else(|| Failure::of(Code::BadRequest))?;
    let input = Decide {
        note: typed.get("note").to_owned(),
    };
    Ok(service::decide(workspace.ctx(), id, verb, None, input)
        .await
        .map(|_| ()))
}

pub(super) async fn decide(workspace: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    let id = SubscriptionId::from_uuid(ids.subscription);
    match take(&workspace, id, &typed).await? {
        Ok(()) => {
            let done = Address::default()
                .with("done", typed.get("do"))
                .with("of", &id.to_string());
            Ok(see(
                &done.after(&format!("{}/approvals", workspace.address()))
            ))
        }
        Err(error) => {
            let form = typed.refused(workspace.ctx(), error).await?;
            let props = around(&workspace, id, form).await?;
            Ok(workspace
                .visit
                .refused("Approvals", move || approvals::inbox(props)))
        }
    }
}

pub(super) async fn subscribers(workspace: Workspace, Query(cursor): Query<Cursor>) -> Result {
    let filter = service::SubscriberFilter {
        team: workspace.team_id(),
        ..Default::default()
    };
    let page = service::subscribers(
        workspace.ctx(),
        workspace.organization_id(),
        &filter,
        &cursor.paging(),
    )
    .await?;
    let props = approvals::Subscribers {
        at: at(&workspace),
        subscriptions: page.items,
        older: older(&format!("{}/subscribers", workspace.address()), page.next),
    };
    Ok(workspace
        .visit
        .page("Subscribers", move || approvals::subscribers(props)))
}

pub(super) async fn subscriber(workspace: Workspace, Path(ids): Path<Ids>) -> Result {
    let opened = opened(
        &workspace,
        SubscriptionId::from_uuid(ids.subscription),
        Form::default(),
    )
    .await?;
    let props = approvals::Subscriber {
        at: at(&workspace),
        opened,
    };
    Ok(workspace
        .visit
        .page("Subscriber", move || approvals::subscriber(props)))
}

pub(super) async fn act(workspace: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    let id = SubscriptionId::from_uuid(ids.subscription);
    match take(&workspace, id, &typed).await? {
        Ok(()) => Ok(see(&format!("{}/subscribers/{id}", workspace.address()))),
        Err(error) => {
            let opened =
                opened(&workspace, id, typed.refused(workspace.ctx(), error).await?).await?;
            let props = approvals::Subscriber {
                at: at(&workspace),
                opened,
            };
            Ok(workspace
                .visit
                .refused("Subscriber", move || approvals::subscriber(props)))
        }
    }
}
