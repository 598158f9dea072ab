//! Alternatives: of which some, exactly one, or the one that a discriminator names fits.

use super::super::schema::{Discriminator, Index, short};
use super::super::value::Value;
use super::{Fitting, Seen, is_of};

impl<'c> Fitting<'c> {
    pub(super) fn variant(
        &mut self,
        rule: &'c Discriminator,
        name: &Value<'_>,
        value: &'c Value<'c>,
        seen: Option<&mut Seen<'c>>,
    ) -> bool {
        let name = name.as_str().unwrap_or_default();
        match rule.variants.get(name) {
            Some(schema) if self.is_named(*schema, value) => true,
            Some(schema) => {
                self.named.push((*schema, value));
                let fits = self.beside_it(*schema, value, seen);
                self.named.pop();
                fits
            }
            None => self.say(|| format!("\"{}\" names no variant.", short(&rule.property))),
        }
    }

    /// Whether the value is looked at as this variant already: one that takes in, by `allOf`, the schema
    /// that names it would be named without end.
    fn is_named(&self, schema: Index, value: &Value<'_>) -> bool {
        let mut named = self.named.iter().rev();
        named.any(|(known, of)| *known == schema && std::ptr::eq(*of, value))
    }

    pub(super) fn any(
        &mut self,
        any: &[Index],
        value: &'c Value<'c>,
        mut seen: Option<&mut Seen<'c>>,
    ) -> bool {
        let mut fits = any.is_empty();
        for schema in any {
            let mut fresh = seen.is_some().then(Seen::default);
            if !self.try_quietly(*schema, value, fresh.as_mut()) {
                continue;
            }
            fits = true;
            match (seen.as_deref_mut(), fresh) {
                (Some(seen), Some(fresh)) => seen.add(fresh),
                _ => break,
            }
        }
        fits || self.none_of(any, value)
    }

    pub(super) fn one(
        &mut self,
        one: &[Index],
        value: &'c Value<'c>,
        seen: Option<&mut Seen<'c>>,
    ) -> bool {
        let mut found: Option<Option<Seen<'c>>> = None;
        for schema in one {
            let mut fresh = seen.is_some().then(Seen::default);
            if self.try_quietly(*schema, value, fresh.as_mut()) {
                if found.is_some() {
                    return self.say(|| "It fits more than one of the variants.".to_owned());
                }
                found = Some(fresh);
            }
        }
        match found {
            None => one.is_empty() || self.none_of(one, value),
            Some(fresh) => {
                if let (Some(seen), Some(fresh)) = (seen, fresh) {
                    seen.add(fresh);
                }
                true
            }
        }
    }

    /// Of several variants, the only one of the value's kind tells what is wrong.
    fn none_of(&mut self, variants: &[Index], value: &'c Value<'c>) -> bool {
        if self.quiet > 0 {
            return false;
        }
        if !self.spend(variants.len() as u64) {
            return false;
        }
        let schemas = self.schemas;
        let is_near = |schema: &&Index| {
            let kinds = schemas.kinds(**schema);
            kinds.0 == 0 || is_of(value, kinds)
        };
        let mut near = variants.iter().filter(is_near);
        match (near.next(), near.next()) {
            (Some(only), None) => self.fits(*only, value, None),
            _ => self.say(|| "It fits none of the variants.".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::contract::suite::fits;

    /// As some tools write it: the parent names its variants, and each of them takes in the parent.
    #[test]
    fn a_variant_that_takes_in_its_parent_is_named_once() {
        let schema = json!({
            "$ref": "#/$defs/Pet",
            "$defs": {
                "Pet": {
                    "type": "object",
                    "required": ["kind"],
                    "oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}],
                    "discriminator": {"propertyName": "kind"}
                },
                "Cat": {"allOf": [{"$ref": "#/$defs/Pet"}, {
                    "required": ["lives"],
                    "properties": {"mate": {"$ref": "#/$defs/Cat"}}
                }]},
                "Dog": {"allOf": [{"$ref": "#/$defs/Pet"}]}
            }
        });
        for (value, is) in [
            (json!({"kind": "Cat", "lives": 9}), true),
            (json!({"kind": "Cat"}), false),
            (json!({"kind": "Dog"}), true),
            (json!({"kind": "Cow"}), false),
            (
                json!({"kind": "Cat", "lives": 9, "mate": {"kind": "Cat", "lives": 1}}),
                true,
            ),
            (
                json!({"kind": "Cat", "lives": 9, "mate": {"kind": "Cat"}}),
                false,
            ),
        ] {
            assert_eq!(fits(&schema, &value), Ok(is), "{value}");
        }
    }
}
