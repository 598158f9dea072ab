//! The policies of one place, wherever that is: what stands there by stage, what is open of it,
//! and the kinds to add.

use domain::policy::{AttachPoint, Policy, PolicyKind, Stage};
use domain::problem::Invalid;
use leptos::prelude::*;

use super::policy::{self, Edit, Open};
use crate::icon::{Icon, icon};
use crate::part::{boxes::callout, state::Tone};

/// The policies of one place, and the one that is open.
#[derive(Clone, Debug)]
pub struct Attached {
    pub point: AttachPoint,
    /// The address of the page.
    pub home: String,
    pub policies: Vec<Policy>,
    /// What stands there besides and cannot be read. Nothing is edited then: saving puts a list in
    /// the place of all that there is.
    pub unreadable: Vec<Invalid>,
    pub may_edit: bool,
    pub open: Open,
    /// What is shown of what is open.
    pub edit: Option<Edit>,
}

impl Attached {
    /// A place at which nothing is open.
    #[must_use]
    pub fn new(point: AttachPoint, home: String, policies: Vec<Policy>, may_edit: bool) -> Self {
        Self {
            point,
            home,
            policies,
            unreadable: Vec::new(),
            may_edit,
            open: Open::None,
            edit: None,
        }
    }

    /// The same with what of the place cannot be read.
    #[must_use]
    pub fn without(self, unreadable: &[Invalid]) -> Self {
        Self {
            may_edit: self.may_edit && unreadable.is_empty(),
            unreadable: unreadable.to_vec(),
            ..self
        }
    }

    /// The list and what is open beside it; `above` the latter a remark, and `aside` what else
    /// such a page has.
    pub(super) fn editor(
        &self,
        save: &'static str,
        above: Option<AnyView>,
        aside: Option<AnyView>,
    ) -> AnyView {
        let is_choosing = self.may_edit && self.edit.is_none();
        let add = (self.may_edit && !is_choosing).then(|| {
            view! { <a class="btn" href=self.home.clone()>{icon(Icon::Plus)} "Add a policy"</a> }
        });
        let class = match &aside {
            Some(_) => "editor",
            None => "editor editor--two",
        };
        view! {
            {not_read(&self.unreadable)}
            <div class=class>
                <div class="stages">{self.stages()} {add}</div>
                <div class="editor-main">{above} {self.middle(save)}</div>
                {aside}
            </div>
        }
        .into_any()
    }

    fn middle(&self, save: &'static str) -> AnyView {
        match &self.edit {
            Some(edit) => policy::edit(edit, self.action(), save),
            None if self.may_edit => policy::chooser(&self.home, self.point, &self.policies),
            None => view! {
                <div class="card"><div class="card-body"><p class="soft">"Choose a policy to see it."</p></div></div>
            }
            .into_any(),
        }
    }

    /// Where the form of what is open is sent: not to the address of the page, which may name the
    /// place of a policy that is gone meanwhile.
    fn action(&self) -> String {
        match self.open {
            Open::At(index) => format!("{}?policy={index}", self.home),
            Open::New(kind) => format!("{}?add={}", self.home, kind.as_str()),
            Open::None => self.home.clone(),
        }
    }

    /// Those stages whose kinds can stand here, each with what does.
    fn stages(&self) -> AnyView {
        let fits = |stage: &Stage| {
            let mut kinds = PolicyKind::ALL.iter();
            kinds.any(|kind| kind.stage() == *stage && kind.fits(self.point))
        };
        Stage::ALL
            .into_iter()
            .filter(fits)
            .map(|stage| {
                let items: Vec<_> = self
                    .policies
                    .iter()
                    .enumerate()
                    .filter(|(_, policy)| policy.kind().stage() == stage)
                    .map(|(index, policy)| {
                        policy::entry(
                            index,
                            policy,
                            &self.home,
                            self.open == Open::At(index),
                            None,
                        )
                    })
                    .collect();
                let body = match items.is_empty() {
                    true => view! { <p class="none">"No policies"</p> }.into_any(),
                    false => view! { <ul>{items.collect_view()}</ul> }.into_any(),
                };
                view! { <section><h2>{format!("{stage:?}")}</h2>{body}</section> }
            })
            .collect_view()
            .into_any()
    }
}

