//! Upstreams: the list, the form, the switch of blue and green, and what is shown to the targets.

mod read;
mod secrets;
mod shown;

use api::http::extract::{Path, Query};
use api::service::upstreams as service;
use domain::actor::Action;
use domain::id::UpstreamId;
use domain::problem::{Code, Invalid};
use domain::upstream::UpstreamSettings;
use domain::wire::TeamPaging;
use domain::wire::upstreams::{
    CreateUpstream, EditUpstream, SetClientCertificate, SetUpstreamCredential, Upstream,
};
use frontend::form::Form;
use frontend::pages::publish::upstreams;
use serde::Deserialize;

use self::read::read;
use super::{Cursor, Ids, at, fields::Fields, older, teams_for};
use crate::{
    failure::{Failure, Result},
    place::Workspace,
    typed::{Typed, local, see},
};

pub(super) async fn list(workspace: Workspace, Query(cursor): Query<Cursor>) -> Result {
    let paging = cursor.in_team(workspace.team_id());
    let page = service::list(workspace.ctx(), workspace.organization_id(), &paging).await?;
    let props = upstreams::Upstreams {
        at: at(&workspace),
        upstreams: page.items,
        older: older(&format!("{}/upstreams", workspace.address()), page.next),
        may_edit: workspace.can(Action::EditUpstream),
    };
    Ok(workspace
        .visit
        .page("Upstreams", move || upstreams::list(props)))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// Where to go on afterwards: back to the version that waits for it.
    next: String,
}

pub(super) async fn new(workspace: Workspace, Query(asked): Query<Asked>) -> Result {
    let form = Form::default().with("next", asked.next);
    let props = props(&workspace, form, None).await?;
    Ok(workspace
        .visit
        .page("New upstream", move || upstreams::edit(props)))
}

async fn props(
    workspace: &Workspace,
    form: Form,
    existing: Option<Upstream>,
) -> Result<upstreams::Edit> {
    let teams = match &existing {
        Some(_) => Vec::new(),
        None => teams_for(workspace, Action::EditUpstream).await?,
    };
    if existing.is_none() && teams.is_empty() {
        return Err(Failure::of(Code::Forbidden));
    }
    let team = existing.as_ref().map(|upstream| upstream.team.id);
    let may_edit = team.is_none_or(|team| {
        let organization = workspace.organization_id();
        workspace
            .ctx()
            .can(Action::EditUpstream, organization, Some(team))
    });
    Ok(upstreams::Edit {
        at: at(workspace),
        next: local(form.value("next")).map(str::to_owned),
        form,
        teams,
        others: others(workspace, existing.as_ref().map(|own| own.id)).await?,
        existing,
        may_edit,
    })
}

/// What it may fall back on and mirror to: of the same organization, as far as the person sees them.
async fn others(workspace: &Workspace, own: Option<UpstreamId>) -> Result<Vec<(String, String)>> {
    let paging = TeamPaging {
        team: None,
        limit: Some(100),
        after: None,
    };
    let page = service::list(workspace.ctx(), workspace.organization_id(), &paging).await?;
    let others = page.items.into_iter().filter(|one| Some(one.id) != own);
    Ok(others.map(|one| (one.id.to_string(), one.name)).collect())
}

pub(super) async fn create(workspace: Workspace, typed: Typed) -> Result {
    let mut fields = Fields::of(&typed);
    let team = fields.needed("team", "Choose a team.");
    let settings = read(&typed, None, workspace.ctx().now);
    let (team, settings) = match (team, settings) {
        (Some(team), Ok(settings)) => (team, settings),
        (_, settings) => {
            fields.wrong.extend(settings.err().unwrap_or_default());
            let form = refused_fields(&typed, fields.wrong);
            return refuse(&workspace, form, None).await;
        }
    };
    let input = CreateUpstream {
        team,
        name: typed.get("name").to_owned(),
        settings,
        credential: None,
    };
    match service::create(workspace.ctx(), workspace.organization_id(), input).await {
        Ok(made) => {
            let own = format!("{}/upstreams/{}", workspace.address(), made.id);
            Ok(see(local(typed.get("next")).unwrap_or(&own)))
        }
        Err(error) => refuse(&workspace, at_fields(&workspace, typed, error).await?, None).await,
    }
}

