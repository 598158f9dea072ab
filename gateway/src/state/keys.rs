//! All keys of a state, found by the first bits of their digests. A changed copy shares all but
//! one shard and the way to it.

mod hashes;

use std::array;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use domain::application::Lifetime;
use domain::id::{CredentialId, OrganizationId};
use domain::key::{Environment, KeyDigest};
use domain::problem::Code;
use domain::signing::SigningKey;
use domain::snapshot;
use ipnet::IpNet;

use super::Application;
use super::held::{Held, Together};
use crate::signature::Signer;
use hashes::Hashes;

/// Two levels of this many, so that a change copies two short lists of pointers and one shard. Of a
/// million keys a shard is 64 KB: of larger pieces of memory the allocator rounds up less, and smaller
/// ones are copied sooner.
const WIDTH: usize = 32;
/// The first bits of a digest that choose group and shard.
const BITS: u32 = 2 * WIDTH.ilog2();

/// Keys in the order of their digests. Two of these are one line of the processor's cache, and none is
/// on two.
#[derive(Debug, Clone)]
#[repr(align(32))]
struct Shard {
    /// Of each digest the bits behind those that choose the shard: to search them touches one line
    /// of the processor's cache or two, where each key is a line of its own. With thousands of keys in a
    /// shard few have the same.
    starts: Arc<[u16]>,
    keys: Arc<[Key]>,
}

const _: () = assert!(size_of::<Shard>() == 32);

impl Shard {
    fn of(mut keys: Vec<Key>) -> Self {
        // Nearly always the first bytes tell two keys apart. Ids are in the order of time: the
        // earliest of those that name the same is the first.
        keys.sort_unstable_by(|one, other| {
            let by_start = one.digest.prefix().cmp(&other.digest.prefix());
            by_start.then_with(|| (one.digest, one.id).cmp(&(other.digest, other.id)))
        });
        Self {
            starts: keys.iter().map(|key| start(key.digest.prefix())).collect(),
            keys: keys.into(),
        }
    }
}

const _: () = assert!(Keys::FIRST_BITS > BITS && Keys::FIRST_BITS <= BITS + u16::BITS);

/// Those bits.
const fn start(prefix: u64) -> u16 {
    (prefix << BITS >> (u64::BITS - u16::BITS)) as u16
}

/// Keys in shards by the first bits of their digests, each sorted by digest.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    groups: [Arc<[Shard; WIDTH]>; WIDTH],
    /// Of the few keys that work from some networks only.
    networks: Arc<HashMap<CredentialId, Box<[IpNet]>>>,
    /// Of those that sign requests.
    signers: Arc<HashMap<CredentialId, Signer>>,
    pub(crate) hashes: Hashes,
}

/// One key, in one line of the processor's cache.
#[derive(Clone)]
#[repr(align(64))]
pub(crate) struct Key {
    pub(crate) digest: KeyDigest,
    pub(crate) id: CredentialId,
    /// Its application is one of them: `terms` says which.
    among: Arc<Together>,
    terms: Terms,
}

const _: () = assert!(size_of::<Key>() == 64);

/// With its application, wherever that is held.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("digest", &self.digest)
            .field("id", &self.id)
            .field("organization", &self.organization())
            .field("application", self.application())
            .field("terms", &self.terms.at(0))
            .finish_non_exhaustive()
    }
}

/// The microseconds since 1970 at which a key stops working; above them which one of those that are held
/// together is its application, and three flags.
#[derive(Debug, Clone, Copy)]
struct Terms(u64);

impl Terms {
    const REVOKED: u64 = 1 << 63;
    const TEST: u64 = 1 << 62;
    const NETWORKS: u64 = 1 << 61;
    const INDEX: u32 = 53;
    /// As a time: never. That is the year 2255.
    const ENDS: u64 = (1 << Self::INDEX) - 1;

    fn of(credential: &snapshot::Credential) -> Self {
        let Lifetime {
            expires_at,
            retires_at,
            revoked_at,
        } = credential.lifetime;
        let ends = [expires_at, retires_at].into_iter().flatten().min();
        let ends = ends.map_or(Self::ENDS, |at| {
            u64::try_from(at.timestamp_micros()).unwrap_or(0)
        });
        let flag = |is: bool, flag| if is { flag } else { 0 };
        Self(
            ends.min(Self::ENDS)
                | flag(revoked_at.is_some(), Self::REVOKED)
                | flag(credential.environment == Environment::Test, Self::TEST)
                | flag(!credential.cidrs.is_empty(), Self::NETWORKS),
        )
    }

