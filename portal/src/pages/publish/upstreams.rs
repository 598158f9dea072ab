//! Upstreams: the list, the form, the credential.

use api::http::extract::{Path, Query};
use api::service::upstreams as service;
use domain::actor::Action;
use domain::id::UpstreamId;
use domain::problem::{Code, Invalid};
use domain::upstream::{Target, Timeouts, UpstreamCredential, UpstreamSettings, UpstreamTls};
use domain::wire::upstreams::{CreateUpstream, EditUpstream, SetUpstreamCredential, Upstream};
use frontend::form::Form;
use frontend::pages::publish::upstreams;
use serde::Deserialize;

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
    let times = Timeouts::default();
    let form = Form::default()
        .with("next", asked.next)
        .with("connect", times.connect.to_string())
        .with("first_byte", times.first_byte.to_string())
        .with("idle", times.idle.to_string());
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
        existing,
        may_edit,
    })
}

pub(super) async fn create(workspace: Workspace, typed: Typed) -> Result {
    let mut fields = Fields::of(&typed);
    let settings = settings(&typed, &mut fields, None);
    let team = fields.needed("team", "Choose a team.");
    let (Some(team), true) = (team, fields.wrong.is_empty()) else {
        let form = refused_fields(&typed, fields.wrong);
        return refuse(&workspace, form, None).await;
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
    let mut fields = Fields::of(&typed);
    let done = match typed.get("do") {
        "save" => {
            let settings = settings(&typed, &mut fields, Some(&found.settings));
            if !fields.wrong.is_empty() {
                let form = refused_fields(&typed, fields.wrong);
                return refuse(&workspace, form, Some(found)).await;
            }
            let input = EditUpstream {
                name: Some(typed.get("name").to_owned()),
                settings: Some(settings),
            };
            service::edit(workspace.ctx(), id, fields.etag(), input).await
        }
        "credential" => {
            let input = SetUpstreamCredential {
                credential: Some(credential(&typed)),
            };
            service::set_credential(workspace.ctx(), id, None, input).await
        }
        "clear" => {
            service::set_credential(
                workspace.ctx(),
                id,
                None,
                SetUpstreamCredential { credential: None },
            )
            .await
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
        Err(error) => {
            // The other form keeps its stored values; what is wrong with the credential is said above.
            let message = error
                .invalid
                .iter()
                .map(|invalid| invalid.message.clone())
                .collect::<Vec<_>>()
                .join(" ");
            let words = if message.is_empty() {
                error.detail.clone()
            } else {
                message
            };
            typed.refused(workspace.ctx(), error).await?;
            let form = form_of(&found).refused(words);
            refuse(&workspace, form, Some(found)).await
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

/// The form has one field for all targets, and the settings' fields under their own names.
async fn at_fields(workspace: &Workspace, typed: Typed, mut error: api::Error) -> Result<Form> {
    for invalid in &mut error.invalid {
        let pointer = invalid
            .pointer
            .strip_prefix("/settings")
            .unwrap_or(&invalid.pointer);
        let field = if pointer.starts_with("/targets") {
            "/targets"
        } else if let Some(field) = pointer
            .strip_prefix("/tls")
            .or(pointer.strip_prefix("/timeouts"))
        {
            field
        } else {
            pointer
        };
        *invalid = Invalid::new(field, invalid.message.clone());
    }
    typed.refused(workspace.ctx(), error).await
}

fn credential(typed: &Typed) -> UpstreamCredential {
    let (name, secret) = (
        typed.get("credential_name").to_owned(),
        typed.raw("credential_secret").to_owned(),
    );
    match typed.get("kind") {
        "header" => UpstreamCredential::Header {
            name,
            value: secret,
        },
        "basic" => UpstreamCredential::Basic {
            user: name,
            password: secret,
        },
        _ => UpstreamCredential::Bearer { token: secret },
    }
}

fn settings(
    typed: &Typed,
    fields: &mut Fields<'_>,
    before: Option<&UpstreamSettings>,
) -> UpstreamSettings {
    let times = before.map(|settings| settings.timeouts).unwrap_or_default();
    // What the form does not show stays as it is.
    let known = |url: &str| {
        let targets = before.map_or(&[][..], |settings| &settings.targets);
        targets.iter().find(|target| target.url == url)
    };
    let targets = typed
        .get("targets")
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let targets = targets
        .map(|line| match line.split_once(char::is_whitespace) {
            None => Target::new(line),
            Some((url, weight)) => {
                let weight = weight.trim().parse().unwrap_or_else(|_| {
                    fields.wrong.push(Invalid::new(
                        "/targets",
                        "A weight is a number from 0 to 1000.",
                    ));
                    1
                });
                Target {
                    weight,
                    ..Target::new(url)
                }
            }
        })
        .map(|target| match known(&target.url) {
            None => target,
            Some(known) => Target {
                weight: target.weight,
                ..known.clone()
            },
        })
        .collect();
    UpstreamSettings {
        targets,
        timeouts: Timeouts {
            connect: fields.span("connect").unwrap_or(times.connect),
            first_byte: fields.span("first_byte").unwrap_or(times.first_byte),
            idle: fields.span("idle").unwrap_or(times.idle),
            ..times
        },
        tls: UpstreamTls {
            ca: typed.optional("ca"),
            server_name: typed.optional("server_name"),
        },
        preserve_host: typed.is_ticked("preserve_host"),
        ..before.cloned().unwrap_or_default()
    }
}

fn form_of(upstream: &Upstream) -> Form {
    let settings = &upstream.settings;
    let lines = settings.targets.iter().map(|target| match target.weight {
        1 => target.url.clone(),
        weight => format!("{} {weight}", target.url),
    });
    Form::default()
        .with("name", upstream.name.clone())
        .with("targets", lines.collect::<Vec<_>>().join("\n"))
        .with("connect", settings.timeouts.connect.to_string())
        .with("first_byte", settings.timeouts.first_byte.to_string())
        .with("idle", settings.timeouts.idle.to_string())
        .with(
            "preserve_host",
            if settings.preserve_host { "yes" } else { "" },
        )
        .with("ca", settings.tls.ca.clone().unwrap_or_default())
        .with(
            "server_name",
            settings.tls.server_name.clone().unwrap_or_default(),
        )
        .with("etag", upstream.etag.to_string())
}
