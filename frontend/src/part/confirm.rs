//! The question before a step that many feel at once or that cannot be undone: what it does, who
//! feels it, and the name to type.

use leptos::prelude::*;

use super::{
    Text,
    boxes::callout,
    field::{Field, refusal},
    head::PageHead,
    state::Tone,
};
use crate::{
    form::Form,
    icon::{Icon, icon},
};

/// What is asked. The form posts to the page's own address.
#[derive(Clone, Debug)]
pub struct Question {
    /// Of what the step is taken; to be typed in the field `name`.
    pub name: String,
    /// The verb of the title: `Revoke`.
    pub verb: &'static str,
    /// What the step does and how it is undone.
    pub does: &'static str,
    /// Who feels it, as far as that is known.
    pub blast: Vec<(Tone, String)>,
    pub symbol: Icon,
    /// The words of the button that does it.
    pub button: &'static str,
    /// Where "Keep it" leads.
    pub home: String,
    pub form: Form,
}

/// Head and form of the page that asks.
#[must_use]
pub fn confirm(question: Question) -> AnyView {
    let title: Text = format!("{} {}?", question.verb, question.name).into();
    let blast = question
        .blast
        .into_iter()
        .map(|(tone, words)| callout(tone, words))
        .collect_view();
    // That of what was asked about: a step on what somebody else changed meanwhile is refused.
    let tag = question.form.value("etag").to_owned();
    let tag = (!tag.is_empty()).then(|| view! { <input type="hidden" name="etag" value=tag /> });
    view! {
        {PageHead::new(title).lede(question.does)}
        <div class="stack">
            {blast}
            <form class="form form--page" method="post">
                {tag}
                {refusal(&question.form, &["name"])}
                {Field::text("name", format!("Type {} to confirm", question.name))
                    .autocomplete("off")
                    .of(&question.form)}
                <div class="actions">
                    <button class="btn btn--solid-danger">{icon(question.symbol)} {question.button}</button>
                    <a class="btn" href=question.home>"Keep it"</a>
                </div>
            </form>
        </div>
    }
    .into_any()
}
