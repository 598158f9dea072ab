//! What an expression is worth. Each node costs a step, and what is gone through costs as much as
//! there is of it.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::rc::Rc;

use serde_json::Value as Json;

use super::node::{Infix, Macro, Node};
use super::{Failure, Object, Value};

pub(super) type Valued<'e> = Result<Value<'e>, Failure>;

pub(super) struct Evaluation<'e> {
    scope: &'e dyn Object,
    /// What macros have bound, the innermost last.
    bound: Vec<(&'e str, Value<'e>)>,
    steps: u32,
}

impl<'e> Evaluation<'e> {
    pub(super) const fn new(scope: &'e dyn Object, steps: u32) -> Self {
        Self {
            scope,
            bound: Vec::new(),
            steps,
        }
    }

    pub(super) fn spend(&mut self, steps: u32) -> Result<(), Failure> {
        self.steps = self.steps.checked_sub(steps).ok_or(Failure::Costly)?;
        Ok(())
    }

    pub(super) fn value(&mut self, node: &'e Node) -> Valued<'e> {
        self.spend(1)?;
        Ok(match node {
            Node::Null => Value::Null,
            Node::Bool(value) => Value::Bool(*value),
            Node::Int(value) => Value::Int(*value),
            Node::Uint(value) => Value::Uint(*value),
            Node::Double(value) => Value::Double(*value),
            Node::Text(text) => Value::text(text),
            Node::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            Node::Type(kind) => Value::Type(*kind),
            Node::List(items) => {
                let items = items.iter().map(|item| self.value(item));
                Value::List(Rc::new(items.collect::<Result<_, _>>()?))
            }
            Node::Map(entries) => {
                let mut members = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    members.push((self.value(key)?, self.value(value)?));
                }
                Value::Map(Rc::new(members))
            }
            Node::Name(name) => self.variable(name)?,
            Node::Field(from, name) => {
                let from = self.value(from)?;
                self.spend(from.weight())?;
                let missing = || Failure::Missing(name.to_string());
                let value = from.member(name).ok_or_else(missing)?;
                self.paid(value)?
            }
            Node::Has(from, name) => {
                // What is not there has no fields.
                let from = match self.value(from) {
                    Ok(from) => from,
                    Err(Failure::Missing(_)) => return Ok(Value::Bool(false)),
                    Err(failure) => return Err(failure),
                };
                self.spend(from.weight())?;
                let member = from.member(name).map(|member| self.paid(member));
                Value::Bool(member.transpose()?.is_some())
            }
            Node::Index(from, index) => {
                let (from, index) = (self.value(from)?, self.value(index)?);
                self.index(&from, &index)?
            }
            Node::Not(node) => Value::Bool(!self.bool(node)?),
            Node::Minus(node) => match self.value(node)? {
                Value::Int(value) => Value::Int(value.checked_neg().ok_or(Failure::Number)?),
                Value::Double(value) => Value::Double(-value),
                _ => return Err(Failure::Kind("-")),
            },
            Node::Both(a, b) => self.logic(a, b, false)?,
            Node::Either(a, b) => self.logic(a, b, true)?,
            Node::Choice(parts) => {
                let [condition, then, otherwise] = &**parts;
                match self.bool(condition)? {
                    true => self.value(then)?,
                    false => self.value(otherwise)?,
                }
            }
            Node::Infix(infix, a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                self.infix(*infix, &a, &b)?
            }
            Node::Call(function, arguments) => {
                let arguments = arguments.iter().map(|argument| self.value(argument));
                let arguments: Vec<_> = arguments.collect::<Result<_, _>>()?;
                self.call(*function, &arguments)?
            }
            Node::Matches(text, pattern) => match self.value(text)? {
                Value::Text(text) => {
                    self.spend(pattern.cost(&text))?;
                    Value::Bool(pattern.is_in(&text))
                }
                _ => return Err(Failure::Kind("matches")),
            },
            Node::Macro(kind, over, name, arguments) => {
                self.comprehend(*kind, over, name, arguments)?
            }
        })
    }

