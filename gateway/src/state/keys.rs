//! All keys of a state, found by the first bits of their digests. A changed copy shares all but
//! one shard and the way to it.

mod hashes;

use std::array;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use domain::application::Lifetime;
use domain::id::CredentialId;
use domain::key::{Environment, KeyDigest};
use domain::problem::Code;
use domain::signing::SigningKey;
use domain::snapshot;
use ipnet::IpNet;

use super::Application;
use crate::signature::Signer;
use hashes::Hashes;

/// Two levels of this many, so that a change copies two short lists of pointers and one shard.
const WIDTH: usize = 64;
/// The first bits of a digest that choose group and shard.
const BITS: u32 = 2 * WIDTH.ilog2();

/// Keys in the order of their digests.
#[derive(Debug, Clone)]
struct Shard {
    /// Of each digest the bits behind those that choose the shard: to search them touches one line
    /// of the processor's cache or two, where each key is a line of its own.
    starts: Arc<[u32]>,
    keys: Arc<[Key]>,
}

impl Shard {
    fn of(keys: Vec<Key>) -> Self {
        Self {
            starts: keys.iter().map(|key| start(key.digest.prefix())).collect(),
            keys: keys.into(),
        }
    }
}

/// Those bits.
const fn start(prefix: u64) -> u32 {
    (prefix << BITS >> 32) as u32
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
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(crate) struct Key {
    pub(crate) digest: KeyDigest,
    pub(crate) id: CredentialId,
    pub(crate) application: Arc<Application>,
    terms: Terms,
}

const _: () = assert!(size_of::<Key>() == 64);

/// The microseconds since 1970 at which a key stops working, and three flags above them.
#[derive(Debug, Clone, Copy)]
struct Terms(u64);

impl Terms {
    const REVOKED: u64 = 1 << 63;
    const TEST: u64 = 1 << 62;
    const NETWORKS: u64 = 1 << 61;
    /// As a time: never.
    const ENDS: u64 = Self::NETWORKS - 1;

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

    /// Only a time is compared, as "never" is further away than any clock.
    const fn has_ended(self, wall_us: u64) -> bool {
        self.0 & Self::ENDS <= wall_us
    }
}

impl Key {
    pub(crate) fn new(credential: &snapshot::Credential, application: Arc<Application>) -> Self {
        Self {
            digest: credential.digest,
            id: credential.id,
            application,
            terms: Terms::of(credential),
        }
    }

    /// The same key of another application, or of a new form of its own.
    pub(crate) fn of(&self, application: Arc<Application>) -> Self {
        Self {
            application,
            ..self.clone()
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
    pub(crate) fn starting(&self, prefix: u64) -> impl Iterator<Item = &Key> {
        let Shard { starts, keys } = self.shard(prefix);
        let start = start(prefix);
        let mut first = ((u64::from(start) * starts.len() as u64) >> 32) as usize;
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
            let mut keys: Vec<Key> = kept.chain(put).collect();
            // Ids are in the order of time: the earliest of those that name the same is the first.
            keys.sort_unstable_by_key(|key| (key.digest, key.id));
            *shard = Shard::of(keys);
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
mod tests {
    use super::*;
    use domain::id::ApplicationId;

    fn credential(name: &str) -> snapshot::Credential {
        snapshot::Credential {
            id: CredentialId::from_name("credential", name),
            application: ApplicationId::NIL,
            environment: Environment::Live,
            digest: KeyDigest::of(name.as_bytes()),
            lifetime: Lifetime::default(),
            cidrs: Vec::new(),
            signs: None,
            argon2id: None,
        }
    }

    #[test]
    fn what_was_put_is_found_until_it_is_gone() {
        let mut keys = Keys::empty();
        let names: Vec<String> = (0..20_000).map(|index| format!("key-{index}")).collect();
        let key = |name: &String| Key::new(&credential(name), Arc::default());
        keys.edit(Vec::new(), names.iter().map(key).collect());
        let before = keys.clone();
        let (gone, kept) = names.split_at(100);
        let places = gone.iter().map(|name| {
            let credential = credential(name);
            (credential.digest.prefix(), credential.id)
        });
        keys.edit(places.collect(), Vec::new());
        for name in &names {
            let credential = credential(name);
            let found = before.find(&credential.digest).map(|key| key.id);
            assert_eq!(found, Some(credential.id), "the old copy is as it was");
            let place = (credential.digest.prefix(), credential.id);
            assert_eq!(keys.at(place).is_some(), kept.contains(name), "{name}");
        }
        let unknown = KeyDigest::of(b"unknown");
        assert!(keys.find(&unknown).is_none());
        // The same first bytes and another end.
        let mut like = credential(&names[500]).digest;
        like.0[31] ^= 1;
        assert!(keys.find(&like).is_none());
    }

    #[test]
    fn a_change_copies_one_shard() {
        let mut keys = Keys::empty();
        let names = (0..5_000).map(|index| format!("key-{index}"));
        let key = |name: String| Key::new(&credential(&name), Arc::default());
        keys.edit(Vec::new(), names.map(key).collect());
        let before = keys.clone();
        keys.edit(Vec::new(), vec![key("one more".to_owned())]);
        let shards = |keys: &Keys| -> Vec<Shard> {
            let groups = keys.groups.iter();
            groups.flat_map(|group| group.iter().cloned()).collect()
        };
        let (old, new) = (shards(&before), shards(&keys));
        let copied = old
            .iter()
            .zip(&new)
            .filter(|(a, b)| !Arc::ptr_eq(&a.keys, &b.keys));
        assert_eq!(copied.count(), 1);
    }

    #[test]
    fn what_makes_a_key_good() {
        let at = |s: i64| chrono::DateTime::from_timestamp(s, 0);
        let now = 100_000_000;
        let here = "10.0.0.1".parse().unwrap();
        let with = |change: fn(&mut snapshot::Credential)| {
            let mut credential = credential("k");
            change(&mut credential);
            credential
        };
        let table = [
            (with(|_| {}), Ok(())),
            (with(|c| c.environment = Environment::Test), Ok(())),
            (
                with(|c| c.lifetime.revoked_at = chrono::DateTime::from_timestamp(1, 0)),
                Err(Code::KeyRevoked),
            ),
            (
                with(|c| c.lifetime.expires_at = chrono::DateTime::from_timestamp(100, 0)),
                Err(Code::KeyExpired),
            ),
            (
                with(|c| c.lifetime.retires_at = chrono::DateTime::from_timestamp(101, 0)),
                Ok(()),
            ),
            (
                with(|c| c.cidrs = vec!["192.168.0.0/16".parse().unwrap()]),
                Err(Code::IpDenied),
            ),
            (
                with(|c| c.cidrs = vec!["10.0.0.0/8".parse().unwrap()]),
                Ok(()),
            ),
        ];
        assert!(at(1).is_some());
        for (credential, verdict) in table {
            let mut keys = Keys::empty();
            let key = Key::new(&credential, Arc::default());
            assert_eq!(key.environment(), credential.environment);
            keys.restrict(credential.id, &credential.cidrs);
            assert_eq!(keys.judge(&key, now, here), verdict, "{credential:?}");
        }
    }
}
