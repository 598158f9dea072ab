//! What is found of many keys, and when a key is good.

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
    let key = |name: &String| Key::new(&credential(name), Held::default());
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
        let mut begun = keys.beginning(Keys::first(place.0));
        assert_eq!(begun.any(|key| key.id == place.1), kept.contains(name));
    }
    let unknown = KeyDigest::of(b"unknown");
    assert!(keys.find(&unknown).is_none());
    // The same first bytes and another end.
    let mut like = credential(&names[500]).digest;
    like.0[31] ^= 1;
    assert!(keys.find(&like).is_none());
}

/// The beginnings of a shard, and whose digests they are.
type ToldShard = (Vec<u16>, Vec<(KeyDigest, CredentialId)>);

#[test]
fn what_all_were_filled_with_is_as_if_they_had_come_by_a_change() {
    let names: Vec<String> = (0..20_000).map(|index| format!("key-{index}")).collect();
    for count in [0, 1, 70, 20_000] {
        let own = names[..count].iter().map(|name| credential(name));
        // Two more name what the first one does.
        let alike = ["alike", "alike, too"].map(|name| snapshot::Credential {
            digest: KeyDigest::of(b"key-0"),
            ..credential(name)
        });
        let all: Vec<_> = own.chain(alike).collect();
        let put = || -> Vec<Key> {
            let keys = all.iter();
            keys.map(|one| Key::new(one, Held::default())).collect()
        };
        let (mut filled, mut changed) = (Keys::empty(), Keys::empty());
        filled.fill(put());
        changed.edit(Vec::new(), put());
        let told = |keys: &Keys| -> Vec<ToldShard> {
            let shards = keys.groups.iter().flat_map(|group| group.iter());
            let told = shards.map(|Shard { starts, keys }| {
                let keys = keys.iter().map(|key| (key.digest, key.id));
                (starts.to_vec(), keys.collect())
            });
            told.collect()
        };
        assert_eq!(told(&filled), told(&changed), "{count}");
        for one in &all {
            let mut found = filled.all(one.digest);
            assert!(found.any(|key| key.id == one.id), "{one:?}");
        }
    }
}

#[test]
fn a_change_copies_one_shard() {
    let mut keys = Keys::empty();
    let names = (0..5_000).map(|index| format!("key-{index}"));
    let key = |name: String| Key::new(&credential(&name), Held::default());
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
        let key = Key::new(&credential, Held::default());
        assert_eq!(key.environment(), credential.environment);
        keys.restrict(credential.id, &credential.cidrs);
        assert_eq!(keys.judge(&key, now, here), verdict, "{credential:?}");
    }
}
