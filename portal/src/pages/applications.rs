//! Applications of a team.

use api::{
    http::extract::{Path, Query},
    service::{
        applications as service, credentials, first_call, subscriptions,
        traffic::{self, Subject},
    },
};
use domain::{
    actor::Action,
    id::ApplicationId,
    label,
    lifecycle::ApplicationState,
    problem::Code,
    wire::{
        Paging, TeamPaging,
        applications::{Application, CreateApplication, EditApplication},
        traffic::Range,
    },
};
use frontend::{
    form::Form,
    icon::Icon,
    pages::{application, applications},
    part::confirm::Question,
};
use serde::Deserialize;

use super::confirm;
use crate::{
    failure::{Failure, Result},
    place::Workspace,
    query::Query as Address,
    typed::{Typed, local, see},
};

pub(crate) async fn list(here: Workspace, Query(paging): Query<Paging>) -> Result {
    let wanted = TeamPaging {
        team: here.team_id(),
        limit: paging.limit,
        after: paging.after,
    };
    let found = service::list(here.ctx(), here.organization_id(), &wanted).await?;
    let base = format!("{}/applications", here.address());
    let page = applications::Applications {
        visitor: here.visitor(),
        place: here.place.clone(),
        applications: found.items,
        older: found
            .next
            .map(|next| Address::default().with("after", &next).after(&base)),
        may_create: here.can(Action::EditApplication),
        now: here.ctx().now,
    };
    Ok(here.visit.page("Applications", || applications::list(page)))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    next: String,
}

pub(crate) async fn new(here: Workspace, Query(asked): Query<Asked>) -> Result {
    here.in_team()?;
    here.must(Action::EditApplication)?;
    let next = local(&asked.next).map(str::to_owned);
    let page = edit_props(&here, Form::default(), None, next);
    Ok(here
        .visit
        .page("New application", || applications::edit(page)))
}

pub(crate) async fn create(here: Workspace, typed: Typed) -> Result {
    let input = CreateApplication {
        team: here.in_team()?.id,
        name: typed.get("name").to_owned(),
        description: typed.get("description").to_owned(),
        labels: label::read(typed.get("labels")),
    };
    let next = local(typed.get("next")).map(str::to_owned);
    match service::create(here.ctx(), here.organization_id(), input).await {
        Ok(made) => Ok(see(&next.unwrap_or_else(|| home(&here, made.id)))),
        Err(error) => {
            let form = typed.refused_under(here.ctx(), error, "labels").await?;
            let page = edit_props(&here, form, None, next);
            Ok(here
                .visit
                .refused("New application", || applications::edit(page)))
        }
    }
}

fn edit_props(
    here: &Workspace,
    form: Form,
    existing: Option<&Application>,
    next: Option<String>,
) -> applications::Edit {
    applications::Edit {
        visitor: here.visitor(),
        place: here.place.clone(),
        form,
        existing: existing
            .map(|application| (home(here, application.id), application.name.clone())),
        may_label: here.can(Action::LabelApplication),
        next,
    }
}

/// Address of an application's page.
pub(super) fn home(here: &Workspace, id: ApplicationId) -> String {
    format!("{}/applications/{id}", here.address())
}

/// The application of an address, if it belongs to the workspace there.
pub(super) async fn load(here: &Workspace, id: ApplicationId) -> Result<Application> {
    let found = service::get(here.ctx(), id).await?;
    let elsewhere = found.organization != here.organization_id()
        || here.team_id().is_some_and(|team| team != found.team.id);
    if elsewhere {
        return Err(Failure::of(Code::NotFound));
    }
    Ok(found)
}

