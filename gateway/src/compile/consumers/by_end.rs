//! From ids to what leads to what they name. There may be millions, and each byte counts: of an id
//! its last four bytes are kept, which are random (RFC 9562 §5.7), and of what leads on four as
//! well. Whoever finds something by them looks at what it is.

use std::collections::BTreeSet;

use domain::id::Id;

/// The first bits of digests, or the ends of other ids, by the ends of ids.
#[derive(Debug, Default)]
pub(super) struct ByEnd {
    /// In order, with no room between. What has gone stays here, and leads to nothing.
    read: Box<[(u32, u32)]>,
    since: BTreeSet<(u32, u32)>,
}

/// The last bytes of an id.
pub(super) const fn end<K>(id: Id<K>) -> u32 {
    id.uuid().as_u64_pair().1 as u32
}

impl ByEnd {
    /// Of an id; seldom also of another.
    pub(super) fn of<K>(&self, id: Id<K>) -> impl Iterator<Item = u32> {
        self.ending(end(id))
    }

    /// Of all ids with this end.
    pub(super) fn ending(&self, end: u32) -> impl Iterator<Item = u32> {
        let first = self.read.partition_point(|(known, _)| *known < end);
        let read = self.read[first..].iter();
        let read = read.take_while(move |(known, _)| *known == end);
        let since = self.since.range((end, 0)..=(end, u32::MAX));
        read.chain(since).map(|(_, found)| *found)
    }

    pub(super) fn insert<K>(&mut self, id: Id<K>, found: u32) {
        let pair = (end(id), found);
        if self.read.binary_search(&pair).is_err() {
            self.since.insert(pair);
        }
    }

    pub(super) fn remove<K>(&mut self, id: Id<K>, found: u32) {
        self.since.remove(&(end(id), found));
    }
}

impl FromIterator<(u32, u32)> for ByEnd {
    fn from_iter<I: IntoIterator<Item = (u32, u32)>>(all: I) -> Self {
        let mut read: Vec<_> = all.into_iter().collect();
        read.sort_unstable();
        read.dedup();
        Self {
            read: read.into(),
            since: BTreeSet::new(),
        }
    }
}
