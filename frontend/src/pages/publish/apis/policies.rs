//! The policies of an API, which all its versions meet.

use domain::wire::apis::Api;
use leptos::prelude::*;

use super::super::At;
use super::super::attached::{Attached, Nearer, nearer};
use crate::frame::Section as Menu;

/// What the tab shows.
#[derive(Clone, Debug)]
pub struct Policies {
    pub at: At,
    pub api: Api,
    /// Of the public page; none while nothing is published.
    pub catalog: Option<String>,
    pub attached: Attached,
    /// Its versions, as they are served, or as drafts where they are not.
    pub versions: Vec<Nearer>,
}

#[must_use]
pub fn policies(page: Policies) -> AnyView {
    let versions = nearer(
        "What its versions add",
        "As they are served; drafts where nothing is. Of kinds that do not add up, theirs stand for those of the API.",
        &page.versions,
    );
    let content = view! {
        {super::head(&page.at, &page.api, page.catalog.clone(), "/policies")}
        <div class="section-head"><p class="soft">
            "All versions of the API meet these, as soon as they are saved: nothing has to be published. "
            "They stand behind those of the organization and before what a version has of its own."
        </p></div>
        {page.attached.editor("Save, live at once", None, Some(versions))}
    };
    page.at.page(Menu::Apis, content)
}
