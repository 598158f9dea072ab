//! Arrays and objects.

use std::collections::HashSet;

use super::super::schema::{Array, Index, Object, short};
use super::super::value::{Members, Scalar, Value, equal, size};
use super::{Fitting, Seen, Step};
use crate::openapi::Side;

/// So many plain items are compared one by one.
const FEW: usize = 8;

impl<'c> Fitting<'c> {
    fn inside(&mut self, step: Step<'c>, schema: Index, value: &'c Value<'c>) -> bool {
        self.way.push(step);
        let outside = std::mem::replace(&mut self.own, self.families.len());
        let fits = self.fits(schema, value, None);
        self.own = outside;
        self.way.pop();
        fits
    }

    /// As it is told of a member that no `properties` name.
    fn other(&self, name: &'c str) -> Step<'c> {
        match self.side {
            Side::Request => Step::Name(name),
            Side::Response => Step::Some,
        }
    }

    pub(super) fn array(
        &mut self,
        rule: &'c Array,
        items: &'c [Value<'c>],
        mut seen: Option<&mut Seen<'c>>,
    ) -> bool {
        let count = items.len() as u64;
        let mut fits = true;
        if !self.spend(count) {
            return false;
        }
        if let Some(least) = rule.least.filter(|least| count < *least) {
            fits = self.say(|| format!("This has at least {least} items."));
        }
        if let Some(most) = rule.most.filter(|most| count > *most) {
            fits = self.say(|| format!("This has at most {most} items."));
            // What is too long is not looked at item by item.
            return fits;
        }
        if rule.unique && !self.is_unique(items) {
            fits = self.say(|| "No two items here are the same.".to_owned());
        }
        for (index, item) in items.iter().enumerate() {
            if !fits && !self.goes_on() {
                return false;
            }
            if let Some(schema) = rule.prefix.get(index).copied().or(rule.items) {
                fits &= self.inside(Step::Item(index), schema, item);
            }
        }
        if let Some(seen) = seen.as_deref_mut() {
            seen.items = rule.prefix.len();
            seen.all_items = rule.items.is_some();
        }
        if let Some(contains) = &rule.contains {
            let mut matching = 0;
            for (index, item) in items.iter().enumerate() {
                let outside = std::mem::replace(&mut self.own, self.families.len());
                let is_one = self.try_quietly(contains.schema, item, None);
                self.own = outside;
                if is_one {
                    matching += 1;
                    if let Some(seen) = seen.as_deref_mut() {
                        seen.others.push(index);
                    }
                }
            }
            if matching < contains.least || contains.most.is_some_and(|most| matching > most) {
                fits = self.say(|| {
                    "Not as many items as should are of the kind that is asked for.".to_owned()
                });
            }
        }
        fits
    }

