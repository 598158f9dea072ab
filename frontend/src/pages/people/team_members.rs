//! The members of a team: who they are, in which role, and how one more comes in.

use domain::{
    id::UserId,
    wire::organizations::{Member, TeamMember},
};
use leptos::prelude::*;

use super::{RoleForm, TEAM_ROLES, invitations, team_role, team_roles};
use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    icon::Icon,
    pages::publish::At,
    part::{
        boxes::callout,
        field::{Field, error, refusal},
        head::{PageHead, Section},
        state::Tone,
        table::{self, Empty, Shape, Table, pager},
    },
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct TeamMembers {
    pub at: At,
    pub members: Vec<TeamMember>,
    pub newest: Option<String>,
    pub older: Option<String>,
    /// The reader, who may leave.
    pub me: UserId,
    /// What was refused, and whose role it was about.
    pub refused: Option<(UserId, Form)>,
    pub done: Option<&'static str>,
    /// For those who manage the team's members.
    pub manages: Option<Manage>,
}

/// The forms of those who manage the team's members.
#[derive(Clone, Debug)]
pub struct Manage {
    /// Members of the organization who are not in the team.
    pub others: Vec<Member>,
    pub add: Form,
    pub invite: Form,
}

#[must_use]
pub fn view(page: TeamMembers) -> AnyView {
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
        "Nobody in this team yet",
        "Admins and owners of the organization stand above all teams. Add those who publish, approve or call.",
    );
    let elsewhere = page
        .refused
        .as_ref()
        .filter(|(user, _)| page.members.iter().all(|member| member.user != *user))
        .and_then(|(_, form)| refusal(form, &[]));
    let paged = (page.older.is_some() || page.newest.is_some())
        .then(|| pager(shown, page.newest.clone(), page.older.clone()));
    let done = page.done.map(|words| callout(Tone::Ok, words));
    let manage = page.manages.as_ref().map(|manage| {
        let add = (!manage.others.is_empty()).then(|| {
            view! { {Section::new("add", "Add a member of the organization").body(add(manage, &base))} }
        });
        view! {
            {add}
            {Section::new("invite", "Invite somebody else")
                .body(invitations::into_team(&manage.invite, format!("{base}/invitations")))}
        }
    });
    let content = view! {
        {PageHead::new("Team members").lede("Roles in this team. Admins and owners of the organization may all that a maintainer may.")}
        <div class="stack">
            {done}
            {elsewhere}
            {Table::new(Shape::Rows, columns).rows(rows).or_empty(empty)}
        </div>
        {paged}
        {manage}
    };
    page.at.page(Menu::Members, content)
}

fn row(member: &TeamMember, page: &TeamMembers, base: &str) -> AnyView {
    let own = member.user == page.me;
    let manages = page.manages.is_some();
    let action = format!("{base}/members/{}", member.user);
    let refused = page
        .refused
        .as_ref()
        .filter(|(user, _)| *user == member.user)
        .map(|(_, form)| form);
    let problem =
        refused.and_then(|form| form.problem("role").or(form.refusal()).map(str::to_owned));
    let role = if manages {
        RoleForm {
            action: action.clone(),
            name: member.name.clone(),
            id: format!("role-{}", member.user),
            roles: team_roles(),
            chosen: match refused {
                Some(form) => form.value("role").to_owned(),
                None => member.role.as_str().to_owned(),
            },
            etag: member.etag,
            problem,
        }
        .view()
    } else {
        let problem = problem.map(|words| error(None, words));
        view! { {team_role(member.role)} {problem} }.into_any()
    };
    let out = (own || manages).then(|| {
        let word = if own { "Leave" } else { "Remove" };
        view! { <a class="btn btn--s btn--danger" href=format!("{action}/remove")>{word}</a> }
    });
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

fn add(manage: &Manage, base: &str) -> AnyView {
    let form = &manage.add;
    let people = manage
        .others
        .iter()
        .map(|member| {
            (
                member.user.to_string(),
                format!("{} ({})", member.name, member.email),
            )
        })
        .collect();
    view! {
        <form class="form form--page" method="post" action=format!("{base}/members")>
            {refusal(form, &["user", "role"])}
            <div class="form-row">
                {Field::select("user", "Who", people).of(form)}
                {Field::select("role", "Role", team_roles()).help(TEAM_ROLES).of(form)}
            </div>
            <div class="actions"><button class="btn btn--primary">"Add to the team"</button></div>
        </form>
    }
    .into_any()
}
