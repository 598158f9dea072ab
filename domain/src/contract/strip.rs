//! Members that no schema declares, taken out of a value: a walk over schemas and value together.

use super::fits::Fitting;
use super::schema::{Beside, Index, Node, Object, Schemas};
use super::value::Value;
use crate::openapi::Side;

/// Schemas of one value that are looked at; beyond them nobody can tell what is declared.
const MOST_APPLICABLE: usize = 500;

/// One walk.
pub(super) struct Strip<'c> {
    schemas: &'c Schemas,
    /// What it may still cost.
    steps: u64,
    /// Members that were taken out.
    pub(super) removed: usize,
}

impl<'c> Strip<'c> {
    pub(super) const fn new(schemas: &'c Schemas, steps: u64) -> Self {
        Self {
            schemas,
            steps,
            removed: 0,
        }
    }

    fn spend(&mut self, steps: u64) -> bool {
        self.steps = self.steps.saturating_sub(steps);
        self.steps > 0
    }

    /// Takes out what none of the schemas that apply declares. `false`: it costs too much to tell.
    pub(super) fn value(&mut self, of: &[Index], value: &mut Value<'_>) -> bool {
        if of.is_empty() || value.is_plain() {
            return self.spend(1);
        }
        let Some(nodes) = self.applicable(of, value) else {
            return false;
        };
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    if !self.spend(nodes.len() as u64) {
                        return false;
                    }
                    if !self.value(&items_at(&nodes, index), item) {
                        return false;
                    }
                }
                true
            }
            Value::Object(members) => {
                let objects: Vec<&Object> = nodes
                    .iter()
                    .filter_map(|node| node.object.as_deref())
                    .collect();
                // Where no member is named, all are welcome.
                if !objects.iter().any(|object| names_members(object)) {
                    return true;
                }
                let mut inside: Vec<Vec<Index>> = Vec::new();
                let mut is_done = true;
                let before = members.len();
                members.retain(|name| {
                    let declared = if is_done {
                        self.declared(&objects, name)
                    } else {
                        None
                    };
                    is_done &= declared.is_some();
                    let declared = declared.flatten();
                    let is_kept = declared.is_some();
                    inside.extend(declared);
                    is_kept
                });
                self.removed += before - members.len();
                is_done
                    && members
                        .values_mut()
                        .zip(inside)
                        .all(|(member, of)| self.value(&of, member))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Octets(_) => {
                true
            }
        }
    }

    /// The schemas of a member, if one declares it. The outer `None`: it costs too much to tell.
    fn declared(&mut self, objects: &[&Object], name: &str) -> Option<Option<Vec<Index>>> {
        let mut found = Vec::new();
        for object in objects {
            let mut is_known = false;
            let mut take = |schema: Index| {
                is_known = true;
                found.push(schema);
            };
            object.property(name).into_iter().for_each(&mut take);
            for (pattern, schema) in &object.patterns {
                if !self.spend(pattern.cost(name)) {
                    return None;
                }
                if pattern.fits(name) {
                    take(*schema);
                }
            }
            if !is_known {
                // `true` and `{}` say it as well as any schema.
                let others = [object.additional, object.rest].into_iter().flatten();
                let mut others = others.filter(|index| !self.schemas.get(*index).never);
                found.extend(others.next());
            }
            if !self.spend(1) {
                return None;
            }
        }
        let schemas = self.schemas;
        let is_declared = found.iter().any(|index| !schemas.get(*index).never);
        let mut all = found.iter();
        let is_foreign = all.any(|index| schemas.is_foreign(*index, Side::Response));
        Some((is_declared && !is_foreign).then_some(found))
    }

    /// All schemas that say something of this value; of variants those that it fits, or all where it
    /// fits none. `None`: they are too many, or it costs too much.
    fn applicable(&mut self, of: &[Index], value: &Value<'_>) -> Option<Vec<&'c Node>> {
        let mut known: Vec<Index> = Vec::new();
        let mut open = of.to_vec();
        while let Some(index) = open.pop() {
            if known.contains(&index) {
                continue;
            }
            if known.len() == MOST_APPLICABLE || !self.spend(1 + known.len() as u64 / 8) {
                return None;
            }
            known.push(index);
            let node = self.schemas.get(index);
            open.extend(node.reference);
            if let Some(beside) = &node.beside {
                self.beside(beside, value, &mut open)?;
            }
            let with = node.object.iter().flat_map(|object| &object.fits_with);
            open.extend(with.filter_map(|(name, schema)| {
                value.get(name)?;
                Some(*schema)
            }));
        }
        Some(
            known
                .into_iter()
                .map(|index| self.schemas.get(index))
                .collect(),
        )
    }

    fn beside(
        &mut self,
        beside: &'c Beside,
        value: &Value<'_>,
        open: &mut Vec<Index>,
    ) -> Option<()> {
        open.extend(&beside.all);
        let named = beside.discriminator.as_ref();
        let named = named.and_then(|rule| {
            let name = value.get(&rule.property)?.as_str()?;
            rule.variants.get(name)
        });
        match named {
            // It stands for `oneOf`, or for `anyOf` where there is no other.
            Some(variant) => {
                open.push(*variant);
                if !beside.one.is_empty() {
                    self.fitting(&beside.any, value, open)?;
                }
            }
            None => {
                self.fitting(&beside.any, value, open)?;
                self.fitting(&beside.one, value, open)?;
            }
        }
        if let Some(when) = &beside.when {
            if self.fits(when.schema, value)? {
                open.push(when.schema);
                open.extend(when.then);
            } else {
                open.extend(when.otherwise);
            }
        }
        Some(())
    }

    fn fitting(
        &mut self,
        variants: &[Index],
        value: &Value<'_>,
        open: &mut Vec<Index>,
    ) -> Option<()> {
        let before = open.len();
        if let [only] = variants {
            open.push(*only);
            return Some(());
        }
        for variant in variants {
            if self.fits(*variant, value)? {
                open.push(*variant);
            }
        }
        if open.len() == before {
            open.extend(variants);
        }
        Some(())
    }

    fn fits(&mut self, schema: Index, value: &Value<'_>) -> Option<bool> {
        let mut fitting = Fitting::new(self.schemas, self.steps, false).of_answer();
        let fits = fitting.tries(schema, value);
        self.steps = fitting.left();
        (self.steps > 0).then_some(fits)
    }
}

fn names_members(object: &Object) -> bool {
    !object.properties.is_empty()
        || !object.patterns.is_empty()
        || object.additional.is_some()
        || object.rest.is_some()
}

/// The schemas of one item.
fn items_at(nodes: &[&Node], index: usize) -> Vec<Index> {
    let arrays = nodes.iter().filter_map(|node| node.array.as_deref());
    let of = arrays.filter_map(|array| {
        let at = array.prefix.get(index).copied().or(array.items);
        at.or(array.rest)
    });
    of.collect()
}
