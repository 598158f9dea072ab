//! The members of an organization and their roles, with the invitations that wait.

use domain::{actor::OrganizationRole, id::UserId, wire::organizations::Member};
use leptos::prelude::*;

use super::{RoleForm, invitations, organization_role, organization_roles};
use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    icon::Icon,
    pages::publish::At,
    part::{
        boxes::callout,
        field::refusal,
        head::PageHead,
        state::Tone,
        table::{self, Empty, Shape, Table, pager},
    },
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Members {
    pub at: At,
    pub members: Vec<Member>,
    pub newest: Option<String>,
    pub older: Option<String>,
    /// The reader, who may leave.
    pub me: UserId,
    /// The reader's own role, if they manage members: nobody is given, or loses, more.
    pub manages: Option<OrganizationRole>,
    /// The only owner, whose role and place nobody changes.
    pub sole_owner: Option<UserId>,
    /// What was refused, and whose role it was about.
    pub refused: Option<(UserId, Form)>,
    /// What was just done, in a sentence.
    pub done: Option<&'static str>,
    /// For those who manage members.
    pub invitations: Option<invitations::Invitations>,
}

#[must_use]
pub fn view(page: Members) -> AnyView {
    let base = page.at.base();
    let shown = format::counted(page.members.len() as u64, "member", "members");
    let rows: Vec<_> = page
        .members
        .iter()
        .map(|member| row(member, &page, &base))
        .collect();
    let columns = vec![
        table::wide("Member"),
        table::text("Role"),
        table::text("Joined"),
        table::actions(),
    ];
    let empty = Empty::new(
        Icon::Users,
        "Nobody on this page",
        "Go back to the first page.",
    );
    // A refusal about somebody who is not on this page must not be lost.
    let elsewhere = page
        .refused
        .as_ref()
        .filter(|(user, _)| page.members.iter().all(|member| member.user != *user))
        .and_then(|(_, form)| refusal(form, &[]));
    let paged = (page.older.is_some() || page.newest.is_some())
        .then(|| pager(shown, page.newest.clone(), page.older.clone()));
    let done = page.done.map(|words| callout(Tone::Ok, words));
    let waiting = page
        .invitations
        .clone()
        .map(|invitations| invitations::sections(invitations, &base, page.at.now));
    let content = view! {
        {PageHead::new("Members").lede("Owners hold the organization, admins run it and stand above all teams, members do what their teams let them.")}
        <div class="stack">
            {done}
            {elsewhere}
            {Table::new(Shape::Rows, columns).rows(rows).or_empty(empty)}
        </div>
        {paged}
        {waiting}
    };
    page.at.page(Menu::Members, content)
}

fn row(member: &Member, page: &Members, base: &str) -> AnyView {
    let own = member.user == page.me;
    let sole = page.sole_owner == Some(member.user);
    let action = format!("{base}/members/{}", member.user);
    let refused = page
        .refused
        .as_ref()
        .filter(|(user, _)| *user == member.user)
        .map(|(_, form)| form);
    let manages = page.manages.filter(|rank| !sole && *rank >= member.role);
    let role = match manages {
        Some(rank) => RoleForm {
            action: action.clone(),
            name: member.name.clone(),
            id: format!("role-{}", member.user),
            roles: organization_roles(rank),
            chosen: match refused {
                Some(form) => form.value("role").to_owned(),
                None => member.role.as_str().to_owned(),
            },
            etag: member.etag,
            problem: refused.and_then(problem),
        }
        .view(),
        None => {
            let why = sole.then(|| view! { <span class="sub">"the only one, so it stays"</span> });
            let problem = refused
                .and_then(problem)
                .map(|words| crate::part::field::error(None, words));
            view! { {organization_role(member.role)} {why} {problem} }.into_any()
        }
    };
    let out = match (own, manages.is_some()) {
        _ if sole => None,
        (true, _) => Some("Leave"),
        (false, true) => Some("Remove"),
        (false, false) => None,
    };
    let out = out.map(|word| view! { <a class="btn btn--s btn--danger" href=format!("{action}/remove")>{word}</a> });
    let you = own.then(|| view! { " " <span class="tag">"you"</span> });
    view! {
        <tr>
            <td>
                <b>{member.name.clone()}</b>
                {you}
                <span class="sub">{member.email.clone()}</span>
            </td>
            <td data-label="Role">{role}</td>
            <td data-label="Joined">{format::time(member.joined_at, page.at.now)}</td>
            <td class="act">{out}</td>
        </tr>
    }
    .into_any()
}

/// Why a role was not changed, whatever field it was at.
fn problem(form: &Form) -> Option<String> {
    let at_field = form.problem("role").map(str::to_owned);
    at_field.or_else(|| form.refusal().map(str::to_owned))
}
