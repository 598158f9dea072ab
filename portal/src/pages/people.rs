//! The pages about people: teams, members, invitations, the organization itself and its audit.

pub(super) mod audit;
mod invitations;
mod members;
mod settings;
mod team_members;
mod team_settings;
mod teams;
mod webhooks;

use api::service::members as service;
use axum::routing::{get, post};
use domain::{
    actor::OrganizationRole,
    id::{TeamId, UserId},
    problem::Code,
    wire::{
        Paging,
        organizations::{Member, TeamMember},
    },
};
use frontend::pages::publish::At;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    failure::{Failure, Result},
    place::Workspace,
    query::Query as Address,
    routes::Pages,
};

pub(crate) fn routes() -> Pages {
    const ORGANIZATION: &str = "/o/{organization}";
    const TEAM: &str = "/o/{organization}/t/{team}";
    let of_organization = [
        ("/teams", get(teams::list).post(teams::create)),
        ("/members", get(members::list)),
        ("/members/{user}", get(members::back).post(members::edit)),
        (
            "/members/{user}/remove",
            get(members::ask_remove).post(members::remove),
        ),
        ("/invitations", get(members::back).post(invitations::create)),
        ("/invitations/{invitation}", post(invitations::resend)),
        (
            "/invitations/{invitation}/withdraw",
            get(invitations::ask_withdraw).post(invitations::withdraw),
        ),
        ("/settings", get(settings::show).post(settings::save)),
        ("/webhooks", get(webhooks::show).post(webhooks::act)),
        (
            "/audit",
            get(audit::of_organization).post(audit::verify_organization),
        ),
    ];
    let of_team = [
        ("/members", get(team_members::list).post(team_members::add)),
        (
            "/members/{user}",
            get(members::back).post(team_members::edit),
        ),
        (
            "/members/{user}/remove",
            get(team_members::ask_remove).post(team_members::remove),
        ),
        (
            "/invitations",
            get(members::back).post(team_members::invite),
        ),
        (
            "/settings",
            get(team_settings::show).post(team_settings::act),
        ),
    ];
    let routed = of_organization
        .into_iter()
        .fold(Pages::default(), |router, (path, page)| {
            router.route(&format!("{ORGANIZATION}{path}"), page)
        });
    of_team.into_iter().fold(routed, |router, (path, page)| {
        router.route(&format!("{TEAM}{path}"), page)
    })
}

/// Which part of a list, and whether the page comes after its own form.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    after: Option<String>,
    done: String,
}

impl Asked {
    pub(super) fn paging(&self) -> Paging {
        Paging {
            limit: Some(ROWS),
            after: self.after.clone().filter(|after| !after.is_empty()),
        }
    }

    /// The first page of the list at `address`, unless this is it.
    pub(super) fn newest(&self, address: &str) -> Option<String> {
        self.paging().after.map(|_| address.to_owned())
    }

    pub(super) fn is_done(&self) -> bool {
        !self.done.is_empty()
    }
}

/// Rows of a page.
const ROWS: u16 = 50;
/// Most rows that one page of a service has.
pub(super) const MOST: u16 = 100;

/// The address of the following page of a list.
pub(super) fn older(address: &str, next: Option<String>) -> Option<String> {
    next.map(|cursor| Address::default().with("after", &cursor).after(address))
}

fn at(here: &Workspace) -> At {
    At {
        visitor: here.visitor(),
        place: here.place.clone(),
        now: here.ctx().now,
    }
}

/// The ids of an address; those that it does not have are nil, which nothing is called by.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Ids {
    user: Uuid,
    invitation: Uuid,
}

impl Ids {
    fn user(&self) -> UserId {
        UserId::from_uuid(self.user)
    }
}

/// The reader's own id.
fn me(here: &Workspace) -> Result<UserId> {
    here.ctx()
        .user_id()
        .ok_or_else(|| Failure::of(Code::SignInRequired))
}

/// The reader's role, if they manage the organization's members.
fn rank(here: &Workspace) -> Option<OrganizationRole> {
    here.organization
        .role
        .filter(|_| here.can(domain::actor::Action::ManageMembers))
}

/// The members of the organization, as far as `until` says; `most` bounds what is loaded.
async fn members_until(
    here: &Workspace,
    most: usize,
    until: impl Fn(&Member) -> bool,
) -> Result<Vec<Member>> {
    let mut found = Vec::new();
    let mut paging = Paging {
        limit: Some(MOST),
        after: None,
    };
    loop {
        let page = service::list(here.ctx(), here.organization_id(), &paging).await?;
        let last = page.items.iter().any(&until);
        found.extend(page.items);
        match page.next {
            Some(next) if !last && found.len() < most => paging.after = Some(next),
            Some(_) | None => return Ok(found),
        }
    }
}

async fn member(here: &Workspace, user: UserId) -> Result<Member> {
    let found = members_until(here, usize::MAX, |member| member.user == user).await?;
    let member = found.into_iter().find(|member| member.user == user);
    member.ok_or_else(|| Failure::of(Code::NotFound))
}

async fn members_of_team(here: &Workspace, team: TeamId) -> Result<Vec<TeamMember>> {
    let mut found = Vec::new();
    let mut paging = Paging {
        limit: Some(MOST),
        after: None,
    };
    loop {
        let page = service::list_team(here.ctx(), team, &paging).await?;
        found.extend(page.items);
        match page.next {
            Some(next) => paging.after = Some(next),
            None => return Ok(found),
        }
    }
}
