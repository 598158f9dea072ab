//! What a restart finds: everything that was kept, and nothing that somebody else put there.

use std::os::unix::fs::PermissionsExt;

use domain::application::Lifetime;
use domain::id::{ApplicationId, CredentialId, OrganizationId, PlanId, ProductId, SubscriptionId};
use domain::key::{Environment, KeyDigest};
use domain::lifecycle::ApplicationState;
use domain::organization::ClientAddresses;
use domain::password_hash::PasswordHash;
use domain::signing::SigningKey;
use domain::snapshot::{
    Application, Credential, Delta, Kind, Mark, Organization, Settings, Subscription,
};
use domain::subscription::SubscriptionState;

use super::*;

fn organization(name: &str, suspended: bool) -> Organization {
    Organization {
        id: OrganizationId::from_name("organization", name),
        slug: name.into(),
        suspended,
        client_addresses: ClientAddresses::default(),
        policies: vec![],
        unreadable: None,
    }
}

fn credential(index: usize) -> Credential {
    let at = chrono::DateTime::from_timestamp(1_700_000_000, 123_456_789);
    Credential {
        id: CredentialId::from_name("credential", &index.to_string()),
        application: ApplicationId::from_name("application", "a"),
        environment: [Environment::Live, Environment::Test][index % 2],
        digest: KeyDigest::of(&index.to_le_bytes()),
        lifetime: Lifetime {
            expires_at: at.filter(|_| index & 1 != 0),
            retires_at: at.filter(|_| index & 2 != 0),
            revoked_at: at.filter(|_| index & 4 != 0),
        },
        signs: (index % 5 == 3).then(|| {
            // Longer than a word may be.
            let n = "A".repeat(342);
            let jwk = format!(r#"{{"kty":"RSA","e":"AQAB","n":"_{n}"}}"#);
            SigningKey::read(&jwk).unwrap()
        }),
        argon2id: (index % 5 == 4).then(|| {
            let (salt, hash) = ("A".repeat(22), "A".repeat(43));
            PasswordHash::read(&format!("$argon2id$v=19$m=8,t=1,p=1${salt}${hash}")).unwrap()
        }),
        cidrs: ["10.0.0.0/8", "2001:db8::/32"][..index % 3]
            .iter()
            .map(|net| net.parse().unwrap())
            .collect(),
    }
}

fn subscription(state: SubscriptionState) -> Subscription {
    let at = chrono::DateTime::from_timestamp(1_700_000_000, 1);
    Subscription {
        id: SubscriptionId::from_name("subscription", state.as_str()),
        application: ApplicationId::from_name("application", "a"),
        product: ProductId::from_name("product", "p"),
        plan: PlanId::from_name("plan", "p"),
        state,
        paused: state == SubscriptionState::Approved,
        approved_at: at,
        starts_at: None,
        ends_at: at,
    }
}

fn ip_list() -> domain::snapshot::IpList {
    let networks = r#"["10.0.0.0/8",{"net":"::1","until":"2026-12-01T00:00:00Z"}]"#;
    domain::snapshot::IpList {
        id: domain::id::IpListId::from_name("ip list", "a"),
        organization: organization("a", false).id,
        name: "blocked".to_owned(),
        networks: serde_json::from_str(networks).unwrap(),
    }
}

fn snapshot() -> Snapshot {
    Snapshot {
        schema: SCHEMA,
        state: 7,
        parts: Parts {
            organizations: vec![organization("a", false), organization("b", false)],
            applications: vec![Application {
                id: ApplicationId::from_name("application", "a"),
                organization: organization("a", false).id,
                state: ApplicationState::Disabled,
                labels: domain::label::read("tier=gold, beta"),
            }],
            ip_lists: vec![ip_list()],
            credentials: (0..12).map(credential).collect(),
            subscriptions: SubscriptionState::ALL.map(subscription).to_vec(),
            settings: Some(Settings::default()),
            mark: Some(mark(7)),
            ..Parts::default()
        },
    }
}

struct Place {
    data: tempfile::TempDir,
    disk: Disk,
}

impl Place {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let disk = Disk::new(data.path(), &KeyRing::new(vec![[1; 32]]));
        Self { data, disk }
    }

    fn kept(&self, snapshot: &Snapshot) -> Kept {
        let mut kept = Kept::new(self.disk.clone());
        kept.whole(&Whole::of(snapshot).unwrap()).unwrap();
        kept
    }

    fn edit(&self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let path = self.data.path().join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        edit(&mut bytes);
        std::fs::write(path, bytes).unwrap();
    }
}

