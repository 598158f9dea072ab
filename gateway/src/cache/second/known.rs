//! Generations that were seen lately: whoever goes to the upstream in any case is kept by these, and
//! waits for nobody. What was taken away since then is none any more, so what is remembered for too
//! long keeps an answer out, and never lets an old one in.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::names::Name;
use super::share::Seen;

/// Parts of addresses of which some are remembered.
const MOST: usize = 4096;

/// By the part of a version's addresses.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashMap<Name, Seen>>);

impl Known {
    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, part: Name, seen: Seen) {
        if !seen.is_whole() {
            return;
        }
        let mut all = self.lock();
        if all.len() >= MOST && !all.contains_key(&part) {
            all.clear();
        }
        all.insert(part, seen);
    }

    /// For a request of this moment.
    pub(super) fn get(&self, part: &Name, at: u64) -> Option<Seen> {
        let seen = self.lock().get(part).copied();
        seen.map(|seen| Seen {
            at,
            is_remembered: true,
            ..seen
        })
    }

    pub(super) fn forget(&self, part: &Name) {
        self.lock().remove(part);
    }
}

#[cfg(test)]
mod tests {
    use super::super::names::Secret;
    use super::*;

    #[test]
    fn what_is_remembered_is_whole_and_bounded() {
        let secret = Secret::new(None);
        let part = |number| secret.tag(number);
        let seen = |version| Seen {
            everything: Some(1),
            version,
            tagged: Some(3),
            changed: Some(4),
            at: 5,
            is_remembered: false,
        };
        let known = Known::default();
        known.note(part(0), seen(None));
        assert!(known.get(&part(0), 9).is_none());
        known.note(part(0), seen(Some(2)));
        let again = known.get(&part(0), 9).unwrap();
        assert!(again.is_remembered && again.version == Some(2) && again.at == 9);
        for number in 1..=MOST as u64 {
            known.note(part(number), seen(Some(number)));
        }
        assert!(known.lock().len() <= MOST);
        assert!(known.get(&part(MOST as u64), 9).is_some());
        known.forget(&part(MOST as u64));
        assert!(known.get(&part(MOST as u64), 9).is_none());
    }
}
