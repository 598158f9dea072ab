//! The members of a team: roles, who comes in, who goes.

use api::{
    http::extract::{Path, Query},
    service::{invitations, members as service},
};
use domain::{
    actor::{Action, OrganizationRole, TeamRole},
    id::UserId,
    problem::Code,
    wire::organizations::{CreateInvitation, EditTeamMember, TeamMember},
};
use frontend::{
    form::Form,
    frame::Section,
    pages::people::{self, team_members},
};

use super::{Asked, Ids, at, me, members, members_of_team, members_until, older};
use crate::{
    failure::{Failure, Result},
    place::Workspace,
    typed::{Typed, see},
};

const TITLE: &str = "Team members";
const CHOOSE: &str = "Choose maintainer, developer or viewer.";
/// Most people to choose from; beyond, a mail address is quicker.
const CHOICE: usize = 500;

/// The forms of the page, as they came back.
#[derive(Default)]
struct Forms {
    add: Form,
    invite: Form,
    refused: Option<(UserId, Form)>,
}

pub(super) async fn list(here: Workspace, Query(asked): Query<Asked>) -> Result {
    let page = props(&here, &asked, Forms::default()).await?;
    Ok(here.visit.page(TITLE, || team_members::view(page)))
}

async fn props(here: &Workspace, asked: &Asked, forms: Forms) -> Result<team_members::TeamMembers> {
    let team = here.in_team()?.id;
    let address = format!("{}/members", here.address());
    let found = service::list_team(here.ctx(), team, &asked.paging()).await?;
    let manages = if here.can(Action::ManageTeamMembers) {
        let inside = members_of_team(here, team).await?;
        let mut others = members_until(here, CHOICE, |_| false).await?;
        others.retain(|member| inside.iter().all(|known| known.user != member.user));
        Some(team_members::Manage {
            others,
            add: with_role(forms.add),
            invite: with_role(forms.invite),
        })
    } else {
        None
    };
    Ok(team_members::TeamMembers {
        at: at(here),
        newest: asked.newest(&address),
        older: older(&address, found.next),
        members: found.items,
        me: me(here)?,
        refused: forms.refused,
        done: members::done(&asked.done),
        manages,
    })
}

/// Developer, unless something else was chosen.
fn with_role(form: Form) -> Form {
    let field = "role";
    let form = if form.value(field).is_empty() {
        form.with(field, "developer")
    } else {
        form
    };
    if form.value("team_role").is_empty() {
        form.with("team_role", "developer")
    } else {
        form
    }
}

async fn refuse(here: &Workspace, forms: Forms) -> Result {
    let page = props(here, &Asked::default(), forms).await?;
    Ok(here.visit.refused(TITLE, || team_members::view(page)))
}

fn done(here: &Workspace, word: &str) -> Result {
    Ok(see(&format!("{}/members?done={word}", here.address())))
}

pub(super) async fn add(here: Workspace, typed: Typed) -> Result {
    let team = here.in_team()?.id;
    here.must(Action::ManageTeamMembers)?;
    let user = typed.get("user").parse().ok().map(UserId::from_uuid);
    let add = match (user, TeamRole::parse(typed.get("role"))) {
        (Some(user), Some(role)) => {
            match service::put_team(here.ctx(), team, user, None, EditTeamMember { role }).await {
                Ok(_) => return done(&here, "added"),
                Err(error) => typed.refused(here.ctx(), error).await?,
            }
        }
        (None, _) => typed
            .into_form()
            .problem_at("user", "Choose a member of the organization."),
        (_, None) => typed.into_form().problem_at("role", CHOOSE),
    };
    refuse(
        &here,
        Forms {
            add,
            ..Forms::default()
        },
    )
    .await
}

pub(super) async fn edit(here: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    let team = here.in_team()?.id;
    here.must(Action::ManageTeamMembers)?;
    // The service puts in whoever is not there yet: a role is changed only of those who are.
    find(&here, ids.user()).await?;
    let form = match TeamRole::parse(typed.get("role")) {
        Some(role) => {
            match service::put_team(
                here.ctx(),
                team,
                ids.user(),
                typed.etag(),
                EditTeamMember { role },
            )
            .await
            {
                Ok(_) => return done(&here, "role"),
                Err(error) => typed.refused(here.ctx(), error).await?,
            }
        }
        None => typed.into_form().problem_at("role", CHOOSE),
    };
    refuse(
        &here,
        Forms {
            refused: Some((ids.user(), form)),
            ..Forms::default()
        },
    )
    .await
}

async fn find(here: &Workspace, user: UserId) -> Result<TeamMember> {
    let found = members_of_team(here, here.in_team()?.id).await?;
    let member = found.into_iter().find(|member| member.user == user);
    member.ok_or_else(|| Failure::of(Code::NotFound))
}

pub(super) async fn ask_remove(here: Workspace, Path(ids): Path<Ids>) -> Result {
    let member = find(&here, ids.user()).await?;
    let own = member.user == me(&here)?;
    if !own {
        here.must(Action::ManageTeamMembers)?;
    }
    let team = &here.in_team()?.name;
    let (title, who) = if own {
        (format!("Leave {team}?"), "You lose your role".to_owned())
    } else {
        (
            format!("Take {} out of {team}?", member.name),
            format!(
                "{} ({}) loses the role {}",
                member.name,
                member.email,
                member.role.as_str()
            ),
        )
    };
    let page = people::Confirm {
        at: at(&here),
        section: Section::Members,
        back: (format!("{}/members", here.address()), TITLE.to_owned()),
        title,
        facts: vec![
            format!("{who} in {team}; membership of the organization and of other teams stays."),
            "What the team owns stays with it; keys go on working.".to_owned(),
        ],
        act: if own {
            "Leave the team"
        } else {
            "Take out of the team"
        },
        keep: "Cancel",
        typed: None,
        form: Form::default(),
    };
    Ok(here.visit.page(TITLE, || people::confirm(page)))
}

pub(super) async fn remove(here: Workspace, Path(ids): Path<Ids>) -> Result {
    service::remove_team(here.ctx(), here.in_team()?.id, ids.user()).await?;
    done(&here, "removed")
}

/// Into the team and, as a plain member, into the organization.
pub(super) async fn invite(here: Workspace, typed: Typed) -> Result {
    let team = here.in_team()?.id;
    here.must(Action::ManageTeamMembers)?;
    let invite = match TeamRole::parse(typed.get("team_role")) {
        Some(role) => {
            let input = CreateInvitation {
                email: typed.get("email").to_owned(),
                role: OrganizationRole::Member,
                team: Some(team),
                team_role: Some(role),
            };
            match invitations::create(here.ctx(), here.organization_id(), input).await {
                Ok(_) => return done(&here, "invited"),
                Err(error) => typed.refused(here.ctx(), error).await?,
            }
        }
        None => typed.into_form().problem_at("team_role", CHOOSE),
    };
    refuse(
        &here,
        Forms {
            invite,
            ..Forms::default()
        },
    )
    .await
}
