//! Every kind of policy goes through its form and through YAML, and comes back as it was.

use serde_json::{Value, json};

use super::*;
use crate::form::{Control, Line, Sort};

mod properties;
mod typed;

fn read(whole: Value) -> Policy {
    let text = whole.to_string();
    serde_json::from_value(whole).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn pairs(list: &[(&str, &str)]) -> Pairs {
    let own = list
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    own.collect()
}

/// The policy that comes back from its form, by way of a browser.
fn through_form(policy: &Policy) -> Policy {
    let fields = Sheet::of(policy).to_fields().expect("a form shows it");
    // A browser sends line breaks in its own way.
    let sent: Pairs = fields
        .into_iter()
        .map(|(name, value)| (name, value.replace('\n', "\r\n")))
        .collect();
    let back = Sheet::typed(policy.kind(), &sent, &[]);
    assert_eq!(back.wrong, vec![], "{sent:?}");
    whole(&back)
}

fn through_yaml(policy: &Policy) -> Policy {
    let yaml = Sheet::of(policy).to_yaml();
    let back = Sheet::from_yaml(policy.kind(), &yaml);
    whole(&back.unwrap_or_else(|wrong| panic!("{yaml}: {wrong:?}")))
}

fn whole(sheet: &Sheet) -> Policy {
    read(json!({ sheet.kind.as_str(): sheet.members }))
}

/// Policies that have every member which their form has, together.
fn full() -> Vec<Policy> {
    let all = json!([
        { "key_auth": { "mode": "observe", "name": "k", "optional": true, "query": "api_key" } },
        { "jwt": { "name": "login", "optional": true, "client_claim": "cid", "application": "optional",
            "headers": { "X-User": "sub", "X-Role": "realm.roles" }, "forward": true, "bound": "required", "proof_nonce": true, "single_use": true, "issuers": [
            { "issuer": "https://a.example", "audience": ["x", "y\nz"], "algorithms": ["ES256", "RS256"], "skew": "5s" },
            { "issuer": "https://b.example", "audience": ["x"], "jwks_uri": "https://b.example/keys" },
            { "issuer": "c", "audience": ["x"], "jwks": { "keys": [{ "kty": "RSA", "n": "ü\n", "e": "AQAB" }] } }] } },
        { "mtls": { "name": "m", "optional": true, "application": "optional", "forward": true } },
        { "any_of": { "name": "a", "optional": true, "of": [{ "key_auth": { "query": "k" } }, { "mtls": {} },
            { "jwt": { "issuers": [{ "issuer": "https://a.example", "audience": ["x"] }] } },
            { "oauth2_introspection": { "upstream": "login", "issuer": "i" } }, { "basic_auth": {} }] } },
        { "any_of": { "of": [{ "key_auth": {} }, { "http_signature": { "nonce": true } }] } },
        { "http_signature": { "name": "h", "components": ["@method", "x-a"], "body": false, "max_bytes": 5,
            "max_age": "10s", "nonce": true, "tag": "shop", "optional": true } },
        { "oauth2_introspection": { "name": "o", "upstream": "login", "path": "/i", "issuer": "https://i",
            "audience": ["x"], "optional": true, "client_claim": "cid", "application": "optional",
            "headers": { "X-User": "sub" }, "forward": true, "bound": "none", "cache": "5s", "timeout": "1s", "most_at_once": 9 } },
        { "basic_auth": { "name": "b", "optional": true, "header": "X-User" } },
        { "ext_auth": { "name": "e", "upstream": "authz", "path": "/decide?a=b", "form": "opa",
            "headers": ["x-a"], "pass": ["X-User"], "undecided": "pass", "timeout": "1s", "most_at_once": 9,
            "cache": { "for": "10s", "by": ["application", "path"], "headers": ["x-a"], "claims": ["sub"] } } },
        { "scopes": { "name": "s", "all": ["read"], "any": ["a", "b"], "claim": "realm.roles" } },
        { "rate_limit": { "name": "r", "limit": 5, "window": "1s", "burst": 10, "by": ["key", "address"], "scope": "cluster" } },
        { "rate_limit": { "limit": 5, "window": "1s", "headers": ["X-A", "b"], "claims": ["org.id"], "cost": 2, "delay": "2s", "waiting": 7 } },
        { "rate_limit": { "limit": 5, "window": "1s", "cost_from": { "header": "X-Cost", "max": 9, "keep": true } } },
        { "rate_limit": { "limit": 5, "window": "1s", "algorithm": "sliding_window" } },
        { "jwt": { "platform": true } },
        { "quota": { "name": "q", "limit": 1_000_000_000_000_000_u64, "period": "week", "time_zone": "Europe/Berlin" } },
        { "ip_filter": { "name": "i", "allow": ["10.0.0.0/8", { "net": "192.0.2.0/24", "until": "2026-12-31T00:00:00Z" }], "deny": ["::/0"],
            "allow_lists": ["office"], "deny_lists": ["blocked", "abuse"] } },
        { "compress": { "name": "c", "encodings": ["gzip", "zstd", "br"], "types": ["text/*"], "min_bytes": 1 } },
        { "auth_guard": { "name": "g", "limit": 1, "user_limit": 2, "window": "2s", "block": "3s", "max_block": "4s", "allow": ["10.0.0.0/8"], "allow_lists": ["office"] } },
        { "concurrency": { "name": "n", "limit": 64, "by": ["route"], "queue": { "max": 5, "timeout": "2s" } } },
        { "redirect": { "name": "d", "status": 301, "to": "/v2{rest}" } },
        { "mock": { "name": "o", "status": 201, "content_type": "text/plain", "headers": { "X-A": "", "X-B": "b" }, "body": "\n a\n\n" } },
        { "mock": { "examples": true, "prefer": true, "status": 404 } },
        { "fault": { "name": "f", "delay": { "percent": 10, "time": "2s" }, "abort": { "percent": 5, "status": 503 } } },
        { "cache": { "name": "e", "ttl": "30s", "heuristic": true, "stale_while_revalidate": "1s", "stale_if_error": "1h",
            "max_body": 5, "key_headers": ["A"], "set_cookie": true, "ignore_clients": true, "second_level": "redis" } },
        { "rewrite": { "name": "w", "path": { "from": "/a/{id}", "to": "/b/{id}" }, "set_query": { "a b": "" }, "remove_query": ["x"] } },
        { "rewrite": { "prefix": { "from": "/a", "to": "/" } } },
        { "transform": { "name": "t", "request": { "rename": { "A": "B" }, "remove": ["C"], "set": { "D": "{path}" }, "add": { "E": " e" } }, "response": {} } },
        { "transform": { "request": { "body": { "remove": ["/a/*/b"], "becomes": "{\"x\": body.y}\n", "to": "xml", "root": "r", "arrays": ["i"], "max_bytes": 9 } }, "response": { "status": 204 } } },
        { "mirror": { "name": "m", "upstream": "candidate", "percent": 5 } },
        { "cors": { "name": "c", "origins": ["*"], "methods": ["GET"], "headers": ["A"], "expose": ["B"], "credentials": true, "max_age": "1s" } },
        { "request_limits": { "name": "l", "body": 0, "headers": 1, "header_bytes": 64, "query": 0 } },
        { "security_headers": { "name": "h", "hsts": { "max_age": "365d", "include_subdomains": true, "preload": true },
            "nosniff": false, "frame": "off", "referrer": "strict-origin-when-cross-origin", "remove": [] } },
        { "json_threat": { "name": "j", "depth": 1, "members": 2, "items": 3, "text": 4, "member_name": 5, "duplicates": true, "max_bytes": 6 } },
        { "threat_patterns": { "mode": "enforce", "name": "p", "groups": ["sql", "xss"], "query": false, "headers": ["X-A", "X-B"], "body": false, "exclude": ["q", "/a/*"], "patterns": ["a+", "b c"], "max_bytes": 7 } },
        { "log_detail": { "name": "d", "request": ["body"], "answer": ["headers"], "types": ["text", "json"], "max_bytes": 9, "mask": ["$.a[0]", "$..b"], "mask_headers": ["X-A"], "sample": 5, "only": ["5xx", "4xx"] } },
        { "validate": { "name": "v", "parameters": false, "body": false, "declared_query": true, "formats": true, "responses": "strip_undeclared", "max_bytes": 1 } },
        { "expression": { "name": "x", "allow": "caller.plan == \"gold\" ||\n  true\n", "detail": "Only \"gold\"." } },
    ]);
    all.as_array().unwrap().iter().cloned().map(read).collect()
}

/// The YAML examples of the documentation.
fn documented() -> Vec<Policy> {
    let text = include_str!("../../../../docs/policies.md");
    let blocks = text.split("```yaml\n").skip(1);
    let mut found = Vec::new();
    for block in blocks.filter_map(|rest| rest.split("```").next()) {
        let value = crate::openapi::read(block.as_bytes()).unwrap();
        let list = value.get("policies").unwrap_or(&value);
        found.extend(list.as_array().unwrap().iter().cloned().map(read));
    }
    assert!(found.len() >= 9, "the examples of docs/policies.md");
    found
}

#[test]
fn every_kind_has_a_form() {
    for kind in PolicyKind::ALL {
        let parts = parts(*kind);
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names[..2], ["mode", "name"], "{kind:?}");
        let first = shown(*kind).first().map(|part| part.name.as_str());
        let wanted = match kind {
            PolicyKind::LogDetail => "name",
            _ => "mode",
        };
        assert_eq!(first, Some(wanted), "{kind:?}");
        for part in parts {
            assert_ne!(part.control, Control::Free, "{kind:?} {}", part.name);
            assert!(
                !part.title.is_empty() && !part.help.is_empty(),
                "{kind:?} {}",
                part.name
            );
            // The page has fields of its own.
            assert!(!["do", "etag", "kind", "was", "yaml"].contains(&part.name.as_str()));
        }
        let shown = full().into_iter().filter(|policy| policy.kind() == *kind);
        let said: Vec<String> = shown
            .flat_map(|policy| Sheet::of(&policy).members)
            .map(|(name, _)| name)
            .collect();
        let missing = names[1..]
            .iter()
            .find(|name| !said.iter().any(|said| said == *name));
        assert_eq!(
            missing, None,
            "{kind:?} is in the examples with all its fields"
        );
    }
}

