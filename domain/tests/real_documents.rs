//! What real documents of others ask of requests and answers, where they lie beside the checkout:
//! tables of calls that were written by hand from them, some that fit and some that do not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use domain::contract::{Answered, Asked, Contract, MOST_VIOLATIONS, Rules, Violation};
use domain::openapi::{ParseErrorCode, parse};

/// A request: its operation, its target behind the version's prefix, lines of its head, its body.
/// Then what of it does not fit: place and pointer.
type Call = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

/// An answer: its operation, its status, media type and body; then what of it does not fit.
type Answer = (
    &'static str,
    u16,
    &'static str,
    &'static str,
    &'static [&'static str],
);

struct Real {
    name: &'static str,
    calls: &'static [Call],
    answers: &'static [Answer],
}

const JSON: &str = "content-type: application/json";
const FORM: &str = "content-type: application/x-www-form-urlencoded";
const TEXT: &str = "content-type: text/plain";

const PETSTORE: Real = Real {
    name: "petstore-3.0.yaml",
    calls: &[
        (
            "POST /pet",
            "/pet",
            JSON,
            r#"{"id":10,"name":"doggie","category":{"id":1,"name":"Dogs"},"photoUrls":["a"],"tags":[{"id":0,"name":"x"}],"status":"available"}"#,
            &[],
        ),
        // Both of what is required are missing.
        (
            "POST /pet",
            "/pet",
            JSON,
            r#"{"status":"gone"}"#,
            &["body ", "body ", "body /status"],
        ),
        (
            "PUT /pet",
            "/pet",
            JSON,
            r#"{"name":1,"photoUrls":"a"}"#,
            &["body /name", "body /photoUrls"],
        ),
        (
            "PUT /pet",
            "/pet",
            JSON,
            r#"{"name":"a","photoUrls":["b",2],"tags":[{"id":"x"}],"category":[]}"#,
            &["body /photoUrls/1", "body /tags/0/id", "body /category"],
        ),
        ("POST /pet", "/pet", TEXT, "a", &["header /content-type"]),
        ("POST /pet", "/pet", JSON, "", &["body "]),
        ("POST /pet", "/pet", JSON, "{", &["body "]),
        (
            "POST /pet",
            "/pet",
            FORM,
            "name=a&photoUrls=b&photoUrls=c&status=sold",
            &[],
        ),
        (
            "POST /pet",
            "/pet",
            FORM,
            "id=x&name=a&photoUrls=b&status=lost",
            &["body /id", "body /status"],
        ),
        (
            "POST /pet",
            "/pet",
            "content-type: application/xml",
            "<pet><id>1</id><name>a</name><photoUrls><photoUrl>b</photoUrl></photoUrls><tags><tag><id>2</id></tag></tags></pet>",
            &[],
        ),
        (
            "POST /pet",
            "/pet",
            "content-type: application/xml",
            "<pet><id>x</id><tags><tag><id>y</id></tag></tags></pet>",
            &["body ", "body ", "body /id", "body /tags/0/id"],
        ),
        (
            "GET /pet/findByStatus",
            "/pet/findByStatus?status=sold",
            "",
            "",
            &[],
        ),
        (
            "GET /pet/findByStatus",
            "/pet/findByStatus?status=lost",
            "",
            "",
            &["query /status"],
        ),
        (
            "GET /pet/findByStatus",
            "/pet/findByStatus?status=sold&status=pending",
            "",
            "",
            &["query /status"],
        ),
        (
            "GET /pet/findByTags",
            "/pet/findByTags?tags=a&tags=b",
            "",
            "",
            &[],
        ),
        ("GET /pet/{petId}", "/pet/7", "", "", &[]),
        ("GET /pet/{petId}", "/pet/seven", "", "", &["path /petId"]),
        ("GET /pet/{petId}", "/pet/7.5", "", "", &["path /petId"]),
        // One more than 64 bits hold.
        (
            "GET /pet/{petId}",
            "/pet/9223372036854775808",
            "",
            "",
            &["path /petId"],
        ),
        ("GET /pet/{petId}", "/pet/7?x=1", "", "", &["query /x"]),
        ("DELETE /pet/{petId}", "/pet/7", "api_key: k", "", &[]),
        (
            "POST /pet/{petId}/uploadImage",
            "/pet/7/uploadImage?additionalMetadata=a+b",
            "content-type: application/octet-stream",
            "\u{1}\u{2}",
            &[],
        ),
        (
            "POST /pet/{petId}/uploadImage",
            "/pet/x/uploadImage",
            "content-type: image/png",
            "\u{1}\u{2}",
            &["path /petId", "header /content-type"],
        ),
        (
            "POST /store/order",
            "/store/order",
            JSON,
            r#"{"shipDate":"2026-11-30T12:00:00Z","quantity":7,"complete":true,"status":"placed"}"#,
            &[],
        ),
        ("POST /store/order", "/store/order", JSON, "", &[]),
        (
            "POST /store/order",
            "/store/order",
            JSON,
            r#"{"shipDate":"yesterday","quantity":2147483648,"complete":"yes","status":"lost"}"#,
            &[
                "body /shipDate",
                "body /quantity",
                "body /complete",
                "body /status",
            ],
        ),
        (
            "POST /user/createWithList",
            "/user/createWithList",
            JSON,
            r#"[{"id":1},{"userStatus":"x"}]"#,
            &["body /1/userStatus"],
        ),
        (
            "POST /user/createWithList",
            "/user/createWithList",
            JSON,
            "{}",
            &["body "],
        ),
    ],
    answers: &[
        (
            "GET /pet/{petId}",
            200,
            "application/json",
            r#"{"name":"a","photoUrls":[]}"#,
            &[],
        ),
        (
            "GET /pet/{petId}",
            200,
            "application/json",
            r#"{"name":null,"photoUrls":[1]}"#,
            &["body /name", "body /photoUrls/0"],
        ),
        (
            "GET /pet/{petId}",
            200,
            "text/html",
            "<p>",
            &["header /content-type"],
        ),
        ("GET /pet/{petId}", 500, "text/html", "<p>", &[]),
        ("GET /user/login", 200, "application/json", "\"x\"", &[]),
        ("GET /user/login", 200, "application/json", "5", &["body "]),
        // The names are data, and nobody who reads of it need see them.
        (
            "GET /store/inventory",
            200,
            "application/json",
            r#"{"sold":"many","pending":2}"#,
            &["body /*"],
        ),
    ],
};

