//! The policies of an organization, which all its APIs meet.

use leptos::prelude::*;

use super::At;
use super::attached::{Attached, Nearer, nearer};
use crate::{
    frame::Section as Menu,
    part::head::{Link, PageHead, crumbs},
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Policies {
    pub at: At,
    /// The organization's name.
    pub name: String,
    pub attached: Attached,
    /// Those of its APIs that the reader sees and that have policies of their own.
    pub apis: Vec<Nearer>,
}

#[must_use]
pub fn policies(page: Policies) -> AnyView {
    // The settings are for those who may change them.
    let way = page
        .attached
        .may_edit
        .then(|| Link::new(format!("{}/settings", page.at.base()), "Settings"));
    let about = match page.apis.is_empty() {
        true => {
            "No API that you see has policies of its own. Versions add theirs; of kinds that do not add up, the nearest wins."
        }
        false => {
            "Those that have policies of their own; versions add theirs. Of kinds that do not add up, the nearest wins."
        }
    };
    let apis = nearer("What its APIs add", about, &page.apis);
    let content = view! {
        {way.map(|way| crumbs(vec![way], "Policies"))}
        {PageHead::new("Policies of the organization").lede(format!(
            "Every call of all APIs of {} meets these, as soon as they are saved: nothing has to be published.",
            page.name
        ))}
        {page.attached.editor("Save, live at once", None, Some(apis))}
    };
    page.at.page(Menu::Settings, content)
}