/// What of the policies of a place cannot be read, and what to do about it.
pub(super) fn not_read(unreadable: &[Invalid]) -> Option<AnyView> {
    let lines = unreadable.iter().map(|one| {
        let place =
            (!one.pointer.is_empty()).then(|| view! { " " <code>{one.pointer.clone()}</code> });
        view! { <li>{one.message.clone()} {place}</li> }
    });
    let body = view! {
        <p><b>"Not all policies here can be read"</b></p>
        <ul>{lines.collect_view()}</ul>
        <p>
            "A newer release may have written them. They are kept, and gateways that cannot read them refuse the calls that would meet them. "
            "Nothing can be edited here meanwhile: update Portunus, or write all policies of this place anew over the management API."
        </p>
    };
    (!unreadable.is_empty()).then(|| callout(Tone::Warn, body))
}

/// The address that opens a policy by what it is called, at the page of its place.
pub(super) fn address_of(home: &str, policy: &Policy) -> String {
    let (kind, name) = (policy.kind().as_str(), policy.name());
    format!("{home}?kind={kind}&name={name}")
}

/// A policy as a step of a chain, where it comes from, and what else is to be said of it.
pub(super) fn step(policy: &Policy, from: AnyView, told: Option<String>) -> AnyView {
    view! {
        <li>
            <span class="row">
                <span><code>{policy.kind().as_str()}</code> " " {policy::observe(policy)}</span>
                <span class="sub">{from}</span>
            </span>
            {told.map(|words| view! { <span class="sub">{words}</span> })}
        </li>
    }
    .into_any()
}

/// A nearer place, with what it adds to the policies of a page.
#[derive(Clone, Debug)]
pub struct Nearer {
    pub name: String,
    /// The page of its policies.
    pub home: String,
    pub policies: Vec<Policy>,
    /// Not all that it has can be read.
    pub is_partial: bool,
    /// Kinds of the page's policies that it does not meet, because its own stand for them.
    pub replaced: Vec<PolicyKind>,
}

/// What nearer places add, beside the policies of a farther one.
pub(super) fn nearer(title: &'static str, about: &'static str, places: &[Nearer]) -> AnyView {
    let of = |place: &Nearer| {
        let steps = place.policies.iter().map(|policy| {
            let href = address_of(&place.home, policy);
            let label = format!("Open {} of {}", policy.kind().as_str(), place.name);
            step(
                policy,
                view! { <a href=href aria-label=label>"open"</a> }.into_any(),
                None,
            )
        });
        let steps = steps.collect_view();
        let none = (place.policies.is_empty() && !place.is_partial)
            .then(|| view! { <li><span class="sub">"nothing of its own"</span></li> });
        let partial = place
            .is_partial
            .then(|| view! { <li><span class="sub">"not all of its own can be read"</span></li> });
        let replaced = place.replaced.iter().map(|kind| {
            view! { <li><span class="sub">"in place of " <code>{kind.as_str()}</code> " of this page"</span></li> }
        });
        view! {
            <li class="stage"><a href=place.home.clone()>{place.name.clone()}</a></li>
            {none}
            {steps}
            {partial}
            {replaced.collect_view()}
        }
    };
    let rows = places.iter().map(of).collect_view();
    let list = (!places.is_empty()).then(|| view! { <ol>{rows}</ol> });
    view! {
        <aside class="chain" aria-labelledby="chain-h">
            <h2 id="chain-h">{title}</h2>
            <p class="small soft">{about}</p>
            {list}
        </aside>
    }
    .into_any()
}