#[test]
fn parts_are_what_the_schema_says() {
    let of = |kind, name: &str| {
        parts(kind)
            .iter()
            .find(|part| part.name == name)
            .unwrap()
            .clone()
    };
    let limit = of(PolicyKind::RateLimit, "limit");
    assert!(limit.required);
    let Control::Number {
        least, most, unit, ..
    } = limit.control
    else {
        panic!("a number");
    };
    assert_eq!(
        (least, most, unit.as_deref()),
        (1, 1_000_000_000, Some("requests"))
    );
    assert!(
        matches!(of(PolicyKind::RateLimit, "by").control, Control::Set(choices) if choices.len() == 5)
    );
    let window = of(PolicyKind::AuthGuard, "window");
    assert_eq!(window.default, Some(json!("60s")));
    assert!(matches!(
        window.control,
        Control::Text {
            sort: Sort::Span,
            ..
        }
    ));
    assert!(
        matches!(of(PolicyKind::IpFilter, "allow").control, Control::Lines(Line::Short(parts)) if parts.len() == 2)
    );
    assert!(
        matches!(of(PolicyKind::Jwt, "headers").control, Control::Pairs { value, .. } if value == "Claim")
    );
    let Control::Rows(rows) = of(PolicyKind::AnyOf, "of").control else {
        panic!("rows");
    };
    let Control::Ways(ways) = rows.item else {
        panic!("ways");
    };
    let key = &ways[0];
    let names: Vec<&str> = key.parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!((key.name.as_str(), names), ("key_auth", vec!["query"]));
    assert_eq!((rows.title.as_str(), rows.least), ("Way", 2));
}

#[test]
fn policies_come_back_as_they_were() {
    for policy in full().into_iter().chain(documented()) {
        assert_eq!(through_form(&policy), policy);
        assert_eq!(through_yaml(&policy), policy);
    }
}
