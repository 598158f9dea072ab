//! Answers that the gateway gives itself: problems (RFC 9457), the same as a small page for people
//! in a browser, and the rate-limit fields that stand on good answers and refusals alike.

mod document;
mod grpc;
mod limits;
mod page;

use std::sync::Arc;

use domain::contract::Violation;
use domain::problem::{Code, Problem};
use domain::upstream::FixedAnswer;

use crate::body::{Answer, Outflow};
use crate::fields::{Fields, Name};
use crate::record::NameId;
use crate::text::Text;

pub(crate) use limits::{Shown, ShownLimits};

/// A request that is answered by us instead of an upstream.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    detail: String,
    /// Versions that can be asked for.
    versions: Option<Box<[String]>>,
    /// What in the request does not fit its contract.
    violations: Option<Box<[Violation]>>,
    retry_after: Option<u64>,
    allow: Option<String>,
    /// Further fields: `RateLimit-Policy` and `RateLimit`, or another server's with its status.
    more: Option<Box<(Option<u16>, Fields)>>,
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
    /// A usual request passes a hundred places where it might be refused: as this is cold, what they would
    /// do stands out of its way in the executable.
    #[cold]
    pub(crate) fn new(code: Code) -> Self {
        Self {
            code,
            detail: String::new(),
            versions: None,
            violations: None,
            retry_after: None,
            allow: None,
            more: None,
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

    /// With the status and the fields that another server wants its client to get.
    #[must_use]
    pub(crate) fn told(mut self, status: u16, fields: Fields) -> Self {
        self.more = Some(Box::new((Some(status), fields)));
        self
    }

    /// What stands in the record; gRPC hides it behind a 200.
    pub(crate) fn status(&self) -> u16 {
        if let Some(instead) = &self.instead {
            return instead.answer.status;
        }
        let told = self.more.as_ref().and_then(|more| more.0);
        told.unwrap_or(self.code.status())
    }

    /// One sentence about this occurrence.
    #[must_use]
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Versions that can be asked for.
    #[must_use]
    pub(crate) fn versions(mut self, versions: &[&str]) -> Self {
        self.versions = Some(versions.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// What does not fit; the first of it is the sentence.
    #[must_use]
    pub(crate) fn violations(mut self, found: Vec<Violation>) -> Self {
        self.detail = document::first(&found);
        self.violations = Some(found.into());
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
            let mut fields = Fields::new(b"");
            shown.write(&mut fields);
            self.more = Some(Box::new((None, fields)));
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

    /// The answer, in the form that its client understands.
    pub(crate) fn answer(self, request_id: &str, portal_url: Option<&str>, form: Form) -> Answer {
        if let Some(instead) = &self.instead {
            return fixed(&instead.answer);
        }
        let status = self.status();
        let wants_page = match form {
            Form::Problem => false,
            Form::Page => true,
            Form::Grpc => return grpc::answer(&self, "application/grpc"),
            Form::GrpcWeb => return grpc::answer(&self, "application/grpc-web+proto"),
        };
        let text = if let (false, Some(violations)) = (wants_page, &self.violations) {
            document::violations(
                self.code,
                self.sentence(),
                violations,
                portal_url,
                request_id,
            )
        } else if wants_page || self.versions.is_some() {
            let detail = self.sentence().to_owned();
            let mut problem = Problem::new(self.code, detail, portal_url, request_id);
            problem.versions = self.versions.map(Vec::from).unwrap_or_default();
            if wants_page {
                page::page(&problem).into_bytes()
            } else {
                serde_json::to_vec(&problem).unwrap_or_default()
            }
        } else {
            document::document(self.code, self.sentence(), portal_url, request_id)
        };
        let media_type = if wants_page {
            "text/html; charset=utf-8"
        } else {
            Problem::MEDIA_TYPE
        };
        let mut fields = Fields::new(b"");
        fields.push("content-type", media_type.as_bytes());
        push_number(&mut fields, "content-length", text.len() as u64);
        fields.push("cache-control", b"no-store");
        if wants_page {
            let nothing = b"default-src 'none'; style-src 'unsafe-inline'";
            fields.push("content-security-policy", nothing);
        }
        if let Some(seconds) = self.retry_after {
            push_number(&mut fields, "retry-after", seconds);
        }
        let more = self.more.as_ref().map(|more| &more.1);
        // RFC 9110 §15.5.2, and RFC 6750 §3 for a token that does not reach so far.
        let challenges = status == 401 || self.code == Code::ScopeMissing;
        if challenges && more.is_none_or(|more| more.named("www-authenticate").next().is_none()) {
            fields.push("www-authenticate", challenge(self.code).as_bytes());
        }
        if let Some(allow) = &self.allow {
            fields.push("allow", allow.as_bytes());
        }
        for (name, value) in more.into_iter().flat_map(Fields::iter) {
            fields.push(std::str::from_utf8(name).unwrap_or_default(), value);
        }
        Answer {
            status,
            fields,
            body: Outflow::Whole(text, 0),
            closes: self.close,
        }
    }
}

fn fixed(answer: &FixedAnswer) -> Answer {
    let mut fields = Fields::new(b"");
    fields.push("content-type", answer.content_type.as_bytes());
    push_number(&mut fields, "content-length", answer.body.len() as u64);
    // It stands in for a moment; nobody may keep it for longer.
    fields.push("cache-control", b"no-store");
    Answer {
        status: answer.status,
        fields,
        body: Outflow::Whole(answer.body.clone().into_bytes(), 0),
        closes: false,
    }
}

fn push_number(fields: &mut Fields, name: &str, number: u64) {
    fields.push(name, Text::<20>::new().number(number).as_bytes());
}

/// Sends the client to the same resource elsewhere, with the same method (RFC 9110 §15.4.9).
pub(crate) fn elsewhere(location: &str) -> Answer {
    let mut fields = Fields::new(b"");
    fields.push("location", location.as_bytes());
    fields.push("content-length", b"0");
    // The host may be served without TLS again tomorrow.
    fields.push("cache-control", b"no-store");
    Answer {
        status: 308,
        fields,
        body: Outflow::empty(),
        closes: false,
    }
}

/// RFC 6750 §3: without a credential no error is named.
const fn challenge(code: Code) -> &'static str {
    match code {
        Code::SignatureMissing | Code::SignatureInvalid => "Signature realm=\"portunus\"",
        Code::PasswordMissing | Code::PasswordInvalid => {
            "Basic realm=\"portunus\", charset=\"UTF-8\""
        }
        // RFC 9449 §7.1; the algorithms are those of `domain::proof`.
        Code::ProofInvalid => {
            "DPoP realm=\"portunus\", error=\"invalid_dpop_proof\", algs=\"ES256 ES384 EdDSA PS256 RS256\""
        }
        // RFC 9449 §9: with the nonce in a field of its own.
        Code::ProofNonce => {
            "DPoP realm=\"portunus\", error=\"use_dpop_nonce\", algs=\"ES256 ES384 EdDSA PS256 RS256\""
        }
        Code::ScopeMissing => "Bearer realm=\"portunus\", error=\"insufficient_scope\"",
        Code::KeyMissing | Code::TokenMissing => "Bearer realm=\"portunus\"",
        _ => "Bearer realm=\"portunus\", error=\"invalid_token\"",
    }
}

/// How a client wants to hear of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Problem,
    Page,
    /// A status of gRPC, as its clients look at nothing else.
    Grpc,
    GrpcWeb,
}

impl Form {
    pub(crate) fn of(fields: &Fields) -> Self {
        let media_type = fields.get(Name::ContentType).unwrap_or_default();
        if is_grpc(fields) {
            Self::Grpc
        } else if media_type.starts_with(b"application/grpc-web") {
            Self::GrpcWeb
        } else if wants_page(fields) {
            Self::Page
        } else {
            Self::Problem
        }
    }
}

/// Whether a call of gRPC is spoken; gRPC-Web is another thing.
pub(crate) fn is_grpc(fields: &Fields) -> bool {
    let media_type = fields.get(Name::ContentType).unwrap_or_default();
    match media_type.strip_prefix(b"application/grpc") {
        Some(rest) => matches!(rest.first(), None | Some(b'+' | b';')),
        None => false,
    }
}

/// Whether a person's browser asks: `text/html` by name, and no problem document.
fn wants_page(fields: &Fields) -> bool {
    let accept = fields.get(Name::Accept).unwrap_or_default();
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
    fn a_proof_is_asked_for_by_what_is_taken() {
        let algorithms = format!("algs=\"{}\"", domain::proof::ALGS);
        for code in [Code::ProofInvalid, Code::ProofNonce] {
            assert!(challenge(code).ends_with(&algorithms));
        }
    }

    #[test]
    fn who_wants_a_page() {
        for (accept, page) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("*/*", false),
            ("application/json, text/html", false),
            ("", false),
        ] {
            let mut fields = Fields::new(b"");
            fields.push("Accept", accept.as_bytes());
            assert_eq!(wants_page(&fields), page, "{accept}");
        }
    }
}
