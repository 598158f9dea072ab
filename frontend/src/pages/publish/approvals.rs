//! The provider's side of subscriptions: the inbox of requests, and everybody who subscribed.

use domain::subscription::SubscriptionState;
use domain::wire::plans::Plan;
use domain::wire::subscriptions::{Subscription, SubscriptionVerb, Sync};
use leptos::prelude::*;

use super::At;
use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    icon::{Icon, icon},
    part::{
        Text,
        boxes::{callout, pairs},
        field::{Field, refusal},
        head::{Link, PageHead, crumbs, tabs},
        limits::allowed,
        state::{Badge, Tone},
        table::{self, Empty, Shape, Table, pager},
    },
};

/// The inbox: the requests of one state on the left, one of them on the right.
#[derive(Clone, Debug)]
pub struct Approvals {
    pub at: At,
    /// One of [`TABS`].
    pub state: SubscriptionState,
    pub listed: Vec<Subscription>,
    /// How many wait, whatever is listed.
    pub waiting: u64,
    pub older: Option<String>,
    pub open: Option<Opened>,
    /// What was just decided, and about which request.
    pub done: Option<(SubscriptionVerb, Subscription)>,
}

/// The request that is looked at.
#[derive(Clone, Debug)]
pub struct Opened {
    pub subscription: Subscription,
    pub plan: Plan,
    /// The versions that the product covers.
    pub versions: Vec<String>,
    pub form: Form,
}

/// The states that have a tab: what waits, and what became of it.
pub const TABS: [SubscriptionState; 4] = [
    SubscriptionState::Pending,
    SubscriptionState::Approved,
    SubscriptionState::Rejected,
    SubscriptionState::Suspended,
];

#[must_use]
pub fn inbox(page: Approvals) -> AnyView {
    let base = format!("{}/approvals", page.at.base());
    let now = page.at.now;
    let head = PageHead::new("Approvals").lede("Requests for your products. The requester hears of your decision at once, by mail and in the portal.");
    let address = |state: SubscriptionState| match state {
        SubscriptionState::Pending => base.clone(),
        other => format!("{base}?state={}", other.as_str()),
    };
    let links = TABS
        .into_iter()
        .map(|state| {
            let words = match state {
                SubscriptionState::Pending if page.waiting > 0 => {
                    Text::from(format!("Waiting ({})", format::count(page.waiting)))
                }
                SubscriptionState::Pending => "Waiting".into(),
                SubscriptionState::Approved => "Approved".into(),
                SubscriptionState::Rejected => "Rejected".into(),
                _ => "Suspended".into(),
            };
            Link::new(address(state), words)
        })
        .collect();
    let body = if page.listed.is_empty() && page.open.is_none() {
        let empty = if page.state == SubscriptionState::Pending {
            Empty::new(
                Icon::Inbox,
                "Nothing waits",
                "A request for a plan with approval by a person appears here.",
            )
        } else {
            Empty::new(Icon::Inbox, "None", "No request is in this state.")
        };
        view! { <div class="table-box">{empty}</div> }.into_any()
    } else {
        let opened = page.open.as_ref().map(|opened| opened.subscription.id);
        let list = page
            .listed
            .iter()
            .map(|subscription| {
                let current = (opened == Some(subscription.id)).then_some("true");
                view! {
                    <a href=format!("{base}/{}", subscription.id) aria-current=current>
                        <span class="row">
                            <b>{subscription.application.name.clone()}</b>
                            <span class="faint">{format::time(subscription.created_at, now)}</span>
                        </span>
                        <span>{subscription.application.organization.name.clone()}</span>
                        <span class="row"><span class="faint">{format!("{} · {}", subscription.product.name, subscription.plan.name)}</span></span>
                    </a>
                }
            })
            .collect_view();
        let shown = format::counted(page.listed.len() as u64, "request", "requests");
        view! {
            <div class="inbox">
                <div class="inbox-list">{list}</div>
                {page.open.as_ref().map(|opened| item(opened, &base, now))}
            </div>
            {page.older.clone().map(|older| pager(shown, None, Some(older)))}
        }
        .into_any()
    };
    let content = view! {
        {head}
        {page.done.as_ref().map(|(verb, subscription)| done(*verb, subscription))}
        {tabs("Approvals", links, &address(page.state))}
        {body}
    };
    page.at.page(Menu::Approvals, content)
}

