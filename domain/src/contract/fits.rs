//! Whether a value fits a schema (JSON Schema 2020-12), and where it does not.

mod compound;
mod scalar;
mod variants;

use super::schema::{Beside, Index, Kinds, Node, Schemas, short};
use super::value::{Value, is_integer, size};
use super::{MOST_VIOLATIONS, Place, Violation};
use crate::openapi::Side;

/// Deepest way through schemas and value together.
const DEEPEST: u32 = 400;

/// One check of one value.
pub(super) struct Fitting<'c> {
    schemas: &'c Schemas,
    /// What it may still cost.
    steps: u64,
    formats: bool,
    side: Side,
    /// Of the schemas on the way here, those of [`Node::family`]; behind `own` for this value.
    families: Vec<&'c [Index]>,
    own: usize,
    /// What discriminators have named on the way here, each for which value.
    named: Vec<(Index, &'c Value<'c>)>,
    depth: u32,
    /// Alternatives are tried: what does not fit there is no violation yet.
    quiet: u32,
    way: Vec<Step<'c>>,
    pub(super) found: Vec<Violation>,
}

enum Step<'c> {
    Name(&'c str),
    /// A member whose name is data, in an answer: whoever is told of it need not see that.
    Some,
    Item(usize),
}

/// What was looked at of an object or an array, for `unevaluatedProperties` and
/// `unevaluatedItems`.
#[derive(Default)]
struct Seen<'c> {
    all_names: bool,
    names: Vec<&'c str>,
    all_items: bool,
    /// The first so many.
    items: usize,
    others: Vec<usize>,
}

impl<'c> Seen<'c> {
    fn add(&mut self, other: Self) {
        self.all_names |= other.all_names;
        self.names.extend(other.names);
        self.all_items |= other.all_items;
        self.items = self.items.max(other.items);
        self.others.extend(other.others);
    }
}

