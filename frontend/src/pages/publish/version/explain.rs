//! The tab that explains: a request as a form, and what the gateway would do with it.

use domain::explain::{Changes, Decision, Explanation, Limit, Place, Step, Verdict};
use domain::policy::AttachPoint;
use leptos::prelude::*;

use super::Frame;
use crate::icon::Icon;
use crate::{
    form::Form,
    format,
    part::{
        Text,
        boxes::{callout, pairs},
        field::{Field, refusal},
        head::Section,
        state::{Tone, status},
        table::{self, Empty, Shape, Table},
    },
};

/// The tab, before and after it was asked.
#[derive(Clone, Debug)]
pub struct Explain {
    pub frame: Frame,
    pub form: Form,
    pub answer: Option<Explanation>,
}

const FIELDS: &[&str] = &["method", "target", "headers", "key"];
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

#[must_use]
pub fn explain(page: Explain) -> AnyView {
    // The answer is below what was asked: the browser goes there by itself.
    let action = format!("{}/explain#answer", page.frame.home_address());
    let form = &page.form;
    let methods = METHODS.map(|method| (method.to_owned(), method.to_owned()));
    let answer = page.answer.as_ref().map(told);
    let content = view! {
        <p class="soft">"Nothing is sent and nothing is counted: the gateway's own code says what it would do by the configuration that is served now."</p>
        {refusal(form, FIELDS)}
        <form class="form form--page" method="post" action=action>
            <div class="request-line">
                {Field::select("method", "Method", methods.to_vec()).of(form)}
                {Field::text("target", "Path and query").of(form).mono()}
            </div>
            {Field::area("headers", "Header fields", 3)
                .of(form)
                .optional()
                .mono()
                .help("One per line, as in Accept: text/html.")}
            {Field::password("key", "Key")
                .optional()
                .autocomplete("off")
                .help("Goes as X-Api-Key; it is not kept, and not written back into this page.")}
            <div class="actions"><button class="btn btn--primary">"Explain"</button></div>
        </form>
        {answer}
    };
    page.frame.around("explain", content)
}

fn told(answer: &Explanation) -> AnyView {
    view! {
        <div id="answer" class="answer">{verdict(&answer.verdict)}</div>
        {Section::new("route", "Request and route").body(facts(answer))}
        {Section::new("policies", "Policies").body(steps(&answer.steps))}
        {answer.headers.as_ref().map(|changes| view! { {Section::new("fields", "Header fields").body(fields(changes))} })}
    }
    .into_any()
}

fn verdict(verdict: &Verdict) -> AnyView {
    if verdict.forwarded {
        return callout(
            Tone::Ok,
            view! { <p><b>"Forwarded"</b></p> <p>{verdict.why.clone()}</p> },
        );
    }
    let by = verdict
        .decided_by
        .clone()
        .map(|policy| view! { <p>"Decided by " <code>{policy}</code></p> });
    let code = verdict.code.clone().map(|code| {
        let href = format!("/docs/errors/{code}");
        view! { <a href=href><code>{code}</code></a> }
    });
    callout(
        Tone::Warn,
        view! {
            <p>{verdict.status.map(status)} " " {code}</p>
            <p>{verdict.why.clone()}</p>
            {by}
        },
    )
}

fn mono(text: impl Into<String>) -> AnyView {
    view! { <span class="mono">{text.into()}</span> }.into_any()
}