fn mark(state: u64) -> Mark {
    Mark {
        object: organization("a", false).id.uuid(),
        at: chrono::DateTime::from_timestamp(state as i64, 5000).unwrap(),
    }
}

/// Suspends one organization, makes one, removes one key.
fn delta(from: u64) -> Delta {
    Delta {
        from,
        state: from + 1,
        put: Parts {
            organizations: vec![
                organization("a", from % 2 == 1),
                organization(&format!("new-{from}"), false),
            ],
            mark: Some(mark(from + 1)),
            ..Parts::default()
        },
        gone: vec![(Kind::Credential, credential(from as usize % 12).id.uuid())],
    }
}

fn applied(mut snapshot: Snapshot, deltas: &[Delta]) -> Snapshot {
    for delta in deltas {
        snapshot.state = delta.state;
        snapshot.parts.apply(delta.clone());
    }
    snapshot
}

/// In one order.
fn sorted(snapshot: Snapshot) -> Snapshot {
    let mut snapshot = snapshot;
    let parts = &mut snapshot.parts;
    parts.organizations.sort_by_key(|one| one.id);
    parts.credentials.sort_by_key(|one| one.id);
    parts.subscriptions.sort_by_key(|one| one.id);
    snapshot
}

fn assert_loads(disk: &Disk, expected: Snapshot) {
    let loaded = disk.load().unwrap().unwrap();
    assert_eq!(sorted(loaded), sorted(expected));
}