    fn is_unique(&mut self, items: &[Value<'_>]) -> bool {
        if items.len() <= FEW && items.iter().all(Value::is_plain) {
            let cost: u64 = items.iter().map(size).sum();
            let mut rest = items.iter().enumerate();
            return self.spend(cost)
                && rest.all(|(at, one)| !items[..at].iter().any(|other| equal(other, one)));
        }
        if let Some(scalars) = items.iter().map(Scalar::of).collect::<Option<Vec<_>>>() {
            let texts = items.iter().filter_map(Value::as_str).map(str::len);
            if !self.spend(items.len() as u64 + texts.sum::<usize>() as u64 / 32) {
                return false;
            }
            let mut known = HashSet::with_capacity(scalars.len());
            return scalars.into_iter().all(|scalar| known.insert(scalar));
        }
        for (index, item) in items.iter().enumerate() {
            if !self.spend(size(item) * (1 + index as u64)) {
                return false;
            }
            if items[..index].iter().any(|other| equal(other, item)) {
                return false;
            }
        }
        true
    }

    pub(super) fn object(
        &mut self,
        rule: &'c Object,
        value: &'c Value<'c>,
        members: &'c Members<'c>,
        mut seen: Option<&mut Seen<'c>>,
    ) -> bool {
        let count = members.len() as u64;
        let mut fits = true;
        if !self.spend(count + rule.weight) {
            return false;
        }
        if let Some(least) = rule.least.filter(|least| count < *least) {
            fits = self.say(|| format!("This has at least {least} members."));
        }
        if let Some(most) = rule.most.filter(|most| count > *most) {
            // What is too long is not looked at member by member.
            return self.say(|| format!("This has at most {most} members."));
        }
        for name in &rule.required {
            if !members.has(name) && !self.is_spared(rule, name) {
                fits = self.say(|| format!("The member \"{}\" is required.", short(name)));
            }
        }
        for (name, with) in &rule.required_with {
            let asked = members.has(name);
            for missing in with.iter().filter(|name| asked && !members.has(name)) {
                fits = self.say(|| {
                    format!(
                        "With \"{}\" the member \"{}\" is required.",
                        short(name),
                        short(missing)
                    )
                });
            }
        }
        for (name, value) in members.iter() {
            if !fits && !self.goes_on() {
                return false;
            }
            fits &= self.member(rule, name, value, seen.as_deref_mut());
        }
        for (name, schema) in &rule.fits_with {
            if members.has(name) {
                fits &= self.beside_it(*schema, value, seen.as_deref_mut());
            }
        }
        fits
    }

    /// Whether only the other side sends the member, as one of the schemas of the object says.
    fn is_spared(&mut self, rule: &Object, name: &str) -> bool {
        let (schemas, side) = (self.schemas, self.side);
        let says = |object: &Object| {
            let property = object.property(name);
            property.is_some_and(|index| schemas.is_foreign(index, side))
        };
        let family = self.families[self.own..].iter().copied().flatten();
        let mut looked = 1;
        let is_spared = says(rule)
            || family.into_iter().any(|index| {
                looked += 1;
                schemas.get(*index).object.as_deref().is_some_and(says)
            });
        self.spend(looked) && is_spared
    }

    fn member(
        &mut self,
        rule: &'c Object,
        name: &'c str,
        value: &'c Value<'c>,
        seen: Option<&mut Seen<'c>>,
    ) -> bool {
        let mut fits = true;
        let mut is_known = false;
        if let Some(schema) = rule.property(name) {
            is_known = true;
            let is_kept = self.side == Side::Response && self.schemas.is_foreign(schema, self.side);
            fits &= match is_kept {
                true => self.refuse(Step::Name(name), "Only requests have this member."),
                false => self.inside(Step::Name(name), schema, value),
            };
        }
        for (pattern, schema) in &rule.patterns {
            if !self.spend(pattern.cost(name)) {
                return false;
            }
            if pattern.fits(name) {
                is_known = true;
                fits &= self.inside(self.other(name), *schema, value);
            }
        }
        if let (false, Some(schema)) = (is_known, rule.additional) {
            is_known = true;
            fits &= match self.schemas.get(schema).never {
                true => self.refuse(self.other(name), "There is no such member."),
                false => self.inside(self.other(name), schema, value),
            };
        }
        if let Some(schema) = rule.names
            && !self.is_name(schema, name)
        {
            fits = self.say(|| "A member has a name that may not be here.".to_owned());
        }
        if let (Some(seen), true) = (seen, is_known) {
            seen.names.push(name);
        }
        fits
    }

    /// Says it of what is in there; always `false`.
    fn refuse(&mut self, step: Step<'c>, message: &str) -> bool {
        self.way.push(step);
        let fits = self.say(|| message.to_owned());
        self.way.pop();
        fits
    }

    /// `propertyNames`. The name lives shorter than the schemas, so it is a check of its own.
    fn is_name(&mut self, schema: Index, name: &str) -> bool {
        let value = Value::Text(name.into());
        let mut inner = Fitting {
            schemas: self.schemas,
            steps: self.steps,
            formats: self.formats,
            side: self.side,
            families: Vec::new(),
            own: 0,
            named: Vec::new(),
            depth: self.depth,
            quiet: 1,
            way: Vec::new(),
            found: Vec::new(),
        };
        let fits = inner.fits(schema, &value, None);
        self.steps = inner.steps;
        fits
    }

    /// What no other schema looked at.
    pub(super) fn rest(&mut self, schema: Index, value: &'c Value<'c>, own: &mut Seen<'c>) -> bool {
        let mut fits = true;
        match value {
            Value::Array(items) if !own.all_items => {
                for (index, item) in items.iter().enumerate().skip(own.items) {
                    if !self.spend(own.others.len() as u64) {
                        return false;
                    }
                    if !own.others.contains(&index) {
                        fits &= self.inside(Step::Item(index), schema, item);
                    }
                }
                own.all_items = true;
            }
            Value::Object(members) if !own.all_names => {
                let seen: HashSet<&str> = own.names.iter().copied().collect();
                for (name, value) in members.iter() {
                    if !seen.contains(name) {
                        fits &= self.inside(self.other(name), schema, value);
                    }
                }
                own.all_names = true;
            }
            _ => {}
        }
        fits
    }
}