fn facts(answer: &Explanation) -> AnyView {
    let request = &answer.request;
    let none = || view! { <span class="faint">"none"</span> }.into_any();
    let or_none = |text: &Option<String>| text.as_ref().map_or_else(none, mono);
    let mut rows: Vec<(Text, AnyView)> = vec![
        ("Canonical path".into(), or_none(&request.path)),
        ("Host".into(), or_none(&request.host)),
        ("Client".into(), mono(request.client.to_string())),
        (
            "Route".into(),
            answer.route.as_ref().map_or_else(none, place_of),
        ),
    ];
    for runner in &answer.runners_up {
        let place = place_of(&runner.place);
        let lost = runner.lost.as_str();
        rows.push((
            "Not taken".into(),
            view! { {place} <span class="sub">{lost}</span> }.into_any(),
        ));
    }
    if let Some(operation) = &answer.operation {
        rows.push(("Operation".into(), mono(operation.name.clone())));
    }
    if let Some(caller) = &answer.caller {
        rows.push(("Application".into(), mono(caller.application.to_string())));
        if let Some(plan) = &caller.plan {
            rows.push(("Plan".into(), mono(plan.clone())));
        }
    }
    if let Some(upstream) = &answer.upstream {
        let targets = upstream
            .targets
            .iter()
            .map(|target| {
                let of = target.variant.as_ref();
                let of = of.map_or_else(String::new, |name| format!(", variant {name}"));
                let weight = format!("weight {}{of}", target.weight);
                view! { <div>{mono(target.url.clone())} <span class="sub">{weight}</span></div> }
            })
            .collect_view();
        rows.push((
            "Upstream".into(),
            view! { {upstream.upstream.clone()} {targets} }.into_any(),
        ));
        if let Some(variant) = &upstream.variant {
            rows.push(("Variant".into(), mono(variant.clone())));
        }
    }
    rows.push(("State".into(), format::count(answer.state).into_any()));
    pairs(rows)
}

fn place_of(place: &Place) -> AnyView {
    let name = format!("{} {}", place.api, place.version);
    let at = format!("{}{}", place.hosts.join(", "), place.path);
    let when = (!place.when.is_empty()).then(|| {
        view! { ", for " {mono(place.when.join("; "))} }
    });
    view! { {name} " at " {mono(at)} {when} {format!(", revision {}", place.revision)} }.into_any()
}

fn steps(steps: &[Step]) -> AnyView {
    let rows: Vec<_> = steps.iter().map(step).collect();
    let columns = vec![
        table::text("Policy"),
        table::text("Stage"),
        table::text("From"),
        table::text("Decision"),
        table::wide("Why"),
        table::text("Left"),
    ];
    let empty = Empty::new(
        Icon::Shield,
        "No policy was asked",
        "The version has none, or the request was refused before.",
    );
    view! { {Table::new(Shape::Rows, columns).rows(rows).or_empty(empty)} }.into_any()
}

fn step(step: &Step) -> AnyView {
    let tone = match step.decision {
        Decision::Passes | Decision::Answers => "badge badge--ok",
        Decision::Refuses => "badge badge--danger",
        Decision::WouldRefuse | Decision::WouldAnswer => "badge badge--warn",
        Decision::NotReached => "badge",
    };
    let from = step.from.map_or("", AttachPoint::as_str);
    view! {
        <tr>
            <td class="mono">{step.policy.clone()}</td>
            <td data-label="Stage">{step.stage.as_str()}</td>
            <td data-label="From">{from}</td>
            <td data-label="Decision"><span class=tone>{step.decision.as_str()}</span></td>
            <td data-label="Why">{step.why.clone()}</td>
            <td data-label="Left">{step.limit.as_ref().map(left)}</td>
        </tr>
    }
    .into_any()
}

fn left(limit: &Limit) -> AnyView {
    let left = limit.left.map_or("–".to_owned(), format::count);
    let of = format!("{left} of {}", format::count(limit.limit));
    view! { {of} <span class="sub">{limit.counted.as_str()}</span> }.into_any()
}

fn fields(changes: &Changes) -> AnyView {
    let row = |name: &'static str, names: &[String]| -> (Text, AnyView) {
        let names = if names.is_empty() {
            "–".to_owned()
        } else {
            names.join(", ")
        };
        (name.into(), mono(names))
    };
    pairs(vec![
        row("Cut", &changes.cut),
        row("Added", &changes.added),
        row("Changed", &changes.changed),
    ])
}