#[test]
fn a_state_survives_and_a_forged_one_does_not() {
    let place = Place::new();
    assert!(place.disk.load().unwrap().is_none());
    place.kept(&snapshot());
    place.kept(&snapshot());
    assert_loads(&place.disk, snapshot());
    for name in [NAME, LOG_NAME] {
        let metadata = std::fs::metadata(place.data.path().join(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }
    let changed = Disk::new(place.data.path(), &KeyRing::new(vec![[2; 32], [1; 32]]));
    assert!(changed.load().unwrap().is_some(), "a key that was replaced");
    let other = Disk::new(place.data.path(), &KeyRing::new(vec![[2; 32]]));
    assert!(matches!(other.load(), Err(DiskError::Damaged)));

    let whole = std::fs::read(place.data.path().join(NAME)).unwrap();
    // Each byte counts: some of the head, of the rows and of the tag behind them.
    for at in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        place.edit(NAME, |bytes| bytes[at] ^= 1);
        assert!(place.disk.load().is_err(), "byte {at}");
        place.edit(NAME, |bytes| bytes.clone_from(&whole));
    }
    for length in [0, 3, 40, whole.len() - 1] {
        place.edit(NAME, |bytes| bytes.truncate(length));
        assert!(
            matches!(place.disk.load(), Err(DiskError::Damaged)),
            "{length}"
        );
        place.edit(NAME, |bytes| bytes.clone_from(&whole));
    }
}

#[test]
fn what_changed_since_is_there_as_well() {
    let place = Place::new();
    let mut kept = place.kept(&snapshot());
    let deltas: Vec<Delta> = (7..12).map(delta).collect();
    kept.changes(&deltas[..2]).unwrap();
    kept.changes(&deltas[2..]).unwrap();
    assert_loads(&place.disk, applied(snapshot(), &deltas));

    // Half of the last frame, as a crash leaves it.
    place.edit(LOG_NAME, |bytes| bytes.truncate(bytes.len() - 5));
    assert_loads(&place.disk, applied(snapshot(), &deltas[..4]));
    // A frame that somebody changed, and with it all that follow.
    place.edit(LOG_NAME, |bytes| bytes[60] ^= 1);
    assert_loads(&place.disk, snapshot());
    // A log that belongs to another state.
    let log = std::fs::read(place.data.path().join(LOG_NAME)).unwrap();
    place.kept(&applied(snapshot(), &deltas));
    place.edit(LOG_NAME, |bytes| *bytes = log);
    assert_loads(&place.disk, applied(snapshot(), &deltas));
}

/// As a process that starts.
fn resumed(place: &Place) -> Option<Kept> {
    place.disk.resume().unwrap().unwrap().1
}

#[test]
fn a_process_that_starts_goes_on_behind_what_it_read() {
    let place = Place::new();
    let deltas: Vec<Delta> = (7..13).map(delta).collect();
    let mut first = place.kept(&snapshot());
    let mut second = resumed(&place).unwrap();
    second.changes(&[]).unwrap();
    second.changes(&deltas[..1]).unwrap();
    second.changes(&deltas[1..2]).unwrap();
    // Half a frame, as a crash leaves it.
    place.edit(LOG_NAME, |bytes| bytes.extend_from_slice(&[9; 30]));
    let mut third = resumed(&place).unwrap();
    third.changes(&deltas[2..4]).unwrap();
    assert_loads(&place.disk, applied(snapshot(), &deltas[..4]));
    // Another one wrote a whole state meanwhile: what it wrote stays.
    let mut fourth = resumed(&place).unwrap();
    let whole = applied(snapshot(), &deltas[..5]);
    first.whole(&Whole::of(&whole).unwrap()).unwrap();
    assert!(fourth.changes(&deltas[4..5]).is_err());
    assert_loads(&place.disk, whole);
    // Without a log of it, or with a key that writes no more, all is to be written.
    std::fs::remove_file(place.data.path().join(LOG_NAME)).unwrap();
    assert!(resumed(&place).is_none());
    place.kept(&snapshot());
    let renewed = Disk::new(place.data.path(), &KeyRing::new(vec![[2; 32], [1; 32]]));
    assert!(renewed.resume().unwrap().unwrap().1.is_none());
}

#[test]
fn what_another_release_kept_is_no_ground_for_changes() {
    let place = Place::new();
    let key = place.disk.keys[0];
    let mut rows = Vec::new();
    rows::write(&snapshot().parts, &mut rows).unwrap();
    let head = format!(r#"{{"schema":{SCHEMA},"state":7,"length":{}}}"#, rows.len());
    let mut file = b"PTNSTAT2".to_vec();
    file.extend_from_slice(&(head.len() as u32).to_le_bytes());
    file.extend_from_slice(head.as_bytes());
    let first = mac(&key, &[&file]).unwrap().finalize().into_bytes();
    let last = mac(&key, &[&first, &rows]).unwrap().finalize().into_bytes();
    for part in [&first[..], &rows, &last] {
        file.extend_from_slice(part);
    }
    std::fs::write(place.data.path().join(NAME), file).unwrap();
    let (loaded, kept) = place.disk.resume().unwrap().unwrap();
    assert!(kept.is_none());
    let mut expected = snapshot();
    expected.parts.mark = None;
    assert_eq!(sorted(loaded), sorted(expected));
}

#[test]
fn a_long_log_becomes_part_of_the_state() {
    let place = Place::new();
    let mut kept = place.kept(&snapshot());
    let mut deltas: Vec<Delta> = (7..40).map(delta).collect();
    for delta in &mut deltas {
        delta.put.organizations[1].slug = "x".repeat(200_000);
    }
    for delta in &deltas {
        kept.changes(std::slice::from_ref(delta)).unwrap();
    }
    let length = |name| {
        std::fs::metadata(place.data.path().join(name))
            .unwrap()
            .len()
    };
    assert!(length(LOG_NAME) < 5 << 20, "{}", length(LOG_NAME));
    assert!(length(NAME) > 4 << 20, "{}", length(NAME));
    assert_loads(&place.disk, applied(snapshot(), &deltas));
}

#[test]
fn only_what_is_newer_is_called_newer() {
    let place = Place::new();
    let key = place.disk.keys[0];
    let write = |head: &str| {
        let mut begin = b"PTNSTAT2".to_vec();
        begin.extend_from_slice(&(head.len() as u32).to_le_bytes());
        begin.extend_from_slice(head.as_bytes());
        let first = mac(&key, &[&begin]).unwrap().finalize().into_bytes();
        let last = mac(&key, &[&first]).unwrap().finalize().into_bytes();
        begin.extend_from_slice(&first);
        begin.extend_from_slice(&last);
        std::fs::write(place.data.path().join(NAME), begin).unwrap();
        place.disk.load()
    };
    let newer = write(&format!(r#"{{"schema":{},"status":"other"}}"#, SCHEMA + 1));
    assert!(matches!(newer, Err(DiskError::Newer(schema)) if schema == SCHEMA + 1));
    let unknown = write(&format!(r#"{{"schema":{SCHEMA},"state":"seven"}}"#));
    assert!(matches!(unknown, Err(DiskError::Unknown)));
    let ours = write(&format!(
        r#"{{"schema":{SCHEMA},"state":3,"length":0,"more":1}}"#
    ));
    assert_eq!(ours.unwrap().unwrap().state, 3);
}
