//! The pages about people: teams, members, invitations, the organization itself and its audit.

pub mod audit;
pub mod invitations;
pub mod members;
pub mod settings;
pub mod team_members;
pub mod team_settings;
pub mod teams;
pub mod webhooks;

use domain::actor::{OrganizationRole, TeamRole};
use leptos::prelude::*;

use super::publish::At;
use crate::{
    form::Form,
    frame::Section as Menu,
    icon::{Icon, icon},
    part::{
        boxes::callout,
        field::{Field, refusal},
        head::{Link, PageHead, crumbs},
        state::{Badge, Tone},
    },
};

/// The badge of a role in an organization.
pub(crate) fn organization_role(role: OrganizationRole) -> Badge {
    let (icon, word) = match role {
        OrganizationRole::Owner => (Icon::Shield, "Owner"),
        OrganizationRole::Admin => (Icon::Gear, "Admin"),
        OrganizationRole::Member => (Icon::User, "Member"),
    };
    Badge::new(Tone::Plain, icon, word).quiet()
}

/// The badge of a role in a team.
pub(crate) fn team_role(role: TeamRole) -> Badge {
    let (icon, word) = match role {
        TeamRole::Maintainer => (Icon::Gear, "Maintainer"),
        TeamRole::Developer => (Icon::Key, "Developer"),
        TeamRole::Viewer => (Icon::Eye, "Viewer"),
    };
    Badge::new(Tone::Plain, icon, word).quiet()
}

/// Value and words of each role up to `most`, the least first: nobody gives more than they have.
pub(crate) fn organization_roles(most: OrganizationRole) -> Vec<(String, String)> {
    let roles = OrganizationRole::ALL
        .into_iter()
        .rev()
        .filter(|role| *role <= most);
    roles.map(|role| choice(role.as_str())).collect()
}

/// Value and words of each role in a team.
pub(crate) fn team_roles() -> Vec<(String, String)> {
    TeamRole::ALL
        .into_iter()
        .rev()
        .map(|role| choice(role.as_str()))
        .collect()
}

fn choice(value: &str) -> (String, String) {
    let mut words = value.to_owned();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    (value.to_owned(), words)
}

/// What the teams' roles are for, below the field that chooses one.
pub(crate) const TEAM_ROLES: &str =
    "Maintainers publish APIs and approve, developers keep applications and keys, viewers read.";

/// The role of somebody in a list: a small form of its own in each row.
#[derive(Clone, Debug)]
pub(crate) struct RoleForm {
    pub action: String,
    /// Whose role it is, for the label.
    pub name: String,
    /// Unique in the page, for the label's sake.
    pub id: String,
    pub roles: Vec<(String, String)>,
    pub chosen: String,
    pub etag: i64,
    pub problem: Option<String>,
}

impl RoleForm {
    pub(crate) fn view(self) -> AnyView {
        let chosen = self.chosen;
        let options = self
            .roles
            .into_iter()
            .map(|(value, words)| {
                let selected = value == chosen;
                view! { <option value=value selected=selected>{words}</option> }
            })
            .collect_view();
        let problem = self.problem.map(|problem| {
            view! { <p class="error" role="alert">{icon(Icon::No)} {problem}</p> }
        });
        view! {
            <form class="row" method="post" action=self.action>
                <input type="hidden" name="etag" value=self.etag.to_string() />
                <label class="vh" for=self.id.clone()>{format!("Role of {}", self.name)}</label>
                <select class="input input--s" id=self.id name="role">{options}</select>
                <button class="btn btn--s" name="do" value="role">"Change"</button>
            </form>
            {problem}
        }
        .into_any()
    }
}

/// A page that says what an act does before its button does it.
#[derive(Clone, Debug)]
pub struct Confirm {
    pub at: At,
    pub section: Menu,
    /// Address and words of the page that it came from, where cancelling leads.
    pub back: (String, String),
    pub title: String,
    /// What will happen, one sentence each.
    pub facts: Vec<String>,
    /// The word on the button.
    pub act: &'static str,
    pub keep: &'static str,
    /// What to type before the act is done; nothing for what is easily done again.
    pub typed: Option<String>,
    pub form: Form,
}

#[must_use]
pub fn confirm(page: Confirm) -> AnyView {
    let (back, words) = page.back;
    let form = &page.form;
    let facts = page
        .facts
        .into_iter()
        .map(|fact| view! { <li>{icon(Icon::Info)} <span>{fact}</span></li> })
        .collect_view();
    let typed = page.typed.map(|name| {
        view! { {Field::text("confirm", format!("Type {name} to confirm")).autocomplete("off").of(form)} }
    });
    let content = view! {
        {crumbs(vec![Link::new(back.clone(), words)], page.title.clone())}
        {PageHead::new(page.title)}
        <div class="stack">
            {callout(Tone::Warn, view! { <p><b>"What it does"</b></p> <ul class="blast">{facts}</ul> })}
            <form class="form form--page" method="post">
                {refusal(form, &["confirm"])}
                {typed}
                <div class="actions">
                    <button class="btn btn--solid-danger">{page.act}</button>
                    <a class="btn" href=back>{page.keep}</a>
                </div>
            </form>
        </div>
    };
    page.at.page(page.section, content)
}
