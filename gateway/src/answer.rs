//! Answers that the gateway gives itself: problems (RFC 9457), the same as a small page for people
//! in a browser, and the rate-limit fields that stand on good answers and refusals alike.

mod page;

use std::sync::Arc;

use bytes::Bytes;
use domain::problem::{Code, Problem};
use domain::upstream::FixedAnswer;
use http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::body::Outbound;
use crate::record::NameId;
use crate::text::Text;

pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// One limit as the client sees it (draft-ietf-httpapi-ratelimit-headers).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) name: &'a str,
    pub(crate) quota: u64,
    /// Seconds.
    pub(crate) window: u64,
    pub(crate) left: u64,
    /// Seconds until it is full again.
    pub(crate) reset: u64,
    /// Whether `left` is without this request.
    pub(crate) taken: bool,
}

/// The limits of one request; those beyond the eighth are enforced but not shown.
#[derive(Debug, Default)]
pub(crate) struct ShownLimits<'a> {
    items: [Option<Shown<'a>>; 8],
}

impl<'a> ShownLimits<'a> {
    pub(crate) fn push(&mut self, shown: Shown<'a>) {
        if let Some(place) = self.items.iter_mut().find(|item| item.is_none()) {
            *place = Some(shown);
        }
    }

    /// What this request took was put back.
    pub(crate) fn give_back(&mut self) {
        for shown in self.items.iter_mut().flatten().filter(|shown| shown.taken) {
            shown.left += 1;
            shown.taken = false;
        }
    }

    /// Adds `RateLimit-Policy` and `RateLimit`, nothing when no limit was met.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        if self.items[0].is_none() {
            return;
        }
        let (mut policy, mut state) = (Text::<512>::new(), Text::<512>::new());
        for (index, item) in self.items.iter().flatten().enumerate() {
            if index > 0 {
                policy.push(", ");
                state.push(", ");
            }
            policy
                .quoted(item.name)
                .push(";q=")
                .number(item.quota)
                .push(";w=")
                .number(item.window);
            state
                .quoted(item.name)
                .push(";r=")
                .number(item.left)
                .push(";t=")
                .number(item.reset);
        }
        if let (Some(policy), Some(state)) = (policy.value(), state.value()) {
            headers.insert(RATE_LIMIT_POLICY, policy);
            headers.insert(RATE_LIMIT, state);
        }
    }
}

/// A request that is answered by us instead of an upstream.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    detail: String,
    retry_after: Option<u64>,
    allow: Option<String>,
    /// `RateLimit-Policy` and `RateLimit`.
    limits: Option<Box<HeaderMap>>,
    /// The rest of this connection cannot be understood or is not wanted.
    close: bool,
    /// What the API's owner set to be answered instead.
    instead: Option<Box<Instead>>,
}

/// An answer of the API's owner in the place of a refusal.
#[derive(Debug)]
struct Instead {
    label: NameId,
    answer: Arc<FixedAnswer>,
}

impl Refusal {
    pub(crate) fn new(code: Code) -> Self {
        Self {
            code,
            detail: String::new(),
            retry_after: None,
            allow: None,
            limits: None,
            close: false,
            instead: None,
        }
    }

    /// The answer that goes out in its place; `label` is for the record.
    #[must_use]
    pub(crate) fn instead(mut self, label: NameId, answer: Arc<FixedAnswer>) -> Self {
        self.instead = Some(Box::new(Instead { label, answer }));
        self
    }

    /// What the record says about who answered, where that is not the refusal itself.
    pub(crate) fn label(&self) -> Option<NameId> {
        self.instead.as_ref().map(|instead| instead.label)
    }

