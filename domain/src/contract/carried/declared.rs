//! Which members of a query something declares, and which nobody does.

use super::{Carried, Kinds, Of, Parameter, Place, Style};
use crate::contract::{MOST_VIOLATIONS, Violation, build, violation};

impl<'a> Carried<'a> {
    fn in_queries(&self) -> impl Iterator<Item = &'a Parameter> {
        let all = self.parameters.iter();
        all.filter(|one| one.place == Place::Query)
    }

    /// Whether a parameter, a member of one, or a security scheme has this name in the query.
    pub(in crate::contract) fn is_declared(&self, name: &str) -> bool {
        let is_one = |parameter: &Parameter| match parameter.style {
            Style::DeepObject => {
                let rest = name.strip_prefix(parameter.name.as_str());
                rest.is_some_and(|rest| match self.of {
                    Of::Query => rest.starts_with('[') && rest.ends_with(']'),
                    Of::Fields | Of::Parts => rest.is_empty() || rest.starts_with('['),
                })
            }
            // In a form an object is not taken from there whose members are fields of their own.
            _ if name == parameter.name && (self.of == Of::Query || !self.is_spread(parameter)) => {
                true
            }
            _ => self.is_spread(parameter) && self.property(parameter.schema, name).is_some(),
        };
        self.in_queries().any(is_one) || self.keys.iter().any(|key| key == name)
    }

    /// Whether its members are parameters of their own.
    fn is_spread(&self, parameter: &Parameter) -> bool {
        let kinds = self.schemas.kinds(parameter.schema);
        parameter.explode && kinds.has(Kinds::OBJECT) && !parameter.is_json
    }

    /// Of each name in the query whether something declares it. All are looked for once, as many
    /// parameters may ask.
    pub(super) fn declared(&self) -> &[bool] {
        self.declared.get_or_init(|| {
            let names = self.query.iter().map(|(name, _)| name);
            names.map(|name| self.is_declared(name)).collect()
        })
    }

    /// Names in the query that the operation does not know.
    pub(in crate::contract) fn undeclared(&self) -> Vec<Violation> {
        let takes_others = |parameter: &Parameter| {
            let is_deep = parameter.style == Style::DeepObject;
            !is_deep && self.is_spread(parameter) && self.is_free(parameter.schema)
        };
        if self.in_queries().any(takes_others) {
            return Vec::new();
        }
        let names = self.query.iter().zip(self.declared());
        let unknown = names.filter(|(_, is_declared)| !**is_declared);
        let told = unknown.map(|((name, _), _)| {
            let name: String = name.chars().take(100).collect();
            let pointer = format!("/{}", build::escaped(&name));
            let message = "The document knows no such parameter.".to_owned();
            violation(Place::Query, &pointer, message)
        });
        told.take(MOST_VIOLATIONS).collect()
    }
}
