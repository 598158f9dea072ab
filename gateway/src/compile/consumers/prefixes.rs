//! From ids to keys. There may be millions, and each byte counts: of an id its last eight bytes are
//! kept, which are random (RFC 9562 §5.7). Whoever finds something by them looks at the key.

use std::collections::BTreeSet;

use domain::id::Id;

/// First bytes of digests by ids.
#[derive(Debug, Default)]
pub(super) struct Prefixes(BTreeSet<(u64, u64)>);

const fn short<K>(id: Id<K>) -> u64 {
    id.uuid().as_u64_pair().1
}

impl Prefixes {
    /// Of an id; seldom also of another.
    pub(super) fn of<K>(&self, id: Id<K>) -> impl Iterator<Item = u64> {
        let id = short(id);
        let own = self.0.range((id, 0)..=(id, u64::MAX));
        own.map(|(_, prefix)| *prefix)
    }

    pub(super) fn insert<K>(&mut self, id: Id<K>, prefix: u64) {
        self.0.insert((short(id), prefix));
    }

    pub(super) fn remove<K>(&mut self, id: Id<K>, prefix: u64) {
        self.0.remove(&(short(id), prefix));
    }
}

impl<K> FromIterator<(Id<K>, u64)> for Prefixes {
    fn from_iter<I: IntoIterator<Item = (Id<K>, u64)>>(all: I) -> Self {
        let all = all.into_iter().map(|(id, prefix)| (short(id), prefix));
        Self(all.collect())
    }
}