    /// One sentence about this occurrence.
    #[must_use]
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Seconds; at least one, as a client that comes back at once is refused again.
    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }

    #[must_use]
    pub(crate) fn allow(mut self, methods: &[&str]) -> Self {
        self.allow = Some(methods.join(", "));
        self
    }

    /// Shows the limits that the request met, on a refusal for one of them.
    #[must_use]
    pub(crate) fn limits(mut self, shown: &ShownLimits<'_>) -> Self {
        if self.code.status() == 429 {
            let mut fields = HeaderMap::new();
            shown.write(&mut fields);
            self.limits = Some(Box::new(fields));
        }
        self
    }

    #[must_use]
    pub(crate) fn close(mut self) -> Self {
        self.close = true;
        self
    }

    /// The sentence that stands in the answer.
    pub(crate) fn sentence(&self) -> &str {
        if self.detail.is_empty() {
            self.code.entry().help
        } else {
            &self.detail
        }
    }

    /// The answer. `wants_page`: the client prefers HTML.
    pub(crate) fn answer(
        self,
        request_id: &str,
        portal_url: Option<&str>,
        wants_page: bool,
    ) -> Response<Outbound> {
        if let Some(instead) = &self.instead {
            return fixed(&instead.answer);
        }
        let detail = self.sentence().to_owned();
        let problem = Problem::new(self.code, detail, portal_url, request_id);
        let (media_type, text) = if wants_page {
            ("text/html; charset=utf-8", page::page(&problem))
        } else {
            (
                Problem::MEDIA_TYPE,
                serde_json::to_string(&problem).unwrap_or_default(),
            )
        };
        let length = text.len() as u64;
        let mut response = Response::new(Outbound::full(Bytes::from(text)));
        *response.status_mut() =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if wants_page {
            let nothing = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
            headers.insert(http::header::CONTENT_SECURITY_POLICY, nothing);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if problem.status == 401 {
            headers.insert(WWW_AUTHENTICATE, challenge(self.code));
        }
        if let Some(allow) = self
            .allow
            .and_then(|methods| HeaderValue::try_from(methods).ok())
        {
            headers.insert(ALLOW, allow);
        }
        if let Some(limits) = self.limits {
            headers.extend(*limits);
        }
        if self.close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

fn fixed(answer: &FixedAnswer) -> Response<Outbound> {
    let length = answer.body.len() as u64;
    let mut response = Response::new(Outbound::full(Bytes::from(answer.body.clone())));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let headers = response.headers_mut();
    if let Ok(media_type) = HeaderValue::try_from(&answer.content_type) {
        headers.insert(CONTENT_TYPE, media_type);
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    // It stands in for a moment; nobody may keep it for longer.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Sends the client to the same resource elsewhere, with the same method (RFC 9110 §15.4.9).
pub(crate) fn elsewhere(location: String) -> Response<Outbound> {
    let mut response = Response::new(Outbound::full(Bytes::new()));
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::try_from(location) {
        headers.insert(http::header::LOCATION, location);
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
    // The host may be served without TLS again tomorrow.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// RFC 6750 §3: without a credential no error is named.
fn challenge(code: Code) -> HeaderValue {
    HeaderValue::from_static(match code {
        Code::KeyMissing | Code::TokenMissing => "Bearer realm=\"portunus\"",
        _ => "Bearer realm=\"portunus\", error=\"invalid_token\"",
    })
}

/// Whether a person's browser asks: `text/html` by name, and no problem document.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(ACCEPT)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    let has = |name: &[u8]| {
        accept
            .windows(name.len())
            .any(|part| part.eq_ignore_ascii_case(name))
    };
    !accept.is_empty()
        && has(b"text/html")
        && !has(b"application/json")
        && !has(b"application/problem+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_list_members() {
        let mut shown = ShownLimits::default();
        let mut headers = HeaderMap::new();
        shown.write(&mut headers);
        assert!(headers.is_empty());
        shown.push(Shown {
            name: "minute",
            quota: 100,
            window: 60,
            left: 57,
            reset: 31,
            taken: true,
        });
        shown.push(Shown {
            name: "quota",
            quota: 1000,
            window: 86400,
            left: 9,
            reset: 5,
            taken: false,
        });
        shown.write(&mut headers);
        assert_eq!(
            headers[RATE_LIMIT_POLICY],
            "\"minute\";q=100;w=60, \"quota\";q=1000;w=86400"
        );
        assert_eq!(
            headers[RATE_LIMIT],
            "\"minute\";r=57;t=31, \"quota\";r=9;t=5"
        );
    }

    #[test]
    fn who_wants_a_page() {
        for (accept, page) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("*/*", false),
            ("application/json, text/html", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(wants_page(&headers), page, "{accept}");
        }
    }
}