const USPTO: Real = Real {
    name: "uspto-3.0.yaml",
    calls: &[
        ("GET /", "/", "", "", &[]),
        (
            "POST /{dataset}/{version}/records",
            "/oa_citations/v1/records",
            FORM,
            "criteria=*:*&start=0&rows=10",
            &[],
        ),
        (
            "POST /{dataset}/{version}/records",
            "/oa_citations/v1/records",
            FORM,
            "start=0",
            &["body "],
        ),
        (
            "POST /{dataset}/{version}/records",
            "/oa_citations/v1/records",
            FORM,
            "criteria=a&rows=many",
            &["body /rows"],
        ),
        (
            "POST /{dataset}/{version}/records",
            "/oa_citations/v1/records",
            JSON,
            r#"{"criteria":"a"}"#,
            &["header /content-type"],
        ),
    ],
    answers: &[
        (
            "GET /",
            200,
            "application/json; charset=utf-8",
            r#"{"total":1,"apis":[{"apiKey":"oa_citations","apiVersionNumber":"v1"}]}"#,
            &[],
        ),
        (
            "GET /",
            200,
            "application/json",
            r#"{"total":"1","apis":[{},{"apiKey":1}]}"#,
            &["body /total", "body /apis/1/apiKey"],
        ),
        (
            "POST /{dataset}/{version}/records",
            200,
            "application/json",
            r#"[{"a":{}},{"b":1}]"#,
            &["body /1/*"],
        ),
        (
            "POST /{dataset}/{version}/records",
            500,
            "application/json",
            "{}",
            &["header /:status"],
        ),
    ],
};

const LINKS: Real = Real {
    name: "link-example-3.0.json",
    calls: &[
        (
            "GET /2.0/repositories/{username}/{slug}/pullrequests",
            "/2.0/repositories/ada/engine/pullrequests?state=merged",
            "",
            "",
            &[],
        ),
        (
            "GET /2.0/repositories/{username}/{slug}/pullrequests",
            "/2.0/repositories/ada/engine/pullrequests?state=shut",
            "",
            "",
            &["query /state"],
        ),
    ],
    answers: &[
        (
            "POST /2.0/repositories/{username}/{slug}/pullrequests/{pid}/merge",
            204,
            "",
            "",
            &[],
        ),
        (
            "GET /2.0/repositories/{username}/{slug}/pullrequests/{pid}",
            200,
            "application/json",
            r#"{"id":7,"repository":{"slug":"engine","owner":{"username":"ada"}},"author":{}}"#,
            &[],
        ),
        (
            "GET /2.0/repositories/{username}/{slug}/pullrequests/{pid}",
            200,
            "application/json",
            r#"{"id":"7","repository":{"owner":{"username":7}}}"#,
            &["body /id", "body /repository/owner/username"],
        ),
    ],
};

