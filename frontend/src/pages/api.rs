//! The page of an API: what it is, under which plans it can be used, which versions it has.

use chrono::{DateTime, Utc};
use domain::{
    lifecycle::PlanState,
    wire::catalog::{ApiPage, CatalogVersion, ChangeLogLine, OfferedPlan, OfferedProduct},
};
use leptos::prelude::*;

use crate::{
    format,
    frame::{self, Area, Visitor},
    icon::{Icon, icon},
    markdown::markdown,
    part::{
        boxes::{callout, menu},
        code::code_line,
        farewell,
        head::{Link, PageHead, Section, crumbs, tabs},
        limits::{approval, limits, price},
        state::{Badge, Tone},
        table::{self, Empty, Shape, Table},
    },
};

/// What every page of an API shows in its head.
#[derive(Clone, Debug)]
pub struct Head {
    pub page: ApiPage,
    /// The version that the reader looks at; none while nothing is published.
    pub version: Option<CatalogVersion>,
    /// Whether the reader may request subscriptions for some team; a stranger may after signing in.
    pub may_request: bool,
    pub now: DateTime<Utc>,
}

/// What the overview shows.
#[derive(Clone, Debug)]
pub struct Overview {
    pub visitor: Visitor,
    pub head: Head,
    /// Newest first, of the version that the reader looks at.
    pub changes: Vec<ChangeLogLine>,
}

impl Head {
    /// Whether the reader could ask for a plan here: whoever may not gets no button for it.
    fn may_ask(&self) -> bool {
        !self.page.products.is_empty() && self.may_request
    }
}

/// Address of an API's overview.
#[must_use]
pub fn address(page: &ApiPage) -> String {
    format!("/apis/{}/{}", page.entry.owner.slug, page.entry.slug)
}

#[must_use]
pub fn view(overview: Overview) -> AnyView {
    let Overview {
        visitor,
        head,
        changes,
    } = overview;
    let home = address(&head.page);
    let description = match head.page.description.trim() {
        "" => view! { <p class="soft">"Its owner has not described it yet."</p> }.into_any(),
        text => markdown(text),
    };
    let answer = head.version.as_ref().map(|version| {
        view! {
            <div class="field">
                <span class="label">{format!("Address of {}", version.slug)}</span>
                {code_line(version.address.clone())}
            </div>
        }
    });
    let signed_in = visitor.person.is_some();
    let content = view! {
        {head.view(head.page.description.trim().is_empty())}
        {self::tabs_of(&head, &home)}
        <div class="stack">{description} {answer}</div>
        {Section::new("plans", "Plans").body(plans(&head, signed_in))}
        {Section::new("versions", "Versions").body(versions(&head, &home))}
        {changes_of(changes, head.now)}
    };
    frame::public(&visitor, Area::Apis, content)
}

/// The tabs of an API's pages; `open` is the address of the present one.
pub(super) fn tabs_of(head: &Head, open: &str) -> AnyView {
    let home = address(&head.page);
    let mut links = vec![Link::new(home.clone(), "Overview")];
    if let Some(version) = head.version.as_ref().filter(|version| version.has_document) {
        links.push(Link::new(
            format!("{home}/{}/reference", version.slug),
            "Reference",
        ));
    }
    links.push(Link::new(format!("{home}#plans"), "Plans"));
    links.push(Link::new(format!("{home}#versions"), "Versions"));
    tabs(head.page.entry.name.clone(), links, open)
}

