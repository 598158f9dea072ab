//! Subscriptions as their consumer sees them: the list of a team, and what can be done to one.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::id::PlanId;
use domain::policy::Policy;
use domain::wire::subscriptions::{Subscription, SubscriptionVerb, Sync};
use leptos::prelude::*;

use crate::{
    form::Form,
    format,
    frame::{self, Place, Section, Visitor},
    icon::{Icon, icon},
    part::{
        boxes::pairs,
        field::refusal,
        head::{Link, PageHead, crumbs},
        limits::limits,
        state::{Badge, Tone},
        table::{self, Empty, Shape, Table, pager},
    },
};

/// What the list shows.
#[derive(Clone, Debug)]
pub struct Subscriptions {
    pub visitor: Visitor,
    pub place: Place,
    pub subscriptions: Vec<Subscription>,
    /// What their plans allow.
    pub allowed: HashMap<PlanId, Vec<Policy>>,
    pub older: Option<String>,
    pub now: DateTime<Utc>,
}

#[must_use]
pub fn list(page: Subscriptions) -> AnyView {
    let base = page.place.address();
    let shown = format::counted(
        page.subscriptions.len() as u64,
        "subscription",
        "subscriptions",
    );
    let next = format!("{base}/subscriptions");
    let content = view! {
        {PageHead::new("Subscriptions")
            .lede("What the applications of this team may call, and under which plan.")
            .actions(view! { <a class="btn btn--primary" href="/apis">"Browse APIs"</a> })}
        {rows(&page.subscriptions, &page.allowed, &base, &next, true, page.now)}
        {page.older.map(|older| pager(shown, None, Some(older)))}
    };
    frame::workspace(
        &page.visitor,
        &page.place,
        Some(Section::Subscriptions),
        content,
    )
}

/// The table of subscriptions; `base` is the workspace, `next` where a button leads back to.
/// Also on the page of an application, which needs no column for it.
pub(super) fn rows(
    subscriptions: &[Subscription],
    allowed: &HashMap<PlanId, Vec<Policy>>,
    base: &str,
    next: &str,
    with_application: bool,
    now: DateTime<Utc>,
) -> AnyView {
    let mut columns = vec![table::wide("Product")];
    if with_application {
        columns.push(table::text("Application"));
    }
    columns.extend([
        table::text("State"),
        table::text("Plan"),
        table::text("Gateways"),
        table::actions(),
    ]);
    let rows: Vec<_> = subscriptions
        .iter()
        .map(|subscription| {
            let allowed = allowed
                .get(&subscription.plan.id)
                .map_or(&[][..], Vec::as_slice);
            row(subscription, allowed, base, next, with_application, now)
        })
        .collect();
    let empty = Empty::new(
        Icon::Tag,
        "No subscription yet",
        "A key works for the products that its application subscribes to. Choose an API and one of its plans.",
    )
    .next(view! { <a class="btn" href="/apis">"Browse APIs"</a> });
    view! { {Table::new(Shape::Rows, columns).rows(rows).or_empty(empty)} }.into_any()
}

fn row(
    subscription: &Subscription,
    allowed: &[Policy],
    base: &str,
    next: &str,
    with_application: bool,
    now: DateTime<Utc>,
) -> AnyView {
    let application = with_application.then(|| {
        let href = format!("{base}/applications/{}", subscription.application.id);
        view! { <td data-label="Application"><a href=href>{subscription.application.name.clone()}</a></td> }
    });
    let paused = subscription
        .paused
        .then(|| view! { " " {Badge::new(Tone::Warn, Icon::Pause, "Paused")} });
    let note = (!subscription.note.is_empty())
        .then(|| view! { <span class="sub">{format!("“{}”", subscription.note)}</span> });
    let asked = subscription.approved_at.is_none().then(
        || view! { <span class="sub">"asked " {format::time(subscription.created_at, now)}</span> },
    );
    let ends = subscription
        .ends_at
        .map(|at| view! { <span class="sub">"ends " {format::time(at, now)}</span> });
    let limits = limits(allowed)
        .into_iter()
        .map(|line| view! { <span class="sub">{line}</span> })
        .collect_view();
    view! {
        <tr>
            <td>
                <b>{subscription.product.name.clone()}</b>
                <span class="sub">{subscription.provider.name.clone()}</span>
            </td>
            {application}
            <td data-label="State">{Badge::from(subscription.state)} {paused} {note} {asked} {ends}</td>
            <td data-label="Plan">{subscription.plan.name.clone()} {limits}</td>
            <td data-label="Gateways">{synced(subscription)}</td>
            <td class="act">{verbs(subscription, base, next)}</td>
        </tr>
    }
    .into_any()
}

