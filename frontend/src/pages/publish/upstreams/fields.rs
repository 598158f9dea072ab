//! The form of an upstream: its targets as rows, and everything else in groups that are open only
//! where something is set or wrong. What is empty has its default, which stands in its place.

use domain::upstream::{MAX_TARGETS, MAX_VARIANTS};
use leptos::prelude::*;

use super::plain::{self, Kind, Plain, default_of};
use crate::form::Form;
use crate::part::Text;
use crate::part::boxes::fold;
use crate::part::field::{Field, check, error};

/// Fields of a target's row.
const TARGET: [&str; 5] = ["url", "weight", "tier", "region", "variant"];

/// Fields that are neither in the table nor in a list.
const OTHERS: [&str; 24] = [
    "name",
    "preserve_host",
    "tls/ca",
    "balance/by",
    "balance/by/name",
    "health/active",
    "breaker/errors",
    "fallback",
    "fallback/answer/status",
    "fallback/answer/content_type",
    "fallback/answer/body",
    "fallback/upstream",
    "mirror/upstream",
    "split/live",
    "split/by",
    "split/by/name",
    "split/ramp/variant",
    "split/ramp/from",
    "split/ramp/to",
    "split/ramp/begins",
    "split/ramp/lasts",
    "split/rollback/variant",
    "split/rollback/against",
    "split/rollback/errors",
];

/// And these, which are shown where the roll-back is.
const ROLLBACK: [&str; 3] = [
    "split/rollback/p95",
    "split/rollback/window",
    "split/rollback/least",
];

/// The names of all fields that the page shows for this form.
pub(super) fn names(form: &Form) -> Vec<String> {
    let plain = plain::all().map(|field| field.name.to_owned());
    let others = OTHERS
        .iter()
        .chain(&ROLLBACK)
        .map(|name| (*name).to_owned());
    let targets = (0..rows(form, "targets", "url", MAX_TARGETS)).flat_map(|row| {
        TARGET
            .iter()
            .map(move |name| format!("targets/{row}/{name}"))
    });
    let variants = (0..rows(form, "split/variants", "name", MAX_VARIANTS))
        .flat_map(|row| ["name", "share"].map(move |name| format!("split/variants/{row}/{name}")));
    let lists = ["targets".to_owned()];
    let all = plain.chain(others).chain(targets).chain(variants);
    all.chain(lists).collect()
}

/// Rows of a list: those that hold something, and two more to fill in.
fn rows(form: &Form, list: &str, first: &str, most: usize) -> usize {
    let held = (0..most)
        .rev()
        .find(|row| !form.value(&format!("{list}/{row}/{first}")).is_empty());
    (held.map_or(0, |row| row + 1) + 2).clamp(3, most)
}

/// The groups below the name. `others` are upstreams to fall back on and to mirror to.
pub(super) fn groups(form: &Form, others: &[(String, String)]) -> AnyView {
    view! {
        {targets(form)}
        {group(form, "Balancing and stickiness", &["balance/"], balance(form))}
        {group(form, "Health checks", &["health/"], health(form))}
        {group(form, "Retries, hedging, breaker and fallback", &["retries/", "hedge", "breaker/", "fallback"], guards(form, others))}
        {group(form, "Time-outs", &["timeouts/"], row(form, &plain::TIMEOUTS))}
        {group(form, "Variants: shares, ramp and roll-back", &["split/variants", "split/by", "split/sticky", "split/ramp", "split/rollback"], split(form))}
        {group(form, "Blue and green", &["split/live"], live(form))}
        {group(form, "Mirroring", &["mirror"], mirror(form, others))}
        {group(form, "Protocol and TLS", &["protocol", "preserve_host", "tls/"], protocol(form))}
    }
    .into_any()
}

/// A group of fields.
fn group(form: &Form, title: &'static str, names: &[&str], body: impl IntoAny) -> AnyView {
    fold(form, title, names, "defaults", body)
}

