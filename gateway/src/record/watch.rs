//! Policies in observe mode that would have refused a request, as its record names them.

use super::NameId;

/// Most policies in observe mode that one record names: as many as [`Watch::bit`] tells apart.
pub const MOST_WATCHED: usize = u32::BITS as usize;

/// A policy in observe mode, as it is noted of a request that it would have refused.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    pub bit: u32,
    /// `place/kind/name`.
    pub name: NameId,
}

impl Watch {
    /// For the policy at this place of its chain. The last bit is of all that stand there or behind, so
    /// that a record in which one of them is noted says so.
    pub const fn bit(place: usize) -> u32 {
        let last = MOST_WATCHED - 1;
        1_u32 << if place < last { place } else { last }
    }
}

/// The first [`MOST_WATCHED`] of them by name, each once. Apart from the record, as most have none.
#[derive(Debug, Clone)]
pub struct WatchList {
    count: u8,
    names: [NameId; MOST_WATCHED],
}

impl Default for WatchList {
    fn default() -> Self {
        Self {
            count: 0,
            names: [NameId::NONE; MOST_WATCHED],
        }
    }
}

impl WatchList {
    pub(super) fn names(&self) -> &[NameId] {
        &self.names[..usize::from(self.count)]
    }

    pub(super) fn add(&mut self, name: NameId) {
        let is_known = self.names().contains(&name);
        if !is_known && let Some(place) = self.names.get_mut(usize::from(self.count)) {
            *place = name;
            self.count += 1;
        }
    }

    pub(super) const fn clear(&mut self) {
        self.count = 0;
    }
}
