//! A team's own page: its name, and its end.

use domain::wire::organizations::Team;
use leptos::prelude::*;

use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    icon::{Icon, icon},
    pages::publish::{At, tag},
    part::{
        boxes::{callout, pairs},
        field::{Field, refusal},
        head::{PageHead, Section},
        state::Tone,
    },
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Settings {
    pub at: At,
    pub team: Team,
    pub form: Form,
    pub saved: bool,
    /// Absent for those who may not delete teams.
    pub end: Option<End>,
}

/// What deleting the team would meet.
#[derive(Clone, Debug)]
pub struct End {
    pub form: Form,
    pub members: u64,
    /// What it owns, in words with the address of the list: as long as there is any, it stays.
    pub owns: Vec<(String, String)>,
}

#[must_use]
pub fn view(page: Settings) -> AnyView {
    let form = &page.form;
    let team = &page.team;
    let saved = page.saved.then(|| callout(Tone::Ok, "Saved."));
    let facts = pairs(vec![
        (
            "Address".into(),
            view! { <span class="mono">{page.at.base()}</span> }.into_any(),
        ),
        (
            "Made".into(),
            view! { {format::time(team.created_at, page.at.now)} }.into_any(),
        ),
    ]);
    let end = page
        .end
        .as_ref()
        .map(|end| view! { {Section::new("delete", "Delete the team").body(delete(end, team))} });
    let content = view! {
        {PageHead::new("Team settings").lede(team.name.clone())}
        <div class="stack">
            {saved}
            {facts}
            <form class="form form--page" method="post">
                {tag(form)}
                {refusal(form, &["name", "description"])}
                {Field::text("name", "Name").help("The name in addresses stays.").of(form)}
                {Field::area("description", "What it is responsible for", 3).optional().of(form)}
                <div class="actions"><button class="btn btn--primary" name="do" value="save">"Save"</button></div>
            </form>
        </div>
        {end}
    };
    page.at.page(Menu::Settings, content)
}

fn delete(end: &End, team: &Team) -> AnyView {
    if !end.owns.is_empty() {
        let owns = end
            .owns
            .iter()
            .map(|(words, href)| view! { <li>{icon(Icon::Link)} <a href=href.clone()>{words.clone()}</a></li> })
            .collect_view();
        return view! {
            {refusal(&end.form, &[])}
            {callout(Tone::Info, view! { <p>"The team still owns these. It can be deleted once they are moved or deleted."</p> <ul class="blast">{owns}</ul> })}
        }
        .into_any();
    }
    let members = format::counted(end.members, "member loses", "members lose");
    view! {
        <div class="stack">
            {callout(
                Tone::Warn,
                view! {
                    <p><b>"What it does"</b></p>
                    <ul class="blast">
                        <li>{icon(Icon::Users)} <span>{format!("{members} the role in it; they stay in the organization.")}</span></li>
                        <li>{icon(Icon::Mail)} <span>"Invitations into it end."</span></li>
                        <li>{icon(Icon::Ban)} <span>"It cannot be brought back."</span></li>
                    </ul>
                },
            )}
            <form class="form form--page" method="post">
                {refusal(&end.form, &["confirm"])}
                <input type="hidden" name="etag" value=team.etag.to_string() />
                {Field::text("confirm", format!("Type {} to confirm", team.name)).autocomplete("off").of(&end.form)}
                <div class="actions"><button class="btn btn--solid-danger" name="do" value="delete">"Delete the team"</button></div>
            </form>
        </div>
    }
    .into_any()
}
