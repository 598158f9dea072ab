//! A part of the store: answers by place, in the order in which they go when there is no room.
//!
//! The order is SIEVE's (Zhang et al., NSDI 2024): one that was used since the hand last passed it
//! stays. A hit writes one bit, and a flood of requests that come once pushes out nothing that is
//! used.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::stored::{Owner, Stored};
use super::vary;
use crate::fields::Fields;

/// Answers of one place: variants by `Vary`, and callers.
const MOST_OF_PLACE: usize = 256;
/// Cells of the two tables below: each place has one, that it may share with others.
const CELLS: usize = 4096;
const UNKEPT: usize = 256;
/// How long it is remembered that answers of a place are not kept, in seconds.
const UNKEPT_S: u64 = 60;

const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Node {
    place: u128,
    stored: Arc<Stored>,
    weight: usize,
    used: bool,
    newer: u32,
    older: u32,
}

#[derive(Debug)]
pub(super) struct Shard {
    /// Oldest first.
    places: HashMap<u128, Vec<u32>>,
    tags: HashMap<u64, HashSet<u32>>,
    nodes: Vec<Option<Node>>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
    hand: u32,
    pub(super) bytes: usize,
    /// How often something of the cell's places was taken out on purpose, and of which the last time:
    /// what was asked for before that is not put in after it.
    removals: Box<[(u32, u32)]>,
    /// Whose answers turned out not to be kept, and until when.
    unkept: Box<[(u128, u64)]>,
}

impl Default for Shard {
    fn default() -> Self {
        Self {
            places: HashMap::new(),
            tags: HashMap::new(),
            nodes: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
            hand: NONE,
            bytes: 0,
            removals: vec![(0, 0); CELLS].into(),
            unkept: vec![(0, 0); UNKEPT].into(),
        }
    }
}

/// The low bits choose the shard.
const fn cell(place: u128) -> usize {
    (place >> 64) as usize % CELLS
}

/// What tells it from others of its cell, nearly always.
const fn mark(place: u128) -> u32 {
    (place >> 4) as u32
}

/// Whether one takes the place of another of the same requests: it is for the same ones, or says
/// otherwise by what they are told apart.
fn replaces(stored: &Stored, other: &Stored) -> bool {
    other.owner == stored.owner
        && (other.vary == stored.vary || !vary::has_same_names(&other.vary, &stored.vary))
}

impl Shard {
    pub(super) fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    #[cfg(test)]
    pub(super) fn is_clear(&self) -> bool {
        let ends = [self.newest, self.oldest, self.hand];
        self.places.is_empty() && self.tags.is_empty() && ends == [NONE; 3]
    }

    /// The newest that may answer, and whether others are there.
    pub(super) fn find(
        &mut self,
        place: u128,
        owner: Option<Owner>,
        request: &Fields,
    ) -> (Option<Arc<Stored>>, bool) {
        let Some(indices) = self.places.get(&place) else {
            return (None, false);
        };
        for index in indices.iter().rev() {
            if let Some(node) = self.nodes[*index as usize].as_mut()
                && node.stored.is_for(owner, request)
            {
                node.used = true;
                return (Some(node.stored.clone()), true);
            }
        }
        (None, true)
    }

    pub(super) fn removals(&self, place: u128) -> u32 {
        self.removals[cell(place)].0
    }

    /// Whether nothing of the place was taken out since there were `before` removals, as far as can
    /// be told: of several in its cell, any may have been of it.
    pub(super) fn is_untouched(&self, place: u128, before: u32) -> bool {
        let (count, last) = self.removals[cell(place)];
        match count.wrapping_sub(before) {
            0 => true,
            1 => last != mark(place),
            _ => false,
        }
    }