    const fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    /// The same of a key whose application is at `index`.
    const fn at(self, index: u8) -> Self {
        let others = self.0 & !((u8::MAX as u64) << Self::INDEX);
        Self(others | (index as u64) << Self::INDEX)
    }

    const fn index(self) -> u8 {
        (self.0 >> Self::INDEX) as u8
    }

    /// Only a time is compared, as "never" is further away than any clock.
    const fn has_ended(self, wall_us: u64) -> bool {
        self.0 & Self::ENDS <= wall_us
    }
}

impl Key {
    pub(crate) fn new(credential: &snapshot::Credential, application: Held) -> Self {
        let Held { among, index } = application;
        Self {
            digest: credential.digest,
            id: credential.id,
            among,
            terms: Terms::of(credential).at(index),
        }
    }

    /// The same key of another application, or of a new form of its own.
    pub(crate) fn of(&self, application: Held) -> Self {
        let Held { among, index } = application;
        Self {
            digest: self.digest,
            id: self.id,
            among,
            terms: self.terms.at(index),
        }
    }

    #[inline]
    pub(crate) fn application(&self) -> &Application {
        self.among.at(self.terms.index())
    }

    /// Whose application it is.
    #[inline]
    pub(crate) fn organization(&self) -> OrganizationId {
        self.among.organization
    }

    /// Its application, to be kept.
    pub(crate) fn held(&self) -> Held {
        Held {
            among: self.among.clone(),
            index: self.terms.index(),
        }
    }

    pub(crate) const fn environment(&self) -> Environment {
        if self.terms.has(Terms::TEST) {
            Environment::Test
        } else {
            Environment::Live
        }
    }
}

/// A key's place: the first bytes of its digest, and which of those that begin so.
pub(crate) type Place = (u64, CredentialId);

/// What becomes of one shard.
#[derive(Default)]
struct Edit {
    gone: Vec<Place>,
    put: Vec<Key>,
}

impl Keys {
    pub(crate) fn empty() -> Self {
        let none = Shard::of(Vec::new());
        let group = Arc::new(array::from_fn(|_| none.clone()));
        Self {
            groups: array::from_fn(|_| group.clone()),
            networks: Arc::default(),
            signers: Arc::default(),
            hashes: Hashes::default(),
        }
    }

    const fn place(prefix: u64) -> (usize, usize) {
        let group = prefix >> (64 - BITS / 2);
        let shard = prefix >> (64 - BITS);
        (group as usize, shard as usize % WIDTH)
    }

    fn shard(&self, prefix: u64) -> &Shard {
        let (group, shard) = Self::place(prefix);
        &self.groups[group][shard]
    }

    /// Searches by the digest's first eight bytes, compares the whole in constant time.
    pub(crate) fn find(&self, digest: &KeyDigest) -> Option<&Key> {
        self.starting(digest.prefix())
            .find(|key| key.digest.matches(digest))
    }

    /// All that have the digest. Of what others issued, several applications may name the same.
    pub(crate) fn all(&self, digest: KeyDigest) -> impl Iterator<Item = &Key> {
        self.starting(digest.prefix())
            .filter(move |key| key.digest.matches(&digest))
    }

    /// The key of a place.
    pub(crate) fn at(&self, (prefix, id): Place) -> Option<&Key> {
        self.starting(prefix).find(|key| key.id == id)
    }

    /// Those whose digests begin so: one, or none.
    ///
    /// Digests are spread evenly, so a key lies about as far into its shard as its digest lies into
    /// the shard's range: the search begins there and touches a few neighbours, where halving would
    /// wait for memory at each step.
    fn starting(&self, prefix: u64) -> impl Iterator<Item = &Key> {
        let Shard { starts, keys } = self.shard(prefix);
        let start = start(prefix);
        let mut first = (usize::from(start) * starts.len()) >> u16::BITS;
        let is_below = |index: usize| starts.get(index).is_some_and(|known| *known < start);
        while first > 0 && !is_below(first - 1) {
            first -= 1;
        }
        while is_below(first) {
            first += 1;
        }
        let alike = starts[first..]
            .iter()
            .take_while(move |known| **known == start);
        keys[first..]
            .iter()
            .take(alike.count())
            .filter(move |key| key.digest.prefix() == prefix)
    }

    /// So many bits of a digest are its first ones: those that choose a shard, and some of those behind
    /// them that the shard is searched by.
    pub(crate) const FIRST_BITS: u32 = 24;