    fn variable(&mut self, name: &str) -> Valued<'e> {
        let bound = self.bound.iter().rev().find(|(known, _)| *known == name);
        if let Some((_, value)) = bound {
            let value = value.clone();
            return self.paid(value);
        }
        let value = self.scope.field(name).map(Value::plain);
        value.ok_or_else(|| Failure::Missing(name.to_owned()))
    }

    /// Spends what it cost to copy it from where it stays: a short name stands for a long text as often
    /// as it is written.
    fn paid(&mut self, value: Value<'e>) -> Valued<'e> {
        self.spend(value.copied())?;
        Ok(value)
    }

    /// Spends what it costs to copy its items or keys.
    fn pay_items(&mut self, of: &Value<'_>) -> Result<(), Failure> {
        match of {
            Value::List(items) => items.iter().try_for_each(|item| self.spend(item.copied())),
            Value::Map(members) => {
                let mut keys = members.iter().map(|(key, _)| key);
                keys.try_for_each(|key| self.spend(key.copied()))
            }
            _ => Ok(()),
        }
    }

    fn bool(&mut self, node: &'e Node) -> Result<bool, Failure> {
        match self.value(node)? {
            Value::Bool(value) => Ok(value),
            _ => Err(Failure::Kind("a condition")),
        }
    }

    /// `decisive` on either side decides, whatever fails on the other (CEL, "Logical Operators").
    fn logic(&mut self, a: &'e Node, b: &'e Node, decisive: bool) -> Valued<'e> {
        let first = self.bool(a);
        if first == Ok(decisive) {
            return Ok(Value::Bool(decisive));
        }
        match (first, self.bool(b)) {
            (_, Err(Failure::Costly)) | (Err(Failure::Costly), _) => Err(Failure::Costly),
            (_, Ok(second)) if second == decisive => Ok(Value::Bool(decisive)),
            (Err(failure), _) | (_, Err(failure)) => Err(failure),
            (Ok(_), Ok(_)) => Ok(Value::Bool(!decisive)),
        }
    }

    /// Spends as much as comparing it takes: all that is in it, as often as it is in it.
    fn charge(&mut self, value: &Value<'_>) -> Result<(), Failure> {
        match value {
            Value::List(items) => {
                self.spend(1)?;
                items.iter().try_for_each(|item| self.charge(item))
            }
            Value::Map(members) => {
                self.spend(1)?;
                let mut members = members.iter();
                members.try_for_each(|(key, value)| {
                    self.charge(key)?;
                    self.charge(value)
                })
            }
            Value::Json(json) => self.charge_json(json),
            _ => self.spend(value.weight()),
        }
    }

    fn charge_json(&mut self, json: &Json) -> Result<(), Failure> {
        self.spend(1)?;
        match json {
            Json::Array(items) => items.iter().try_for_each(|item| self.charge_json(item)),
            Json::Object(members) => members.values().try_for_each(|one| self.charge_json(one)),
            Json::String(text) => self.spend(Value::text(text).weight()),
            Json::Null | Json::Bool(_) | Json::Number(_) => Ok(()),
        }
    }

    fn index(&mut self, from: &Value<'e>, index: &Value<'e>) -> Valued<'e> {
        self.spend(from.weight())?;
        let missing = || match index {
            Value::Text(name) => Failure::Missing(name.to_string()),
            _ => Failure::Missing("such item".to_owned()),
        };
        if let Value::Text(name) = index {
            let value = from.member(name).ok_or_else(missing)?;
            return self.paid(value);
        }
        if let Value::Map(members) = from {
            for (key, _) in members.iter() {
                self.charge(key)?;
                self.charge(index)?;
            }
            let found = members.iter().find(|(key, _)| key.equals(index));
            let found = found.map(|(_, value)| value.clone());
            return self.paid(found.ok_or_else(missing)?);
        }
        self.pay_items(from)?;
        let items = from.items().ok_or(Failure::Kind("[]"))?;
        let at = index.whole().ok_or(Failure::Kind("[]"))?;
        let at = usize::try_from(at).map_err(|_| missing())?;
        items.into_iter().nth(at).ok_or_else(missing)
    }

    fn infix(&mut self, infix: Infix, a: &Value<'e>, b: &Value<'e>) -> Valued<'e> {
        self.charge(a)?;
        self.charge(b)?;
        let order = |name| a.compare(b).ok_or(Failure::Kind(name));
        Ok(match infix {
            Infix::Equal => Value::Bool(a.equals(b)),
            Infix::NotEqual => Value::Bool(!a.equals(b)),
            Infix::Less => Value::Bool(order("<")? == Ordering::Less),
            Infix::LessOrEqual => Value::Bool(order("<=")? != Ordering::Greater),
            Infix::Greater => Value::Bool(order(">")? == Ordering::Greater),
            Infix::GreaterOrEqual => Value::Bool(order(">=")? != Ordering::Less),
            Infix::In => match b {
                Value::Object(object) => match a {
                    Value::Text(name) => Value::Bool(object.field(name).is_some()),
                    _ => Value::Bool(false),
                },
                _ => {
                    let items = b.items().ok_or(Failure::Kind("in"))?;
                    let mut is_in = false;
                    for item in &items {
                        self.charge(a)?;
                        is_in |= item.equals(a);
                    }
                    Value::Bool(is_in)
                }
            },
            Infix::Plus | Infix::Minus | Infix::Times | Infix::By | Infix::Modulo => {
                arithmetic(infix, a, b)?
            }
        })
    }

    fn comprehend(
        &mut self,
        kind: Macro,
        over: &'e Node,
        name: &'e str,
        arguments: &'e [Node],
    ) -> Valued<'e> {
        let over = self.value(over)?;
        self.pay_items(&over)?;
        let items = over.items().ok_or(Failure::Kind("a macro"))?;
        self.spend(items.len() as u32)?;
        let mut kept = Vec::new();
        let mut failed = None;
        let mut matching = 0;
        let all = items.len();
        for item in items {
            self.spend(item.copied())?;
            self.bound.push((name, item.clone()));
            let outcome = self.one(kind, arguments);
            self.bound.pop();
            match (kind, outcome) {
                (Macro::Map, Ok(value)) => kept.extend(value),
                (_, Ok(Some(Value::Bool(true)))) => {
                    matching += 1;
                    match kind {
                        Macro::Exists => return Ok(Value::Bool(true)),
                        Macro::Filter => kept.push(item),
                        Macro::All | Macro::ExistsOne | Macro::Map => {}
                    }
                }
                (Macro::All, Ok(_)) => return Ok(Value::Bool(false)),
                (_, Ok(_)) => {}
                // Another item may decide (CEL, "Macros").
                (Macro::All | Macro::Exists, Err(failure)) if failure != Failure::Costly => {
                    failed.get_or_insert(failure);
                }
                (_, Err(failure)) => return Err(failure),
            }
        }
        if let Some(failure) = failed {
            return Err(failure);
        }
        Ok(match kind {
            Macro::All => Value::Bool(matching == all),
            Macro::Exists => Value::Bool(false),
            Macro::ExistsOne => Value::Bool(matching == 1),
            Macro::Filter | Macro::Map => Value::List(Rc::new(kept)),
        })
    }

    /// Of one item: whether it matches, or what it becomes, if anything.
    fn one(&mut self, kind: Macro, arguments: &'e [Node]) -> Result<Option<Value<'e>>, Failure> {
        match (kind, arguments) {
            (Macro::Map, [filter, becomes]) => match self.bool(filter)? {
                true => self.value(becomes).map(Some),
                false => Ok(None),
            },
            (Macro::Map, [becomes, ..]) => self.value(becomes).map(Some),
            (_, [condition, ..]) => Ok(Some(Value::Bool(self.bool(condition)?))),
            (_, []) => Err(Failure::Kind("a macro")),
        }
    }
}

