//! What the form of one policy asks for, wherever policies stand.

use domain::form::{Act, MOST_FIELDS, sheet, sheet::Sheet};
use domain::policy::{Policy, PolicyKind};
use domain::problem::{Code, Invalid};
use frontend::form::Form;
use frontend::pages::publish::policy::{Edit, Look, Open};
use serde::Deserialize;

use crate::{
    failure::{Failure, Result},
    typed::Typed,
};

/// Which policy the address opens: `?policy=INDEX`, `?kind=KIND&name=NAME`, or `?add=KIND`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Address {
    policy: Option<usize>,
    kind: String,
    name: String,
    add: String,
}

impl Address {
    pub(super) fn open(&self, present: &[Policy]) -> Open {
        let kind = PolicyKind::parse(&self.kind);
        let called = kind.and_then(|kind| {
            let mut all = present.iter();
            all.position(|policy| policy.kind() == kind && policy.name() == self.name)
        });
        let index = self.policy.filter(|index| *index < present.len());
        match (index.or(called), PolicyKind::parse(&self.add)) {
            (Some(index), _) => Open::At(index),
            (None, Some(kind)) => Open::New(kind),
            (None, None) => Open::None,
        }
    }

    /// What a form of this address is meant for: kind and name tell a policy from the others of
    /// its place, whichever comes first of them. `None`: it is there no more.
    pub(super) fn find(&self, typed: &Typed, present: &[Policy]) -> Option<Open> {
        let Some(index) = self.policy else {
            return Some(self.open(present));
        };
        let kind = PolicyKind::parse(typed.get("kind"));
        let was = typed.has("was").then(|| typed.get("was"));
        let is_it = |policy: &Policy| {
            kind.is_none_or(|kind| policy.kind() == kind)
                && was.is_none_or(|was| policy.name() == was)
        };
        if present.get(index).is_some_and(is_it) {
            return Some(Open::At(index));
        }
        // By its kind alone another one could be meant.
        kind.and(was)?;
        present.iter().position(is_it).map(Open::At)
    }
}

/// Fields of the page that are not the policy's.
const OTHERS: &[&str] = &["do", "etag", "kind", "was", "yaml"];

/// What was asked for with a policy's form.
pub(super) enum Asked {
    Remove,
    /// Right by itself; whether it fits among the others only the service knows.
    Save(Box<(Policy, Sheet)>),
    /// The form, changed: in another look, with more rows or fewer.
    Again(Edit),
    /// The same with what is wrong.
    Refused(Edit),
}

/// What stands at an address, as it is stored. Who may not change it sees what is there, and no
/// empty form.
pub(super) fn stored(all: &[Policy], open: Open, etag: i64, may: bool) -> Option<Edit> {
    match open {
        Open::At(index) => {
            let policy = all.get(index)?;
            Some(opened(policy.kind(), Some(policy), etag, may))
        }
        Open::New(kind) => may.then(|| opened(kind, None, etag, may)),
        Open::None => None,
    }
}

fn opened(kind: PolicyKind, policy: Option<&Policy>, etag: i64, may: bool) -> Edit {
    let sheet = policy.map_or_else(|| Sheet::blank(kind), Sheet::of);
    let form = Form::default().with("etag", etag.to_string());
    let form = match policy {
        Some(policy) => form.with("was", policy.name()),
        None => form,
    };
    let (look, form) = match sheet.to_fields() {
        Ok(fields) if may => (Look::Form, with(form, fields)),
        _ if may => (Look::Yaml, form.with("yaml", sheet.to_yaml())),
        _ => (Look::Fixed, form.with("yaml", sheet.to_yaml())),
    };
    Edit {
        kind,
        exists: policy.is_some(),
        form,
        look,
        focus: None,
    }
}

fn with(form: Form, fields: Vec<(String, String)>) -> Form {
    let add = |form: Form, (name, value): (String, String)| form.with(&name, value);
    fields.into_iter().fold(form, add)
}

/// What is open, after a form of it that was too long to be read: what was typed is only in the
/// browser then.
pub(super) fn too_long(all: &[Policy], open: Open, etag: i64) -> Option<Edit> {
    let mut edit = stored(all, open, etag, true)?;
    if edit.look == Look::Form {
        let policy = match open {
            Open::At(index) => all.get(index),
            Open::New(_) | Open::None => None,
        };
        let sheet = policy.map_or_else(|| Sheet::blank(edit.kind), Sheet::of);
        edit.form = edit.form.with("yaml", sheet.to_yaml());
        edit.look = Look::Yaml;
    }
    edit.form = edit.form.problem_at(
        "yaml",
        "What you sent is longer than a form may be, and was not read. A policy as YAML has at most \
         192 KiB. Your browser leads back to what you typed.",
    );
    Some(edit)
}

/// The kind that the form was made for; that of the address, where it does not say it.
pub(super) fn kind(typed: &Typed, all: &[Policy], address: &Address) -> Result<PolicyKind> {
    let known = match address.open(all) {
        Open::At(index) => all.get(index).map(Policy::kind),
        Open::New(kind) => Some(kind),
        Open::None => None,
    };
    let said = PolicyKind::parse(typed.get("kind"));
    said.or(known).ok_or_else(|| Failure::of(Code::BadRequest))
}

