//! The tab of what policies in observe mode would have refused, and whom.

use domain::policy::{Mode, PolicyKind, Stage};
use domain::wire::traffic::{Observed as Wire, ObservedApplication, ObservedPolicy, Range};
use leptos::prelude::*;

use super::Frame;
use crate::{
    format,
    icon::{Icon, icon},
    pages::usage::words,
    part::{
        boxes::callout,
        state::{Badge, Tone, tag},
        table::{self, Empty, Shape, Table},
    },
};

/// The tab of what was observed.
#[derive(Clone, Debug)]
pub struct Observed {
    pub frame: Frame,
    pub observed: Wire,
}

/// Rows of one policy's table: who comes after these is in the API's answer.
const SHOWN: usize = 25;

#[must_use]
pub fn observed(page: Observed) -> AnyView {
    let home = page.frame.home_address();
    let found = &page.observed;
    let ranges = Range::ALL
        .into_iter()
        .map(|range| {
            let href = format!("{home}/observed?range={}", range.as_str());
            let here = (range == found.range).then_some("true");
            view! { <a class="btn btn--s" href=href aria-current=here>{words(range)}</a> }
        })
        .collect_view();
    let policies = format!("{home}/policies");
    let body = if found.policies.is_empty() {
        Empty::new(
            Icon::Eye,
            "Nothing observes",
            "A policy in observe mode decides, and refuses nothing. Set its mode, publish, and see here whom it would have refused before you enforce it.",
        )
        .next(view! { <a class="btn" href=policies>"Policies"</a> })
        .view()
    } else {
        let cards = found.policies.iter().map(|policy| card(policy, &page));
        view! { <div class="observed">{cards.collect_view()}</div> }.into_any()
    };
    let since = found.since.map(|since| {
        let body = view! {
            <p>
                "This is counted since " {format::time(since, page.frame.at.now)}
                ". The requests are those since then, too."
            </p>
        };
        callout(Tone::Info, body)
    });
    let content = view! {
        <div class="section-head">
            <p class="soft">"What policies in observe mode would have refused, had they enforced. Requests are all that the version got in this time."</p>
            <div class="actions"><span class="btn-group" role="group" aria-label="Time">{ranges}</span></div>
        </div>
        {since}
        {body}
    };
    page.frame.around("observed", content)
}

/// In a few words, for whoever is at the policy itself.
#[must_use]
pub fn remark(found: &Wire, policy: &ObservedPolicy, href: String) -> AnyView {
    let body = view! {
        <p>
            {sentence(found, policy)} " " {format!("in {}", words(found.range))} ". "
            <a href=href>"See who"</a>
        </p>
    };
    callout(Tone::Info, body)
}

/// What it does to requests when it enforces.
fn done(policy: &ObservedPolicy) -> &'static str {
    match PolicyKind::parse(&policy.kind).map(PolicyKind::stage) {
        Some(Stage::Answer) => "answered",
        Some(Stage::Shape) => "changed",
        _ => "refused",
    }
}

fn sentence(found: &Wire, policy: &ObservedPolicy) -> AnyView {
    let all = format::counted(found.requests, "request", "requests");
    let done = done(policy);
    if policy.would_refuse == 0 {
        return view! { <strong>{format!("Would have {done} none")}</strong> {format!(" of {all}")} }
            .into_any();
    }
    let count = format::count(policy.would_refuse);
    let of = from(policy.applications, policy.without_application > 0);
    view! { <strong>{format!("Would have {done} {count}")}</strong> {format!(" of {all}, from {of}")} }
        .into_any()
}

/// `3 applications and callers without an application`.
fn from(applications: u64, nobody: bool) -> String {
    const NOBODY: &str = "callers without an application";
    let known = format::counted(applications, "application", "applications");
    match (applications, nobody) {
        (0, true) => NOBODY.to_owned(),
        (_, true) => format!("{known} and {NOBODY}"),
        (_, false) => known,
    }
}

/// Who comes after the rows that are shown.
fn rest(policy: &ObservedPolicy, shown: &[ObservedApplication]) -> Option<String> {
    let named = shown.iter().filter(|one| !one.id.is_nil()).count();
    let nobody = policy.without_application > 0 && named == shown.len();
    let more = policy.applications.saturating_sub(named as u64);
    match (more, nobody) {
        (0, false) => None,
        (0, true) => Some(format!("And {}.", from(0, true))),
        (more, nobody) => {
            let words = from(more, nobody);
            Some(format!(
                "And {}.",
                words.replacen(" application", " more application", 1)
            ))
        }
    }
}