    /// Puts it in, in place of the one for the same requests, and of those that say otherwise by
    /// what requests are told apart.
    pub(super) fn insert(&mut self, place: u128, stored: Arc<Stored>) {
        self.remove_where(place, |other| replaces(&stored, other));
        let indices = self
            .places
            .get(&place)
            .map_or(&[][..], |indices| &indices[..]);
        if indices.len() >= MOST_OF_PLACE
            && let Some(first) = indices.first()
        {
            let first = *first;
            self.remove(first);
        }
        let weight = stored.weight();
        let node = Node {
            place,
            weight,
            used: false,
            newer: NONE,
            older: self.newest,
            stored: stored.clone(),
        };
        let index = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(None);
            (self.nodes.len() - 1) as u32
        });
        self.nodes[index as usize] = Some(node);
        let newest = self.newest;
        match self.node(newest) {
            Some(before) => before.newer = index,
            None => self.oldest = index,
        }
        self.newest = index;
        self.bytes += weight;
        self.places.entry(place).or_default().push(index);
        for tag in &stored.tags {
            self.tags.entry(*tag).or_default().insert(index);
        }
    }

    /// Whether something that it would take the place of is younger, at `now`.
    pub(super) fn has_newer(&self, place: u128, stored: &Stored, now: u64) -> bool {
        let indices = self
            .places
            .get(&place)
            .map_or(&[][..], |indices| &indices[..]);
        let mut nodes = indices
            .iter()
            .filter_map(|index| self.nodes[*index as usize].as_ref());
        nodes.any(|node| {
            let other = &node.stored;
            replaces(stored, other) && other.usage.age_at(now) < stored.usage.age_at(now)
        })
    }

    /// In place of `old`, if that is still there.
    pub(super) fn replace(&mut self, place: u128, old: &Arc<Stored>, new: Arc<Stored>) {
        let is_there = self.remove_where(place, |other| std::ptr::eq(other, &raw const **old));
        if is_there > 0 {
            self.insert(place, new);
        }
    }

    /// Takes those of a place out that `is` says; how many.
    pub(super) fn remove_where(&mut self, place: u128, is: impl Fn(&Stored) -> bool) -> usize {
        let Some(indices) = self.places.get(&place) else {
            return 0;
        };
        let is = |index: &u32| {
            let node = self.nodes[*index as usize].as_ref();
            node.is_some_and(|node| is(&node.stored))
        };
        let found: Vec<u32> = indices.iter().copied().filter(is).collect();
        for index in &found {
            self.remove(*index);
        }
        found.len()
    }

    /// All of a place.
    pub(super) fn invalidate(&mut self, place: u128) -> usize {
        self.removed(place);
        self.remove_where(place, |_| true)
    }

    /// All with a tag.
    pub(super) fn remove_tag(&mut self, tag: u64) -> usize {
        let found = self.tags.get(&tag).cloned().unwrap_or_default();
        for index in &found {
            self.remove(*index);
        }
        found.len()
    }

    /// All that `is` says, of all places.
    pub(super) fn remove_all(&mut self, is: &dyn Fn(&Stored) -> bool) -> usize {
        let is = |node: &Option<Node>| node.as_ref().is_some_and(|node| is(&node.stored));
        let all = self.nodes.iter().enumerate();
        let found: Vec<u32> = all
            .filter(|(_, node)| is(node))
            .map(|(index, _)| index as u32)
            .collect();
        for index in &found {
            self.remove(*index);
        }
        found.len()
    }

    fn removed(&mut self, place: u128) {
        let (count, last) = &mut self.removals[cell(place)];
        *count = count.wrapping_add(1);
        *last = mark(place);
    }

    /// What is under way to whichever place is not kept.
    pub(super) fn removed_all(&mut self) {
        for (count, _) in &mut self.removals {
            // As of two: of whichever places.
            *count = count.wrapping_add(2);
        }
    }

    /// Makes room by one; false when there is nothing.
    pub(super) fn evict(&mut self) -> bool {
        if self.oldest == NONE {
            return false;
        }
        let mut at = self.hand;
        loop {
            if at == NONE {
                at = self.oldest;
            }
            let Some(node) = self.node(at) else {
                return false;
            };
            if !node.used {
                break;
            }
            node.used = false;
            at = node.newer;
        }
        self.hand = self.node(at).map_or(NONE, |node| node.newer);
        self.remove(at);
        true
    }

    fn node(&mut self, index: u32) -> Option<&mut Node> {
        self.nodes.get_mut(index as usize)?.as_mut()
    }

    fn remove(&mut self, index: u32) {
        let Some(node) = self.nodes.get_mut(index as usize).and_then(Option::take) else {
            return;
        };
        self.free.push(index);
        self.bytes -= node.weight;
        if self.hand == index {
            self.hand = node.newer;
        }
        match self.node(node.newer) {
            Some(newer) => newer.older = node.older,
            None => self.newest = node.older,
        }
        match self.node(node.older) {
            Some(older) => older.newer = node.newer,
            None => self.oldest = node.newer,
        }
        if let Some(indices) = self.places.get_mut(&node.place) {
            indices.retain(|known| *known != index);
            if indices.is_empty() {
                self.places.remove(&node.place);
            }
        }
        for tag in &node.stored.tags {
            // A tag may be on everything: it is not looked through.
            if let Some(indices) = self.tags.get_mut(tag) {
                indices.remove(&index);
                if indices.is_empty() {
                    self.tags.remove(tag);
                }
            }
        }
    }

    /// Remembers that answers to `flight` are not kept.
    pub(super) fn note_unkept(&mut self, flight: u128, now: u64) {
        self.unkept[cell(flight) % UNKEPT] = (flight, now + UNKEPT_S);
    }

    pub(super) fn is_unkept(&self, flight: u128, now: u64) -> bool {
        let (known, until) = self.unkept[cell(flight) % UNKEPT];
        known == flight && now < until
    }
}