/// What a decision did.
fn done(verb: SubscriptionVerb, subscription: &Subscription) -> AnyView {
    let (application, plan) = (
        &subscription.application.name,
        format!("{}, {}", subscription.product.name, subscription.plan.name),
    );
    let words = match verb {
        SubscriptionVerb::Approve => format!("Approved: {application} may call {plan}."),
        SubscriptionVerb::Reject => format!("Rejected: {application} does not get {plan}."),
        SubscriptionVerb::Suspend => {
            format!("Suspended: {application} may not call {plan} until you resume it.")
        }
        SubscriptionVerb::Resume => format!("Resumed: {application} may call {plan} again."),
        SubscriptionVerb::Revoke => format!("Revoked: {application} lost {plan}."),
        SubscriptionVerb::Withdraw
        | SubscriptionVerb::Pause
        | SubscriptionVerb::Unpause
        | SubscriptionVerb::Cancel => return ().into_any(),
    };
    callout(
        Tone::Ok,
        format!("{words} The requester hears of it by mail."),
    )
}

fn item(opened: &Opened, base: &str, now: chrono::DateTime<chrono::Utc>) -> AnyView {
    let subscription = &opened.subscription;
    let verb = match subscription.state {
        SubscriptionState::Pending => "wants",
        _ => "and",
    };
    let title = format!(
        "{} {verb} {}, {}",
        subscription.application.name, subscription.product.name, subscription.plan.name
    );
    let asked = match &subscription.requested_by.email {
        Some(email) => format!("Asked by {} <{email}> ", subscription.requested_by.name),
        None => format!("Asked by {} ", subscription.requested_by.name),
    };
    let reason = (!subscription.reason.is_empty()).then(
        || view! { <blockquote class="quote small">{subscription.reason.clone()}</blockquote> },
    );
    let application = &subscription.application;
    let who = pairs(vec![
        ("Organization".into(), application.organization.name.clone().into_any()),
        ("Team".into(), application.team.clone().into_any()),
        (
            "Application".into(),
            view! { {application.name.clone()} <span class="sub">{application.description.clone()}</span> }.into_any(),
        ),
    ]);
    let mut get: Vec<(_, AnyView)> = Vec::new();
    if !opened.versions.is_empty() {
        get.push(("Versions".into(), opened.versions.join(", ").into_any()));
    }
    get.extend(allowed(&opened.plan));
    if let Some(revision) = subscription.terms_accepted {
        get.push((
            "Terms".into(),
            format!("accepted, revision {revision}").into_any(),
        ));
    }
    let pending = subscription.state == SubscriptionState::Pending;
    let note = (!subscription.note.is_empty()).then(|| {
        view! { <p class="small soft">{format!("You said: “{}”", subscription.note)}</p> }
    });
    let does = pending.then(|| callout(
        Tone::Plain,
        view! { <p><b>"What approving does"</b></p><p>"The application may call at once, on every gateway within a second. You can suspend it at any time."</p> },
    ));
    let field = subscription
        .may
        .iter()
        .any(|verb| verb.is_providers())
        .then(|| {
            Field::area("note", "Note to the requester", 3)
                .optional()
                .help(if pending {
                    "Needed when you reject."
                } else {
                    "Needed to suspend or revoke: they read it."
                })
                .placeholder("What they should know, or what to change before asking again")
                .of(&opened.form)
                .into_render()
        });
    view! {
        <form class="inbox-item" method="post" action=format!("{base}/{}", subscription.id)>
            <div class="page-head">
                <div>
                    <h2>{title}</h2>
                    <p class="small soft">{asked} {format::time(subscription.created_at, now)}</p>
                </div>
                {Badge::from(subscription.state)}
            </div>
            {reason}
            {note}
            <div class="halves">
                <div><h3>"Who"</h3>{who}</div>
                <div><h3>{if pending { "What they would get" } else { "What they get" }}</h3>{pairs(get)}</div>
            </div>
            {does}
            {refusal(&opened.form, &["note"])}
            {field}
            <div class="row">{verbs(subscription)}</div>
        </form>
    }
    .into_any()
}

/// The steps that this person may take, as buttons of one form.
fn verbs(subscription: &Subscription) -> AnyView {
    subscription
        .may
        .iter()
        .filter(|verb| verb.is_providers())
        .map(|verb| {
            let (class, symbol, words) = match verb {
                SubscriptionVerb::Approve => ("btn btn--primary", Some(Icon::Check), "Approve"),
                SubscriptionVerb::Reject => ("btn btn--danger", None, "Reject"),
                SubscriptionVerb::Suspend => ("btn", Some(Icon::Pause), "Suspend"),
                SubscriptionVerb::Resume => ("btn btn--primary", Some(Icon::Play), "Resume"),
                SubscriptionVerb::Revoke => ("btn btn--danger", Some(Icon::Ban), "Revoke"),
                SubscriptionVerb::Withdraw | SubscriptionVerb::Pause | SubscriptionVerb::Unpause | SubscriptionVerb::Cancel => ("btn", None, ""),
            };
            view! { <button class=class name="do" value=verb.as_str()>{symbol.map(icon)} {words}</button> }
        })
        .collect_view()
        .into_any()
}