impl<'c> Fitting<'c> {
    pub(super) fn new(schemas: &'c Schemas, steps: u64, formats: bool) -> Self {
        Self {
            schemas,
            steps,
            formats,
            side: Side::Request,
            families: Vec::new(),
            own: 0,
            named: Vec::new(),
            depth: 0,
            quiet: 0,
            way: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Of what the server sends.
    pub(super) fn of_answer(mut self) -> Self {
        self.side = Side::Response;
        self
    }

    /// Puts what does not fit into `found`. A check that costs too much fits nothing.
    pub(super) fn check(&mut self, schema: Index, value: &'c Value<'c>) {
        let fits = self.fits(schema, value, None);
        if self.steps == 0 {
            self.found.clear();
            self.found.push(Violation {
                place: Place::Body,
                pointer: String::new(),
                message: "Checking this takes more steps than a request may cost.".to_owned(),
            });
        } else if !fits && self.found.is_empty() {
            self.say(|| "It does not fit its schema.".to_owned());
        }
    }

    /// Whether it fits; nothing is told.
    pub(super) fn tries(&mut self, schema: Index, value: &'c Value<'c>) -> bool {
        self.try_quietly(schema, value, None)
    }

    /// What is left of its steps.
    pub(super) const fn left(&self) -> u64 {
        self.steps
    }

    fn spend(&mut self, steps: u64) -> bool {
        self.steps = self.steps.saturating_sub(steps);
        self.steps > 0
    }

    /// Notes a violation here, where it is one; always `false`.
    fn say(&mut self, message: impl FnOnce() -> String) -> bool {
        if self.goes_on() {
            let mut pointer = String::new();
            for step in &self.way {
                pointer.push('/');
                match step {
                    Step::Name(name) => pointer.push_str(&super::build::escaped(short(name))),
                    Step::Some => pointer.push('*'),
                    Step::Item(index) => pointer.push_str(&index.to_string()),
                }
            }
            self.found.push(Violation {
                place: Place::Body,
                pointer,
                message: message(),
            });
        }
        false
    }

    /// Goes on behind something that does not fit only where more is to be told.
    fn goes_on(&self) -> bool {
        self.quiet == 0 && self.found.len() < MOST_VIOLATIONS
    }

    fn try_quietly(
        &mut self,
        schema: Index,
        value: &'c Value<'c>,
        seen: Option<&mut Seen<'c>>,
    ) -> bool {
        self.quiet += 1;
        let fits = self.fits(schema, value, seen);
        self.quiet -= 1;
        fits
    }

    fn fits(&mut self, schema: Index, value: &'c Value<'c>, seen: Option<&mut Seen<'c>>) -> bool {
        if !self.spend(1) {
            return false;
        }
        self.depth += 1;
        let fits = if self.depth > DEEPEST {
            self.steps = 0;
            false
        } else {
            let node = self.schemas.get(schema);
            let before = self.families.len();
            self.families.extend(node.family.as_deref());
            let fits = self.node(node, value, seen);
            self.families.truncate(before);
            fits
        };
        self.depth -= 1;
        fits
    }

    fn node(&mut self, node: &'c Node, value: &'c Value<'c>, seen: Option<&mut Seen<'c>>) -> bool {
        if node.never {
            return self.say(|| "Nothing may be here.".to_owned());
        }
        if node.kinds.0 != 0 && !is_of(value, node.kinds) {
            return self.say(|| format!("This is {}.", article(&node.kinds.words())));
        }
        if let Some(values) = &node.values {
            let all = size(value) * (1 + values.others.len() as u64);
            let cost = if value.as_str().is_some() {
                size(value)
            } else {
                all
            };
            if !self.spend(cost) || !values.have(value) {
                return self.say(|| values.shown.clone());
            }
        }
        let mut fits = match value {
            Value::Number(digits) => {
                let number = node.number.as_ref();
                let bounds = number.is_none_or(|number| self.number(number, digits));
                let format = node.text.as_ref().and_then(|text| text.format);
                let format = format.filter(|format| self.formats && !format.fits_number(digits));
                bounds && format.is_none_or(|format| self.say(|| is_a(format.words())))
            }
            Value::Text(text) => {
                let rule = node.text.as_ref();
                rule.is_none_or(|rule| self.text(rule, text))
            }
            Value::Octets(bytes) => {
                let rule = node.text.as_ref();
                rule.is_none_or(|rule| self.octets(rule, bytes))
            }
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => true,
        };
        if !fits && !self.goes_on() {
            return false;
        }
        let rest = match value {
            Value::Array(_) => node.array.as_ref().and_then(|array| array.rest),
            Value::Object(_) => node.object.as_ref().and_then(|object| object.rest),
            _ => None,
        };
        let mut own = (seen.is_some() || rest.is_some()).then(Seen::default);
        fits &= match (value, &node.array, &node.object) {
            (Value::Array(items), Some(array), _) => self.array(array, items, own.as_mut()),
            (Value::Object(members), _, Some(object)) => {
                self.object(object, value, members, own.as_mut())
            }
            _ => true,
        };
        if !fits && !self.goes_on() {
            return false;
        }
        if let Some(reference) = node.reference {
            fits &= self.beside_it(reference, value, own.as_mut());
        }
        if let Some(beside) = &node.beside {
            fits &= self.beside(beside, value, own.as_mut());
        }
        if let (Some(rest), Some(own), true) = (rest, own.as_mut(), fits) {
            fits &= self.rest(rest, value, own);
        }
        if let (Some(seen), Some(own), true) = (seen, own, fits) {
            seen.add(own);
        }
        fits
    }

    /// A schema for the same value; what it looked at counts only where it fits.
    fn beside_it(
        &mut self,
        schema: Index,
        value: &'c Value<'c>,
        seen: Option<&mut Seen<'c>>,
    ) -> bool {
        let Some(seen) = seen else {
            return self.fits(schema, value, None);
        };
        let mut fresh = Seen::default();
        let fits = self.fits(schema, value, Some(&mut fresh));
        if fits {
            seen.add(fresh);
        }
        fits
    }

    fn beside(
        &mut self,
        beside: &'c Beside,
        value: &'c Value<'c>,
        mut seen: Option<&mut Seen<'c>>,
    ) -> bool {
        let mut fits = true;
        for schema in &beside.all {
            fits &= self.beside_it(*schema, value, seen.as_deref_mut());
            if !fits && !self.goes_on() {
                return false;
            }
        }
        let named = beside.discriminator.as_ref();
        let named = named.and_then(|rule| Some((rule, value.get(&rule.property)?)));
        if let Some((rule, name)) = named {
            fits &= self.variant(rule, name, value, seen.as_deref_mut());
            if !beside.one.is_empty() {
                fits &= self.any(&beside.any, value, seen.as_deref_mut());
            }
        } else {
            fits &= self.any(&beside.any, value, seen.as_deref_mut());
            fits &= self.one(&beside.one, value, seen.as_deref_mut());
        }
        if let Some(not) = beside.not
            && self.try_quietly(not, value, None)
        {
            fits = self.say(|| "It fits what it must not fit.".to_owned());
        }
        if let Some(when) = &beside.when {
            let mut fresh = seen.is_some().then(Seen::default);
            let holds = self.try_quietly(when.schema, value, fresh.as_mut());
            if let (Some(seen), Some(fresh), true) = (seen.as_deref_mut(), fresh, holds) {
                seen.add(fresh);
            }
            let then = if holds { when.then } else { when.otherwise };
            if let Some(then) = then {
                fits &= self.beside_it(then, value, seen);
            }
        }
        fits
    }
}

fn is_of(value: &Value<'_>, kinds: Kinds) -> bool {
    let bits = match value {
        Value::Null => Kinds::NULL,
        Value::Bool(_) => Kinds::BOOLEAN,
        Value::Number(number) if is_integer(number) => Kinds::INTEGER | Kinds::NUMBER,
        Value::Number(_) => Kinds::NUMBER,
        Value::Text(_) | Value::Octets(_) => Kinds::STRING,
        Value::Array(_) => Kinds::ARRAY,
        Value::Object(_) => Kinds::OBJECT,
    };
    kinds.has(bits)
}

fn is_a(what: &str) -> String {
    format!("This is {what}.")
}

fn article(kinds: &str) -> String {
    let is_vowel = kinds.starts_with(['i', 'a', 'o']);
    match kinds {
        "null" => kinds.to_owned(),
        _ if is_vowel => format!("an {kinds}"),
        _ => format!("a {kinds}"),
    }
}
