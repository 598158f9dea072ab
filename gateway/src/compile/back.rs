//! References backwards: from what is referred to, to those who do.

use std::collections::BTreeSet;

use domain::id::Id;

/// In pairs, as most are referred to once: a set for each would be larger than what it holds.
pub(super) struct Back<K, V>(BTreeSet<(Id<K>, Id<V>)>);

impl<K, V> Default for Back<K, V> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<K, V> Back<K, V> {
    pub(super) fn add(&mut self, key: Id<K>, value: Id<V>) {
        self.0.insert((key, value));
    }

    pub(super) fn remove(&mut self, key: Id<K>, value: Id<V>) {
        self.0.remove(&(key, value));
    }

    pub(super) fn of(&self, key: Id<K>) -> impl Iterator<Item = Id<V>> {
        let all = self.0.range((key, Id::NIL)..);
        all.take_while(move |pair| pair.0 == key).map(|pair| pair.1)
    }

    /// Builds it anew in its order: where pairs came one by one, half of the room is empty.
    pub(super) fn fit(&mut self) {
        self.0 = std::mem::take(&mut self.0).into_iter().collect();
    }
}
