//! `cors`: answers preflights, and says on every answer which pages may read it (the Fetch
//! standard, §3.2). It protects readers of pages, not the API: a client that is no browser is not
//! kept out by it.

use domain::policy::{self, cors::Origin};
use http::Method;

use super::Noted;
use crate::body::{Answer, Outflow};
use crate::fields::Fields;
use crate::head::Head;

/// The running form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cors {
    any: bool,
    origins: Box<[Origin]>,
    methods: Box<str>,
    /// `None`: whatever is asked for.
    headers: Option<Box<str>>,
    expose: Box<str>,
    credentials: bool,
    max_age: Box<str>,
}

/// Names of answer fields that are ours to set.
const PREFIX: &[u8] = b"access-control-";

impl Cors {
    pub(crate) fn compile(policy: &policy::Cors) -> Self {
        let origins: Vec<Origin> = policy
            .origins
            .iter()
            .filter_map(|origin| Origin::read(origin))
            .collect();
        let list = |names: &[String], usual: &str| match names {
            [] => usual.into(),
            names => names.join(", ").into_boxed_str(),
        };
        Self {
            any: origins.contains(&Origin::Any),
            origins: origins.into(),
            methods: list(&policy.methods, "GET, HEAD, POST, PUT, PATCH, DELETE"),
            headers: (!policy.headers.iter().any(|name| name == "*"))
                .then(|| list(&policy.headers, "Authorization, Content-Type, X-Api-Key")),
            expose: list(&policy.expose, ""),
            credentials: policy.credentials,
            max_age: policy.max_age.as_secs_ceil().to_string().into(),
        }
    }

    /// What `Access-Control-Allow-Origin` says to that origin; `None`: nothing.
    fn allowed<'o>(&self, origin: Option<&'o [u8]>) -> Option<&'o [u8]> {
        if self.any {
            return Some(b"*");
        }
        let origin = origin?;
        let is_known = self.origins.iter().any(|known| known.holds(origin));
        is_known.then_some(origin)
    }

    /// The answer to a preflight; [`Cors::finish`] says whom it allows.
    pub(crate) fn preflight(&self, head: &Head, noted: &Noted) -> Answer {
        let mut fields = Fields::new(b"");
        if self.allowed(noted.origin.as_deref()).is_some() {
            let mut asked = head.fields.named("access-control-request-headers");
            let headers = match &self.headers {
                Some(headers) => Some(headers.as_bytes()),
                None => asked.next().filter(|names| is_list(names)),
            };
            fields.push("access-control-allow-methods", self.methods.as_bytes());
            if let Some(headers) = headers {
                fields.push("access-control-allow-headers", headers);
            }
            fields.push("access-control-max-age", self.max_age.as_bytes());
        }
        fields.push(
            "vary",
            b"Access-Control-Request-Method, Access-Control-Request-Headers",
        );
        Answer {
            status: 204,
            fields,
            body: Outflow::empty(),
            closes: false,
        }
    }

    /// Whether pages of the request's origin may not read the answer.
    pub(crate) fn denies(&self, noted: &Noted) -> bool {
        noted.origin.is_some() && self.allowed(noted.origin.as_deref()).is_none()
    }

    pub(crate) fn finish(&self, noted: &Noted, is_preflight: bool, fields: &mut Fields) {
        if !is_preflight {
            fields.retain(|_, name, _| {
                let start = name.get(..PREFIX.len());
                !start.is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
            });
        }
        if !self.any {
            // Also where no origin was sent: what is cached must not be taken for a page's.
            super::vary(fields, "Origin");
        }
        let Some(origin) = self.allowed(noted.origin.as_deref()) else {
            return;
        };
        fields.push("access-control-allow-origin", origin);
        if self.credentials {
            fields.push("access-control-allow-credentials", b"true");
        }
        if !is_preflight && !self.expose.is_empty() {
            fields.push("access-control-expose-headers", self.expose.as_bytes());
        }
    }
}

/// The method that a preflight asks about (Fetch §3.2.1); `None` for what is no preflight.
pub(crate) fn asked_method(head: &Head) -> Option<&str> {
    if head.method != Method::OPTIONS {
        return None;
    }
    head.fields.named("origin").next()?;
    let mut methods = head.fields.named("access-control-request-method");
    match (methods.next(), methods.next()) {
        (Some(method), None) => std::str::from_utf8(method).ok(),
        (None, _) | (Some(_), Some(_)) => None,
    }
}