impl Head {
    /// Crumbs, name, version, state, owner and the one next step; `summary` unless the page says
    /// it anyway.
    pub(super) fn view(&self, summary: bool) -> AnyView {
        let entry = &self.page.entry;
        let version = self.version.as_ref();
        let beside = view! {
            {version.map(|version| self.switch(version))}
            {version.map(|version| view! { {Badge::from(version.state)} })}
            {Badge::from(entry.visibility)}
        };
        let key = if entry.needs_key {
            "Key in X-Api-Key"
        } else {
            "No key needed"
        };
        let lede = view! {
            {summary.then(|| entry.summary.clone())}
            <span class="meta">
                <span>{icon(Icon::Users)} {format!("{}, {}", entry.team, entry.owner.name)}</span>
                <span>{icon(Icon::Key)} {key}</span>
                {version
                    .map(|version| {
                        view! {
                            <span>
                                {format!("revision {}", version.revision)} ", "
                                {format::time(version.published_at, self.now)}
                            </span>
                        }
                    })}
            </span>
        };
        let home = address(&self.page);
        let edit = self.page.may_edit.then(|| {
            let href = format!("/o/{}/apis/{}", entry.owner.slug, entry.id);
            view! { <a class="btn" href=href>{icon(Icon::Pencil)} "Edit"</a> }
        });
        let subscribe = self.may_ask().then(|| {
            view! { <a class="btn btn--primary" href=format!("{home}/subscribe")>"Subscribe"</a> }
        });
        view! {
            {crumbs(vec![Link::new("/apis", "APIs")], entry.name.clone())}
            {PageHead::new(entry.name.clone())
                .beside(beside)
                .lede(lede)
                .actions(view! { {edit} {version.filter(|version| version.has_document).map(|version| document(&home, version))} {subscribe} })}
            {version.and_then(|version| banner(version, &home))}
        }
        .into_any()
    }

    /// The version, as a menu of links where there are several.
    fn switch(&self, version: &CatalogVersion) -> AnyView {
        let home = address(&self.page);
        if self.page.entry.versions.len() < 2 {
            return view! { <span class="tag mono">{version.slug.clone()}</span> }.into_any();
        }
        let links = self
            .page
            .entry
            .versions
            .iter()
            .map(|other| {
                view! {
                    <a href=format!("{home}?version={}", other.slug)>
                        <span class="mono">{other.slug.clone()}</span>
                        {Badge::from(other.state).quiet()}
                    </a>
                }
            })
            .collect_view();
        let label = view! { {version.slug.clone()} {icon(Icon::ChevronDown)} };
        menu("btn btn--s", label, links)
    }
}

fn document(home: &str, version: &CatalogVersion) -> AnyView {
    let base = format!("{home}/{}/openapi", version.slug);
    let list = view! {
        <a href=format!("{base}.json")>"OpenAPI as JSON"</a>
        <a href=format!("{base}.yaml")>"OpenAPI as YAML"</a>
    };
    let label = view! { {icon(Icon::Download)} "Document" {icon(Icon::ChevronDown)} };
    menu("btn", label, list)
}

fn banner(version: &CatalogVersion, home: &str) -> Option<AnyView> {
    if let Some(told) = &version.deprecation {
        return Some(farewell(&version.slug, told, |next| {
            format!("{home}?version={}", next.slug)
        }));
    }
    (!version.enabled).then(|| {
        callout(
            Tone::Warn,
            format!(
                "{} is switched off by its owner for now; calls answer version_disabled.",
                version.slug
            ),
        )
    })
}

fn plans(head: &Head, signed_in: bool) -> AnyView {
    let page = &head.page;
    let offered: Vec<_> = page
        .products
        .iter()
        .filter(|product| !product.plans.is_empty())
        .collect();
    if offered.is_empty() {
        let words = if signed_in {
            "Its owner has not published a plan that you may use."
        } else {
            "No plan is open to everybody. Sign in to see those for your organization."
        };
        return Empty::new(Icon::Tag, "No plan yet", words).view();
    }
    let home = address(page);
    let ask = (!head.may_request).then(|| {
        view! { <p class="small soft">"To subscribe, ask a maintainer of a team: a team's applications subscribe, and your role requests nothing."</p> }
    });
    let plans = offered
        .into_iter()
        .map(|product| product_plans(product, &home, head.may_ask()))
        .collect_view();
    view! { <div class="stack">{ask} {plans}</div> }.into_any()
}