pub(crate) async fn show(
    here: Workspace,
    Path((_, _, id)): Path<(String, String, ApplicationId)>,
) -> Result {
    let found = load(&here, id).await?;
    let ctx = here.ctx();
    let all = Paging {
        limit: Some(100),
        after: None,
    };
    let keys = credentials::list(ctx, id, &all).await?.items;
    let subscriptions = subscriptions::of_application(ctx, id, &all).await?.items;
    let usage = match here.can(Action::ReadTraffic) {
        true => Some(traffic::usage(ctx, Subject::Application(id), Range::Week, None).await?),
        false => None,
    };
    let title = found.name.clone();
    let page = application::Application {
        visitor: here.visitor(),
        place: here.place.clone(),
        application: found,
        keys,
        allowed: subscriptions::allowed(ctx, &subscriptions).await?,
        subscriptions,
        usage,
        first_call: first_call::get(ctx, id).await?,
        may: application::May {
            edit: here.can(Action::EditApplication),
            keys: here.can(Action::ManageCredentials),
            request: here.can(Action::RequestSubscription),
            disable: here.can(Action::DisableApplication),
        },
        now: ctx.now,
    };
    Ok(here.visit.page(&title, || application::view(page)))
}

pub(crate) async fn edit(
    here: Workspace,
    Path((_, _, id)): Path<(String, String, ApplicationId)>,
) -> Result {
    here.must(Action::EditApplication)?;
    let found = load(&here, id).await?;
    let form = Form::default()
        .with("name", found.name.clone())
        .with("description", found.description.clone())
        .with("labels", label::write(&found.labels))
        .with("etag", found.etag.to_string());
    let page = edit_props(&here, form, Some(&found), None);
    Ok(here
        .visit
        .page("Edit the application", || applications::edit(page)))
}

pub(crate) async fn save(
    here: Workspace,
    Path((_, _, id)): Path<(String, String, ApplicationId)>,
    typed: Typed,
) -> Result {
    let found = load(&here, id).await?;
    let input = EditApplication {
        name: Some(typed.get("name").to_owned()),
        description: Some(typed.get("description").to_owned()),
        labels: typed
            .has("labels")
            .then(|| label::read(typed.get("labels"))),
    };
    match service::edit(here.ctx(), id, typed.etag(), input).await {
        Ok(_) => Ok(see(&home(&here, id))),
        Err(error) => {
            let form = typed.refused_under(here.ctx(), error, "labels").await?;
            let page = edit_props(&here, form, Some(&found), None);
            Ok(here
                .visit
                .refused("Edit the application", || applications::edit(page)))
        }
    }
}

pub(crate) async fn ask_disable(
    here: Workspace,
    Path((_, _, id)): Path<(String, String, ApplicationId)>,
) -> Result {
    here.must(Action::DisableApplication)?;
    let found = load(&here, id).await?;
    let page = disable_props(&here, found, Form::default()).await;
    Ok(here
        .visit
        .page("Disable an application", || application::disable(page)))
}

async fn disable_props(here: &Workspace, found: Application, form: Form) -> application::Disable {
    let mut blast = vec![confirm::subscribed(found.subscriptions)];
    blast.extend(confirm::called(here.ctx(), Subject::Application(found.id)).await);
    let question = Question {
        name: found.name.clone(),
        verb: "Disable",
        does: "All its calls are refused, with every key, within a second. Keys and subscriptions stay, and it can be enabled again.",
        blast,
        symbol: Icon::Pause,
        button: "Disable the application",
        home: home(here, found.id),
        form,
    };
    application::Disable {
        visitor: here.visitor(),
        place: here.place.clone(),
        application: found,
        question,
    }
}

pub(crate) async fn disable(
    here: Workspace,
    Path((_, _, id)): Path<(String, String, ApplicationId)>,
    typed: Typed,
) -> Result {
    let found = load(&here, id).await?;
    match confirm::named(typed, &found.name) {
        Ok(_) => set(&here, id, ApplicationState::Disabled).await,
        Err(form) => {
            let page = disable_props(&here, found, form).await;
            Ok(here
                .visit
                .refused("Disable an application", || application::disable(page)))
        }
    }
}

pub(crate) async fn enable(
    here: Workspace,
    Path((_, _, id)): Path<(String, String, ApplicationId)>,
) -> Result {
    set(&here, id, ApplicationState::Active).await
}

async fn set(here: &Workspace, id: ApplicationId, state: ApplicationState) -> Result {
    load(here, id).await?;
    service::set_state(here.ctx(), id, state).await?;
    Ok(see(&home(here, id)))
}