const TICTACTOE: Real = Real {
    name: "tictactoe-3.1.yaml",
    calls: &[
        ("GET /board", "/board", "", "", &[]),
        ("GET /board", "/board?x=1", "", "", &["query /x"]),
        (
            "PUT /board/{row}/{column}",
            "/board/1/3",
            "content-type: application/json\nprogressUrl: https://a.test/",
            "\"X\"",
            &[],
        ),
        (
            "PUT /board/{row}/{column}",
            "/board/4/1",
            JSON,
            "\"Z\"",
            &["path /row", "body "],
        ),
        (
            "PUT /board/{row}/{column}",
            "/board/x/0",
            TEXT,
            "X",
            &["path /row", "path /column", "header /content-type"],
        ),
        (
            "PUT /board/{row}/{column}",
            "/board/1/1",
            JSON,
            "X",
            &["body "],
        ),
    ],
    answers: &[
        (
            "GET /board",
            200,
            "application/json",
            r#"{"winner":"X","board":[["X","O","."],["X","O","."],["X",".","."]]}"#,
            &[],
        ),
        (
            "GET /board",
            200,
            "application/json",
            r#"{"winner":"Y","board":[["X","O","x"],["X","O"],["X",".","."]]}"#,
            &["body /winner", "body /board/0/2", "body /board/1"],
        ),
        (
            "GET /board",
            201,
            "application/json",
            "{}",
            &["header /:status"],
        ),
        (
            "GET /board/{row}/{column}",
            400,
            "text/html",
            "Illegal coordinates",
            &[],
        ),
        (
            "GET /board/{row}/{column}",
            400,
            "application/json",
            "\"Illegal\"",
            &["header /content-type"],
        ),
    ],
};

const MESSAGES: &str = "POST /api/v1/app/{app_id}/msg";
const ATTEMPTS: &str = "GET /api/v1/app/{app_id}/attempt/endpoint/{endpoint_id}";
const ENDPOINTS: &str = "POST /api/v1/app/{app_id}/endpoint";

const SVIX: Real = Real {
    name: "svix-3.1.json",
    calls: &[
        (
            MESSAGES,
            "/api/v1/app/shop/msg?with_content=true",
            "content-type: application/json\nidempotency-key: 7",
            r#"{"eventType":"user.signup","payload":{"a":[1]},"channels":["a","b"],"payloadRetentionPeriod":30,"eventId":null}"#,
            &[],
        ),
        (
            MESSAGES,
            "/api/v1/app/shop/msg?with_content=maybe",
            JSON,
            r#"{"eventType":"user signup","payload":[],"channels":["a","a"],"payloadRetentionPeriod":91}"#,
            &[
                "query /with_content",
                "body /eventType",
                "body /payload",
                "body /channels",
                "body /payloadRetentionPeriod",
            ],
        ),
        (
            MESSAGES,
            "/api/v1/app/a%20b/msg",
            JSON,
            r#"{"payload":{},"eventType":"a","application":{"uid":""}}"#,
            &["path /app_id", "body /application", "body /application/uid"],
        ),
        (
            MESSAGES,
            "/api/v1/app/shop/msg",
            JSON,
            "{}",
            &["body ", "body "],
        ),
        (
            "GET /api/v1/app",
            "/api/v1/app?limit=10&order=ascending&iterator=x",
            "",
            "",
            &[],
        ),
        (
            "GET /api/v1/app",
            "/api/v1/app?limit=-1&order=up",
            "",
            "",
            &["query /limit", "query /order"],
        ),
        (
            ATTEMPTS,
            "/api/v1/app/a/attempt/endpoint/b?status=1&status_code_class=200&event_types=a&event_types=b&before=2026-11-30T12:00:00Z",
            "",
            "",
            &[],
        ),
        (
            ATTEMPTS,
            "/api/v1/app/a/attempt/endpoint/b?status=4&status_code_class=250&before=today&event_types=a&event_types=a",
            "",
            "",
            &[
                "query /status",
                "query /status_code_class",
                "query /before",
                "query /event_types",
            ],
        ),
        (
            ENDPOINTS,
            "/api/v1/app/a/endpoint",
            JSON,
            r#"{"url":"https://a.test/hook","secret":"whsec_0123456789abcdef0123456789ABCDEF","throttleRate":null}"#,
            &[],
        ),
        (
            ENDPOINTS,
            "/api/v1/app/a/endpoint",
            JSON,
            r#"{"url":"no url","secret":"whsec_short","channels":[],"throttleRate":0}"#,
            &[
                "body /url",
                "body /secret",
                "body /channels",
                "body /throttleRate",
            ],
        ),
    ],
    answers: &[
        (
            MESSAGES,
            202,
            "application/json",
            r#"{"id":"msg_1","eventType":"a","payload":{},"timestamp":"2026-11-30T12:00:00Z"}"#,
            &[],
        ),
        (
            MESSAGES,
            202,
            "application/json",
            r#"{"id":1,"eventType":"a","payload":{},"timestamp":"now"}"#,
            &["body /id", "body /timestamp"],
        ),
        (
            MESSAGES,
            200,
            "application/json",
            "{}",
            &["header /:status"],
        ),
        (
            MESSAGES,
            422,
            "application/json",
            r#"{"detail":[{"loc":["body"],"msg":"no","type":7}]}"#,
            &["body /detail/0/type"],
        ),
    ],
};

