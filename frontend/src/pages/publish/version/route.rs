//! Where a version answers: the part of the editor that says which requests it takes.

use domain::snapshot::Route;
use leptos::prelude::*;

use crate::form::Form;
use crate::part::boxes::fold;
use crate::part::field::{Field, check};

/// The names of the fields below, for problems that stand at them.
pub(super) const FIELDS: &[&str] = &[
    "path",
    "hosts",
    "strip_path",
    "encoded_slashes",
    "timeout_first_byte",
    "timeout_idle",
    "timeout_total",
    "selector_by",
    "selector_name",
    "selector_value",
    "selector_default",
    "selector_strip",
    "when",
];

pub(super) fn fields(form: &Form) -> AnyView {
    let by = [
        ("", "nothing: it is the only one there"),
        ("header", "a header field"),
        ("accept", "the Accept field"),
        ("query", "a query parameter"),
    ];
    let by = by.map(|(value, label)| (value.to_owned(), label.to_owned()));
    let times = view! {
        {Field::text("timeout_first_byte", "First byte within").optional().mono().placeholder("30s").of(form)}
        {Field::text("timeout_idle", "Between bytes").optional().mono().placeholder("60s")
            .help("The longest silence of an event stream or a WebSocket.").of(form)}
        {Field::text("timeout_total", "In all").optional().mono().help("Ends streams as well.").of(form)}
    };
    let told_apart = view! {
        {Field::select("selector_by", "Versions at this path are told apart by", by.to_vec()).optional().of(form)}
        {Field::text("selector_name", "Name to ask with").optional().mono()
            .help("X-Api-Version; in Accept vnd.name for a type like application/vnd.name.v2+json, or a parameter such as version.").of(form)}
        {Field::text("selector_value", "Value that asks for this version").optional().mono().help("Empty: the version's name.").of(form)}
        {check("selector_default", "yes", "Answer requests that ask for no version", form)}
        {check("selector_strip", "yes", "Cut what asked out of the request before it goes to the target", form)}
        {Field::area("when", "Conditions", 3).optional().mono()
            .placeholder("header X-Beta = yes")
            .help("One per line, and all must hold: method GET HEAD; header, query or cookie, a name, and present, absent, = value, ^= beginning or ~ regular expression. More conditions win.").of(form)}
    };
    view! {
        {Field::text("path", "Path").mono().help("Under your organization's prefix.").of(form)}
        {Field::text("hosts", "Hosts").optional().mono().help("Separated by blanks; empty is any host.").of(form)}
        {check("strip_path", "yes", "Cut the path off before the rest goes to the target", form)}
        {check("encoded_slashes", "yes", "Take paths with encoded slashes (%2F, %5C)", form)}
        {fold(form, "Time-outs", &["timeout_"], "as the upstream has them", times)}
        {fold(form, "Other versions at this path, and conditions", &["selector_", "when"], "none", told_apart)}
    }
    .into_any()
}

/// Its own time-outs, in words; `None` for none.
pub(super) fn times(route: &Route) -> Option<String> {
    let own = route.timeouts.as_deref()?;
    let all = [
        ("first byte within", own.first_byte),
        ("between bytes", own.idle),
        ("in all", own.total),
    ];
    let words = all
        .into_iter()
        .filter_map(|(what, time)| Some(format!("{what} {}", time?)));
    Some(words.collect::<Vec<_>>().join(", "))
}

/// What a request must have, in words; `None` for nothing.
pub(super) fn asked(route: &Route) -> Option<String> {
    let selector = route.selector.as_ref().map(|selector| {
        let (by, name) = match (&selector.header, &selector.accept, &selector.query) {
            (Some(name), ..) => ("header", name.as_str()),
            (None, Some(name), _) => ("accept", name.as_str()),
            (None, None, name) => ("query", name.as_deref().unwrap_or_default()),
        };
        let value = selector.value.as_deref().unwrap_or("the version's name");
        let or = if selector.default { ", or nothing" } else { "" };
        format!("{by} {name} = {value}{or}")
    });
    let conditions = route.when.iter().map(ToString::to_string);
    let lines: Vec<String> = selector.into_iter().chain(conditions).collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}
