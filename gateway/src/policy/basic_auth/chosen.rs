//! Whose user name it is, where somebody chose the password: found by the name, and compared with a
//! hash. Guesses are bounded by name and by address, whether anybody has the name or not.

use std::cell::Cell;

use domain::id::CredentialId;
use domain::key::KeyDigest;
use domain::problem::Code;

use crate::access;
use crate::asking::Key as Digest;
use crate::call::Call;
use crate::limiter::CellKey;
use crate::passwords::{NOBODYS, QUEUE, QUEUE_OF_KNOWN, Unheard};
use crate::state::{Key, Place};
use crate::watched::Rule;

/// Of those that have the same user name and to do with the route, as many are looked at.
const MOST_NAMED: usize = 64;
/// As many are compared for one request. Others are for the next one, as what was wrong is
/// remembered: who takes somebody's name many times does not keep its owner out.
const MOST_COMPARED: usize = 4;

/// Wrong passwords of a user name, from wherever; as `auth_guard` counts them unless it is told
/// otherwise.
const BY_NAME: Rule = Rule {
    limit: 20,
    window: 60_000,
    block: 60_000,
    max_block: 900_000,
};
/// Wrong passwords from an address, of whatever user names.
const BY_ADDRESS: Rule = Rule {
    limit: 60,
    max_block: 300_000,
    ..BY_NAME
};
/// What they are counted under: policies' numbers begin at the other end.
const NUMBER: u32 = u32::MAX;

/// What the password is compared with.
struct Try<'c> {
    digest: Digest,
    hash: &'c str,
    /// `None`: nobody has the name.
    place: Option<Place>,
}

/// The credential whose user name and password these are; `None`: nobody's.
///
/// # Errors
/// Nobody compared them.
pub(super) async fn find(
    call: &Call<'_>,
    user: &[u8],
    password: &[u8],
) -> Result<Option<Place>, Unheard> {
    let passwords = &call.worker.shared.answers.passwords;
    let mut unknown = Vec::new();
    for one in tries(call, user, password) {
        match passwords.known(&one.digest).await {
            Some(true) if one.place.is_some() => return Ok(one.place),
            Some(_) => {}
            None => unknown.push(one),
        }
    }
    let guesses = Guesses::of(call, user);
    let metrics = &call.worker.metrics;
    let compared = Cell::new(0);
    let mut is_known = false;
    let mut found = Ok(None);
    // Whose password came from there lately is the first, then who had the name first.
    unknown.sort_by_key(|one: &Try<'_>| !one.place.is_some_and(|place| guesses.knows(place)));
    for one in unknown.into_iter().take(MOST_COMPARED) {
        let known = one.place.is_some_and(|place| guesses.knows(place));
        is_known |= known;
        let room = if known { QUEUE_OF_KNOWN } else { QUEUE };
        let may = || guesses.may(known);
        let right = passwords.compare(one.digest, one.hash, password, room, may, &compared);
        match right.await {
            Ok(true) if one.place.is_some() => {
                found = Ok(one.place);
                break;
            }
            Ok(_) => {}
            Err(why) => {
                found = Err(why);
                break;
            }
        }
    }
    metrics.passwords_compared.add(compared.get());
    match found {
        Ok(Some(place)) => guesses.right(place),
        Ok(None) if compared.get() > 0 => guesses.wrong(is_known),
        Ok(None) => {}
        Err(Unheard::Crowded) => metrics.passwords_crowded.add(1),
        Err(Unheard::Guessed(_)) => metrics.passwords_guessed.add(1),
    }
    found
}

fn tries<'c>(call: &Call<'c>, user: &[u8], password: &[u8]) -> Vec<Try<'c>> {
    let state = call.state;
    let passwords = &call.worker.shared.answers.passwords;
    let pair = [user, b":", password].concat();
    let of = |id, hash: &'c str, place| Try {
        digest: passwords.key(id, hash, &pair),
        hash,
        place,
    };
    // Others may have the name as well: of those that have nothing to do with the route nobody is told,
    // and those that may call come first.
    let rank = |key: &Key| match access::judge(state, key, call.route, call.utc()) {
        Ok(_) => Some(0),
        Err(Code::NotSubscribed) => None,
        Err(_) => Some(1),
    };
    let named = state.keys.all(KeyDigest::of_user(user));
    let named = named.filter_map(|key| {
        let rank = rank(key)?;
        let hash = state.keys.hashes.of(key.id)?.as_str();
        let place = (key.digest.prefix(), key.id);
        Some((rank, of(key.id, hash, Some(place))))
    });
    let mut named: Vec<(u8, Try<'c>)> = named.take(MOST_NAMED).collect();
    named.sort_by_key(|(rank, _)| *rank);
    let mut tries: Vec<Try<'c>> = named.into_iter().map(|(_, one)| one).collect();
    if tries.is_empty() {
        tries.push(of(CredentialId::NIL, NOBODYS, None));
    }
    tries
}

/// Who guesses, and whose password.
struct Guesses<'c, 'a> {
    call: &'c Call<'a>,
    name: CellKey,
    address: CellKey,
}

impl<'c, 'a> Guesses<'c, 'a> {
    fn of(call: &'c Call<'a>, user: &[u8]) -> Self {
        let key = |subject| CellKey {
            limit: NUMBER,
            subject,
        };
        Self {
            call,
            name: key(call.worker.shared.users.subject(user)),
            address: key(call.address()),
        }
    }

    /// By now: it may have waited.
    fn now(&self) -> u64 {
        self.call.worker.settings.clock.micros() / 1000
    }

    /// A credential, as what stands for it: others with the same name are others.
    fn pair(&self, (_, id): Place) -> CellKey {
        CellKey {
            subject: id.uuid().as_u128(),
            ..self.name
        }
    }

    /// Whether the credential's password came from this address lately.
    fn knows(&self, place: Place) -> bool {
        let users = &self.call.worker.shared.users;
        users.knows(&self.pair(place), self.address.subject, self.now())
    }

    /// Nobody keeps the owner of a name out where its password came from lately.
    fn may(&self, is_known: bool) -> Result<(), Unheard> {
        let shared = &self.call.worker.shared;
        let now = self.now();
        let by_name = match is_known {
            true => 0,
            false => shared.users.watched.blocked(&self.name, now),
        };
        match by_name.max(shared.watched.blocked(&self.address, now)) {
            0 => Ok(()),
            left => Err(Unheard::Guessed(left)),
        }
    }

    fn right(&self, place: Place) {
        let users = &self.call.worker.shared.users;
        users.know(&self.pair(place), self.address.subject, self.now());
    }

    fn wrong(&self, is_known: bool) {
        let shared = &self.call.worker.shared;
        let now = self.now();
        if !is_known {
            shared.users.watched.failed(self.name, BY_NAME, now);
        }
        shared.watched.failed(self.address, BY_ADDRESS, now);
    }
}