fn product_plans(product: &OfferedProduct, home: &str, may_ask: bool) -> AnyView {
    let rows = product
        .plans
        .iter()
        .map(|plan| plan_row(plan, home, may_ask))
        .collect::<Vec<_>>();
    let columns = vec![
        table::wide("Plan"),
        table::text("Requests"),
        table::text("Approval"),
        table::number("Price"),
        table::actions(),
    ];
    let covers = product.versions.join(", ");
    view! {
        <div class="stack stack--s plans">
            <p class="small faint">
                "Product " <span class="strong">{product.product.name.clone()}</span>
                {(!covers.is_empty()).then(|| format!(" covers {covers}"))}
            </p>
            {Table::new(Shape::Rows, columns).rows(rows)}
        </div>
    }
    .into_any()
}

fn plan_row(plan: &OfferedPlan, home: &str, may_ask: bool) -> AnyView {
    let lines = match limits(&plan.policies) {
        lines if lines.is_empty() => vec!["no limit".to_owned()],
        lines => lines,
    };
    let lines = lines
        .into_iter()
        .map(|line| view! { <span class="line">{line}</span> })
        .collect_view();
    let terms = plan
        .terms
        .is_some()
        .then(|| view! { <span class="sub">"with terms to accept"</span> });
    let scopes = (!plan.scopes.is_empty()).then(|| {
        let words = format!("scopes {}", plan.scopes.join(", "));
        view! { <span class="sub">{words}</span> }
    });
    let how = if plan.approval == domain::plan::Approval::Auto {
        "Subscribe"
    } else {
        "Request"
    };
    let action = (may_ask && plan.state == PlanState::Published).then(|| {
        let href = format!("{home}/subscribe?plan={}", plan.id);
        view! { <a class="btn btn--s" href=href>{how}</a> }
    });
    let overshoot = plan
        .overshoot
        .clone()
        .map(|words| view! { <span class="sub">{words}</span> });
    view! {
        <tr>
            <td>
                <b>{plan.name.clone()}</b>
                <span class="sub">{plan.description.clone()}</span>
            </td>
            <td data-label="Requests">{lines} {overshoot} {scopes}</td>
            <td data-label="Approval">{approval(plan.approval)} {terms}</td>
            <td class="n" data-label="Price">{price(plan.price.as_ref())}</td>
            <td class="act">{action}</td>
        </tr>
    }
    .into_any()
}

fn versions(head: &Head, home: &str) -> AnyView {
    let rows = head.page.entry.versions.iter().map(|version| {
        let reference = version.has_document.then(|| {
            let href = format!("{home}/{}/reference", version.slug);
            view! { <a class="btn btn--s" href=href>"Reference"</a> }
        });
        view! {
            <tr>
                <td><b class="mono">{version.slug.clone()}</b></td>
                <td data-label="State">{Badge::from(version.state).quiet()}</td>
                <td class="mono" data-label="Address">{version.address.clone()}</td>
                <td class="n" data-label="Operations">{format::count(version.operations)}</td>
                <td data-label="Published">
                    {format::date(version.published_at)}
                    <span class="sub">{format!("revision {}", version.revision)}</span>
                </td>
                <td class="act">{reference}</td>
            </tr>
        }
    });
    let columns = vec![
        table::text("Version"),
        table::text("State"),
        table::wide("Address"),
        table::number("Operations"),
        table::text("Published"),
        table::actions(),
    ];
    let empty = Empty::new(
        Icon::Layers,
        "Nothing is published",
        "A version appears here when its owner publishes it.",
    );
    let table = Table::new(Shape::Rows, columns)
        .rows(rows.collect::<Vec<_>>())
        .or_empty(empty);
    view! { {table} }.into_any()
}

fn changes_of(changes: Vec<ChangeLogLine>, now: DateTime<Utc>) -> Option<AnyView> {
    let noted: Vec<_> = changes
        .into_iter()
        .filter(|line| !line.note.is_empty())
        .collect();
    if noted.is_empty() {
        return None;
    }
    let lines = noted
        .into_iter()
        .map(|line| {
            view! {
                <li>
                    {icon(Icon::Branch)}
                    <b>{format!("Revision {}", line.revision)}</b>
                    " "
                    {line.note}
                    <span class="sub">{format::time(line.at, now)}</span>
                </li>
            }
        })
        .collect_view();
    let list = view! { <ol class="timeline">{lines}</ol> };
    Some(view! { {Section::new("changes", "Change log").body(list)} }.into_any())
}