fn card(policy: &ObservedPolicy, page: &Observed) -> AnyView {
    let (found, frame) = (&page.observed, &page.frame);
    let name = (policy.name != policy.kind)
        .then(|| view! { " " <span class="mono">{policy.name.clone()}</span> });
    let state = match policy.observes {
        Some(true) => view! { {Badge::new(Tone::Info, Icon::Eye, "Observe")} }.into_any(),
        Some(false) => view! { {tag("observes no more")} }.into_any(),
        None => ().into_any(),
    };
    let place = match policy.from.as_str() {
        "version" => "of this version",
        "api" => "of the API",
        "organization" => "of the organization",
        "operation" => "of an operation",
        _ => "of a plan",
    };
    let enforce = form_of(policy, frame).filter(|_| frame.may_edit).map(
        |href| view! { <a class="btn btn--s" href=href>{icon(Icon::Shield)} "Enforce now"</a> },
    );
    let shown = usize::min(policy.by_application.len(), SHOWN);
    let shown = &policy.by_application[..shown];
    let rows: Vec<_> = shown
        .iter()
        .map(|one| row(one, frame, done(policy)))
        .collect();
    let table = (!rows.is_empty()).then(|| {
        let columns = vec![
            table::wide("Application"),
            table::number("Requests"),
            table::number(format!("Would be {}", done(policy))),
            table::number("Share"),
        ];
        view! { {Table::new(Shape::Rows, columns).rows(rows)} }
    });
    let rest = rest(policy, shown).map(|words| view! { <p class="small soft">{words}</p> });
    view! {
        <section class="card">
            <div class="card-head">
                <h2><code>{policy.kind.clone()}</code>{name}</h2>
                {state}
                <span class="small faint">{place}</span>
                <span class="end">{enforce}</span>
            </div>
            <div class="card-body">
                <p>{sentence(found, policy)} "."</p>
                {table}
                {rest}
            </div>
        </section>
    }
    .into_any()
}

/// Its form, at this version's draft or at the API; those who may edit one may edit the other.
fn form_of(policy: &ObservedPolicy, frame: &Frame) -> Option<String> {
    if policy.from == "api" && policy.observes == Some(true) {
        let (kind, name) = (&policy.kind, &policy.name);
        return Some(format!("{}/policies?kind={kind}&name={name}", frame.api()));
    }
    let index = in_draft(policy, frame)?;
    Some(format!("{}/policies?policy={index}", frame.home_address()))
}

/// Where the draft has it, still in observe mode.
fn in_draft(policy: &ObservedPolicy, frame: &Frame) -> Option<usize> {
    let kind = PolicyKind::parse(&policy.kind).filter(|_| policy.from == "version")?;
    frame.version.draft.policies.iter().position(|one| {
        one.kind() == kind && one.name() == policy.name && one.mode() == Mode::Observe
    })
}

fn row(one: &ObservedApplication, frame: &Frame, done: &str) -> AnyView {
    let (base, version) = (frame.at.base(), frame.version.summary.id);
    let log = format!(
        "{base}/log?side=answers&version={version}&application={}",
        one.id
    );
    let name = match (one.id.is_nil(), one.name.as_str()) {
        (true, _) => {
            view! { <span class="soft">"callers without an application"</span> }.into_any()
        }
        (false, "") => view! { <a href=log class="soft">"an application of others"</a> }.into_any(),
        (false, name) => view! { <a href=log>{name.to_owned()}</a> }.into_any(),
    };
    let share = (one.requests > 0).then(|| one.would_refuse as f64 / one.requests as f64);
    view! {
        <tr>
            <td>{name} " " <span class="faint">{one.organization.clone()}</span></td>
            <td class="n" data-label="Requests">{format::count(one.requests)}</td>
            <td class="n" data-label=format!("Would be {done}")>{format::count(one.would_refuse)}</td>
            <td class="n" data-label="Share">{share.map_or("–".to_owned(), format::percent)}</td>
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::ApplicationId;

    #[test]
    fn who_is_not_shown_is_told_in_words() {
        let one = |id: ApplicationId| ObservedApplication {
            id,
            name: String::new(),
            organization: String::new(),
            requests: 1,
            would_refuse: 1,
        };
        let known = one(ApplicationId::from_name("application", "a"));
        let nobody = one(ApplicationId::NIL);
        let policy = |applications, without_application| ObservedPolicy {
            from: "version".to_owned(),
            kind: "quota".to_owned(),
            name: "quota".to_owned(),
            observes: None,
            would_refuse: 9,
            applications,
            without_application,
            by_application: Vec::new(),
        };
        for (applications, without, shown, words) in [
            (1, 0, vec![known.clone()], None),
            (1, 3, vec![known.clone(), nobody.clone()], None),
            (2, 0, vec![known.clone()], Some("And 1 more application.")),
            // More than the answer has rows of.
            (
                700,
                3,
                vec![nobody, known.clone()],
                Some("And 699 more applications."),
            ),
            (
                3,
                3,
                vec![known.clone()],
                Some("And 2 more applications and callers without an application."),
            ),
            (
                1,
                3,
                vec![known],
                Some("And callers without an application."),
            ),
            (0, 0, vec![], None),
        ] {
            let told = rest(&policy(applications, without), &shown);
            assert_eq!(told.as_deref(), words, "{applications} {without}");
        }
    }
}
