//! What of the present state this release cannot read: told once, and counted.

use std::collections::HashMap;

use domain::snapshot::{Delta, Kind, Parts, Unreadable};
use uuid::Uuid;

/// Of one change no more than this are told singly.
const TOLD: usize = 20;

#[derive(Default)]
pub(crate) struct Unread {
    /// With the reason.
    all: HashMap<(Kind, Uuid), String>,
    /// What the last change brought.
    new: Vec<Unreadable>,
}

impl Unread {
    /// These are all objects that there are.
    pub(super) fn full(&mut self, parts: &Parts) {
        let before = std::mem::take(&mut self.all);
        self.take(parts, &before);
    }

    /// These were read again.
    pub(super) fn delta(&mut self, delta: &Delta) {
        let mut before = HashMap::new();
        if !self.all.is_empty() {
            for name in delta.names() {
                before.extend(self.all.remove_entry(&name));
            }
        }
        self.take(&delta.put, &before);
    }

    fn take(&mut self, parts: &Parts, before: &HashMap<(Kind, Uuid), String>) {
        self.new.clear();
        for one in parts.unreadable() {
            let name = (one.kind, one.id);
            self.all.insert(name, one.reason.clone());
            if before.get(&name) != Some(&one.reason) {
                self.new.push(one);
            }
        }
    }

    /// Says what the last change brought.
    pub(crate) fn tell(&self) {
        for Unreadable { kind, id, reason } in self.new.iter().take(TOLD) {
            let kind = kind.as_str();
            tracing::error!(kind, %id, reason, "Part of the configuration cannot be read, maybe as a newer release has written it; what hangs on it is refused.");
        }
        let more = self.new.len().saturating_sub(TOLD);
        if more > 0 {
            tracing::error!(more, "More of the configuration cannot be read.");
        }
    }

    /// How many there are, by [`Kind::ALL`].
    pub(crate) fn counts(&self) -> [u64; Kind::ALL.len()] {
        let mut counts = [0; Kind::ALL.len()];
        for (kind, _) in self.all.keys() {
            // They are listed in their order.
            counts[*kind as usize] += 1;
        }
        counts
    }
}
