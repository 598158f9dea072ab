//! What the form of one policy asks for, wherever policies stand.

use domain::form::{Act, MOST_FIELDS, MOST_ROWS, sheet, sheet::Sheet};
use domain::policy::{Policy, PolicyKind};
use domain::problem::{Code, Invalid};
use frontend::form::Form;
use frontend::pages::publish::policy::{Edit, Look, Open};
use serde::Deserialize;

use crate::{
    failure::{Failure, Result},
    typed::Typed,
};

/// Which policy the address opens: `?policy=INDEX`, or `?add=KIND`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Address {
    policy: Option<usize>,
    add: String,
}

impl Address {
    pub(super) fn open(&self, present: &[Policy]) -> Open {
        match (self.policy, PolicyKind::parse(&self.add)) {
            (Some(index), _) if index < present.len() => Open::At(index),
            (_, Some(kind)) => Open::New(kind),
            (_, None) => Open::None,
        }
    }
}

/// Fields of the page that are not the policy's.
const OTHERS: &[&str] = &["do", "etag", "kind", "yaml"];

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

/// The kind that the form was made for; that of the address, where it does not say it.
pub(super) fn kind(typed: &Typed, all: &[Policy], open: Open) -> Result<PolicyKind> {
    let known = match open {
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

/// Most rows of all lists together, and whatever numbers look like that: a list in each row of
/// another one takes long to show.
const MOST_IN_ALL: usize = 600;

/// Reads a form of this kind.
pub(super) fn read(kind: PolicyKind, exists: bool, typed: &Typed) -> Result<Asked> {
    let counts = typed.pairs().iter();
    let counts = counts.filter_map(|(_, value)| value.trim().parse::<usize>().ok());
    let rows: usize = counts.filter(|count| *count <= MOST_ROWS).sum();
    let too_much = match (typed.pairs().len() > MOST_FIELDS, rows > MOST_IN_ALL) {
        (true, _) => Some("The form has more than 4,000 fields. Edit so long a policy as YAML."),
        (false, true) => Some("The form has more rows than can be shown. Edit it as YAML."),
        (false, false) => None,
    };
    if let Some(message) = too_much {
        return Err(Failure::because(Code::ValidationFailed, message));
    }
    let same = |form: Form| again(kind, exists, typed, form);
    let refused =
        |wrong: &[Invalid]| Asked::Refused(same(typed.clone().into_form().invalid(wrong)));
    let what = typed.get("do");
    if what == "remove" && exists {
        return Ok(Asked::Remove);
    }
    let sheet = match typed.has("yaml") {
        true => Sheet::from_yaml(kind, typed.raw("yaml")),
        false => Ok(Sheet::typed(kind, typed.pairs(), OTHERS)),
    };
    let sheet = match sheet {
        Ok(sheet) => sheet,
        Err(wrong) => return Ok(refused(&[wrong])),
    };
    let bare = || Form::default().with("etag", typed.get("etag"));
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
