//! What a person may at one moment, to be compared with what they may later.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{OrganizationRole, Person, Resource, Scope, TeamRole};

/// Scopes, roles and the operator's office, each as a word, with all that it includes: greater
/// standing is a superset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing(BTreeSet<String>);

impl Standing {
    pub fn of(person: &Person) -> Self {
        let mut words = BTreeSet::new();
        for resource in Resource::ALL {
            for write in [false, true] {
                let scope = Scope { resource, write };
                if super::scoped(person, scope) {
                    words.insert(scope.to_string());
                }
            }
        }
        if person.operator {
            words.insert("operator".to_owned());
        }
        for membership in &person.memberships {
            let organization = membership.organization;
            let roles = OrganizationRole::ALL.into_iter();
            for role in roles.filter(|role| *role <= membership.role) {
                words.insert(format!("{organization} {}", role.as_str()));
            }
            if !membership.suspended {
                words.insert(format!("{organization} active"));
            }
            for (team, held) in &membership.teams {
                for role in TeamRole::ALL.into_iter().filter(|role| role <= held) {
                    words.insert(format!("{team} {}", role.as_str()));
                }
            }
        }
        Self(words)
    }

    /// Whether everything that `earlier` allowed is allowed still.
    pub fn includes(&self, earlier: &Self) -> bool {
        self.0.is_superset(&earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Membership;
    use super::*;
    use crate::id::{OrganizationId, TeamId, UserId};

    fn person(role: OrganizationRole, team: TeamRole, scopes: Option<&[&str]>) -> Person {
        let scopes = scopes.map(|texts| texts.iter().filter_map(|text| Scope::parse(text)));
        Person {
            id: UserId::from_name("user", "ines"),
            operator: false,
            memberships: vec![Membership {
                organization: OrganizationId::from_name("organization", "here"),
                role,
                suspended: false,
                teams: vec![(TeamId::from_name("team", "here"), team)],
            }],
            scopes: scopes.map(Iterator::collect),
        }
    }

    #[test]
    fn what_was_lost_is_seen_and_what_was_gained_does_no_harm() {
        use OrganizationRole::{Admin, Member, Owner};
        use TeamRole::{Developer, Maintainer, Viewer};
        let before = person(Admin, Developer, Some(&["apis:write"]));
        let mut suspended = before.clone();
        suspended.memberships[0].suspended = true;
        let mut elsewhere = before.clone();
        elsewhere.memberships[0].organization = OrganizationId::from_name("organization", "there");
        let mut more = before.clone();
        more.operator = true;
        more.memberships.push(Membership {
            organization: OrganizationId::from_name("organization", "there"),
            role: Owner,
            suspended: false,
            teams: Vec::new(),
        });
        for (now, answer, why) in [
            (before.clone(), true, "nothing changed"),
            (
                person(Owner, Maintainer, None),
                true,
                "greater in everything",
            ),
            (more, true, "a further organization, and operator"),
            (
                person(Member, Developer, Some(&["apis:write"])),
                false,
                "no admin",
            ),
            (
                person(Admin, Viewer, Some(&["apis:write"])),
                false,
                "a viewer",
            ),
            (
                person(Admin, Developer, Some(&["apis:read"])),
                false,
                "reads only",
            ),
            (
                person(Admin, Developer, Some(&["teams:write"])),
                false,
                "another scope",
            ),
            (suspended, false, "suspended"),
            (elsewhere, false, "another organization"),
        ] {
            let now = Standing::of(&now);
            assert_eq!(now.includes(&Standing::of(&before)), answer, "{why}");
        }
    }
}