/// Takes a policy out of its list; says where it was.
pub(super) fn remove(all: &mut Vec<Policy>, open: Open) -> Result<usize> {
    match open {
        Open::At(index) if index < all.len() => {
            all.remove(index);
            Ok(index)
        }
        Open::At(_) | Open::New(_) | Open::None => Err(Failure::of(Code::BadRequest)),
    }
}

/// Puts a policy where it was, or behind the others; says where.
pub(super) fn put(all: &mut Vec<Policy>, open: Open, policy: Policy) -> Result<usize> {
    match open {
        Open::At(index) if index < all.len() => {
            all[index] = policy;
            Ok(index)
        }
        Open::New(_) => {
            all.push(policy);
            Ok(all.len() - 1)
        }
        Open::At(_) | Open::None => Err(Failure::of(Code::BadRequest)),
    }
}

/// The form as it was sent, to be shown again.
pub(super) fn again(kind: PolicyKind, exists: bool, typed: &Typed, form: Form) -> Edit {
    let look = match typed.has("yaml") {
        true => Look::Yaml,
        false => Look::Form,
    };
    Edit {
        kind,
        exists,
        form,
        look,
        focus: None,
    }
}

/// Most rows of all lists together: a list in each row of another one takes long to show.
const MOST_IN_ALL: usize = 600;

/// `Err` for a form that would take long to show again.
pub(super) fn bounded(kind: PolicyKind, typed: &Typed) -> Result<()> {
    // As YAML there are no rows to show.
    let is_shown = typed.get("do") != "yaml";
    let rows = sheet::rows(kind, typed.pairs());
    let too_many = is_shown && rows > MOST_IN_ALL;
    let too_much = match (typed.pairs().len() > MOST_FIELDS, too_many) {
        (true, _) => Some("The form has more than 4,000 fields. Edit so long a policy as YAML."),
        (false, true) => Some("The form has more rows than can be shown. Edit it as YAML."),
        (false, false) => None,
    };
    match too_much {
        Some(message) => Err(Failure::because(Code::ValidationFailed, message)),
        None => Ok(()),
    }
}

/// Reads a form of this kind.
pub(super) fn read(kind: PolicyKind, exists: bool, typed: &Typed) -> Result<Asked> {
    let same = |form: Form| again(kind, exists, typed, form);
    let refused =
        |wrong: &[Invalid]| Asked::Refused(same(typed.clone().into_form().invalid(wrong)));
    let what = typed.get("do");
    if what == "remove" && exists {
        return Ok(Asked::Remove);
    }
    let sheet = match typed.has("yaml") {
        true => Sheet::from_yaml(kind, typed.raw("yaml")).map_err(|wrong| wrong.under("/yaml")),
        false => Ok(Sheet::typed(kind, typed.pairs(), OTHERS)),
    };
    let sheet = match sheet {
        Ok(sheet) => sheet,
        Err(wrong) => return Ok(refused(&[wrong])),
    };
    let bare = || {
        let form = Form::default().with("etag", typed.get("etag"));
        match exists && typed.has("was") {
            true => form.with("was", typed.get("was")),
            false => form,
        }
    };
    Ok(match what {
        "save" => match sheet.policy() {
            Ok(policy) => Asked::Save(Box::new((policy, sheet))),
            Err(wrong) => refused(&wrong),
        },
        // It would be lost on the way.
        "yaml" | "form" if !sheet.unreadable().is_empty() => refused(sheet.unreadable()),
        "yaml" => {
            let form = bare().with("yaml", sheet.to_yaml());
            Asked::Again(Edit {
                look: Look::Yaml,
                ..same(form)
            })
        }
        "form" => match sheet.to_fields() {
            Ok(fields) => {
                let form = with(bare(), fields);
                Asked::Again(Edit {
                    look: Look::Form,
                    ..same(form)
                })
            }
            Err(wrong) => {
                let told: Vec<_> = wrong.iter().map(|one| sheet.at_field(one)).collect();
                refused(&told)
            }
        },
        other => {
            let (act, at) = Act::read(other).ok_or_else(|| Failure::of(Code::BadRequest))?;
            let mut fields = typed.pairs().to_vec();
            let focus = sheet::act(kind, &mut fields, act, at);
            let form = Typed::new(fields)?.into_form();
            Asked::Again(Edit {
                focus,
                ..same(form)
            })
        }
    })
}

/// Brings problems of the policy at `at` (`/policies/2`) to their fields.
pub(super) fn at_fields(error: &mut api::Error, at: &str, policy: &Policy, sheet: &Sheet) {
    let prefix = format!("{at}/{}", policy.kind().as_str());
    for invalid in &mut error.invalid {
        let inner = invalid.pointer.strip_prefix(&prefix);
        let pointer = inner.unwrap_or(&invalid.pointer).to_owned();
        *invalid = sheet.at_field(&Invalid::new(pointer, invalid.message.clone()));
    }
}
