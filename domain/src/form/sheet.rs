//! Policies in a form, and as YAML: both say the same, and each can be turned into the other with
//! all that was typed, right or wrong.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::places::Places;
use super::read::Reader;
use super::rows::{self, Act};
use super::schema;
use super::write::{self, Pairs};
use super::{Part, shape};
use crate::manifest::read as text;
use crate::openapi;
use crate::policy::{Policy, PolicyKind};
use crate::problem::Invalid;

/// Longest policy as YAML, in bytes.
pub const MOST_YAML: usize = 192 * 1024;

/// A policy that somebody is at: whole or not.
#[derive(Debug, Clone)]
pub struct Sheet {
    kind: PolicyKind,
    /// What stands behind the kind.
    members: Map<String, Value>,
    /// What could not be read at all, by field.
    wrong: Vec<Invalid>,
    places: Places,
}

/// The parts of a kind's form.
#[must_use]
pub fn parts(kind: PolicyKind) -> &'static [Part] {
    static ALL: LazyLock<Vec<Vec<Part>>> = LazyLock::new(|| {
        let schema = schemars::schema_for!(Policy).to_value();
        let reader = schema::Reader {
            defs: schema.get("$defs").and_then(Value::as_object),
        };
        let of = |kind: &PolicyKind| {
            let variants = schema.get("oneOf").and_then(Value::as_array);
            let inner = variants.into_iter().flatten().find_map(|variant| {
                variant
                    .get("properties")
                    .and_then(|one| one.get(kind.as_str()))
            });
            let mut parts = inner.map(|inner| reader.parts(inner)).unwrap_or_default();
            for part in &mut parts {
                common(part, *kind);
            }
            parts
        };
        PolicyKind::ALL.iter().map(of).collect()
    });
    ALL.get(kind as usize)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// Those of them that a page shows: all but the mode of a kind that has only one. Written as YAML it
/// is still read, and told where it is wrong.
#[must_use]
pub fn shown(kind: PolicyKind) -> &'static [Part] {
    match parts(kind) {
        [mode, others @ ..] if mode.name == "mode" && !kind.has_modes() => others,
        all => all,
    }
}

/// The two fields that every kind has say the same in each, and kinds inside of a policy are told
/// in the words of their list.
fn common(part: &mut Part, kind: PolicyKind) {
    match part.name.as_str() {
        "mode" => {
            part.default = Some(json!(kind.usual_mode()));
            part.help = match kind.observes() {
                true => "Observe decides, counts and logs, and refuses nothing.".to_owned(),
                false => "Observe does nothing.".to_owned(),
            };
            if let super::Control::Choice(choices) = &mut part.control {
                choices.iter_mut().for_each(|choice| choice.help.clear());
            }
        }
        "name" => {
            let is_shown = matches!(kind, PolicyKind::RateLimit | PolicyKind::Quota);
            part.help = match is_shown {
                true => "Shown to callers in RateLimit-Policy.".to_owned(),
                false => "Tells it from others of its kind, in logs too.".to_owned(),
            };
            if let super::Control::Text { example, .. } = &mut part.control {
                *example = Some(kind.as_str().to_owned());
            }
        }
        _ => {}
    }
    if let super::Control::Rows(rows) = &mut part.control
        && let super::Control::Ways(ways) = &mut rows.item
    {
        for way in ways {
            if let Some(kind) = PolicyKind::parse(&way.name) {
                way.help = kind.about().to_owned();
            }
        }
    }
}

/// The fields after a button for rows was pressed, and the field of a new row.
pub fn act(kind: PolicyKind, pairs: &mut Pairs, act: Act, at: &str) -> Option<String> {
    rows::act(parts(kind), pairs, act, at)
}

/// How many rows of lists a form of this kind asks for, all together.
pub fn rows(kind: PolicyKind, pairs: &[(String, String)]) -> usize {
    rows::asked(parts(kind), pairs)
}

impl Sheet {
    /// One with nothing in it.
    #[must_use]
    pub fn blank(kind: PolicyKind) -> Self {
        Self::with(kind, Map::new())
    }

