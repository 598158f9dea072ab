//! What is to be taken out of the second level, until it is told: each thing once, and of one
//! version only so much, so that a flood of changes to one costs the others nothing.

use std::collections::{HashMap, HashSet};

use domain::id::ApiId;
use uuid::Uuid;

use super::Purges;
use super::names::{Name, Secret};

/// Of one version: beyond that all of the version goes.
const MOST_OF_VERSION: usize = 1024;
/// Of all together: beyond that all of the versions goes that have most, and in the end everything.
const MOST: usize = 4096;

/// What Redis is told before anything is asked of it again.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) owed: Owed,
    /// Purges that were asked for in the management plane, the newest knowledge of each API.
    pub(super) purged: HashMap<ApiId, Purges>,
    /// APIs that are no more.
    pub(super) gone: HashSet<ApiId>,
}

#[derive(Debug, Default)]
pub(super) struct Owed {
    everything: bool,
    versions: HashMap<Uuid, HashSet<Name>>,
    /// Of all versions.
    count: usize,
}

impl Owed {
    pub(super) fn add_everything(&mut self) {
        *self = Self {
            everything: true,
            ..Self::default()
        };
    }

    pub(super) fn add(
        &mut self,
        secret: &Secret,
        version: Uuid,
        names: impl IntoIterator<Item = Name>,
    ) {
        if self.everything {
            return;
        }
        let all = secret.version(version);
        let own = self.versions.entry(version).or_default();
        let before = own.len();
        for name in names {
            if own.contains(&all) {
                break;
            }
            own.insert(name);
            if own.len() > MOST_OF_VERSION {
                *own = HashSet::from([all]);
            }
        }
        let now = own.len();
        self.count = self.count + now - before;
        if now == 0 {
            self.versions.remove(&version);
        }
        while self.count > MOST {
            self.shrink(secret);
        }
    }

    /// Lets all of the version go that has most.
    fn shrink(&mut self, secret: &Secret) {
        let most = self.versions.iter_mut().max_by_key(|(_, own)| own.len());
        match most {
            Some((version, own)) if own.len() > 1 => {
                self.count = self.count + 1 - own.len();
                *own = HashSet::from([secret.version(*version)]);
            }
            Some(_) | None => self.add_everything(),
        }
    }

    /// What could not be told.
    pub(super) fn put_back(&mut self, secret: &Secret, other: Self) {
        if other.everything {
            self.add_everything();
        }
        for (version, names) in other.versions {
            self.add(secret, version, names);
        }
    }

    pub(super) fn names(&self, secret: &Secret) -> Vec<Name> {
        if self.everything {
            return vec![secret.everything()];
        }
        self.versions.values().flatten().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: usize) -> Uuid {
        Uuid::from_u128(number as u128)
    }

    fn told(owed: &Owed, secret: &Secret) -> Vec<Name> {
        let names = owed.names(secret);
        assert!(owed.everything || owed.count == names.len());
        assert!(names.len() <= MOST);
        names
    }

    #[test]
    fn things_are_told_once_and_a_flood_costs_its_version() {
        let secret = Secret::new(None);
        let address =
            |of: usize, number: usize| secret.of_address(version(of), &number.to_string());
        let mut owed = Owed::default();
        owed.add(&secret, version(1), []);
        assert!(told(&owed, &secret).is_empty());
        for _ in 0..3 {
            owed.add(&secret, version(1), [address(1, 1), address(1, 2)]);
        }
        assert_eq!(told(&owed, &secret).len(), 2);
        for number in 0..MOST * 2 {
            owed.add(&secret, version(2), [address(2, number)]);
        }
        let names = told(&owed, &secret);
        assert_eq!(names.len(), 3);
        for name in [address(1, 1), address(1, 2), secret.version(version(2))] {
            assert!(names.contains(&name), "{name:?}");
        }
    }

    #[test]
    fn all_together_are_bounded() {
        let secret = Secret::new(None);
        let mut owed = Owed::default();
        for of in 0..8 {
            let names = (0..MOST_OF_VERSION)
                .map(|number| secret.of_address(version(of), &number.to_string()));
            owed.add(&secret, version(of), names);
        }
        let names = told(&owed, &secret);
        let gone = (0..8).filter(|of| names.contains(&secret.version(version(*of))));
        assert_eq!(gone.count(), 5, "the others go by themselves");
        for of in 0..=MOST {
            let name = secret.of_address(version(of), "a");
            owed.add(&secret, version(of), [name]);
        }
        assert_eq!(told(&owed, &secret), [secret.everything()]);
    }

    #[test]
    fn what_could_not_be_told_is_told_later() {
        let secret = Secret::new(None);
        let name = |of: usize| secret.of_address(version(of), "a");
        let (mut first, mut second) = (Owed::default(), Owed::default());
        first.add(&secret, version(1), [name(1)]);
        second.add(&secret, version(2), [name(2)]);
        second.put_back(&secret, first);
        let names = told(&second, &secret);
        assert!(names.len() == 2 && names.contains(&name(1)) && names.contains(&name(2)));
        let mut everything = Owed::default();
        everything.add_everything();
        second.put_back(&secret, everything);
        assert_eq!(told(&second, &secret), [secret.everything()]);
    }
}