    /// The first bits of a digest, by which few keys are found together.
    pub(crate) const fn first(prefix: u64) -> u32 {
        (prefix >> (64 - Self::FIRST_BITS)) as u32
    }

    /// Those whose digests have these first bits: of a million seldom more than one.
    pub(crate) fn beginning(&self, first: u32) -> impl Iterator<Item = &Key> {
        let prefix = u64::from(first) << (64 - Self::FIRST_BITS);
        let Shard { starts, keys } = self.shard(prefix);
        let last = prefix | (u64::MAX >> Self::FIRST_BITS);
        let (lowest, highest) = (start(prefix), start(last));
        let from = starts.partition_point(|known| *known < lowest);
        let up_to = starts.partition_point(|known| *known <= highest);
        keys[from..up_to].iter()
    }

    /// Whether a key is good at this time (microseconds since 1970) and from this address.
    pub(crate) fn judge(&self, key: &Key, wall_us: u64, from: IpAddr) -> Result<(), Code> {
        if key.terms.has(Terms::REVOKED) {
            return Err(Code::KeyRevoked);
        }
        if key.terms.has_ended(wall_us) {
            return Err(Code::KeyExpired);
        }
        if key.terms.has(Terms::NETWORKS) {
            let networks = self.networks.get(&key.id);
            if !networks.is_some_and(|nets| nets.iter().any(|net| net.contains(&from))) {
                return Err(Code::IpDenied);
            }
        }
        Ok(())
    }

    /// Takes keys out and then puts others in. One that is put may be among those that are gone.
    pub(crate) fn edit(&mut self, gone: Vec<Place>, put: Vec<Key>) {
        let mut edits: BTreeMap<(usize, usize), Edit> = BTreeMap::new();
        for place in gone {
            edits
                .entry(Self::place(place.0))
                .or_default()
                .gone
                .push(place);
        }
        for key in put {
            let place = Self::place(key.digest.prefix());
            edits.entry(place).or_default().put.push(key);
        }
        for ((group, shard), Edit { gone, put }) in edits {
            let shard = &mut Arc::make_mut(&mut self.groups[group])[shard];
            let is_gone = |key: &&Key| {
                let prefix = key.digest.prefix();
                !gone
                    .iter()
                    .any(|(start, id)| *start == prefix && *id == key.id)
            };
            let kept = shard.keys.iter().filter(is_gone).cloned();
            *shard = Shard::of(kept.chain(put).collect());
        }
    }

    /// Puts keys, which may be millions, where there are none: each shard is made once, of the size that
    /// it needs.
    pub(crate) fn fill(&mut self, all: Vec<Key>) {
        let place = |key: &Key| Self::place(key.digest.prefix());
        let mut counts = vec![[0; WIDTH]; WIDTH];
        for (group, shard) in all.iter().map(place) {
            counts[group][shard] += 1;
        }
        let counts = counts.into_iter();
        let mut groups: Vec<_> = counts.map(|group| group.map(Vec::with_capacity)).collect();
        for key in all {
            let (group, shard) = place(&key);
            groups[group][shard].push(key);
        }
        for (group, shards) in self.groups.iter_mut().zip(groups) {
            for (index, keys) in shards.into_iter().enumerate() {
                // Those without keys are one, as before.
                if !keys.is_empty() {
                    Arc::make_mut(group)[index] = Shard::of(keys);
                }
            }
        }
    }

    /// What compares signatures of a credential.
    pub(crate) fn signer(&self, id: CredentialId) -> Option<&Signer> {
        self.signers.get(&id)
    }

    /// Notes by what a credential signs; none unless it signs requests.
    pub(crate) fn equip(&mut self, id: CredentialId, key: Option<&SigningKey>) {
        if let Some(signer) = key.and_then(Signer::of) {
            Arc::make_mut(&mut self.signers).insert(id, signer);
        } else if self.signers.contains_key(&id) {
            Arc::make_mut(&mut self.signers).remove(&id);
        }
    }

    /// Notes the networks of a credential; none are from anywhere.
    pub(crate) fn restrict(&mut self, id: CredentialId, networks: &[IpNet]) {
        if !networks.is_empty() {
            Arc::make_mut(&mut self.networks).insert(id, networks.into());
        } else if self.networks.contains_key(&id) {
            Arc::make_mut(&mut self.networks).remove(&id);
        }
    }
}

#[cfg(test)]
mod tests;
