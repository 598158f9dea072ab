//! Whose requests go to another upstream than the version's own: a row of fields for each.

use domain::upstream::MAX_CHOSEN;
use domain::wire::versions::Draft;
use leptos::prelude::*;

use crate::form::Form;
use crate::part::boxes::fold;
use crate::part::field::Field;

const FIELDS: [&str; 6] = [
    "plan",
    "application",
    "environment",
    "claim",
    "value",
    "upstream",
];

/// Rows that are shown: those that hold something or are refused, and one more to fill in. One more
/// than may be is read, to be refused.
fn rows(form: &Form) -> usize {
    let touched = |row: &usize| form.touches(&format!("upstreams/{row}/"));
    let held = (0..=MAX_CHOSEN).rev().find(touched);
    held.map_or(1, |row| row + 2).min(MAX_CHOSEN + 1)
}

/// The names of the fields below, for problems that stand at them.
pub(super) fn names(form: &Form) -> Vec<String> {
    let name = |row: usize| FIELDS.map(|field| format!("upstreams/{row}/{field}"));
    (0..rows(form)).flat_map(name).collect()
}

pub(super) fn fields(form: &Form, upstreams: &[(String, String)]) -> AnyView {
    let options = |first: &str, rest: &[(String, String)]| {
        let mut options = vec![(String::new(), first.to_owned())];
        options.extend_from_slice(rest);
        options
    };
    let environments = ["live", "test"].map(|name| (name.to_owned(), name.to_owned()));
    let rows = (0..rows(form)).map(|row| {
        let name = |field: &str| format!("upstreams/{row}/{field}");
        let text = |field: &str, label: &'static str, example: &'static str| {
            let field = Field::text(name(field), label).mono().unmarked();
            field.placeholder(example).of(form)
        };
        view! {
            <div class="form-row">
                {text("plan", "Plan", "gold")}
                {text("application", "Application’s id", "")}
                {Field::select(name("environment"), "Environment", options("either", &environments)).unmarked().of(form)}
                {text("claim", "Claim", "realm.tier")}
                {text("value", "Value", "one")}
                {Field::select(name("upstream"), "Upstream", options("choose one", upstreams)).unmarked().of(form)}
            </div>
        }
    });
    let content = view! {
        <p class="small soft">"The first row that fits a caller counts; all that is filled in must hold. Test keys have the upstream above, unless a row names their environment."</p>
        {rows.collect_view()}
    };
    fold(
        form,
        "Upstreams of some callers",
        &["upstreams/"],
        "none",
        content,
    )
}

/// The same in words, for who may not change it.
pub(super) fn words(draft: &Draft) -> AnyView {
    let lines = draft.upstreams.iter().map(|one| {
        view! { <div><code>{one.when.to_string()}</code> ": " {one.upstream.name.clone()}</div> }
    });
    match draft.upstreams.is_empty() {
        true => view! { <span class="faint">"none"</span> }.into_any(),
        false => lines.collect_view().into_any(),
    }
}
