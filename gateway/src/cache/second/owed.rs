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
    /// The number of the newest purge that was told of each API.
    pub(super) newest: HashMap<ApiId, u64>,
    /// APIs that are no more.
    pub(super) gone: HashSet<ApiId>,
}

#[derive(Debug, Default)]
pub(super) struct Owed {
    everything: bool,
    versions: HashMap<Uuid, Part>,
    /// Of all versions.
    count: usize,
}

/// What of a version goes.
#[derive(Debug)]
enum Part {
    These(HashSet<Name>),
    All,
}

impl Part {
    fn len(&self) -> usize {
        match self {
            Self::These(names) => names.len(),
            Self::All => 1,
        }
    }
}

/// Requests wait for each other here: names are made before and after, and not meanwhile.
impl Owed {
    pub(super) fn add_everything(&mut self) {
        *self = Self {
            everything: true,
            ..Self::default()
        };
    }

    pub(super) const fn is_everything(&self) -> bool {
        self.everything
    }

    pub(super) fn add(&mut self, version: Uuid, names: impl IntoIterator<Item = Name>) {
        let mut names = names.into_iter().peekable();
        if self.everything || names.peek().is_none() {
            return;
        }
        let part = self.versions.entry(version);
        let part = part.or_insert_with(|| Part::These(HashSet::new()));
        let before = part.len();
        if let Part::These(own) = part {
            own.extend(names);
            if own.len() > MOST_OF_VERSION {
                *part = Part::All;
            }
        }
        self.count = self.count + part.len() - before;
        self.shrink();
    }

    /// All of a version goes.
    pub(super) fn add_all(&mut self, version: Uuid) {
        if self.everything {
            return;
        }
        let before = self.versions.insert(version, Part::All);
        self.count = self.count + 1 - before.map_or(0, |part| part.len());
        self.shrink();
    }

    /// Lets all of the versions go that have most, where there is too much.
    fn shrink(&mut self) {
        while self.count > MOST {
            let most = self.versions.values_mut().max_by_key(|part| part.len());
            match most {
                Some(part) if part.len() > 1 => {
                    self.count = self.count + 1 - part.len();
                    *part = Part::All;
                }
                Some(_) | None => self.add_everything(),
            }
        }
    }

    /// What could not be told.
    pub(super) fn put_back(&mut self, other: Self) {
        if other.everything {
            self.add_everything();
        }
        for (version, part) in other.versions {
            match part {
                Part::These(names) => self.add(version, names),
                Part::All => self.add_all(version),
            }
        }
    }

    pub(super) fn names(&self, secret: &Secret) -> Vec<Name> {
        if self.everything {
            return vec![secret.everything()];
        }
        let mut all = Vec::with_capacity(self.count);
        for (version, part) in &self.versions {
            match part {
                Part::These(names) => all.extend(names),
                Part::All => all.push(secret.version(*version)),
            }
        }
        all
    }

    /// The parts of addresses that these are in, which go with them, and not later: what is on its
    /// way is told by them that it is old.
    pub(super) fn changed(&self, secret: &Secret) -> HashSet<Name> {
        let mut all = HashSet::new();
        for (version, part) in &self.versions {
            if let Part::These(names) = part {
                let addresses = names.iter().filter(|name| name.is_address());
                all.extend(addresses.map(|address| secret.changed(*version, address)));
            }
        }
        all
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
        owed.add(version(1), []);
        assert!(told(&owed, &secret).is_empty());
        for _ in 0..3 {
            owed.add(version(1), [address(1, 1), address(1, 2)]);
        }
        assert_eq!(told(&owed, &secret).len(), 2);
        let changed = [1, 2].map(|number| secret.changed(version(1), &address(1, number)));
        assert_eq!(owed.changed(&secret), HashSet::from(changed));
        for number in 0..MOST * 2 {
            owed.add(version(2), [address(2, number)]);
        }
        let names = told(&owed, &secret);
        assert_eq!(names.len(), 3);
        for name in [address(1, 1), address(1, 2), secret.version(version(2))] {
            assert!(names.contains(&name), "{name:?}");
        }
        owed.add_all(version(1));
        owed.add(version(1), [address(1, 1)]);
        assert_eq!(told(&owed, &secret).len(), 2);
        assert!(owed.changed(&secret).is_empty());
    }

    #[test]
    fn all_together_are_bounded() {
        let secret = Secret::new(None);
        let mut owed = Owed::default();
        for of in 0..8 {
            let names = (0..MOST_OF_VERSION)
                .map(|number| secret.of_address(version(of), &number.to_string()));
            owed.add(version(of), names);
        }
        let names = told(&owed, &secret);
        let gone = (0..8).filter(|of| names.contains(&secret.version(version(*of))));
        assert_eq!(gone.count(), 5, "the others go by themselves");
        for of in 0..=MOST {
            let name = secret.of_address(version(of), "a");
            owed.add(version(of), [name]);
        }
        assert_eq!(told(&owed, &secret), [secret.everything()]);
    }

    #[test]
    fn what_could_not_be_told_is_told_later() {
        let secret = Secret::new(None);
        let name = |of: usize| secret.of_address(version(of), "a");
        let (mut first, mut second) = (Owed::default(), Owed::default());
        first.add(version(1), [name(1)]);
        first.add_all(version(3));
        second.add(version(2), [name(2)]);
        second.put_back(first);
        let names = told(&second, &secret);
        assert_eq!(names.len(), 3);
        for name in [name(1), name(2), secret.version(version(3))] {
            assert!(names.contains(&name), "{name:?}");
        }
        let mut everything = Owed::default();
        everything.add_everything();
        second.put_back(everything);
        assert_eq!(told(&second, &secret), [secret.everything()]);
    }
}
