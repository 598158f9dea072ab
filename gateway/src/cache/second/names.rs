//! What things are called in the second level. Nothing of a request stands there: names are digests,
//! under a secret where the gateway has one, and of all by which answers are told apart here.
//!
//! What is kept carries the generations that it belongs to: of everything, of its version, of its
//! address, and of each of its tags. A purge takes generations away, and so nothing must be looked
//! for: whoever keeps the next makes others. A generation that Redis has lost is none that anything
//! carries: whatever it does with its memory, nothing that was taken out comes back.
//!
//! Those of addresses and tags are made for what is kept, and not for what is asked for: who asks for
//! addresses that nobody has leaves nothing behind. What was taken out while an answer was on its
//! way is told by one generation for all tags of a version, and by a few for all its addresses.

use domain::api::Purge;
use domain::hex;
use domain::id::{ApiId, VersionId};
use domain::seal::KeyRing;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::cache::purge::plain_of;
use crate::cache::stored::Owner;
use crate::cache::tags;
use crate::cache::vary::Vary;

pub(crate) type Digest = [u8; 32];

/// Parts of a version's addresses: where something was taken out of one, no answer that is on its
/// way from that part is kept.
const PARTS: u16 = 1024;

/// Under what names and seals are made: the gateway's key, or nothing where it has none.
#[derive(Clone)]
pub(crate) struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

const ADDRESS: char = 'u';

/// The key of something in Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    /// One letter.
    kind: char,
    digest: Digest,
}

impl Name {
    /// With `prefix` in front; half of the digest tells things apart well enough.
    pub(super) fn written(&self, prefix: &str) -> String {
        let mut text = String::with_capacity(prefix.len() + 33);
        text.push_str(prefix);
        text.push(self.kind);
        hex::push(&mut text, &self.digest[..16]);
        text
    }

    pub(super) const fn digest(&self) -> &Digest {
        &self.digest
    }

    pub(super) const fn is_address(&self) -> bool {
        self.kind == ADDRESS
    }
}

impl Secret {
    pub(crate) fn new(ring: Option<&KeyRing>) -> Self {
        Self(ring.map_or([0; 32], |ring| ring.derive("second level of the cache")))
    }

    /// Of parts, none of which can pass for two.
    pub(crate) fn digest(&self, purpose: &str, parts: &[&[u8]]) -> Digest {
        let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0) else {
            unreachable!("a key of any length is one")
        };
        for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    fn name(&self, kind: char, purpose: &str, parts: &[&[u8]]) -> Name {
        Name {
            kind,
            digest: self.digest(purpose, parts),
        }
    }

    pub(super) fn everything(&self) -> Name {
        self.name('g', "everything", &[])
    }

    pub(super) fn version(&self, version: Uuid) -> Name {
        self.name('v', "version", &[version.as_bytes()])
    }

    /// Whether something with a tag was taken out of a version: what is under way may have it.
    fn tagged(&self, version: Uuid) -> Name {
        self.name('w', "tagged", &[version.as_bytes()])
    }

    fn address(&self, version: Uuid, target: &str) -> Name {
        let parts: [&[u8]; 2] = [version.as_bytes(), target.as_bytes()];
        self.name(ADDRESS, "address", &parts)
    }

    /// Whether something was taken out of the part of a version's addresses that this one is in:
    /// what is under way may be of it.
    pub(super) fn changed(&self, version: Uuid, address: &Name) -> Name {
        let [.., high, low] = address.digest;
        let part = u16::from_le_bytes([low, high]) % PARTS;
        let parts: [&[u8]; 2] = [version.as_bytes(), &part.to_le_bytes()];
        self.name('c', "changed", &parts)
    }

    /// By its number, which is of one version.
    pub(super) fn tag(&self, number: u64) -> Name {
        self.name('t', "tag", &[&number.to_le_bytes()])
    }

    /// Which of an API's purges were done there.
    pub(super) fn purges(&self, api: ApiId) -> Name {
        self.name('n', "purges", &[api.uuid().as_bytes()])
    }

