//! Each is new once, and nobody takes all the room.

use super::*;

const LONG: Duration = Duration::from_secs(60);

fn room(provider: u8, of: &str) -> Room {
    Room {
        provider: OrganizationId::from_name("organization", &provider.to_string()),
        of: CredentialId::from_name("credential", of),
    }
}

const fn proof(digest: [u8; 32], left: Duration) -> Once {
    Once {
        kind: Kind::Proof,
        digest,
        left,
    }
}

const fn token(digest: [u8; 32]) -> Once {
    Once {
        kind: Kind::Token,
        digest,
        left: LONG,
    }
}

fn numbered(n: u32) -> [u8; 32] {
    let mut digest = [0; 32];
    digest[1..5].copy_from_slice(&n.to_be_bytes());
    digest
}

/// For a request of its own.
fn note(nonces: &Nonces, room: Room, once: Once) -> Result<(), Unusable> {
    let used = nonces.use_up(room, &[Some(once)], &mut Vec::new());
    used.map_err(|(_, why)| why)
}

#[test]
fn each_is_new_once() {
    let nonces = Nonces::default();
    let note = |n: u8, left| note(&nonces, room(1, "a"), proof([n; 32], left));
    assert_eq!(note(1, LONG), Ok(()));
    assert_eq!(note(2, LONG), Ok(()));
    assert_eq!(note(1, LONG), Err(Unusable::Known));
    let all: usize = std::thread::scope(|scope| {
        let count = || (3..100).filter(|n| note(*n, LONG).is_ok()).count();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(count)).collect();
        threads.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(all, 97);
    // One whose time is over is as new.
    assert_eq!(note(200, Duration::ZERO), Ok(()));
    assert_eq!(note(200, LONG), Ok(()));
    assert_eq!(nonces.figures(), (100, 0));
}

#[test]
fn what_is_over_leaves_the_room_that_it_took() {
    let nonces = Nonces::default();
    let counts = || {
        let shard = nonces.proofs.of(&[1; 32]);
        let of = |room| shard.counts.rooms.get(&room).copied();
        (of(room(1, "a")), of(room(2, "b")))
    };
    let over = proof([1; 32], Duration::ZERO);
    assert_eq!(note(&nonces, room(1, "a"), over), Ok(()));
    assert_eq!(counts(), (Some(1), None));
    let again = proof([1; 32], LONG);
    assert_eq!(note(&nonces, room(2, "b"), again), Ok(()));
    assert_eq!(counts(), (None, Some(1)));
    assert_eq!(nonces.proofs.of(&[1; 32]).counts.providers.len(), 1);
}

#[test]
fn nobody_takes_all_the_room() {
    let nonces = Nonces::default();
    let most = PROOFS / SHARDS as u32;
    let mut next = 0..;
    let mut fill = |room: Room| {
        let news = next.by_ref().take(most as usize + 10);
        let noted = news.map(|n| note(&nonces, room, proof(numbered(n), LONG)));
        noted.take_while(Result::is_ok).count() as u32
    };
    assert_eq!(fill(room(1, "a")), most / OF_ONE);
    // The same credential at another's APIs has room of its own.
    assert_eq!(fill(room(2, "a")), most / OF_ONE);
    // All of one organization's callers have a part together, whatever they are called.
    let others: u32 = (0..10).map(|n| fill(room(1, &n.to_string()))).sum();
    assert_eq!(others, most / OF_PROVIDER - most / OF_ONE);
    assert_eq!(fill(room(2, "b")), most / OF_ONE);
    // Tokens take none of it.
    let digest = numbered(0);
    assert_eq!(note(&nonces, room(1, "a"), token(digest)), Ok(()));
    assert_eq!(
        note(&nonces, room(1, "a"), token(digest)),
        Err(Unusable::Known)
    );
}

#[test]
fn who_is_alone_has_all_of_it() {
    let nonces = Nonces::default();
    let most = PROOFS / SHARDS as u32;
    let mut next = 0..;
    let mut fill = |provider: u8| {
        let credentials = (0..2 * OF_ONE).map(|of| room(provider, &of.to_string()));
        let noted = credentials.map(|room| {
            let news = next.by_ref().take(most as usize + 10);
            let noted = news.map(|n| note(&nonces, room, proof(numbered(n), LONG)));
            noted.take_while(Result::is_ok).count() as u32
        });
        noted.sum::<u32>()
    };
    nonces.note_lone(true);
    let all = most / OF_ONE * OF_ONE;
    assert!((all..=most).contains(&fill(1)));
    // Others that come have what is left, until the time of the rest is over.
    nonces.note_lone(false);
    assert!(fill(2) <= most - all);
}

#[test]
fn all_are_noted_or_none() {
    let nonces = Nonces::default();
    let room = room(1, "a");
    let both = [Some(proof([1; 32], LONG)), Some(token([2; 32]))];
    let mut used = Vec::new();
    assert_eq!(nonces.use_up(room, &both, &mut used), Ok(()));
    // Another policy looks at the same request.
    assert_eq!(nonces.use_up(room, &both, &mut used), Ok(()));
    assert_eq!((used.len(), nonces.figures().0), (2, 2));
    // Another request with a new proof and the same token.
    let mut others = Vec::new();
    let new = [Some(proof([3; 32], LONG)), Some(token([2; 32]))];
    let refused = nonces.use_up(room, &new, &mut others);
    assert_eq!(refused, Err((Kind::Token, Unusable::Known)));
    assert_eq!((others.len(), nonces.figures().0), (0, 2));
    // What one gives back, one other has.
    nonces.give_back(&mut used);
    assert_eq!((used.len(), nonces.figures().0), (0, 0));
    assert_eq!(nonces.use_up(room, &new, &mut others), Ok(()));
    assert_eq!(
        nonces.use_up(room, &both, &mut used),
        Err((Kind::Token, Unusable::Known))
    );
    nonces.give_back(&mut used);
    assert_eq!(nonces.figures().0, 2);
}

#[test]
fn nobody_gives_back_what_is_anothers_by_now() {
    let nonces = Nonces::default();
    let room = room(1, "a");
    let over = [Some(proof([1; 32], Duration::ZERO))];
    let again = [Some(proof([1; 32], LONG))];
    let (mut first, mut second) = (Vec::new(), Vec::new());
    assert_eq!(nonces.use_up(room, &over, &mut first), Ok(()));
    assert_eq!(nonces.use_up(room, &again, &mut second), Ok(()));
    nonces.give_back(&mut first);
    assert_eq!(nonces.figures().0, 1);
}
