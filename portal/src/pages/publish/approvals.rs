//! The provider's side of subscriptions: the inbox and the subscribers.

use api::http::extract::{Path, Query};
use api::service::{plans, subscriptions as service};
use domain::id::SubscriptionId;
use domain::problem::Code;
use domain::wire::subscriptions::{Decide, SubscriptionVerb};
use frontend::form::Form;
use frontend::pages::publish::approvals;

use super::{Cursor, Ids, at, older};
use crate::{
    failure::{Failure, Result},
    place::Workspace,
    typed::{Typed, see},
};

pub(super) async fn inbox(workspace: Workspace, Query(cursor): Query<Cursor>) -> Result {
    let mut props = inbox_props(&workspace, cursor).await?;
    // The oldest request is open at once: it has waited longest.
    if let Some(first) = props.pending.first().map(|subscription| subscription.id) {
        props.open = Some(opened(&workspace, first, Form::default()).await?);
    }
    Ok(workspace
        .visit
        .page("Approvals", move || approvals::inbox(props)))
}

async fn inbox_props(workspace: &Workspace, cursor: Cursor) -> Result<approvals::Approvals> {
    let paging = cursor.in_team(workspace.team_id());
    let found = service::approvals(workspace.ctx(), workspace.organization_id(), &paging).await?;
    Ok(approvals::Approvals {
        at: at(workspace),
        pending: found.items,
        count: found.pending,
        older: older(&format!("{}/approvals", workspace.address()), found.next),
        open: None,
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
    Ok(approvals::Opened {
        subscription,
        plan,
        form,
    })
}

pub(super) async fn open(workspace: Workspace, Path(ids): Path<Ids>) -> Result {
    let mut props = inbox_props(&workspace, Cursor::default()).await?;
    props.open = Some(
        opened(
            &workspace,
            SubscriptionId::from_uuid(ids.subscription),
            Form::default(),
        )
        .await?,
    );
    Ok(workspace
        .visit
        .page("Approvals", move || approvals::inbox(props)))
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
        Ok(()) => Ok(see(&format!("{}/approvals", workspace.address()))),
        Err(error) => {
            let form = typed.refused(workspace.ctx(), error).await?;
            let mut props = inbox_props(&workspace, Cursor::default()).await?;
            props.open = Some(opened(&workspace, id, form).await?);
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
