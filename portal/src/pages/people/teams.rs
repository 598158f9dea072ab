//! The teams of an organization, and a new one.

use api::{http::extract::Query, service::teams as service};
use domain::{actor::Action, wire::organizations::CreateTeam};
use frontend::{form::Form, pages::people::teams};

use super::{Asked, at, older};
use crate::{
    failure::Result,
    place::Workspace,
    typed::{Typed, see},
};

pub(super) async fn list(here: Workspace, Query(asked): Query<Asked>) -> Result {
    let page = props(&here, &asked, Form::default()).await?;
    Ok(here.visit.page("Teams", || teams::list(page)))
}

async fn props(here: &Workspace, asked: &Asked, form: Form) -> Result<teams::Teams> {
    let ctx = here.ctx();
    let address = format!("{}/teams", here.address());
    let found = service::list(ctx, here.organization_id(), &asked.paging()).await?;
    let teams = found.items.into_iter().map(|team| {
        let may_edit = ctx.can(Action::EditTeam, team.organization, Some(team.id));
        (team, may_edit)
    });
    Ok(teams::Teams {
        at: at(here),
        teams: teams.collect(),
        newest: asked.newest(&address),
        older: older(&address, found.next),
        may_create: here.can(Action::CreateTeam),
        form,
    })
}

pub(super) async fn create(here: Workspace, typed: Typed) -> Result {
    let input = CreateTeam {
        name: typed.get("name").to_owned(),
        slug: typed.get("slug").to_owned(),
        description: typed.get("description").to_owned(),
    };
    match service::create(here.ctx(), here.organization_id(), input).await {
        // A new team is empty: who is in it comes next.
        Ok(team) => Ok(see(&format!("{}/t/{}/members", here.address(), team.slug))),
        Err(error) => {
            let page = props(
                &here,
                &Asked::default(),
                typed.refused(here.ctx(), error).await?,
            )
            .await?;
            Ok(here.visit.refused("Teams", || teams::list(page)))
        }
    }
}
