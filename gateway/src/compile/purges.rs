//! What is to be taken out of the cache because somebody has asked for it in the management plane:
//! it comes with the API as of a change, on every node.

use std::collections::{HashMap, HashSet};

use domain::api::Purge;
use domain::id::ApiId;
use domain::snapshot::{self, Kind, Purged};
use uuid::Uuid;

#[derive(Default)]
pub(super) struct Purges {
    /// The newest of each API that was seen.
    known: HashMap<ApiId, u64>,
    due: Vec<(ApiId, Purge)>,
    /// All that are known of those of which something is new, or was to begin with.
    told: Vec<(ApiId, Vec<Purged>)>,
    /// APIs that are no more.
    gone: Vec<ApiId>,
    /// Before the first state nothing is kept.
    has_begun: bool,
}

impl Purges {
    /// Notes what is new of these APIs; `all`: they are all that there are.
    pub(super) fn take(&mut self, apis: &[snapshot::Api], all: bool) {
        for api in apis {
            let Some(newest) = api.purges.last().map(|last| last.number) else {
                continue;
            };
            let known = self.known.insert(api.id, newest);
            if known != Some(newest) {
                self.told.push((api.id, api.purges.clone()));
            }
            if !self.has_begun {
                continue;
            }
            let known = known.unwrap_or(0);
            let first = api.purges.first().map_or(newest, |first| first.number);
            if first > known + 1 || newest < known {
                // Some were missed; of a database that was restored to an earlier moment nobody knows
                // which.
                self.due.push((api.id, Purge::All(true)));
                continue;
            }
            let new = api.purges.iter().filter(|one| one.number > known);
            let new = new.map(|Purged { what, .. }| (api.id, what.clone()));
            self.due.extend(new);
        }
        if all {
            let present: HashSet<ApiId> = apis.iter().map(|api| api.id).collect();
            let gone = self.known.extract_if(|id, _| !present.contains(id));
            self.gone.extend(gone.map(|(id, _)| id));
            self.has_begun = true;
        }
    }

    /// Notes that some are no more.
    pub(super) fn remove(&mut self, gone: &[(Kind, Uuid)]) {
        for (kind, id) in gone {
            let id = ApiId::from_uuid(*id);
            if *kind == Kind::Api && self.known.remove(&id).is_some() {
                self.gone.push(id);
            }
        }
    }

    pub(super) fn gone(&mut self) -> Vec<ApiId> {
        std::mem::take(&mut self.gone)
    }

    pub(super) fn told(&mut self) -> Vec<(ApiId, Vec<Purged>)> {
        std::mem::take(&mut self.told)
    }

    pub(super) fn due(&mut self) -> Vec<(ApiId, Purge)> {
        std::mem::take(&mut self.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(numbers: std::ops::RangeInclusive<u64>) -> snapshot::Api {
        snapshot::Api {
            id: ApiId::from_name("a", "a"),
            organization: domain::id::OrganizationId::from_name("o", "o"),
            slug: "a".to_owned(),
            policies: Vec::new(),
            labels: Vec::new(),
            unreadable: None,
            purges: numbers
                .map(|number| Purged {
                    number,
                    what: Purge::Tag(number.to_string()),
                })
                .collect(),
            retired: Vec::new(),
        }
    }

    #[test]
    fn each_is_due_once() {
        let mut purges = Purges::default();
        let mut due = |apis: &[snapshot::Api], all| -> Vec<String> {
            purges.take(apis, all);
            let due = purges.due().into_iter();
            due.map(|(_, what)| match what {
                Purge::Tag(tag) => tag,
                other => format!("{other:?}"),
            })
            .collect()
        };
        assert!(due(&[api(1..=2)], true).is_empty(), "nothing is kept yet");
        assert!(due(&[api(1..=2)], false).is_empty());
        assert_eq!(due(&[api(1..=4)], false), ["3", "4"]);
        assert_eq!(due(&[api(1..=5)], true), ["5"], "also with a whole state");
        assert!(due(&[api(1..=5)], false).is_empty());
        assert_eq!(due(&[api(4..=6)], false), ["6"]);
        assert_eq!(
            due(&[api(9..=12)], false),
            ["All(true)"],
            "7 and 8 were missed"
        );
        assert_eq!(due(&[api(1..=3)], true), ["All(true)"], "it was restored");
        assert_eq!(due(&[api(1..=4)], false), ["4"]);
        assert!(due(&[], false).is_empty());
    }

    #[test]
    fn of_an_api_that_is_new() {
        let mut purges = Purges::default();
        purges.take(&[], true);
        purges.take(&[api(1..=1)], false);
        assert_eq!(purges.due().len(), 1);
    }

    /// What another node keeps may be of before this one began.
    #[test]
    fn those_of_the_beginning_are_told() {
        let mut purges = Purges::default();
        let mut told = |apis: &[snapshot::Api], all| {
            purges.take(apis, all);
            let told = purges.told().into_iter();
            told.map(|(_, all)| all.len()).collect::<Vec<_>>()
        };
        assert_eq!(told(&[api(1..=2)], true), [2]);
        assert!(told(&[api(1..=2)], true).is_empty());
        assert_eq!(told(&[api(1..=3)], false), [3]);
    }

    #[test]
    fn apis_that_are_no_more_are_told_once() {
        let mut purges = Purges::default();
        let id = api(1..=1).id;
        for all in [true, false] {
            purges.take(&[api(1..=2)], true);
            assert!(purges.gone().is_empty());
            match all {
                true => purges.take(&[], true),
                false => purges.remove(&[(Kind::Version, id.uuid()), (Kind::Api, id.uuid())]),
            }
            assert_eq!(purges.gone(), [id], "{all}");
            purges.remove(&[(Kind::Api, id.uuid())]);
            assert!(purges.gone().is_empty());
        }
    }
}