/// Names of fields with commas between; nothing else is said again.
fn is_list(names: &[u8]) -> bool {
    let is_plain =
        |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b) || b", ".contains(b);
    names.len() <= 4096 && names.iter().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(fields: &Fields) -> String {
        let mut out = Vec::new();
        fields.write(&mut out);
        String::from_utf8(out).unwrap().replace("\r\n", ";")
    }

    fn cors(json: &str) -> Cors {
        Cors::compile(&serde_json::from_str(json).unwrap())
    }

    fn noted(origin: &str) -> Noted {
        Noted {
            origin: (!origin.is_empty()).then(|| origin.as_bytes().into()),
            ..Noted::default()
        }
    }

    #[test]
    fn what_an_answer_says() {
        let named = r#"{"origins":["https://a.test","https://*.b.test"],"expose":["X-A","X-B"],"credentials":true}"#;
        let any = r#"{"origins":["*"]}"#;
        for (json, origin, upstream, is) in [
            (
                named,
                "https://a.test",
                "Access-Control-Allow-Origin",
                "vary: Origin;access-control-allow-origin: https://a.test;access-control-allow-credentials: true;access-control-expose-headers: X-A, X-B;",
            ),
            (
                named,
                "https://x.b.test",
                "ACCESS-CONTROL-EXPOSE-HEADERS",
                "vary: Origin;access-control-allow-origin: https://x.b.test;access-control-allow-credentials: true;access-control-expose-headers: X-A, X-B;",
            ),
            (
                named,
                "https://evil.test",
                "access-control-allow-origin",
                "vary: Origin;",
            ),
            (
                named,
                "null",
                "access-control-allow-origin",
                "vary: Origin;",
            ),
            (named, "", "x-other", "x-other: theirs;vary: Origin;"),
            (
                any,
                "null",
                "access-control-allow-credentials",
                "access-control-allow-origin: *;",
            ),
            (
                any,
                "",
                "x-other",
                "x-other: theirs;access-control-allow-origin: *;",
            ),
            (
                named,
                "https://evil.test",
                "Vary",
                "Vary: theirs;vary: Origin;",
            ),
        ] {
            let mut fields = Fields::new(b"");
            fields.push(upstream, b"theirs");
            cors(json).finish(&noted(origin), false, &mut fields);
            assert_eq!(text(&fields), is, "{json} {origin}");
        }
    }

    #[test]
    fn what_a_preflight_is_told() {
        let named = r#"{"origins":["https://a.test"],"methods":["GET"],"max_age":"1h"}"#;
        let mirrored = r#"{"origins":["https://a.test"],"headers":["*"]}"#;
        let vary = "vary: Access-Control-Request-Method, Access-Control-Request-Headers;";
        for (json, origin, headers, is) in [
            (
                named,
                "https://a.test",
                "x-a",
                "access-control-allow-methods: GET;access-control-allow-headers: Authorization, Content-Type, X-Api-Key;access-control-max-age: 3600;",
            ),
            (named, "https://b.test", "x-a", ""),
            (
                mirrored,
                "https://a.test",
                "x-a, x-b",
                "access-control-allow-methods: GET, HEAD, POST, PUT, PATCH, DELETE;access-control-allow-headers: x-a, x-b;access-control-max-age: 600;",
            ),
            (
                mirrored,
                "https://a.test",
                "<script>",
                "access-control-allow-methods: GET, HEAD, POST, PUT, PATCH, DELETE;access-control-max-age: 600;",
            ),
        ] {
            let mut head = Head::of(Method::OPTIONS, "/x").unwrap();
            head.fields.push("origin", origin.as_bytes());
            head.fields.push("access-control-request-method", b"PUT");
            head.fields
                .push("access-control-request-headers", headers.as_bytes());
            assert_eq!(asked_method(&head), Some("PUT"));
            let answer = cors(json).preflight(&head, &noted(origin));
            assert_eq!(
                text(&answer.fields),
                format!("{is}{vary}"),
                "{json} {origin}"
            );
        }
        for (method, lines) in [
            (
                Method::GET,
                &["origin", "access-control-request-method"][..],
            ),
            (Method::OPTIONS, &["origin"]),
            (Method::OPTIONS, &["access-control-request-method"]),
            (
                Method::OPTIONS,
                &[
                    "origin",
                    "access-control-request-method",
                    "access-control-request-method",
                ],
            ),
        ] {
            let mut head = Head::of(method, "/x").unwrap();
            for name in lines {
                head.fields.push(name, b"PUT");
            }
            assert_eq!(asked_method(&head), None, "{lines:?}");
        }
    }
}
