//! The chain of policies that a request meets, and where each part of it comes from.

use serde::Serialize;

use crate::policy::any_of::Identity;
use crate::policy::{AttachPoint, Jwt, Mode, Policy, Stage};

/// A policy in a chain, with its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effective<'a> {
    pub from: AttachPoint,
    pub policy: &'a Policy,
}

/// Merges the attach points organization < API < version < operation: of most kinds the nearest
/// wins, those that add up all stay. Whoever says how callers are known says it alone: the nearest
/// place with policies of identity, of whatever kinds; but one that only observes opens nothing that
/// another kind keeps closed. Then the plan's, which always add. The order is by stage, and inside a
/// stage as declared, farthest attach point first.
pub fn chain<'a>(
    organization: &'a [Policy],
    api: &'a [Policy],
    version: &'a [Policy],
    operation: &'a [Policy],
    plan: &'a [Policy],
) -> Vec<Effective<'a>> {
    let near_to_far = [
        (AttachPoint::Operation, operation),
        (AttachPoint::Version, version),
        (AttachPoint::Api, api),
        (AttachPoint::Organization, organization),
    ];
    let mut found: Vec<Effective<'a>> = plan
        .iter()
        .map(|policy| Effective {
            from: AttachPoint::Plan,
            policy,
        })
        .collect();
    for (index, (from, policies)) in near_to_far.iter().enumerate() {
        for policy in *policies {
            let overruled = !policy.kind().adds_up()
                && near_to_far[..index]
                    .iter()
                    .any(|(_, nearer)| nearer.iter().any(|other| replaces(other, policy)));
            if !overruled {
                found.push(Effective {
                    from: *from,
                    policy,
                });
            }
        }
    }
    found.sort_by_key(|effective| (effective.policy.kind().stage(), effective.from));
    found
}

fn replaces(nearer: &Policy, policy: &Policy) -> bool {
    let is_identity = |policy: &Policy| policy.kind().stage() == Stage::Identity;
    let decides = nearer.mode() == Mode::Enforce;
    nearer.kind() == policy.kind() || decides && is_identity(nearer) && is_identity(policy)
}

/// Whether any policy of a chain identifies the caller: then subscription access is implied.
pub fn asks_for_identity(chain: &[Effective<'_>]) -> bool {
    chain
        .iter()
        .any(|effective| effective.policy.kind().stage() == Stage::Identity)
}

/// Whose tokens a chain takes, each once; not the platform's own.
pub fn issuers<'a>(chain: &[Effective<'a>]) -> Vec<&'a str> {
    let mut found: Vec<&str> = Vec::new();
    let mut note = |issuer: &'a str| {
        if !found.contains(&issuer) {
            found.push(issuer);
        }
    };
    let of_jwt = |jwt: &'a Jwt| jwt.issuers.iter().map(|issuer| issuer.issuer.as_str());
    for effective in chain {
        match effective.policy {
            Policy::Jwt(jwt) => of_jwt(jwt).for_each(&mut note),
            Policy::Oauth2Introspection(policy) => note(&policy.issuer),
            Policy::AnyOf(ways) => ways.of.iter().for_each(|way| match way {
                Identity::Jwt(jwt) => of_jwt(jwt).for_each(&mut note),
                Identity::Oauth2Introspection(policy) => note(&policy.issuer),
                Identity::KeyAuth(_)
                | Identity::BasicAuth(_)
                | Identity::HttpSignature(_)
                | Identity::Mtls(_) => {}
            }),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policies(json: &str) -> Vec<Policy> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_nearest_key_auth_wins_and_limits_add_up() {
        let organization =
            policies(r#"[{"rate_limit":{"name":"org","limit":9,"window":"1s"}},{"key_auth":{}}]"#);
        let version = policies(
            r#"[{"key_auth":{"optional":true}},{"rate_limit":{"name":"version","limit":5,"window":"1s"}}]"#,
        );
        let plan = policies(r#"[{"quota":{"limit":1,"period":"day"}}]"#);
        let chain = chain(&organization, &[], &version, &[], &plan);
        let names: Vec<_> = chain.iter().map(|e| (e.from, e.policy.name())).collect();
        assert_eq!(
            names,
            [
                (AttachPoint::Version, "key_auth"),
                (AttachPoint::Organization, "org"),
                (AttachPoint::Version, "version"),
                (AttachPoint::Plan, "quota"),
            ]
        );
        assert!(asks_for_identity(&chain));
    }

    #[test]
    fn the_nearest_place_says_how_callers_are_known_unless_it_only_observes() {
        let version = policies(r#"[{"key_auth":{}}]"#);
        for (operation, kinds) in [
            (r#"[{"basic_auth":{}}]"#, &["basic_auth"][..]),
            (
                r#"[{"basic_auth":{"mode":"observe"}}]"#,
                &["key_auth", "basic_auth"],
            ),
            (
                r#"[{"basic_auth":{"mode":"observe"}},{"mtls":{}}]"#,
                &["basic_auth", "mtls"],
            ),
            (r#"[{"key_auth":{"mode":"observe"}}]"#, &["key_auth"]),
        ] {
            let operation = policies(operation);
            let found = chain(&[], &[], &version, &operation, &[]);
            let found: Vec<_> = found.iter().map(|e| e.policy.kind().as_str()).collect();
            assert_eq!(found, kinds);
        }
    }

    #[test]
    fn issuers_are_told_once_from_wherever_they_stand() {
        let of = |issuer: &str| format!(r#"{{"issuer":"{issuer}","audience":["a"]}}"#);
        let jwt = format!(r#"{{"issuers":[{},{}]}}"#, of("https://a"), of("https://b"));
        for (version, wanted) in [
            ("[]".to_owned(), &[][..]),
            (format!(r#"[{{"jwt":{jwt}}}]"#), &["https://a", "https://b"]),
            (
                format!(
                    r#"[{{"any_of":{{"of":[{{"key_auth":{{}}}},{{"jwt":{jwt}}},{{"jwt":{jwt}}}]}}}}]"#
                ),
                &["https://a", "https://b"],
            ),
            (
                r#"[{"oauth2_introspection":{"upstream":"u","issuer":"https://c"}}]"#.to_owned(),
                &["https://c"],
            ),
        ] {
            let version = policies(&version);
            assert_eq!(issuers(&chain(&[], &[], &version, &[], &[])), wanted);
        }
    }
}
