//! A part of the store: answers by place, in the order in which they go when there is no room.
//!
//! The order is SIEVE's (Zhang et al., NSDI 2024): one that was used since the hand last passed it
//! stays. A hit writes one bit, and a flood of requests that come once pushes out nothing that is
//! used.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::hint::black_box;
use std::sync::Arc;

use super::stored::{Owner, Stored};
use super::vary::{self, Vary};

/// Answers of one place: variants by `Vary`, and callers.
const MOST_OF_PLACE: usize = 256;
/// Of these for one caller, or for everybody. A request is compared with them while others wait for
/// the shard.
const MOST_VARIANTS: usize = 32;
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
    /// The next older one of its place.
    before: u32,
}

/// Of numbers that nobody outside can foresee: they are as good as their own hash.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, number: u128) {
        self.0 = (number >> 64) as u64 ^ number as u64;
    }
}

#[derive(Debug)]
pub(super) struct Shard {
    /// The newest of each.
    places: HashMap<u128, u32, BuildHasherDefault<AsItIs>>,
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
            places: HashMap::default(),
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

/// Asks for the lines of the processor's cache that whoever gives it looks at, all at once: asked for one
/// by one, each would be waited for.
fn fetch(stored: &Stored) {
    let usage = &stored.usage;
    black_box((stored.status, stored.owner, stored.vary.is_empty()));
    black_box((usage.since, usage.no_cache, stored.body.first().copied()));
    stored.fields.fetch();
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

    /// Those of a place, the newest first.
    fn of(&self, place: u128) -> impl Iterator<Item = (u32, &Node)> {
        let mut at = self.places.get(&place).copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let index = at;
            let node = self.nodes.get(index as usize)?.as_ref()?;
            at = node.before;
            Some((index, node))
        })
    }

    /// The newest that may answer, and whether others are there; `is_like` says whether what is told
    /// apart by something is for whoever asks.
    pub(super) fn find(
        &mut self,
        place: u128,
        owner: Option<Owner>,
        mut is_like: impl FnMut(&Vary) -> bool,
    ) -> (Option<Arc<Stored>>, bool) {
        let mut at = self.places.get(&place).copied().unwrap_or(NONE);
        let is_something = at != NONE;
        while let Some(node) = self.node(at) {
            let stored = &node.stored;
            fetch(stored);
            if stored.is_of(owner) && (stored.vary.is_empty() || is_like(&stored.vary)) {
                node.used = true;
                return (Some(node.stored.clone()), true);
            }
            at = node.before;
        }
        (None, is_something)
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
        let (mut count, mut oldest) = (0, NONE);
        let (mut variants, mut oldest_variant) = (0, NONE);
        for (index, node) in self.of(place) {
            (count, oldest) = (count + 1, index);
            if node.stored.owner == stored.owner {
                (variants, oldest_variant) = (variants + 1, index);
            }
        }
        if variants >= MOST_VARIANTS {
            self.remove(oldest_variant);
        } else if count >= MOST_OF_PLACE {
            self.remove(oldest);
        }
        let weight = stored.weight();
        let node = Node {
            place,
            weight,
            used: false,
            newer: NONE,
            older: self.newest,
            before: self.places.get(&place).copied().unwrap_or(NONE),
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
        self.places.insert(place, index);
        for tag in &stored.tags {
            self.tags.entry(*tag).or_default().insert(index);
        }
    }

    /// Whether something that it would take the place of is younger, at `now`.
    pub(super) fn has_newer(&self, place: u128, stored: &Stored, now: u64) -> bool {
        self.of(place).any(|(_, node)| {
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
        let of_place = self.of(place).filter(|(_, node)| is(&node.stored));
        let found: Vec<u32> = of_place.map(|(index, _)| index).collect();
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
        self.unlink(&node, index);
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

    /// Takes what is gone out of the list of its place.
    fn unlink(&mut self, gone: &Node, index: u32) {
        let behind = self
            .of(gone.place)
            .find(|(_, node)| node.before == index)
            .map(|(behind, _)| behind);
        match behind.and_then(|behind| self.node(behind)) {
            Some(behind) => behind.before = gone.before,
            None if gone.before == NONE => {
                self.places.remove(&gone.place);
            }
            None => {
                self.places.insert(gone.place, gone.before);
            }
        }
    }

    /// Remembers that answers to `flight` are not kept. True where another is forgotten for it.
    pub(super) fn note_unkept(&mut self, flight: u128, now: u64) -> bool {
        let place = &mut self.unkept[cell(flight) % UNKEPT];
        let (known, until) = std::mem::replace(place, (flight, now + UNKEPT_S));
        known != flight && now < until
    }

    pub(super) fn is_unkept(&self, flight: u128, now: u64) -> bool {
        let (known, until) = self.unkept[cell(flight) % UNKEPT];
        known == flight && now < until
    }
}
