//! What people type, and what nobody does by hand.

use super::super::*;
use super::pairs;
use crate::form::Control;

#[test]
fn what_was_typed_is_kept_in_yaml_and_back() {
    let typed = pairs(&[
        ("mode", "observe"),
        ("limit", "many"),
        ("window", ""),
        ("by", "key"),
    ]);
    let sheet = Sheet::typed(PolicyKind::RateLimit, &typed, &[]);
    let yaml = sheet.to_yaml();
    assert_eq!(
        yaml,
        "rate_limit:\n  mode: observe\n  limit: many\n  by:\n  - key\n"
    );
    let back = Sheet::from_yaml(PolicyKind::RateLimit, &yaml).unwrap();
    let fields = back.to_fields().unwrap();
    assert!(
        fields.contains(&("limit".to_owned(), "many".to_owned())),
        "{fields:?}"
    );
    assert!(fields.contains(&("by".to_owned(), "key".to_owned())));
    // What has no field is not dropped without a word.
    let more = Sheet::from_yaml(PolicyKind::RateLimit, "rate_limit: { limt: 5 }").unwrap();
    assert_eq!(more.to_fields().unwrap_err()[0].pointer, "/limt");
    let odd = Sheet::from_yaml(
        PolicyKind::Jwt,
        "jwt: { issuers: [{ isuer: x }], headers: 5 }",
    )
    .unwrap();
    let fields = odd.to_fields().unwrap();
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert!(
        names.contains(&"issuers:json") && names.contains(&"headers:json"),
        "{names:?}"
    );
    assert_eq!(
        Sheet::typed(PolicyKind::Jwt, &fields, &[]).members,
        odd.members
    );
}

#[test]
fn problems_stand_at_their_fields_all_at_once() {
    let told = |kind, fields: &[(&str, &str)]| -> Vec<String> {
        let sheet = Sheet::typed(kind, &pairs(fields), &["do"]);
        let wrong = sheet.policy().expect_err("refused");
        wrong.into_iter().map(|invalid| invalid.pointer).collect()
    };
    use PolicyKind as Kind;
    /// A kind, what was typed, and where something is wrong.
    type Case = (
        Kind,
        &'static [(&'static str, &'static str)],
        &'static [&'static str],
    );
    let table: [Case; 12] = [
        (
            Kind::RateLimit,
            &[("limit", "many"), ("window", "48h"), ("burst", "0")],
            &["/limit", "/burst", "/window"],
        ),
        (Kind::RateLimit, &[("do", "save")], &["/limit", "/window"]),
        (
            Kind::RateLimit,
            &[
                ("limit", "1"),
                ("window", "1s"),
                ("by", "moon"),
                ("scope", "sky"),
            ],
            &["/by", "/scope"],
        ),
        (
            Kind::IpFilter,
            &[(
                "allow",
                "10.0.0.0/8\r\n\r\n10.0.0.1/8\r\n10.0.0.0/8 until then",
            )],
            &["/allow", "/allow", "/allow"],
        ),
        (
            Kind::Jwt,
            &[
                ("issuers", "1"),
                ("issuers/0/issuer", "x"),
                ("issuers/0/audience", "a"),
                ("issuers/0/skew", "1w"),
                ("issuers/0/algorithms", "RS256"),
                ("headers", "2"),
                ("headers/0/name", "Cookie"),
                ("headers/0/value", "sub"),
                ("headers/1/value", "x"),
            ],
            &[
                "/headers/1",
                "/issuers/0/skew",
                "/issuers/0/issuer",
                "/headers/0",
            ],
        ),
        (Kind::Jwt, &[], &["/issuers"]),
        (
            Kind::Jwt,
            &[
                ("issuers", "1"),
                ("issuers/0/issuer", "https://a.example"),
                ("issuers/0/audience", "x"),
                ("issuers/0/jwks", "{"),
            ],
            &["/issuers/0/jwks", "/issuers/0/algorithms"],
        ),
        (
            Kind::AnyOf,
            &[("of", "2"), ("of/0", "key_auth"), ("of/1", "key_auth")],
            &["/of/1"],
        ),
        (
            Kind::AnyOf,
            &[("of", "2"), ("of/0", "moon")],
            &["/of/0", "/of/1"],
        ),
        (
            Kind::Fault,
            &[
                ("abort", "on"),
                ("abort/percent", "300"),
                ("abort/status", "200"),
            ],
            &["/abort/percent", "/abort/status"],
        ),
        (Kind::Fault, &[("abort/percent", "300")], &[""]),
        (
            Kind::Transform,
            &[
                ("request", "on"),
                ("response", "on"),
                ("response/set", "1"),
                ("response/set/0/name", "Set-Cookie"),
                ("response/set/0/value", "{moon}"),
            ],
            &["/request", "/response/set/0", "/response/set/0"],
        ),
    ];
    for (kind, fields, pointers) in table {
        assert_eq!(told(kind, fields), pointers, "{kind:?} {fields:?}");
    }
    let lines = Sheet::typed(
        Kind::IpFilter,
        &pairs(&[("allow", "10.0.0.0/8\n\n10.0.0.1/8")]),
        &[],
    );
    assert!(
        lines.policy().unwrap_err()[0]
            .message
            .starts_with("Line 3: ")
    );
    let yaml = Sheet::from_yaml(
        Kind::RateLimit,
        "rate_limit: { limit: 0, window: 1w, brst: 5 }",
    )
    .unwrap();
    let told: Vec<String> = yaml
        .policy()
        .unwrap_err()
        .into_iter()
        .map(|one| one.message)
        .collect();
    assert!(
        told[0].starts_with("/brst: ")
            && told[1].starts_with("/limit: ")
            && told[2].starts_with("/window: "),
        "{told:?}"
    );
}