/// Read as if what it takes from another document allowed everything.
const TYK: Real = Real {
    name: "tyk-gateway-3.0.yaml",
    calls: &[
        (
            "DELETE /tyk/oauth/tokens",
            "/tyk/oauth/tokens?scope=lapsed",
            "",
            "",
            &[],
        ),
        (
            "DELETE /tyk/oauth/tokens",
            "/tyk/oauth/tokens",
            "",
            "",
            &["query /scope"],
        ),
        (
            "DELETE /tyk/oauth/tokens",
            "/tyk/oauth/tokens?scope=all",
            "",
            "",
            &["query /scope"],
        ),
        (
            "DELETE /tyk/oauth/refresh/{keyName}",
            "/tyk/oauth/refresh/k",
            "api_id: in-another-place",
            "",
            &["query /api_id"],
        ),
        (
            "POST /tyk/oauth/revoke",
            "/tyk/oauth/revoke",
            FORM,
            "token=a&client_id=b",
            &[],
        ),
        (
            "POST /tyk/oauth/revoke",
            "/tyk/oauth/revoke",
            FORM,
            "token=a",
            &["body "],
        ),
        (
            "POST /tyk/oauth/clients/create",
            "/tyk/oauth/clients/create",
            JSON,
            r#"{"client_id":"a","meta_data":null}"#,
            &[],
        ),
        (
            "POST /tyk/oauth/clients/create",
            "/tyk/oauth/clients/create",
            JSON,
            r#"{"client_id":null,"meta_data":{"a/b":1}}"#,
            &["body /client_id", "body /meta_data/a~1b"],
        ),
        (
            "PATCH /tyk/apis/oas/{apiID}",
            "/tyk/apis/oas/x?allowList=1",
            JSON,
            "[]",
            &["query /allowList"],
        ),
    ],
    answers: &[(
        "DELETE /tyk/oauth/tokens",
        204,
        "",
        "",
        &["header /:status"],
    )],
};

const REAL: &[Real] = &[PETSTORE, USPTO, LINKS, TICTACTOE, SVIX, TYK];

/// Nothing can be checked against them as they are, each with its reason.
const UNREAD: &[(&str, Unread)] = &[
    ("uber-2.0.json", Unread::Version),
    ("tyk-gateway-3.0.yaml", Unread::Elsewhere),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unread {
    /// Written for OpenAPI 2.0.
    Version,
    /// It takes schemas from another document, which nobody fetches.
    Elsewhere,
}

/// The folder beside the checkout; `None` where it is not there, as not everybody has it.
fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/openapi");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("real documents: ../shared/openapi is not there, so nothing was checked");
    None
}

struct Sent<'a> {
    path: &'a str,
    query: Option<&'a str>,
    fields: &'a str,
}

impl Asked for Sent<'_> {
    fn path(&self) -> &str {
        self.path
    }

    fn query(&self) -> Option<&str> {
        self.query
    }

    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut fields = self.fields.lines().filter_map(|line| line.split_once(": "));
        let (_, value) = fields.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(Cow::Borrowed(value))
    }
}

