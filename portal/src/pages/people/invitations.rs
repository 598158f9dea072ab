//! Invitations to the organization: sending, sending again, withdrawing.

use api::{http::extract::Path, service::invitations as service};
use domain::{
    actor::{Action, OrganizationRole, TeamRole},
    id::{InvitationId, TeamId},
    problem::{Code, Invalid},
    wire::{
        Paging,
        organizations::{CreateInvitation, Invitation},
    },
};
use frontend::{
    form::Form,
    frame::Section,
    pages::people::{self, members as view},
};

use super::{Asked, Ids, MOST, at, members};
use crate::{
    failure::{Failure, Result},
    place::Workspace,
    typed::{Typed, see},
};

const TITLE: &str = "Members";

pub(super) async fn create(here: Workspace, typed: Typed) -> Result {
    here.must(Action::ManageMembers)?;
    let form = match read(&typed) {
        Ok(input) => match service::create(here.ctx(), here.organization_id(), input).await {
            Ok(_) => return Ok(see(&format!("{}/members?done=invited", here.address()))),
            Err(error) => typed.refused(here.ctx(), error).await?,
        },
        Err(wrong) => typed.into_form().invalid(&wrong),
    };
    let page = members::props(&here, &Asked::default(), form).await?;
    Ok(here.visit.refused(TITLE, || view::view(page)))
}

fn read(typed: &Typed) -> std::result::Result<CreateInvitation, Vec<Invalid>> {
    let mut wrong = Vec::new();
    let role = OrganizationRole::parse(typed.get("role"));
    if role.is_none() {
        wrong.push(Invalid::new("/role", "Choose owner, admin or member."));
    }
    let team = typed
        .optional("team")
        .map(|text| text.parse().map(TeamId::from_uuid));
    if matches!(team, Some(Err(_))) {
        wrong.push(Invalid::new("/team", "Choose a team of this organization."));
    }
    let team_role = typed
        .optional("team_role")
        .map(|text| TeamRole::parse(&text));
    if team_role == Some(None) {
        wrong.push(Invalid::new(
            "/team_role",
            "Choose maintainer, developer or viewer.",
        ));
    }
    match role {
        Some(role) if wrong.is_empty() => Ok(CreateInvitation {
            email: typed.get("email").to_owned(),
            role,
            team: team.and_then(std::result::Result::ok),
            team_role: team_role.flatten(),
        }),
        _ => Err(wrong),
    }
}

pub(super) async fn resend(here: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    let id = waiting(&here, &ids).await?.id;
    match service::resend(here.ctx(), id).await {
        Ok(_) => Ok(see(&format!("{}/members?done=resent", here.address()))),
        Err(error) => {
            // Nothing was typed here: what is wrong is said above the form that invites.
            let refusal = typed.refused(here.ctx(), error).await?;
            let words = refusal
                .refusal()
                .unwrap_or("It could not be sent again.")
                .to_owned();
            let page =
                members::props(&here, &Asked::default(), Form::default().refused(words)).await?;
            Ok(here.visit.refused(TITLE, || view::view(page)))
        }
    }
}

/// The invitation of the address, if it waits in this organization.
async fn waiting(here: &Workspace, ids: &Ids) -> Result<Invitation> {
    let wanted = InvitationId::from_uuid(ids.invitation);
    let mut paging = Paging {
        limit: Some(MOST),
        after: None,
    };
    loop {
        let page = service::list(here.ctx(), here.organization_id(), &paging).await?;
        if let Some(found) = page
            .items
            .into_iter()
            .find(|invitation| invitation.id == wanted)
        {
            return Ok(found);
        }
        match page.next {
            Some(next) => paging.after = Some(next),
            None => return Err(Failure::of(Code::NotFound)),
        }
    }
}

pub(super) async fn ask_withdraw(here: Workspace, Path(ids): Path<Ids>) -> Result {
    let invitation = waiting(&here, &ids).await?;
    let page = people::Confirm {
        at: at(&here),
        section: Section::Members,
        back: (format!("{}/members", here.address()), TITLE.to_owned()),
        title: format!("Withdraw the invitation of {}?", invitation.email),
        facts: vec![
            "The link in the mail ends at once; the mail itself, if it was sent, stays where it is.".to_owned(),
            "The address can be invited again.".to_owned(),
        ],
        act: "Withdraw the invitation",
        keep: "Keep it",
        typed: None,
        form: Form::default(),
    };
    Ok(here.visit.page(TITLE, || people::confirm(page)))
}

pub(super) async fn withdraw(here: Workspace, Path(ids): Path<Ids>) -> Result {
    let invitation = waiting(&here, &ids).await?;
    service::revoke(here.ctx(), invitation.id).await?;
    Ok(see(&format!("{}/members?done=withdrawn", here.address())))
}