#[test]
fn texts_that_are_no_policy_of_the_kind_are_refused() {
    let long = format!("rate_limit: {{ limit: {} }}", "1".repeat(MOST_YAML));
    let deep = format!("jwt: {}", "[".repeat(5000));
    let bomb = "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]\n";
    for text in [
        "",
        "jwt",
        "jwt: 5",
        "quota: {}",
        "jwt: {}\nquota: {}",
        "[]",
        "moon: {}",
        "jwt: {",
        &long,
        &deep,
        bomb,
    ] {
        assert!(
            Sheet::from_yaml(PolicyKind::Jwt, text).is_err(),
            "{text:.40}"
        );
    }
    for text in [
        "jwt:",
        "jwt: {}",
        "- jwt: {}",
        "{\"jwt\": {}}",
        "# why\njwt: {}\n",
    ] {
        assert!(Sheet::from_yaml(PolicyKind::Jwt, text).is_ok(), "{text}");
    }
}

#[test]
fn rows_are_added_taken_out_and_moved() {
    let kind = PolicyKind::Jwt;
    let mut fields = Sheet::blank(kind).to_fields().unwrap();
    let value = |fields: &Pairs, name: &str| {
        let held = fields.iter().find(|(known, _)| known == name);
        held.map(|(_, value)| value.clone())
    };
    assert_eq!(value(&fields, "issuers").as_deref(), Some("0"));
    assert_eq!(
        act(kind, &mut fields, Act::Add, "issuers").as_deref(),
        Some("issuers/0")
    );
    fields.retain(|(name, _)| !matches!(name.as_str(), "issuers/0/issuer" | "issuers/0/jwks:json"));
    fields.push(("issuers/0/issuer".to_owned(), "first".to_owned()));
    fields.push(("issuers/0/jwks:json".to_owned(), "1".to_owned()));
    assert_eq!(
        act(kind, &mut fields, Act::Add, "issuers").as_deref(),
        Some("issuers/1")
    );
    // A new row comes with what is usual.
    assert_eq!(
        value(&fields, "issuers/1/algorithms").as_deref(),
        Some("RS256")
    );
    act(kind, &mut fields, Act::Up, "issuers/1");
    assert_eq!(value(&fields, "issuers/1/issuer").as_deref(), Some("first"));
    assert_eq!(value(&fields, "issuers/1/jwks:json").as_deref(), Some("1"));
    act(kind, &mut fields, Act::Remove, "issuers/0");
    assert_eq!(value(&fields, "issuers").as_deref(), Some("1"));
    assert_eq!(value(&fields, "issuers/0/issuer").as_deref(), Some("first"));
    let before = fields.clone();
    for at in [
        "",
        "/",
        "moon",
        "issuers/9",
        "issuers/x",
        "issuers/0/issuer",
        "issuers/0/issuer/0",
        "headers/99999999999999999999999",
    ] {
        for what in [Act::Add, Act::Remove, Act::Up] {
            act(kind, &mut fields, what, at);
            assert_eq!(fields, before, "{what:?} {at}");
        }
    }
    for _ in 0..200 {
        act(kind, &mut fields, Act::Add, "headers");
    }
    assert_eq!(value(&fields, "headers").as_deref(), Some("100"));
}

