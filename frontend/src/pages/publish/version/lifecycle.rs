//! The page on which the end of a version is announced, changed and taken back.

use domain::lifecycle::VersionState;
use leptos::prelude::*;

use super::Frame;
use crate::{
    form::Form,
    frame::Section as Menu,
    icon::{Icon, icon},
    pages::publish::tag,
    part::{
        boxes::callout,
        field::{Field, check, refusal},
        head::{Link, PageHead, crumbs},
        state::Tone,
    },
};

/// What is announced, and who feels it.
#[derive(Clone, Debug)]
pub struct Deprecate {
    pub frame: Frame,
    /// Id and name of those that may come after it.
    pub others: Vec<(String, String)>,
    /// Who feels it, as far as that is known.
    pub blast: Vec<(Tone, String)>,
    pub form: Form,
}

const FIELDS: &[&str] = &["sunset_at", "retire_at_sunset", "successor", "message"];

#[must_use]
pub fn deprecate(page: Deprecate) -> AnyView {
    let Deprecate {
        frame,
        others,
        blast,
        form,
    } = page;
    let summary = &frame.version.summary;
    let home = frame.home_address();
    let is_announced = summary.state == VersionState::Deprecated;
    let name = format!("{} {}", frame.version.api.name, summary.slug);
    let (title, words) = if is_announced {
        (
            format!("Deprecation of {name}"),
            "Save and tell subscribers",
        )
    } else {
        (
            format!("Deprecate {name}"),
            "Deprecate and tell subscribers",
        )
    };
    let back = is_announced.then(|| {
        let action = format!("{home}/deprecate");
        view! {
            <form method="post" action=action class="inline">
                {tag(&form)}
                <button class="btn" name="do" value="undeprecate">"Take it back"</button>
            </form>
        }
        .into_any()
    });
    let blast = blast
        .into_iter()
        .map(|(tone, words)| callout(tone, words))
        .collect_view();
    let mut successors = vec![(String::new(), "none".to_owned())];
    successors.extend(others);
    let content = view! {
        {crumbs(
            vec![
                Link::new(format!("{}/apis", frame.at.base()), "APIs"),
                Link::new(frame.api(), frame.version.api.name.clone()),
                Link::new(home.clone(), summary.slug.clone()),
            ],
            "Deprecation",
        )}
        {PageHead::new(title)
            .lede("Its calls are answered as before. Every answer says what will come, its page shows a banner, and everybody who subscribes gets a mail.")
            .actions(back)}
        <div class="stack">
            {blast}
            <form class="form form--page" method="post">
                {tag(&form)}
                {refusal(&form, FIELDS)}
                {Field::text("sunset_at", "Sunset")
                    .optional()
                    .mono()
                    .placeholder("2026-12-31")
                    .help("When it stops answering: a day, or a time like 2026-12-31T08:00:00Z. UTC.")
                    .of(&form)}
                {check("retire_at_sunset", "true", "Retire it by itself at its sunset", &form)}
                {Field::select("successor", "To be used instead", successors).optional().of(&form)}
                {Field::area("message", "Message", 4)
                    .optional()
                    .help("For those who use it: what to change, and where to ask.")
                    .of(&form)}
                <div class="actions">
                    <button class="btn btn--primary" name="do" value="deprecate">{icon(Icon::Sunset)} {words}</button>
                    <a class="btn" href=home.clone()>"Cancel"</a>
                </div>
            </form>
        </div>
    };
    frame.at.page(Menu::Apis, content)
}