/// Whether the gateways have it, in words.
fn synced(subscription: &Subscription) -> AnyView {
    use domain::subscription::SubscriptionState;
    if subscription.state == SubscriptionState::Pending {
        return view! { <span class="faint">"not yet"</span> }.into_any();
    }
    match subscription.sync {
        Sync::Synced { number } => view! {
            "synced"
            <span class="sub nowrap">{format!("state {}", format::count(number))}</span>
        }
        .into_any(),
        Sync::Waiting { nodes, behind, .. } => view! {
            {Badge::new(Tone::Info, Icon::Clock, "waiting")}
            <span class="sub">{format!("{behind} of {nodes} gateways behind")}</span>
        }
        .into_any(),
        Sync::NoGateway => view! {
            {Badge::new(Tone::Warn, Icon::Warn, "no gateway")}
            <span class="sub">"none reported within a minute"</span>
        }
        .into_any(),
    }
}

const fn label(verb: SubscriptionVerb) -> &'static str {
    match verb {
        SubscriptionVerb::Approve => "Approve",
        SubscriptionVerb::Reject => "Reject",
        SubscriptionVerb::Suspend => "Suspend",
        SubscriptionVerb::Resume => "Resume",
        SubscriptionVerb::Revoke => "Revoke",
        SubscriptionVerb::Withdraw => "Withdraw",
        SubscriptionVerb::Pause => "Pause",
        SubscriptionVerb::Unpause => "Resume calls",
        SubscriptionVerb::Cancel => "Cancel",
    }
}

/// The consumer's buttons, as far as they are possible now. What cannot be undone asks first.
fn verbs(subscription: &Subscription, base: &str, next: &str) -> Vec<AnyView> {
    let own = subscription
        .may
        .iter()
        .copied()
        .filter(|verb| !verb.is_providers());
    own.map(|verb| {
        let address = format!("{base}/subscriptions/{}/{}", subscription.id, verb.as_str());
        if verb == SubscriptionVerb::Cancel {
            return view! { <a class="btn btn--s btn--danger" href=address>{label(verb)}</a> " " }
                .into_any();
        }
        view! {
            <form class="inline" method="post" action=address>
                <input type="hidden" name="next" value=next.to_owned() />
                <button class="btn btn--s">{label(verb)}</button>
            </form>
            " "
        }
        .into_any()
    })
    .collect()
}

/// The page that asks before a subscription ends for good.
#[derive(Clone, Debug)]
pub struct Cancel {
    pub visitor: Visitor,
    pub place: Place,
    pub subscription: Subscription,
    pub form: Form,
}

#[must_use]
pub fn cancel(page: Cancel) -> AnyView {
    let subscription = page.subscription;
    let base = page.place.address();
    let facts = pairs(vec![
        (
            "Application".into(),
            view! { {subscription.application.name.clone()} }.into_any(),
        ),
        (
            "Product".into(),
            view! { {subscription.product.name.clone()} }.into_any(),
        ),
        (
            "Plan".into(),
            view! { {subscription.plan.name.clone()} }.into_any(),
        ),
        (
            "State".into(),
            view! { {Badge::from(subscription.state)} }.into_any(),
        ),
    ]);
    let back = format!("{base}/subscriptions");
    let content = view! {
        {crumbs(vec![Link::new(back.clone(), "Subscriptions")], "Cancel")}
        {PageHead::new(format!("Cancel {}?", subscription.product.name))
            .lede("Calls of the application are refused at once. A new request starts from the beginning, with the owner's approval where the plan needs it.")}
        <div class="stack">
            {facts}
            <form class="form form--page" method="post">
                {refusal(&page.form, &[])}
                <input type="hidden" name="next" value=back.clone() />
                <div class="actions">
                    <button class="btn btn--solid-danger">{icon(Icon::Ban)} "Cancel the subscription"</button>
                    <a class="btn" href=back>"Keep it"</a>
                </div>
            </form>
        </div>
    };
    frame::workspace(
        &page.visitor,
        &page.place,
        Some(Section::Subscriptions),
        content,
    )
}
