//! The members of an organization: roles, and how one goes.

use api::{
    http::extract::{Path, Query},
    service::{invitations as invited, members as service, teams},
};
use domain::{
    actor::OrganizationRole,
    id::UserId,
    wire::{
        Paging,
        organizations::{EditMember, Member},
    },
};
use frontend::{
    form::Form,
    frame::Section,
    pages::people::{self, invitations, members},
};

use super::{Asked, Ids, MOST, at, me, member, older, rank};
use crate::{
    failure::Result,
    place::Workspace,
    typed::{Typed, see},
};

const TITLE: &str = "Members";

pub(super) async fn list(here: Workspace, Query(asked): Query<Asked>) -> Result {
    let page = props(&here, &asked, Form::default()).await?;
    Ok(here.visit.page(TITLE, || members::view(page)))
}

/// Where a form stands that has no page of its own: a reload after a refusal leads to the list.
pub(super) async fn back(here: Workspace) -> Result {
    Ok(see(&format!("{}/members", here.address())))
}

pub(super) async fn props(
    here: &Workspace,
    asked: &Asked,
    invite: Form,
) -> Result<members::Members> {
    let address = format!("{}/members", here.address());
    let found = service::list(here.ctx(), here.organization_id(), &asked.paging()).await?;
    let whole = found.next.is_none() && asked.paging().after.is_none();
    let mut owners = found
        .items
        .iter()
        .filter(|member| member.role == OrganizationRole::Owner);
    let sole_owner = match (whole, owners.next(), owners.next()) {
        (true, Some(owner), None) => Some(owner.user),
        _ => None,
    };
    let manages = rank(here);
    let invitations = match manages {
        Some(most) => Some(waiting(here, most, invite).await?),
        None => None,
    };
    Ok(members::Members {
        at: at(here),
        newest: asked.newest(&address),
        older: older(&address, found.next),
        members: found.items,
        me: me(here)?,
        manages,
        sole_owner,
        refused: None,
        done: done(&asked.done),
        invitations,
    })
}

/// What the address says was just done.
pub(super) fn done(word: &str) -> Option<&'static str> {
    match word {
        "role" => Some("The role is changed; it holds from the next click of that person on."),
        "removed" => Some("They are out, and their sessions here have ended."),
        "added" => Some("They are in the team."),
        "invited" => Some("The invitation is on its way. Its link is good for seven days."),
        "resent" => Some("The invitation was sent again with a new link; the old one has ended."),
        "withdrawn" => Some("The invitation is withdrawn: its link has ended."),
        _ => None,
    }
}

async fn waiting(
    here: &Workspace,
    most: OrganizationRole,
    form: Form,
) -> Result<invitations::Invitations> {
    let paging = Paging {
        limit: Some(MOST),
        after: None,
    };
    let found = invited::list(here.ctx(), here.organization_id(), &paging).await?;
    let teams = teams::list(here.ctx(), here.organization_id(), &paging).await?;
    Ok(invitations::Invitations {
        waiting: found.items,
        older: None,
        teams: teams.items,
        most,
        form,
    })
}

pub(super) async fn edit(here: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    let user = ids.user();
    let form = match OrganizationRole::parse(typed.get("role")) {
        Some(role) => {
            let input = EditMember { role };
            match service::edit(
                here.ctx(),
                here.organization_id(),
                user,
                typed.etag(),
                input,
            )
            .await
            {
                Ok(_) => return Ok(see(&format!("{}/members?done=role", here.address()))),
                Err(error) => typed.refused(here.ctx(), error).await?,
            }
        }
        None => typed
            .into_form()
            .problem_at("role", "Choose owner, admin or member."),
    };
    let mut page = props(&here, &Asked::default(), Form::default()).await?;
    page.refused = Some((user, form));
    Ok(here.visit.refused(TITLE, || members::view(page)))
}

pub(super) async fn ask_remove(here: Workspace, Path(ids): Path<Ids>) -> Result {
    let member = member(&here, ids.user()).await?;
    may_remove(&here, &member)?;
    let page = question(&here, &member, Form::default())?;
    Ok(here.visit.page(TITLE, || people::confirm(page)))
}

/// As the service asks: oneself, or whom one stands above or beside.
fn may_remove(here: &Workspace, member: &Member) -> Result<()> {
    if member.user == me(here)? {
        return Ok(());
    }
    here.must(domain::actor::Action::ManageMembers)
}

fn question(here: &Workspace, member: &Member, form: Form) -> Result<people::Confirm> {
    let own = member.user == me(here)?;
    let organization = &here.organization.name;
    let (title, who) = if own {
        (
            format!("Leave {organization}?"),
            "You lose your role".to_owned(),
        )
    } else {
        (
            format!("Remove {}?", member.name),
            format!(
                "{} ({}, {}) loses the role",
                member.name,
                member.email,
                member.role.as_str()
            ),
        )
    };
    Ok(people::Confirm {
        at: at(here),
        section: Section::Members,
        back: (format!("{}/members", here.address()), TITLE.to_owned()),
        title,
        facts: vec![
            format!(
                "{who} in {organization} and in all its teams at once; sessions and tokens reach nothing of it any more."
            ),
            "APIs, applications and keys stay: they belong to teams, and keys go on working."
                .to_owned(),
            "Only a new invitation leads back.".to_owned(),
        ],
        act: if own {
            "Leave the organization"
        } else {
            "Remove from the organization"
        },
        keep: "Cancel",
        typed: None,
        form,
    })
}

pub(super) async fn remove(here: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    let user: UserId = ids.user();
    match service::remove(here.ctx(), here.organization_id(), user).await {
        Ok(()) if user == me(&here)? => Ok(see("/home")),
        Ok(()) => Ok(see(&format!("{}/members?done=removed", here.address()))),
        Err(error) => {
            let form = typed.refused(here.ctx(), error).await?;
            let page = question(&here, &member(&here, user).await?, form)?;
            Ok(here.visit.refused(TITLE, || people::confirm(page)))
        }
    }
}