    /// What loses its generation when a version's answers at `target` have changed, and with it the
    /// part of the addresses that it is in ([`Secret::changed`]).
    pub(crate) fn of_address(&self, version: Uuid, target: &str) -> Name {
        self.address(version, target)
    }

    /// The same where those with tags have, or with more than are counted.
    pub(crate) fn of_tags(&self, version: Uuid, tags: &[u64]) -> Vec<Name> {
        if tags.is_empty() {
            return Vec::new();
        }
        let tags = tags.iter().copied().chain([tags::beyond(version)]);
        let tags = tags.map(|tag| self.tag(tag));
        std::iter::once(self.tagged(version)).chain(tags).collect()
    }

    /// The same of a purge of versions, in the order in which they go. What begins in some way is
    /// not told apart: all of a version goes.
    pub(super) fn of_purge(&self, versions: &[VersionId], purge: &Purge) -> Vec<Name> {
        let purge = plain_of(purge.clone());
        let of = |version: &VersionId| {
            let version = version.uuid();
            match &purge {
                Purge::All(false) => Vec::new(),
                Purge::All(true) | Purge::Prefix(_) => vec![self.version(version)],
                Purge::Url(url) => {
                    let address = self.address(version, url);
                    vec![self.changed(version, &address), address]
                }
                Purge::Tag(tag) => self.of_tags(version, &[tags::number(tag, version)]),
            }
        };
        versions.iter().flat_map(of).collect()
    }
}

/// What a request's answers are called.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// Of all that [`crate::cache::key::place`] tells requests apart by.
    pub(super) place: Digest,
    /// Whose the answers are that are for this caller alone, or for those whom nobody knows.
    pub(super) own: Option<(Owner, Digest)>,
    pub(super) version: Uuid,
    /// Host, path and query as the client wrote them.
    pub(super) target: Box<str>,
}

impl Names {
    pub(crate) const fn new(
        place: Digest,
        own: Option<(Owner, Digest)>,
        version: Uuid,
        target: Box<str>,
    ) -> Self {
        Self {
            place,
            own,
            version,
            target,
        }
    }

    /// Of everything, of the version, of what has tags in it, of the part of its addresses; and of
    /// the address, which is made for what is kept alone.
    pub(super) fn generations(&self, secret: &Secret) -> ([Name; 4], Name) {
        let address = secret.address(self.version, &self.target);
        let made = [
            secret.everything(),
            secret.version(self.version),
            secret.tagged(self.version),
            secret.changed(self.version, &address),
        ];
        (made, address)
    }

    /// The part of its version's addresses.
    pub(super) fn changed(&self, secret: &Secret) -> Name {
        let address = secret.address(self.version, &self.target);
        secret.changed(self.version, &address)
    }

    /// Where an owner's answers stand; none where they are not this request's to see.
    pub(super) fn slot(&self, secret: &Secret, owner: Owner) -> Option<Name> {
        let whose = self.whose(owner)?;
        Some(secret.name('s', "slot", &[&self.place[..], whose]))
    }

    /// Where the one stands that is for these values of these fields.
    pub(super) fn variant(&self, secret: &Secret, owner: Owner, vary: &Vary) -> Option<Name> {
        let whose = self.whose(owner)?;
        let mut parts: Vec<&[u8]> = vec![&self.place[..], whose];
        for (name, value) in vary {
            parts.push(name.as_bytes());
            match value {
                None => parts.push(&b"-"[..]),
                Some(value) => parts.extend([&b"+"[..], &value[..]]),
            }
        }
        Some(secret.name('s', "variant", &parts))
    }