/// Everybody who subscribed.
#[derive(Clone, Debug)]
pub struct Subscribers {
    pub at: At,
    pub subscriptions: Vec<Subscription>,
    pub older: Option<String>,
}

#[must_use]
pub fn subscribers(page: Subscribers) -> AnyView {
    let base = format!("{}/subscribers", page.at.base());
    let now = page.at.now;
    let rows: Vec<_> = page
        .subscriptions
        .iter()
        .map(|subscription| {
            view! {
                <tr>
                    <td>
                        <a href=format!("{base}/{}", subscription.id)><b>{subscription.application.name.clone()}</b></a>
                        <span class="sub">{subscription.application.organization.name.clone()}</span>
                    </td>
                    <td data-label="Product">{subscription.product.name.clone()}<span class="sub">{subscription.plan.name.clone()}</span></td>
                    <td data-label="State">{state(subscription)}</td>
                    <td data-label="Gateways">{sync(subscription.sync)}</td>
                    <td data-label="Since">{format::time(subscription.created_at, now)}</td>
                </tr>
            }
        })
        .collect();
    let columns = vec![
        table::wide("Application"),
        table::text("Product and plan"),
        table::text("State"),
        table::text("Gateways"),
        table::text("Since"),
    ];
    let empty = Empty::new(
        Icon::Users,
        "No subscriber yet",
        "Whoever subscribes to one of your products appears here.",
    );
    let shown = format::counted(
        page.subscriptions.len() as u64,
        "subscription",
        "subscriptions",
    );
    let content = view! {
        {PageHead::new("Subscribers").lede("The applications that use your products.")}
        {Table::new(Shape::Rows, columns).rows(rows).or_empty(empty)}
        {page.older.clone().map(|older| pager(shown, None, Some(older)))}
    };
    page.at.page(Menu::Subscribers, content)
}

fn state(subscription: &Subscription) -> AnyView {
    let paused = subscription
        .paused
        .then(|| Badge::new(Tone::Warn, Icon::Pause, "Paused by them"));
    let badge = match subscription.state {
        SubscriptionState::Approved => Badge::from(subscription.state).quiet(),
        other => Badge::from(other),
    };
    view! { {badge} {paused.map(|badge| view! { {badge} })} }.into_any()
}

fn sync(sync: Sync) -> String {
    match sync {
        Sync::Synced { number } => format!("synced, state {}", format::count(number)),
        Sync::Waiting { behind, nodes, .. } => format!("{behind} of {nodes} wait"),
        Sync::NoGateway => "no gateway runs".to_owned(),
    }
}

/// One subscriber, with what can be done.
#[derive(Clone, Debug)]
pub struct Subscriber {
    pub at: At,
    pub opened: Opened,
}

#[must_use]
pub fn subscriber(page: Subscriber) -> AnyView {
    let base = format!("{}/subscribers", page.at.base());
    let subscription = &page.opened.subscription;
    let mut facts: Vec<(_, AnyView)> = vec![
        ("State".into(), state(subscription)),
        (
            "Product".into(),
            subscription.product.name.clone().into_any(),
        ),
        ("Plan".into(), subscription.plan.name.clone().into_any()),
        (
            "Organization".into(),
            subscription
                .application
                .organization
                .name
                .clone()
                .into_any(),
        ),
        (
            "Team".into(),
            subscription.application.team.clone().into_any(),
        ),
        (
            "Asked by".into(),
            subscription.requested_by.name.clone().into_any(),
        ),
        ("Gateways".into(), sync(subscription.sync).into_any()),
    ];
    if !subscription.reason.is_empty() {
        facts.push(("Reason".into(), subscription.reason.clone().into_any()));
    }
    if !subscription.note.is_empty() {
        facts.push(("Note".into(), subscription.note.clone().into_any()));
    }
    let acts = subscription.may.iter().any(|verb| verb.is_providers()).then(|| {
        view! {
            <form class="form form--page" method="post">
                {refusal(&page.opened.form, &["note"])}
                {Field::area("note", "Note", 2).optional().help("Needed to suspend or revoke: they read it.").of(&page.opened.form)}
                <div class="row">{verbs(subscription)}</div>
            </form>
        }
    });
    let content = view! {
        {crumbs(vec![Link::new(base, "Subscribers")], subscription.application.name.clone())}
        {PageHead::new(subscription.application.name.clone()).lede(subscription.application.description.clone())}
        {pairs(facts)}
        {acts}
    };
    page.at.page(Menu::Subscribers, content)
}