fn one(form: &Form, field: &Plain) -> AnyView {
    let shown = match field.kind {
        Kind::OneOf(values) => {
            let value = form.value(field.name);
            let named = |index: usize, value: &str| match index {
                0 => String::new(),
                _ => value.to_owned(),
            };
            let mut options: Vec<_> = values
                .iter()
                .enumerate()
                .map(|(index, (value, words))| (named(index, value), (*words).to_owned()))
                .collect();
            // What was set elsewhere and is not known here stays what it is.
            if !value.is_empty() && !values.iter().any(|(known, _)| *known == value) {
                options.push((value.to_owned(), value.to_owned()));
            }
            Field::select(field.name, field.label, options)
        }
        Kind::Text
        | Kind::Span
        | Kind::After
        | Kind::Number(_)
        | Kind::Numbers
        | Kind::Upstream => Field::text(field.name, field.label)
            .mono()
            .placeholder(default_of(field.name)),
    };
    let shown = shown.unmarked().of(form);
    let shown = match field.help {
        "" => shown,
        help => shown.help(help),
    };
    view! { {shown} }.into_any()
}

fn row(form: &Form, fields: &[Plain]) -> AnyView {
    let fields = fields.iter().map(|field| one(form, field)).collect_view();
    view! { <div class="form-row">{fields}</div> }.into_any()
}

fn rows_of(form: &Form, rows: &[&[Plain]]) -> AnyView {
    let rows = rows.iter().map(|fields| row(form, fields)).collect_view();
    view! { {rows} }.into_any()
}

/// One line of text that is in no table.
fn line(form: &Form, name: &str, label: impl Into<Text>, placeholder: &'static str) -> AnyView {
    let field = Field::text(name, label).mono().unmarked();
    view! { {field.placeholder(placeholder).of(form)} }.into_any()
}

fn targets(form: &Form) -> AnyView {
    let count = rows(form, "targets", "url", MAX_TARGETS);
    let shown = (0..count).map(|row| {
        let name = |field: &str| format!("targets/{row}/{field}");
        let url = Field::text(name("url"), "Address").mono();
        let url = if row == 0 {
            url.placeholder("https://api.example.com/base")
        } else {
            url.unmarked()
        };
        view! {
            <div class="target">
                {url.of(form)}
                {line(form, &name("weight"), "Weight", "1")}
                {line(form, &name("tier"), "Tier", "0")}
                {line(form, &name("region"), "Region", "")}
                {line(form, &name("variant"), "Variant", "")}
            </div>
        }
    });
    let problem = form.problem("targets");
    let problem = problem.map(|problem| error(None, problem.to_owned()));
    view! {
        <fieldset class="field">
            <legend>"Targets"</legend>
            <div class="targets">{shown.collect_view()}</div>
            {problem}
            <p class="help">"Requests are shared by weight; 0 takes none. Tier 1 takes over while too few targets of tier 0 are healthy. A node prefers the targets of its own region. A row without an address is left out; saving gives more rows."</p>
        </fieldset>
    }
    .into_any()
}

fn balance(form: &Form) -> AnyView {
    let by = choices(
        form,
        "balance/by",
        &[
            ("", "the client's address"),
            ("path", "the path"),
            ("header", "a header field"),
            ("cookie", "a cookie"),
        ],
    );
    view! {
        {row(form, &[plain::ALGORITHM, plain::SLOW_START])}
        <div class="form-row">
            {Field::select("balance/by", "The same caller is told by", by).unmarked().of(form)}
            {line(form, "balance/by/name", "Name of header or cookie", "")}
            {one(form, &plain::BOUND)}
        </div>
        {row(form, &plain::STICKY)}
    }
    .into_any()
}

/// Options of a select, with what is set and not known here as one of them.
fn choices(form: &Form, name: &str, known: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut options: Vec<(String, String)> = known
        .iter()
        .map(|(value, words)| ((*value).to_owned(), (*words).to_owned()))
        .collect();
    let value = form.value(name);
    if options.iter().all(|(known, _)| known != value) {
        options.push((value.to_owned(), format!("as it is: {value}")));
    }
    options
}

fn health(form: &Form) -> AnyView {
    view! {
        {check("health/active", "yes", "Check targets actively", form)}
        {rows_of(form, &plain::ACTIVE)}
        <p class="small soft">"Targets are also ejected for what comes of requests to them: no connection, no answer, or a 5xx."</p>
        {rows_of(form, &plain::PASSIVE)}
    }
    .into_any()
}

