//! A team's name, and its end.

use api::{
    http::extract::Query,
    service::{apis, applications, products, teams as service, upstreams},
};
use domain::{
    actor::Action,
    problem::Code,
    wire::{
        TeamPaging,
        organizations::{EditTeam, Team},
    },
};
use frontend::{form::Form, format, pages::people::team_settings};

use super::{Asked, MOST, at, members_of_team};
use crate::{
    failure::{Failure, Result},
    place::Workspace,
    typed::{Typed, see},
};

const TITLE: &str = "Team settings";

pub(super) async fn show(here: Workspace, Query(asked): Query<Asked>) -> Result {
    here.must(Action::EditTeam)?;
    let form = form_of(here.in_team()?);
    let mut page = props(&here, form, Form::default()).await?;
    page.saved = asked.is_done();
    Ok(here.visit.page(TITLE, || team_settings::view(page)))
}

fn form_of(team: &Team) -> Form {
    Form::default()
        .with("name", team.name.clone())
        .with("description", team.description.clone())
        .with("etag", team.etag.to_string())
}

async fn props(here: &Workspace, form: Form, end: Form) -> Result<team_settings::Settings> {
    let team = here.in_team()?.clone();
    // As the service asks: the team's own maintainers do not end it.
    let may_delete = here.can(Action::EditTeam) && here.can(Action::CreateTeam);
    let end = if may_delete {
        Some(self::end(here, &team, end).await?)
    } else {
        None
    };
    Ok(team_settings::Settings {
        at: at(here),
        team,
        form,
        saved: false,
        end,
    })
}

/// What stands in the way of deleting the team.
async fn end(here: &Workspace, team: &Team, form: Form) -> Result<team_settings::End> {
    let (ctx, organization) = (here.ctx(), here.organization_id());
    let paging = TeamPaging {
        team: Some(team.id),
        limit: Some(MOST),
        after: None,
    };
    let apis = apis::list(ctx, organization, &paging).await?.items.len();
    let upstreams = upstreams::list(ctx, organization, &paging)
        .await?
        .items
        .len();
    let products = products::list(ctx, organization, &paging)
        .await?
        .items
        .len();
    let applications = applications::list(ctx, organization, &paging)
        .await?
        .items
        .len();
    let owns = [
        (apis, "API", "APIs", "apis"),
        (upstreams, "upstream", "upstreams", "upstreams"),
        (products, "product", "products", "products"),
        (applications, "application", "applications", "applications"),
    ];
    let owns = owns
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many, path)| {
            (
                format::counted(count as u64, one, many),
                format!("{}/{path}", here.address()),
            )
        });
    Ok(team_settings::End {
        form,
        members: members_of_team(here, team.id).await?.len() as u64,
        owns: owns.collect(),
    })
}

pub(super) async fn act(here: Workspace, typed: Typed) -> Result {
    match typed.get("do") {
        "save" => save(here, typed).await,
        "delete" => delete(here, typed).await,
        _ => Err(Failure::of(Code::BadRequest)),
    }
}

async fn save(here: Workspace, typed: Typed) -> Result {
    let input = EditTeam {
        name: typed.get("name").to_owned(),
        description: typed.get("description").to_owned(),
    };
    match service::edit(here.ctx(), here.in_team()?.id, typed.etag(), input).await {
        Ok(_) => Ok(see(&format!("{}/settings?done=1", here.address()))),
        Err(error) => {
            let page = props(
                &here,
                typed.refused(here.ctx(), error).await?,
                Form::default(),
            )
            .await?;
            Ok(here.visit.refused(TITLE, || team_settings::view(page)))
        }
    }
}

async fn delete(here: Workspace, typed: Typed) -> Result {
    let team = here.in_team()?;
    let form = if typed.get("confirm") == team.name {
        match service::delete(here.ctx(), team.id, typed.etag()).await {
            Ok(()) => return Ok(see(&format!("/o/{}/teams", here.organization.slug))),
            Err(error) => typed.refused(here.ctx(), error).await?,
        }
    } else {
        here.must(Action::EditTeam)?;
        typed.into_form().problem_at(
            "confirm",
            format!("Type {}, as the team is called.", team.name),
        )
    };
    let page = props(&here, form_of(team), form).await?;
    Ok(here.visit.refused(TITLE, || team_settings::view(page)))
}
