//! Shared lists of networks. Policies know a list by its number in the state, so that its networks
//! change without anything else; only where a name is given, taken or lost, those that name it are
//! compiled anew.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::id::{IpListId, OrganizationId};
use domain::snapshot::{self, Kind};
use uuid::Uuid;

use super::numbered;
use crate::state::{IpList, IpLists};

/// What a list is called, and whose it is.
pub(super) type Called = (OrganizationId, String);

#[derive(Default)]
pub(super) struct Names {
    /// They never change, and are given to no other.
    pub(super) numbers: HashMap<IpListId, u32>,
    known: HashMap<IpListId, Called>,
    by_name: HashMap<Called, IpListId>,
}

impl Names {
    /// The number of an organization's list.
    pub(super) fn number(&self, organization: OrganizationId, name: &str) -> Option<u32> {
        let id = self.by_name.get(&(organization, name.to_owned()))?;
        self.numbers.get(id).copied()
    }

    /// Compiles these into the state. Returns the names that came, and those that went.
    pub(super) fn put(
        &mut self,
        lists: Vec<snapshot::IpList>,
        state: &mut IpLists,
    ) -> HashSet<Called> {
        let mut renamed = HashSet::new();
        if lists.is_empty() {
            return renamed;
        }
        let all = Arc::make_mut(state);
        for list in lists {
            let number = numbered(&mut self.numbers, list.id) as usize;
            if all.len() <= number {
                all.resize(number + 1, None);
            }
            all[number] = Some(Arc::new(IpList::compile(&list.networks)));
            let called = (list.organization, list.name);
            if self.known.get(&list.id) == Some(&called) {
                continue;
            }
            renamed.extend(self.forget(list.id));
            renamed.insert(called.clone());
            self.by_name.insert(called.clone(), list.id);
            self.known.insert(list.id, called);
        }
        renamed
    }

    /// Takes those that are gone out of the state. Returns their names.
    pub(super) fn remove(&mut self, gone: &[(Kind, Uuid)], state: &mut IpLists) -> HashSet<Called> {
        let mut lost = HashSet::new();
        for (kind, id) in gone {
            if *kind != Kind::IpList {
                continue;
            }
            let id = IpListId::from_uuid(*id);
            lost.extend(self.forget(id));
            let number = self.numbers.get(&id).map(|number| *number as usize);
            let place = number.and_then(|number| Arc::make_mut(state).get_mut(number));
            if let Some(place) = place {
                *place = None;
            }
        }
        lost
    }

    fn forget(&mut self, id: IpListId) -> Option<Called> {
        let called = self.known.remove(&id)?;
        // Another one may have its name by now.
        if self.by_name.get(&called) == Some(&id) {
            self.by_name.remove(&called);
        }
        Some(called)
    }

    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.by_name.clear();
    }
}