const STRICT: Rules = Rules {
    declared_query: true,
    formats: true,
};

fn place(contract: &Contract, operation: &str) -> usize {
    let mut all = contract.operations().iter();
    let found = all.position(|one| format!("{} {}", one.method, one.template) == operation);
    found.unwrap_or_else(|| panic!("there is no {operation}"))
}

fn told(found: &[Violation]) -> Vec<String> {
    let tell = |one: &Violation| format!("{} {}", one.place.as_str(), one.pointer);
    found.iter().map(tell).collect()
}

/// What of a request does not fit.
fn asked(contract: &Contract, (operation, target, fields, body, _): &Call) -> Vec<Violation> {
    let index = place(contract, operation);
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (*target, None),
    };
    let sent = Sent {
        path,
        query,
        fields,
    };
    let mut found = contract.parameters(index, &sent, STRICT);
    let media_type = sent.header("content-type");
    found.extend(contract.body(index, media_type.as_deref(), body.as_bytes(), STRICT));
    found
}

/// What of an answer does not fit.
fn answered(contract: &Contract, answer: &Answer) -> Vec<Violation> {
    let (operation, status, media_type, body, _) = answer;
    let index = place(contract, operation);
    let media_type = Some(*media_type).filter(|media_type| !media_type.is_empty());
    match contract.answer(index, *status, media_type, !body.is_empty()) {
        Answered::Fits => Vec::new(),
        Answered::Undeclared(one) => vec![one],
        Answered::Body(expected) => contract.answer_body(expected, body.as_bytes(), STRICT),
    }
}

#[test]
fn calls_of_real_documents_are_judged_as_they_are_written() {
    let Some(folder) = folder() else {
        return;
    };
    for real in REAL {
        let name = real.name;
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        // A note in place of a reference leaves a schema that everything fits.
        let text = text.replace("$ref: https:", "description: https:");
        let text = text.replace("$ref: 'https:", "description: 'https:");
        let contract = Contract::read(text.as_bytes());
        let contract = contract.unwrap_or_else(|found| panic!("{name}: {found:?}"));
        let unread = contract.unread_answers();
        assert!(unread.is_empty(), "{name}: {unread:?}");
        for call in real.calls {
            let found = asked(&contract, call);
            assert_eq!(told(&found), call.4, "{name}: {call:?}: {found:?}");
        }
        for answer in real.answers {
            let found = answered(&contract, answer);
            assert_eq!(told(&found), answer.4, "{name}: {answer:?}: {found:?}");
        }
        for fits in [true, false] {
            let mut calls = real.calls.iter();
            let some = calls.any(|call| call.4.is_empty() == fits);
            assert!(some, "{name}: no call that fits, or none that does not");
        }
    }
}

/// Each can be checked against, apart from those that are known to be none for us.
#[test]
fn real_documents_can_be_checked_against() {
    let Some(folder) = folder() else {
        return;
    };
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let reason = UNREAD.iter().find(|(known, _)| *known == name);
        seen.insert(name.clone());
        match reason.map(|(_, reason)| *reason) {
            Some(Unread::Version) => {
                let error = parse(&bytes).unwrap_err();
                assert_eq!(error.code, ParseErrorCode::UnsupportedVersion, "{name}");
            }
            Some(Unread::Elsewhere) => {
                let found = Contract::read(&bytes).unwrap_err();
                let are_references = found.iter().all(|one| one.pointer.ends_with("/$ref"));
                assert!(!found.is_empty() && are_references, "{name}: {found:?}");
            }
            None => holds_out(&name, &bytes),
        }
    }
    for known in UNREAD
        .iter()
        .map(|(name, _)| *name)
        .chain(REAL.iter().map(|real| real.name))
    {
        assert!(seen.contains(known), "{known} is not there any more");
    }
}

/// Whatever comes, what is told of it is bounded.
fn holds_out(name: &str, bytes: &[u8]) {
    let began = std::time::Instant::now();
    let contract = Contract::read(bytes).unwrap_or_else(|found| panic!("{name}: {found:?}"));
    let took = began.elapsed();
    let count = contract.operations().len();
    eprintln!("{name}: {count} operations in {took:?}");
    for index in 0..count {
        let body = br#"{"a":[1,{"b":null}],"c":"d"}"#;
        let found = contract.body(index, Some("application/json"), body, STRICT);
        assert!(found.len() <= MOST_VIOLATIONS, "{name}: {found:?}");
    }
}