fn arithmetic<'e>(infix: Infix, a: &Value<'e>, b: &Value<'e>) -> Valued<'e> {
    let number = |value: Option<i64>| value.map(Value::Int).ok_or(Failure::Number);
    let unsigned = |value: Option<u64>| value.map(Value::Uint).ok_or(Failure::Number);
    let time = |value: Option<chrono::DateTime<chrono::Utc>>| {
        value.map(Value::Time).ok_or(Failure::Number)
    };
    let span = |value: Option<chrono::TimeDelta>| value.map(Value::Span).ok_or(Failure::Number);
    match (infix, a, b) {
        (Infix::Plus, Value::Int(a), Value::Int(b)) => number(a.checked_add(*b)),
        (Infix::Minus, Value::Int(a), Value::Int(b)) => number(a.checked_sub(*b)),
        (Infix::Times, Value::Int(a), Value::Int(b)) => number(a.checked_mul(*b)),
        (Infix::By, Value::Int(a), Value::Int(b)) => number(a.checked_div(*b)),
        (Infix::Modulo, Value::Int(a), Value::Int(b)) => number(a.checked_rem(*b)),
        (Infix::Plus, Value::Uint(a), Value::Uint(b)) => unsigned(a.checked_add(*b)),
        (Infix::Minus, Value::Uint(a), Value::Uint(b)) => unsigned(a.checked_sub(*b)),
        (Infix::Times, Value::Uint(a), Value::Uint(b)) => unsigned(a.checked_mul(*b)),
        (Infix::By, Value::Uint(a), Value::Uint(b)) => unsigned(a.checked_div(*b)),
        (Infix::Modulo, Value::Uint(a), Value::Uint(b)) => unsigned(a.checked_rem(*b)),
        (Infix::Plus, Value::Double(a), Value::Double(b)) => Ok(Value::Double(a + b)),
        (Infix::Minus, Value::Double(a), Value::Double(b)) => Ok(Value::Double(a - b)),
        (Infix::Times, Value::Double(a), Value::Double(b)) => Ok(Value::Double(a * b)),
        (Infix::By, Value::Double(a), Value::Double(b)) => Ok(Value::Double(a / b)),
        (Infix::Plus, Value::Text(a), Value::Text(b)) => {
            Ok(Value::Text(Cow::Owned(format!("{a}{b}"))))
        }
        (Infix::Plus, Value::Bytes(a), Value::Bytes(b)) => {
            Ok(Value::Bytes(Cow::Owned([&**a, &**b].concat())))
        }
        (Infix::Plus, Value::List(a), Value::List(b)) => Ok(Value::List(Rc::new(
            a.iter().chain(b.iter()).cloned().collect(),
        ))),
        (Infix::Plus, Value::Time(a), Value::Span(b))
        | (Infix::Plus, Value::Span(b), Value::Time(a)) => time(a.checked_add_signed(*b)),
        (Infix::Minus, Value::Time(a), Value::Span(b)) => time(a.checked_sub_signed(*b)),
        (Infix::Minus, Value::Time(a), Value::Time(b)) => Ok(Value::Span(*a - *b)),
        (Infix::Plus, Value::Span(a), Value::Span(b)) => span(a.checked_add(b)),
        (Infix::Minus, Value::Span(a), Value::Span(b)) => span(a.checked_sub(b)),
        _ => Err(Failure::Kind("an operator")),
    }
}
