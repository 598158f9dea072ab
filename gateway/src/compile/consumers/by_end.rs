//! From ids to what leads to what they name. There may be millions, and each byte counts: of an id
//! the last bits are kept, which are random (RFC 9562 §5.7), and of what leads on as many. Whoever
//! finds something by them looks at what it is.

use std::collections::BTreeSet;

use domain::id::Id;

use crate::state::Keys;

/// So many bits there are of an end, and of what is found by it. Few of a million have the same.
const BITS: u32 = Keys::FIRST_BITS;
const MASK: u32 = (1 << BITS) - 1;
/// Bits of an end that stand before what is found by it: both together are 32.
const TAG: u32 = 32 - BITS;
/// As many as are looked through for one, about.
const LIST: usize = 8;

/// The first bits of digests, or the ends of other ids, by the ends of ids.
#[derive(Debug, Default)]
pub(super) struct ByEnd {
    /// Lists by the first bits of ends. Of the bits behind those, [`TAG`] stand before what is found,
    /// and further ones are not kept. What has gone stays here, and leads to nothing.
    read: Box<[u32]>,
    /// Where each list begins, and where the last one ends.
    begins: Box<[u32]>,
    /// How many bits of an end choose the list.
    chosen_by: u32,
    since: BTreeSet<(u32, u32)>,
}

/// The last bits of an id.
pub(super) const fn end<K>(id: Id<K>) -> u32 {
    id.uuid().as_u64_pair().1 as u32 & MASK
}

impl ByEnd {
    /// Of an id; seldom also of another.
    pub(super) fn of<K>(&self, id: Id<K>) -> impl Iterator<Item = u32> {
        self.ending(end(id))
    }

    /// Of all ids with this end; seldom also of others. Each once.
    pub(super) fn ending(&self, end: u32) -> impl Iterator<Item = u32> {
        let since = self.since.range((end, 0)..=(end, MASK));
        self.read(end).chain(since.map(|(_, found)| *found))
    }

    fn read(&self, end: u32) -> impl Iterator<Item = u32> {
        let list = (end >> (BITS - self.chosen_by)) as usize;
        let list = match self.begins.get(list..list + 2) {
            Some(&[first, last]) => &self.read[first as usize..last as usize],
            _ => &[],
        };
        let tag = tagged(end, self.chosen_by) << BITS;
        let own = list.iter().filter(move |one| **one & !MASK == tag);
        own.map(|one| *one & MASK)
    }

    pub(super) fn insert<K>(&mut self, id: Id<K>, found: u32) {
        let end = end(id);
        if self.read(end).all(|known| known != found) {
            self.since.insert((end, found));
        }
    }

    pub(super) fn remove<K>(&mut self, id: Id<K>, found: u32) {
        self.since.remove(&(end(id), found));
    }
}

/// Of an end the bits that follow those by which its list is chosen; in front of them those.
const fn tagged(end: u32, chosen_by: u32) -> u32 {
    end >> (BITS - TAG - chosen_by)
}

impl FromIterator<(u32, u32)> for ByEnd {
    fn from_iter<I: IntoIterator<Item = (u32, u32)>>(all: I) -> Self {
        let pair = |end: u32, found: u32| u64::from(end) << BITS | u64::from(found & MASK);
        let all = all.into_iter().map(|(end, found)| pair(end, found));
        let mut all: Vec<u64> = all.collect();
        let lists = all.len() / LIST;
        let chosen_by = lists.checked_ilog2().unwrap_or(0).min(BITS - TAG);
        for one in &mut all {
            let (end, found) = ((*one >> BITS) as u32, *one as u32);
            *one = pair(tagged(end, chosen_by), found);
        }
        all.sort_unstable();
        all.dedup();
        let mut begins = vec![0; (1 << chosen_by) + 1].into_boxed_slice();
        for one in &all {
            begins[(one >> u32::BITS) as usize + 1] += 1;
        }
        let mut sum = 0;
        for begin in &mut begins {
            sum += *begin;
            *begin = sum;
        }
        Self {
            read: all.iter().map(|one| *one as u32).collect(),
            begins,
            chosen_by,
            since: BTreeSet::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::id::ApplicationId;

    use super::*;

    /// Pairs without any order.
    fn pairs(count: u32) -> Vec<(ApplicationId, u32)> {
        let one = |index: u32| {
            let id = ApplicationId::from_name("application", &index.to_string());
            (id, index.wrapping_mul(2_654_435_761) & MASK)
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn what_was_put_is_found_and_little_beside_it() {
        for count in [0, 1, 7, 8, 100, 5_000, 60_000] {
            let pairs = pairs(count);
            let read = || pairs.iter().map(|(id, found)| (end(*id), *found));
            // That something is there twice changes nothing.
            let by_end: ByEnd = read().chain(read().take(10)).collect();
            let mut others = 0;
            for (id, own) in &pairs {
                let found: Vec<u32> = by_end.of(*id).collect();
                assert!(found.contains(own), "{id} of {count}");
                others += found.len() - 1;
            }
            assert!(others <= pairs.len() / 4 + 4, "{others} others of {count}");
            let size = size_of_val(&*by_end.read) + size_of_val(&*by_end.begins);
            assert!(size <= pairs.len() * 9 / 2 + 8, "{size} bytes for {count}");
        }
    }

    #[test]
    fn nothing_is_found_twice() {
        // Ends that differ in their last bits alone, all of which lead to the same.
        let id = |index: u32| ApplicationId::from_uuid(uuid::Uuid::from_u128(index.into()));
        let alike = (0..100).map(|index| (index, 7));
        let mut by_end: ByEnd = alike.collect();
        let counted = |by_end: &ByEnd, index| by_end.of(id(index)).filter(|one| *one == 7).count();
        for index in 0..100 {
            assert_eq!(counted(&by_end, index), 1, "{index}");
            by_end.insert(id(index), 7);
            assert_eq!(counted(&by_end, index), 1, "{index}, once more");
        }
    }

    #[test]
    fn what_came_since_comes_and_goes() {
        for count in [0, 1_000] {
            let mut by_end: ByEnd = pairs(count)
                .iter()
                .map(|(id, found)| (end(*id), *found))
                .collect();
            let new: BTreeMap<_, _> = pairs(2_000).into_iter().skip(1_000).collect();
            for (id, found) in &new {
                by_end.insert(*id, *found);
                by_end.insert(*id, *found);
            }
            for (id, own) in &new {
                let found = by_end.of(*id).filter(|found| found == own);
                assert_eq!(found.count(), 1, "{id}");
            }
            for (id, found) in &new {
                by_end.remove(*id, *found);
            }
            assert!(by_end.since.is_empty());
        }
        assert_eq!(ByEnd::default().ending(MASK).count(), 0);
    }
}