    fn whose(&self, owner: Owner) -> Option<&[u8]> {
        match (owner, &self.own) {
            (Owner::Anyone, _) => Some(b"anyone"),
            (owner, Some((own, digest))) if *own == owner => Some(digest),
            (Owner::Nobody | Owner::Caller(_), _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(own: Option<(Owner, Digest)>) -> Names {
        Names::new([1; 32], own, Uuid::from_u128(7), "h/a".into())
    }

    #[test]
    fn nobody_finds_what_is_anothers() {
        let secret = Secret::new(None);
        let (me, you) = (Owner::Caller(1), Owner::Caller(2));
        let mine = names(Some((me, [8; 32])));
        let yours = names(Some((you, [9; 32])));
        let nobodys = names(Some((Owner::Nobody, [0; 32])));
        let unknown = names(None);
        let slot = |names: &Names, owner| names.slot(&secret, owner);
        assert_eq!(slot(&mine, you), None);
        assert_eq!(slot(&mine, Owner::Nobody), None);
        assert_eq!(slot(&unknown, me), None);
        let own = [
            slot(&mine, me),
            slot(&yours, you),
            slot(&nobodys, Owner::Nobody),
        ];
        for (at, one) in own.iter().enumerate() {
            assert!(one.is_some() && !own[..at].contains(one));
        }
        let of_all = slot(&mine, Owner::Anyone);
        assert_eq!(of_all, slot(&unknown, Owner::Anyone));
        assert!(!own.contains(&of_all));
        let vary = |value: Option<&[u8]>| -> Vary { [("a".into(), value.map(Box::from))].into() };
        let variants = [None, Some(&b""[..]), Some(&b"-"[..]), Some(&b"x"[..])]
            .map(|value| mine.variant(&secret, me, &vary(value)));
        for (at, one) in variants.iter().enumerate() {
            assert!(one.is_some() && !variants[..at].contains(one) && !own.contains(one));
        }
    }

    #[test]
    fn names_are_secret_where_there_is_one() {
        let keyed = |key| Secret::new(Some(&KeyRing::new(vec![[key; 32]])));
        let all = [keyed(1), keyed(2), Secret::new(None)].map(|secret| secret.everything());
        assert!(all[0] != all[1] && all[1] != all[2]);
        let written = all[0].written("p:");
        assert_eq!((written.len(), &written[..3]), (35, "p:g"));
    }

    #[test]
    fn purges_are_of_their_versions() {
        let secret = Secret::new(None);
        let [one, other] = [1, 2].map(|id| VersionId::from_uuid(Uuid::from_u128(id)));
        for (purge, count) in [
            (Purge::All(true), 2),
            (Purge::All(false), 0),
            (Purge::Prefix("h/".into()), 2),
            (Purge::Url("https://H/a".into()), 4),
            (Purge::Tag("t".into()), 6),
        ] {
            let names = secret.of_purge(&[one, other], &purge);
            assert_eq!(names.len(), count, "{purge:?}");
            assert!((1..count).all(|at| !names[..at].contains(&names[at])));
        }
        let url = secret.of_purge(&[one], &Purge::Url("https://H/a".into()));
        let address = secret.of_address(one.uuid(), "h/a");
        assert_eq!(url, [secret.changed(one.uuid(), &address), address]);
        let tag = secret.of_purge(&[one], &Purge::Tag("t".into()));
        assert!(tag.contains(&secret.tag(tags::beyond(one.uuid()))));
        assert!(secret.of_tags(one.uuid(), &[]).is_empty());
    }

    #[test]
    fn parts_of_addresses_are_of_one_version_and_few() {
        let secret = Secret::new(None);
        let [one, other] = [1, 2].map(Uuid::from_u128);
        let of = |version, number: usize| {
            let address = secret.of_address(version, &number.to_string());
            assert!(address.is_address());
            secret.changed(version, &address)
        };
        let all: std::collections::HashSet<Name> = (0..5000).map(|at| of(one, at)).collect();
        assert!((500..=usize::from(PARTS)).contains(&all.len()));
        assert!((0..100).all(|at| !all.contains(&of(other, at)) && !of(one, at).is_address()));
        let names = names(None);
        let (made, address) = names.generations(&secret);
        assert_eq!(made[3], names.changed(&secret));
        assert_eq!(made[3], secret.changed(names.version, &address));
    }
}