pub(super) async fn show(workspace: Workspace, Path(ids): Path<Ids>) -> Result {
    let found = service::get(workspace.ctx(), UpstreamId::from_uuid(ids.upstream)).await?;
    let title = found.name.clone();
    let props = props(&workspace, form_of(&found), Some(found)).await?;
    Ok(workspace.visit.page(&title, move || upstreams::edit(props)))
}

pub(super) async fn act(workspace: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    let id = UpstreamId::from_uuid(ids.upstream);
    let found = service::get(workspace.ctx(), id).await?;
    let done = match typed.get("do") {
        "save" => {
            let settings = match read(&typed, Some(&found.settings), workspace.ctx().now) {
                Ok(settings) => settings,
                Err(wrong) => {
                    let form = refused_fields(&typed, wrong);
                    return refuse(&workspace, form, Some(found)).await;
                }
            };
            let input = EditUpstream {
                name: Some(typed.get("name").to_owned()),
                settings: Some(settings),
            };
            service::edit(workspace.ctx(), id, typed.etag(), input).await
        }
        "switch" => {
            let input = EditUpstream {
                name: None,
                settings: Some(switched(&found.settings, typed.get("live"))),
            };
            service::edit(workspace.ctx(), id, typed.etag(), input).await
        }
        "credential" => {
            let input = secrets::credential(&typed);
            service::set_credential(workspace.ctx(), id, None, input).await
        }
        "clear" => {
            let input = SetUpstreamCredential { credential: None };
            service::set_credential(workspace.ctx(), id, None, input).await
        }
        "certificate" => {
            let input = secrets::client_certificate(&typed);
            service::set_client_certificate(workspace.ctx(), id, typed.etag(), input).await
        }
        "remove-certificate" => {
            let input = SetClientCertificate {
                client_certificate: None,
            };
            service::set_client_certificate(workspace.ctx(), id, typed.etag(), input).await
        }
        _ => return Err(Failure::of(Code::BadRequest)),
    };
    match done {
        Ok(_) => Ok(see(&format!("{}/upstreams/{id}", workspace.address()))),
        Err(error) if typed.get("do") == "save" => {
            refuse(
                &workspace,
                at_fields(&workspace, typed, error).await?,
                Some(found),
            )
            .await
        }
        Err(mut error) => {
            // The main form keeps what is stored, the others what was typed and is no secret.
            shown::at_fields(&typed, &mut error.invalid);
            secrets::at_fields(&mut error.invalid);
            let typed = secrets::open(typed);
            let form = typed.refused(workspace.ctx(), error).await?;
            refuse(&workspace, filled(form, &found), Some(found)).await
        }
    }
}

async fn refuse(workspace: &Workspace, form: Form, existing: Option<Upstream>) -> Result {
    let props = props(workspace, form, existing).await?;
    Ok(workspace
        .visit
        .refused("Upstream", move || upstreams::edit(props)))
}

fn refused_fields(typed: &Typed, wrong: Vec<Invalid>) -> Form {
    typed.clone().into_form().invalid(&wrong)
}

async fn at_fields(workspace: &Workspace, typed: Typed, mut error: api::Error) -> Result<Form> {
    shown::at_fields(&typed, &mut error.invalid);
    typed.refused(workspace.ctx(), error).await
}

/// The same with another variant live.
fn switched(settings: &UpstreamSettings, live: &str) -> UpstreamSettings {
    let mut settings = settings.clone();
    if let Some(split) = &mut settings.split {
        split.live = Some(live.to_owned());
    }
    settings
}

fn form_of(upstream: &Upstream) -> Form {
    filled(Form::default(), upstream)
}

/// A form with what is stored.
fn filled(form: Form, upstream: &Upstream) -> Form {
    let form = form
        .with("name", upstream.name.clone())
        .with("etag", upstream.etag.to_string());
    shown::shown(form, &upstream.settings)
}
