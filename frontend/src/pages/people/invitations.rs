//! Invitations: those that wait, and the form that sends one, to the organization or a team.

use chrono::{DateTime, Utc};
use domain::{
    actor::OrganizationRole,
    wire::organizations::{Invitation, Team},
};
use leptos::prelude::*;

use super::{TEAM_ROLES, organization_role, organization_roles, team_roles};
use crate::{
    form::Form,
    format,
    icon::Icon,
    pages::publish::button,
    part::{
        field::{Field, refusal},
        head::Section,
        table::{self, Empty, Shape, Table, pager},
    },
};

/// What those who manage members see below the list of them.
#[derive(Clone, Debug)]
pub struct Invitations {
    pub waiting: Vec<Invitation>,
    pub older: Option<String>,
    /// Those that can be named and chosen.
    pub teams: Vec<Team>,
    /// The reader's role: nobody invites above it.
    pub most: OrganizationRole,
    pub form: Form,
}

pub(super) fn sections(of: Invitations, base: &str, now: DateTime<Utc>) -> AnyView {
    let base = format!("{base}/invitations");
    let shown = format::counted(of.waiting.len() as u64, "invitation", "invitations");
    let rows: Vec<_> = of
        .waiting
        .iter()
        .map(|invitation| row(invitation, &of, &base, now))
        .collect();
    let columns = vec![
        table::wide("Address"),
        table::text("Role"),
        table::text("Team"),
        table::text("Sent"),
        table::text("Ends"),
        table::actions(),
    ];
    let empty = Empty::new(
        Icon::Mail,
        "No invitation waits",
        "Invite somebody by mail address below: the link in the mail is good for seven days.",
    );
    let table = Table::new(Shape::Rows, columns).rows(rows).or_empty(empty);
    let paged = of
        .older
        .clone()
        .map(|older| pager(shown, None, Some(older)));
    view! {
        {Section::new("invitations", "Invitations").count(of.waiting.len() as u64).body(view! { {table} {paged} })}
        {Section::new("invite", "Invite somebody").body(invite(&of, &base))}
    }
    .into_any()
}

fn row(invitation: &Invitation, of: &Invitations, base: &str, now: DateTime<Utc>) -> AnyView {
    let home = format!("{base}/{}", invitation.id);
    let team = invitation.team.map(|id| {
        let name = of
            .teams
            .iter()
            .find(|team| team.id == id)
            .map(|team| team.name.clone());
        let role = invitation.team_role.map(|role| role.as_str());
        view! {
            {name.unwrap_or_else(|| "a team".to_owned())}
            <span class="sub">{role}</span>
        }
    });
    let acts = (of.most >= invitation.role).then(|| {
        view! {
            {button(home.clone(), "resend", "btn btn--s", "Send again")} " "
            <a class="btn btn--s btn--danger" href=format!("{home}/withdraw")>"Withdraw"</a>
        }
    });
    let team = match team {
        Some(team) => team.into_any(),
        None => view! { <span class="faint">"none yet"</span> }.into_any(),
    };
    view! {
        <tr>
            <td><b>{invitation.email.clone()}</b></td>
            <td data-label="Role">{organization_role(invitation.role)}</td>
            <td data-label="Team">{team}</td>
            <td data-label="Sent">{format::time(invitation.created_at, now)}</td>
            <td data-label="Ends">{format::time(invitation.expires_at, now)}</td>
            <td class="act">{acts}</td>
        </tr>
    }
    .into_any()
}

fn invite(of: &Invitations, action: &str) -> AnyView {
    let form = &of.form;
    let none = std::iter::once((String::new(), "None yet".to_owned()));
    let teams = of
        .teams
        .iter()
        .map(|team| (team.id.to_string(), team.name.clone()));
    let mut roles = vec![(String::new(), "No role".to_owned())];
    roles.extend(team_roles());
    view! {
        <form class="form form--page" method="post" action=action.to_owned()>
            {refusal(form, &["email", "role", "team", "team_role"])}
            <div class="form-row">
                {Field::email("email", "Mail address").autocomplete("off").of(form)}
                {Field::select("role", "Role in the organization", organization_roles(of.most)).of(form)}
            </div>
            <div class="form-row">
                {Field::select("team", "Team", none.chain(teams).collect()).optional().of(form)}
                {Field::select("team_role", "Role in the team", roles).optional().help(TEAM_ROLES).of(form)}
            </div>
            <div class="actions"><button class="btn btn--primary">"Send the invitation"</button></div>
        </form>
    }
    .into_any()
}

/// The form on a team's own page: organization role and team are fixed there.
pub(super) fn into_team(form: &Form, action: String) -> AnyView {
    view! {
        <form class="form form--page" method="post" action=action>
            {refusal(form, &["email", "team_role"])}
            <div class="form-row">
                {Field::email("email", "Mail address").autocomplete("off").help("They join the organization as a member as well.").of(form)}
                {Field::select("team_role", "Role in the team", team_roles()).help(TEAM_ROLES).of(form)}
            </div>
            <div class="actions"><button class="btn">"Send the invitation"</button></div>
        </form>
    }
    .into_any()
}
