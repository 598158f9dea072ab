//! Importing an OpenAPI document: a file or a paste becomes an API with a draft.

use leptos::prelude::*;

use super::At;
use crate::{
    form::Form,
    frame::Section,
    part::{
        field::{Field, refusal},
        head::{Link, PageHead, crumbs},
    },
};

/// What the form shows.
#[derive(Clone, Debug)]
pub struct Import {
    pub at: At,
    pub form: Form,
    /// Id and name of the teams that the person may publish for; the choice is left out for one.
    pub teams: Vec<(String, String)>,
}

const FIELDS: &[&str] = &["team", "file", "document", "name", "version"];

#[must_use]
pub fn view(page: Import) -> AnyView {
    let base = format!("{}/apis", page.at.base());
    let form = &page.form;
    let team = match page.teams.as_slice() {
        [(id, _)] => view! { <input type="hidden" name="team" value=id.clone() /> }.into_any(),
        teams => view! { {Field::select("team", "Team", teams.to_vec()).of(form)} }.into_any(),
    };
    let content = view! {
        {crumbs(vec![Link::new(base, "APIs")], "Import")}
        {PageHead::new("Import a document")
            .lede("OpenAPI 3.0 or 3.1, JSON or YAML, at most 5 MiB. Nothing is served before you publish it.")}
        <form class="form form--page" method="post" enctype="multipart/form-data">
            {refusal(form, FIELDS)}
            {team}
            {Field::file("file", "File").unmarked().of(form)}
            {Field::area("document", "Or paste it here", 12).unmarked().mono().of(form)}
            <div class="form-row">
                {Field::text("name", "Name").optional().help("The document's title unless you say otherwise.").of(form)}
                {Field::text("version", "Version").optional().mono().placeholder("v1").of(form)}
            </div>
            <div class="actions"><button class="btn btn--primary">"Import"</button></div>
        </form>
    };
    page.at.page(Section::Apis, content)
}
