//! What a `$dynamicAnchor` stands for on a way through resources: for that of the first resource
//! which has one of this name (JSON Schema 2020-12 §8.2.3.2, "dynamic scope").

use std::collections::{BTreeMap, HashMap};

use super::identifiers::Resource;

/// Scopes of one document, and names in one of them.
const MOST_SCOPES: usize = 500;
const MOST_NAMES: usize = 100;

/// A scope's place in the list.
pub(super) type Scope = usize;

/// Nothing was entered that has such names.
pub(super) const PLAIN: Scope = 0;

type Names<'d> = BTreeMap<&'d str, Resource>;

/// All that were come to; two ways on which every name stands for the same are one.
pub(super) struct Scopes<'d> {
    all: Vec<Names<'d>>,
    known: HashMap<Names<'d>, Scope>,
    entered: HashMap<(Scope, Resource), Scope>,
}

impl<'d> Scopes<'d> {
    pub(super) fn new() -> Self {
        Self {
            all: vec![Names::new()],
            known: HashMap::from([(Names::new(), PLAIN)]),
            entered: HashMap::new(),
        }
    }

    /// The scope behind a resource that has these names. `None`: there are too many.
    pub(super) fn enter(
        &mut self,
        scope: Scope,
        resource: Resource,
        names: impl Iterator<Item = &'d str>,
    ) -> Option<Scope> {
        let way = (scope, resource);
        if let Some(known) = self.entered.get(&way) {
            return Some(*known);
        }
        let mut inside = self.all[scope].clone();
        for name in names {
            inside.entry(name).or_insert(resource);
            if inside.len() > MOST_NAMES {
                return None;
            }
        }
        let known = self.known.get(&inside).copied();
        let to = match known {
            Some(known) => known,
            None if self.all.len() == MOST_SCOPES => return None,
            None => {
                let new = self.all.len();
                self.all.push(inside.clone());
                self.known.insert(inside, new);
                new
            }
        };
        self.entered.insert(way, to);
        Some(to)
    }

    /// Whose the name is.
    pub(super) fn first(&self, scope: Scope, name: &str) -> Option<Resource> {
        self.all[scope].get(name).copied()
    }
}
