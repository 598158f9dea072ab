//! The table of rights: laws that hold for every action.

use super::*;

fn person(role: OrganizationRole, team: Option<TeamRole>) -> Person {
    Person {
        id: UserId::from_name("user", "ines"),
        operator: false,
        memberships: vec![Membership {
            organization: OrganizationId::from_name("o", "here"),
            role,
            suspended: false,
            teams: team
                .map(|role| (TeamId::from_name("t", "a"), role))
                .into_iter()
                .collect(),
        }],
        scopes: None,
    }
}

fn here() -> Owned {
    Owned {
        organization: OrganizationId::from_name("o", "here"),
        team: Some(TeamId::from_name("t", "a")),
    }
}

#[test]
fn more_role_is_never_less_right() {
    for action in Action::ALL {
        let mut before = false;
        for role in [
            OrganizationRole::Member,
            OrganizationRole::Admin,
            OrganizationRole::Owner,
        ] {
            let now = may(&Actor::Person(person(role, None)), action, here()).is_ok();
            assert!(now || !before, "{action:?} {role:?}");
            before = now;
        }
        assert!(before, "an owner may {action:?}");
    }
}

#[test]
fn a_stranger_is_told_nothing() {
    let elsewhere = Owned {
        organization: OrganizationId::from_name("o", "there"),
        team: None,
    };
    let mut operator = person(OrganizationRole::Owner, None);
    operator.operator = true;
    for action in Action::ALL {
        assert_eq!(
            may(&Actor::Person(operator.clone()), action, elsewhere),
            Err(Denied::Stranger)
        );
        assert_eq!(
            may(&Actor::Anonymous, action, here()),
            Err(Denied::Anonymous)
        );
    }
}

#[test]
fn a_token_never_may_more() {
    let mut token = person(OrganizationRole::Owner, None);
    token.scopes = Some(vec![
        Scope::parse("apis:read").unwrap(),
        Scope::parse("teams:write").unwrap(),
    ]);
    let actor = Actor::Person(token);
    assert_eq!(may(&actor, Action::ReadApi, here()), Ok(()));
    assert_eq!(may(&actor, Action::EditApi, here()), Err(Denied::Role));
    assert_eq!(may(&actor, Action::EditTeam, here()), Ok(()));
    assert_eq!(may(&actor, Action::ReadTeam, here()), Ok(()));
    assert_eq!(may(&actor, Action::ReadAudit, here()), Err(Denied::Role));
}

#[test]
fn a_suspended_organization_is_read_only() {
    let mut owner = person(OrganizationRole::Owner, None);
    owner.memberships[0].suspended = true;
    for action in Action::ALL {
        let verdict = may(&Actor::Person(owner.clone()), action, here());
        assert_eq!(verdict.is_ok(), !action.is_write(), "{action:?}");
    }
}

#[test]
fn no_team_labels_its_own() {
    let actor = Actor::Person(person(OrganizationRole::Member, Some(TeamRole::Maintainer)));
    for (own, label) in [
        (Action::EditApi, Action::LabelApi),
        (Action::EditApplication, Action::LabelApplication),
    ] {
        assert_eq!(may(&actor, own, here()), Ok(()));
        assert_eq!(may(&actor, label, here()), Err(Denied::Role));
    }
}

#[test]
fn a_developer_makes_keys_and_does_not_publish() {
    let actor = Actor::Person(person(OrganizationRole::Member, Some(TeamRole::Developer)));
    assert_eq!(may(&actor, Action::ManageCredentials, here()), Ok(()));
    assert_eq!(may(&actor, Action::EditApi, here()), Err(Denied::Role));
    assert_eq!(
        may(&actor, Action::DecideSubscription, here()),
        Err(Denied::Role)
    );
}