#[test]
fn floods_of_fields_end() {
    let many: Pairs = (0..5000)
        .map(|at| (format!("x{at}"), String::new()))
        .collect();
    let sheet = Sheet::typed(PolicyKind::Jwt, &many, &[]);
    assert!(sheet.policy().unwrap_err()[0].message.contains("4,000"));
    for (name, count) in [
        ("issuers", "1000000"),
        ("issuers", "-1"),
        ("headers", "101"),
        ("issuers", "x"),
    ] {
        let wrong = Sheet::typed(PolicyKind::Jwt, &pairs(&[(name, count)]), &[])
            .policy()
            .unwrap_err();
        let at = format!("/{name}");
        assert!(
            wrong
                .iter()
                .any(|one| one.pointer == at && one.message.contains("100 rows")),
            "{wrong:?}"
        );
    }
    let unknown = Sheet::typed(
        PolicyKind::Jwt,
        &pairs(&[
            ("issuers", "1"),
            ("issuers/7/issuer", "x"),
            (&"y".repeat(9000), ""),
        ]),
        &[],
    );
    let wrong = unknown.policy().unwrap_err();
    assert!(
        wrong
            .iter()
            .any(|one| one.message.contains("issuers/7/issuer") && one.message.len() < 200),
        "{wrong:?}"
    );
    let lines = "10.0.0.0/8\n".repeat(20_000);
    let wrong = Sheet::typed(PolicyKind::IpFilter, &pairs(&[("allow", &lines)]), &[])
        .policy()
        .unwrap_err();
    assert!(wrong.len() <= shape::MOST_PROBLEMS);
}

#[test]
fn what_is_emptied_is_not_set() {
    use PolicyKind as Kind;
    let members = |kind, fields: &[(&str, &str)]| {
        let sheet = Sheet::typed(kind, &pairs(fields), &[]);
        assert_eq!(sheet.wrong, vec![], "{fields:?}");
        Value::Object(sheet.members)
    };
    for (kind, fields, wanted) in [
        (Kind::KeyAuth, [("optional:json", "")], json!({})),
        (Kind::KeyAuth, [("optional:json", " \r\n")], json!({})),
        // What stands there is a default, which is something else than nothing.
        (
            Kind::SecurityHeaders,
            [("remove:json", "")],
            json!({ "nosniff": false }),
        ),
        (
            Kind::SecurityHeaders,
            [("nosniff:json", "")],
            json!({ "remove": [] }),
        ),
        (Kind::IpFilter, [("allow:json", "")], json!({})),
        (Kind::Jwt, [("headers:json", "")], json!({})),
        (Kind::Transform, [("request:json", "")], json!({})),
        (
            Kind::KeyAuth,
            [("optional:json", "false")],
            json!({ "optional": false }),
        ),
    ] {
        assert_eq!(members(kind, &fields), wanted, "{kind:?} {fields:?}");
    }
    let sheet = Sheet::typed(
        Kind::RateLimit,
        &pairs(&[("limit:json", ""), ("window", "1s")]),
        &[],
    );
    let told = sheet.policy().expect_err("a limit is missing");
    assert_eq!(told, [Invalid::new("/limit:json", "Fill this in.")]);
}

#[test]
fn what_was_chosen_can_be_taken_back() {
    let kind = PolicyKind::Transform;
    let Some(request) = parts(kind).iter().find(|part| part.name == "request") else {
        panic!("requests are transformed");
    };
    let inner = |part: &Part, name: &str| {
        let Control::Group(parts) = &part.control else {
            panic!("{} is a group", part.name);
        };
        parts.iter().find(|part| part.name == name).unwrap().clone()
    };
    let to = inner(&inner(request, "body"), "to");
    assert!(to.may_be_unset());
    for (typed, wanted) in [("json", json!({ "to": "json" })), ("", json!({}))] {
        let fields = [
            ("request", "on"),
            ("request/body", "on"),
            ("request/body/to", typed),
        ];
        let sheet = Sheet::typed(kind, &pairs(&fields), &[]);
        assert_eq!(sheet.members["request"]["body"], wanted);
    }
    // Something else would hold in its place.
    let mode = parts(kind).iter().find(|part| part.name == "mode").unwrap();
    assert!(!mode.may_be_unset());
}