    fn with(kind: PolicyKind, members: Map<String, Value>) -> Self {
        Self {
            kind,
            members,
            wrong: Vec::new(),
            places: Places::default(),
        }
    }

    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        let mut whole = serde_json::to_value(policy).unwrap_or_default();
        let members = whole.get_mut(policy.kind().as_str()).map(Value::take);
        let members = members.and_then(|members| match members {
            Value::Object(members) => Some(members),
            _ => None,
        });
        Self::with(policy.kind(), members.unwrap_or_default())
    }

    /// What a form of the kind holds. `others` are fields of the page that are not the policy's.
    #[must_use]
    pub fn typed(kind: PolicyKind, pairs: &[(String, String)], others: &[&str]) -> Self {
        let own = pairs
            .iter()
            .filter(|(name, _)| !others.contains(&name.as_str()));
        let own: Vec<(String, String)> = own.cloned().collect();
        let (fields, wrong) = match Fields::of(&own) {
            Ok(fields) => (fields, Vec::new()),
            Err(wrong) => (Fields::default(), vec![wrong]),
        };
        let mut reader = Reader {
            fields,
            wrong,
            places: Places::default(),
        };
        let members = reader.group(parts(kind), "", "");
        let unknown: Vec<String> = reader.fields.rest().take(5).map(shortened).collect();
        if !unknown.is_empty() {
            let message = format!("The form has no field {}.", unknown.join(", "));
            reader.wrong.push(Invalid::new("", message));
        }
        Self {
            kind,
            members,
            wrong: reader.wrong,
            places: reader.places,
        }
    }

    /// What a text says: the policy as in a file, `jwt: { … }`, or the same as the only entry of a
    /// list.
    ///
    /// # Errors
    /// What is wrong with a text that is no policy of the kind.
    pub fn from_yaml(kind: PolicyKind, yaml: &str) -> Result<Self, Invalid> {
        let mut value = text::value(yaml, MOST_YAML)?;
        if let Some([only]) = value.as_array_mut().map(Vec::as_mut_slice) {
            value = only.take();
        }
        let name = kind.as_str();
        let wrong = |message: String| Err(Invalid::new("", message));
        let begin = format!("Begin with `{name}:` and its fields below.");
        let Value::Object(mut whole) = value else {
            return wrong(begin);
        };
        let other = whole.keys().find(|known| *known != name).cloned();
        match (whole.remove(name), other) {
            (Some(Value::Object(members)), None) => Ok(Self::with(kind, members)),
            (Some(Value::Null), None) => Ok(Self::blank(kind)),
            (Some(_), Some(other)) => wrong(format!(
                "One policy is one kind: {} does not belong here.",
                shortened(&other)
            )),
            (None, Some(other)) if PolicyKind::parse(&other).is_some() => wrong(format!(
                "This is the page of a `{name}`. Add a `{other}` as a policy of its own."
            )),
            (Some(_), None) | (None, _) => wrong(begin),
        }
    }

    /// The policy as in a file.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let inner = Value::Object(self.members.clone());
        let whole = Value::Object(Map::from_iter([(self.kind.as_str().to_owned(), inner)]));
        openapi::to_yaml(&whole).unwrap_or_default()
    }

    /// The fields that show it.
    ///
    /// # Errors
    /// Members that a form has no place for.
    pub fn to_fields(&self) -> Result<Pairs, Vec<Invalid>> {
        let parts = parts(self.kind);
        let mut found = Vec::new();
        shape::unknown(parts, &self.members, "", &mut found);
        if !found.is_empty() {
            return Err(found);
        }
        let mut pairs = Vec::new();
        write::group(parts, &self.members, "", &mut pairs);
        Ok(pairs)
    }

    /// The policy, if it is right by itself.
    ///
    /// # Errors
    /// All that is wrong, with pointers from the policy's fields: `/limit`. What could not be read
    /// has the name of its field instead.
    pub fn policy(&self) -> Result<Policy, Vec<Invalid>> {
        let (read, found) = self.read();
        let at_fields = found.iter().map(|invalid| self.places.at_field(invalid));
        let told = at_fields.filter(|invalid| {
            let mut wrong = self.wrong.iter();
            !wrong.any(|known| !known.pointer.is_empty() && known.pointer == invalid.pointer)
        });
        let mut all: Vec<Invalid> = self.wrong.iter().cloned().chain(told).collect();
        all.truncate(shape::MOST_PROBLEMS);
        match read {
            Some(policy) if all.is_empty() => Ok(policy),
            Some(_) | None => Err(all),
        }
    }

    /// All that is wrong with what stands behind a kind, with pointers from there: `/limit`.
    pub(super) fn problems(kind: PolicyKind, members: Map<String, Value>) -> Vec<Invalid> {
        let (_, mut found) = Self::with(kind, members).read();
        found.truncate(shape::MOST_PROBLEMS);
        found
    }

    /// The policy with what has a wrong shape put right, if it can be read then; and all that is
    /// wrong with it, by its shape and by its rules.
    fn read(&self) -> (Option<Policy>, Vec<Invalid>) {
        let mut members = self.members.clone();
        let mut found = Vec::new();
        shape::group(parts(self.kind), &mut members, "", &mut found);
        let whole = Map::from_iter([(self.kind.as_str().to_owned(), Value::Object(members))]);
        let prefix = format!("/{}", self.kind.as_str());
        let inner = |pointer: &str| match pointer.strip_prefix(&prefix) {
            Some(inner) => inner.to_owned(),
            None => pointer.to_owned(),
        };
        let read = serde_path_to_error::deserialize::<_, Policy>(Value::Object(whole));
        let more = match &read {
            Ok(policy) => policy.check(),
            Err(error) => {
                let pointer = text::pointer(error.path());
                let message = text::sentence(&error.inner().to_string());
                vec![Invalid::new(pointer, message)]
            }
        };
        // Where the shape is so wrong, enough is told.
        let more = match found.len() > shape::MOST_PROBLEMS {
            true => Vec::new(),
            false => more,
        };
        // Where the shape was wrong stands something else now than was written.
        let is_told = |pointer: &str| {
            let mut told = found.iter();
            told.any(|known| is_inside(pointer, &known.pointer))
        };
        let more = more
            .into_iter()
            .map(|one| Invalid::new(inner(&one.pointer), one.message));
        let more: Vec<Invalid> = more.filter(|one| !is_told(&one.pointer)).collect();
        found.extend(more);
        (read.ok(), found)
    }

    /// What the policy cannot say in any form: two rows of one name, or one without.
    #[must_use]
    pub fn unreadable(&self) -> &[Invalid] {
        &self.wrong
    }

    /// The same problem where the form shows it; `pointer` leads from the policy's fields.
    #[must_use]
    pub fn at_field(&self, invalid: &Invalid) -> Invalid {
        self.places.at_field(invalid)
    }
}

fn is_inside(pointer: &str, of: &str) -> bool {
    let rest = pointer.strip_prefix(of);
    !of.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A name of a stranger, as much as fits into a sentence.
fn shortened(name: &str) -> String {
    let start: String = name.chars().take(40).collect();
    match start.len() < name.len() {
        true => format!("`{start}…`"),
        false => format!("`{start}`"),
    }
}

#[cfg(test)]
mod tests;