fn guards(form: &Form, others: &[(String, String)]) -> AnyView {
    let kinds = choices(
        form,
        "fallback",
        &[
            ("", "the refusal itself"),
            ("answer", "a fixed answer"),
            ("upstream", "another upstream"),
        ],
    );
    view! {
        {rows_of(form, &plain::RETRIES)}
        <h3>"Hedging"</h3>
        {row(form, &plain::HEDGE)}
        <h3>"Breaker"</h3>
        {row(form, &plain::CAPS)}
        {check("breaker/errors", "yes", "Open the circuit at a share of failures", form)}
        {rows_of(form, &plain::ERRORS)}
        <h3>"Fallback"</h3>
        {Field::select("fallback", "While it takes no requests, answer with", kinds).unmarked().of(form)}
        <div class="form-row">
            {line(form, "fallback/answer/status", "Status", "200")}
            {line(form, "fallback/answer/content_type", "Media type", "application/json")}
        </div>
        {Field::area("fallback/answer/body", "Body", 3).unmarked().mono().of(form)}
        {Field::select("fallback/upstream", "Other upstream", named(form, "fallback/upstream", others)).unmarked().of(form)}
    }
    .into_any()
}

/// Other upstreams, none of them, and the one that is set even where the person does not see it.
fn named(form: &Form, name: &str, others: &[(String, String)]) -> Vec<(String, String)> {
    let others = others.iter();
    let others = others.map(|(id, words)| (id.as_str(), words.as_str()));
    let known: Vec<(&str, &str)> = [("", "none")].into_iter().chain(others).collect();
    choices(form, name, &known)
}

fn mirror(form: &Form, others: &[(String, String)]) -> AnyView {
    view! {
        <p class="small soft">"Copies of the requests go to another upstream in the background. Nobody sees its answers."</p>
        {Field::select("mirror/upstream", "Copies to", named(form, "mirror/upstream", others)).unmarked().of(form)}
        {rows_of(form, &plain::MIRROR)}
    }
    .into_any()
}

fn split(form: &Form) -> AnyView {
    let count = rows(form, "split/variants", "name", MAX_VARIANTS);
    let variants = (0..count).map(|row| {
        let name = |field: &str| format!("split/variants/{row}/{field}");
        view! {
            <div class="variant">
                {line(form, &name("name"), "Variant", "")}
                {line(form, &name("share"), "Share", "0")}
            </div>
        }
    });
    let by = choices(
        form,
        "split/by",
        &[
            ("", "no request"),
            ("header", "a header field"),
            ("cookie", "a cookie"),
            ("claim", "a claim of the caller’s token"),
        ],
    );
    view! {
        <p class="small soft">"Each target names its variant above. Variants get callers in proportion to their shares; 0 takes only requests that name it."</p>
        <div class="targets">{variants.collect_view()}</div>
        <div class="form-row">
            {Field::select("split/by", "A variant is named by", by).unmarked().of(form)}
            {line(form, "split/by/name", "Name of header, cookie or claim", "")}
        </div>
        {one(form, &plain::KEPT)}
        <h3>"Ramp"</h3>
        <div class="form-row">
            {line(form, "split/ramp/variant", "Variant", "canary")}
            {line(form, "split/ramp/from", "From (%)", "0")}
            {line(form, "split/ramp/to", "To (%)", "100")}
            {line(form, "split/ramp/lasts", "In", "2h")}
        </div>
        {Field::text("split/ramp/begins", "Begins").mono().unmarked().placeholder("2026-12-01T08:00:00Z").help("UTC; empty is now.").of(form)}
        <h3>"Roll-back"</h3>
        <div class="form-row">
            {line(form, "split/rollback/variant", "Watch", "canary")}
            {line(form, "split/rollback/against", "Compare with", "stable")}
            {line(form, "split/rollback/errors", "More errors (points)", "5")}
        </div>
        <div class="form-row">
            {line(form, "split/rollback/p95", "Slower p95 (%)", "not compared")}
            {line(form, "split/rollback/window", "Each", "60s")}
            {line(form, "split/rollback/least", "Tries to judge", "50")}
        </div>
    }
    .into_any()
}

fn live(form: &Form) -> AnyView {
    view! {
        {Field::text("split/live", "Live variant").mono().unmarked().placeholder("blue")
            .help("Takes every request, instead of shares; the others stay checked. Each target names its variant above.").of(form)}
    }
    .into_any()
}

fn protocol(form: &Form) -> AnyView {
    view! {
        {one(form, &plain::PROTOCOL)}
        {check("preserve_host", "yes", "Send the client's host instead of the target's", form)}
        {one(form, &plain::TLS)}
        {Field::area("tls/ca", "Trusted certificates (PEM)", 3).unmarked().mono().help("Instead of the system's.").of(form)}
    }
    .into_any()
}
