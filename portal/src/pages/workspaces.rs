//! The first page of an organization and of a team.

use api::service::{
    apis, applications, teams,
    traffic::{self, Subject},
};
use domain::{
    actor::Action,
    wire::{Paging, TeamPaging, traffic::Range},
};
use frontend::pages::workspace;

use crate::{failure::Result, place::Workspace};

/// How many of each the page of a team shows.
const FEW: u16 = 5;

pub(crate) async fn organization(here: Workspace) -> Result {
    let paging = Paging {
        limit: Some(100),
        after: None,
    };
    let teams = teams::list(here.ctx(), here.organization_id(), &paging).await?;
    let page = workspace::OfOrganization {
        visitor: here.visitor(),
        place: here.place.clone(),
        organization: here.organization.clone(),
        teams: teams.items,
        may_create_team: here.can(Action::CreateTeam),
    };
    Ok(here
        .visit
        .page(&here.organization.name, || workspace::organization(page)))
}

pub(crate) async fn team(here: Workspace) -> Result {
    let (ctx, team) = (here.ctx(), here.in_team()?.clone());
    let paging = TeamPaging {
        team: Some(team.id),
        limit: Some(FEW),
        after: None,
    };
    let organization = here.organization_id();
    let applications = match here.can(Action::ReadApplication) {
        true => Some(applications::list(ctx, organization, &paging).await?.items),
        false => None,
    };
    let apis = match here.can(Action::ReadApi) {
        true => Some(apis::list(ctx, organization, &paging).await?.items),
        false => None,
    };
    let usage = match here.can(Action::ReadTraffic) {
        true => Some(
            traffic::usage(
                ctx,
                Subject::Consumer(organization, Some(team.id)),
                Range::Day,
                None,
            )
            .await?,
        ),
        false => None,
    };
    let page = workspace::OfTeam {
        visitor: here.visitor(),
        place: here.place.clone(),
        usage,
        applications,
        apis,
        may_edit_apis: here.can(Action::EditApi),
        may_edit_applications: here.can(Action::EditApplication),
        now: ctx.now,
        team: team.clone(),
    };
    Ok(here.visit.page(&team.name, || workspace::team(page)))
}
