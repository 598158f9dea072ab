//! Schemas that a `$dynamicRef` is reached from. They alone mean something else on another way, and
//! are compiled for each; all others are compiled once.

use std::collections::HashMap;

use serde_json::Value;

use super::identifiers::{Identifiers, Met};

pub(super) struct Asking {
    /// By the address of a schema's value.
    places: HashMap<*const Value, usize>,
    asks: Vec<bool>,
}

impl Asking {
    pub(super) fn read(names: &Identifiers<'_>, met: &[Met<'_>]) -> Self {
        let places = met.iter().enumerate();
        let places = places.map(|(at, one)| (std::ptr::from_ref(one.value), at));
        let places: HashMap<*const Value, usize> = places.collect();
        let mut open: Vec<usize> = Vec::new();
        let mut reached_from: Vec<Vec<usize>> = vec![Vec::new(); met.len()];
        for (at, one) in met.iter().enumerate() {
            reached_from[at].extend(one.around);
            let found = one
                .reference
                .and_then(|reference| names.find(one.resource, reference));
            let to = found.map(|found| places.get(&std::ptr::from_ref(found.value)));
            match to {
                Some(Some(to)) => reached_from[*to].push(at),
                // What stands where nobody looks for schemas may ask.
                Some(None) => open.push(at),
                None => {}
            }
            if one.is_dynamic {
                open.push(at);
            }
        }
        let mut asks = vec![false; met.len()];
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut asks[at], true) {
                open.extend(&reached_from[at]);
            }
        }
        Self { places, asks }
    }

    pub(super) fn asks(&self, schema: &Value) -> bool {
        let place = self.places.get(&std::ptr::from_ref(schema));
        schema.is_object() && place.is_none_or(|at| self.asks[*at])
    }
}
