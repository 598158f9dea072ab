//! Errors as clients see them: RFC 9457 problems, and the one table of codes.

use serde::{Deserialize, Serialize};

/// A problem document (`application/problem+json`, RFC 9457 §3) with our extension members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// Where the code is explained: `{portal_url}/docs/errors/{code}` or `urn:portunus:error:{code}`.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    /// One sentence about this occurrence, safe to show to whoever asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Stable and machine-readable; never renamed.
    pub code: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request_id: String,
    /// What is wrong with which part of the input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Invalid>,
    /// Where a version was asked for that there is not, or none: those that can be asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
}

impl Problem {
    /// The media type of the document (RFC 9457 §6.1).
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// `portal_url` is without a trailing slash; `None` gives a URN.
    pub fn new(
        code: Code,
        detail: impl Into<String>,
        portal_url: Option<&str>,
        request_id: &str,
    ) -> Self {
        let entry = code.entry();
        Self {
            kind: code.type_uri(portal_url),
            title: entry.title.to_owned(),
            status: entry.status,
            detail: detail.into(),
            code: entry.code.to_owned(),
            request_id: request_id.to_owned(),
            errors: Vec::new(),
            versions: Vec::new(),
        }
    }
}

/// One refused part of an input: a JSON Pointer (RFC 6901) and a sentence that says what to change.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
pub struct Invalid {
    /// `/policies/0/rate_limit/limit`; for a form the field's name behind the slash; "" is the whole.
    pub pointer: String,
    pub message: String,
}

impl Invalid {
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
        }
    }

    /// The same finding one level further in: `under("/policies/0")`.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        self.pointer.insert_str(0, prefix);
        self
    }
}

/// A row of the table of codes.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub code: &'static str,
    pub status: u16,
    pub title: &'static str,
    /// What happened and what to do about it, for the page `/docs/errors/{code}`.
    pub help: &'static str,
}

macro_rules! codes {
    ($($variant:ident $code:literal $status:literal $title:literal $help:literal)*) => {
        /// Every code that a client can see, from the gateway and from the management API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($variant,)* }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            pub const fn entry(self) -> Entry {
                match self {
                    $(Code::$variant => Entry { code: $code, status: $status, title: $title, help: $help },)*
                }
            }
        }
    };
}

// The table: variant, code, status, title, what to do.
codes! {
    BadRequest "bad_request" 400 "Bad request" "The request could not be read. The detail says which part; correct it and send it again."
    PathNotCanonical "path_not_canonical" 400 "Path not canonical" "The path could be read in two ways: an encoded slash or dot, a backslash, bytes that are not UTF-8, or a climb above its root. Send the plain path."
    HostInvalid "host_invalid" 400 "Host invalid" "The request needs exactly one Host that names a host, equal to the one in the request target if there is one (RFC 9112 §3.2)."
    FramingInvalid "framing_invalid" 400 "Framing invalid" "The chunks of the body are not as RFC 9112 §7.1 has them: one is longer or shorter than its size says, a line does not end with CRLF, or an extension or the trailers are too long. Send each chunk with its size, or the body whole with its Content-Length."
    VersionRequired "version_required" 400 "Version required" "This API serves several versions and has no default. Name one as the API's page says."
    KeyMissing "key_missing" 401 "Key missing" "Send an API key in the X-Api-Key header, or as Authorization: Bearer. Keys are made on an application's page in the portal."
    KeyInvalid "key_invalid" 401 "Key invalid" "No such key. Check that it was copied whole: its checksum is in its last six characters."
    KeyExpired "key_expired" 401 "Key expired" "This key's time is over. Make or roll a key on the application's page."
    KeyRevoked "key_revoked" 401 "Key revoked" "This key was revoked and never works again. Use another key of the application."
    TokenMissing "token_missing" 401 "Token missing" "Send an access token as Authorization: Bearer."
    TokenInvalid "token_invalid" 401 "Token invalid" "The token is not one of ours, or was changed or withdrawn. Get a new one."
    TokenExpired "token_expired" 401 "Token expired" "The token's time is over. Get a new one."
    ProofInvalid "proof_invalid" 401 "Proof invalid" "The token is bound to a key of its client, and was not shown with a proof of that key which counts here; the detail says why. Send it as Authorization: DPoP, with a new proof (RFC 9449)."
    ProofNonce "proof_nonce" 401 "Nonce needed" "The proof needs a nonce of the gateway, or has one whose time is over. Make a new proof with the one in DPoP-Nonce as its nonce, and send the call again (RFC 9449 §9)."
    PasswordMissing "password_missing" 401 "Password missing" "Send a user name and password as Authorization: Basic. They are made on an application's page in the portal."
    PasswordInvalid "password_invalid" 401 "Password invalid" "No such user name with this password. Check that both were copied whole."
    SignatureMissing "signature_missing" 401 "Signature missing" "Sign the request as RFC 9421 says, with a key whose public half is on the application's page in the portal."
    SignatureInvalid "signature_invalid" 401 "Signature invalid" "The signature is not one that counts here; the detail says why. Sign the request anew."
    TicketInvalid "ticket_invalid" 401 "Ticket invalid" "A try-it ticket is good once, for one minute, for one request. Try again from the portal."
    NotSubscribed "not_subscribed" 403 "Not subscribed" "The application has no subscription to a product with this API. Request one on the API's page in the portal."
    SubscriptionPending "subscription_pending" 403 "Subscription pending" "The subscription waits for its approval or for its start date."
    SubscriptionSuspended "subscription_suspended" 403 "Subscription suspended" "The API's owner suspended the subscription; the reason is on the subscription's page."
    SubscriptionPaused "subscription_paused" 403 "Subscription paused" "Your own team paused the subscription. Resume it on its page."
    SubscriptionExpired "subscription_expired" 403 "Subscription expired" "The subscription has ended or its plan is closed. Request another plan."
    SubscriptionRevoked "subscription_revoked" 403 "Subscription revoked" "The API's owner ended the subscription."
    ApplicationDisabled "application_disabled" 403 "Application disabled" "The application is disabled. A maintainer of its team can enable it."
    OrganizationSuspended "organization_suspended" 403 "Organization suspended" "The organization is suspended by the operator of this platform."
    ScopeMissing "scope_missing" 403 "Scope missing" "The caller lacks a scope or role that this operation asks for."
    IpDenied "ip_denied" 403 "Address denied" "Calls from this network address are not allowed."
    AccessDenied "access_denied" 403 "Access denied" "A rule of the API refused this call."
    ThreatDetected "threat_detected" 403 "Looks like an attack" "A part of the request looks like an attack; `errors` says which. If it is none, tell the API's owner its place and the request id."
    HttpsRequired "https_required" 403 "HTTPS required" "Call this host by https."
    NoRoute "no_route" 404 "No route" "No published API answers at this host and path. Compare the address with the API's page."
    NoVersion "no_version" 404 "No such version" "The API has no version of this name; `versions` lists those it has."
    NoOperation "no_operation" 404 "No such operation" "The API's document has no operation at this path."
    MethodNotAllowed "method_not_allowed" 405 "Method not allowed" "The path exists, the method does not; the Allow header lists those that do."
    RequestTimeout "request_timeout" 408 "Request timeout" "The request arrived too slowly. Send it again on a better line."
    BodyTooLarge "body_too_large" 413 "Body too large" "The request body is larger than this API accepts; the detail has the limit."
    Misdirected "misdirected_request" 421 "Misdirected request" "This host wants a connection of its own, made under its name with a client certificate. Open a new connection for it."
    UriTooLong "uri_too_long" 414 "Target too long" "The path and query are longer than the gateway accepts."
    HeadersTooLarge "headers_too_large" 431 "Headers too large" "The header fields are too many or too large."
    VersionRetired "version_retired" 410 "Version retired" "This version is retired and answers no more. The Link header names its successor, where there is one."
    ValidationFailed "validation_failed" 422 "Validation failed" "Parts of the input are wrong; each entry of errors says which and why."
    RateLimited "rate_limited" 429 "Rate limited" "Too many calls in a short time. Wait as Retry-After says; the RateLimit fields show what is left."
    QuotaExhausted "quota_exhausted" 429 "Quota exhausted" "The quota of this period is used up. It starts anew as Retry-After says; a larger plan has more."
    TooManyConcurrent "too_many_concurrent" 429 "Too many at once" "Too many calls of this caller are in flight. Wait for answers before sending more."
    Guarded "guarded" 429 "Guarded" "Too many refused calls came from this address, or with this user name. It is heard again after Retry-After."
    PolicyInvalid "policy_invalid" 500 "Route not loaded" "A policy of this route or of the caller's plan, the route's conditions or its upstream could not be loaded, so nothing answers here. The API's owner sees why in the portal."
    Internal "internal" 500 "Internal error" "Something went wrong on our side. Give the request id to the operator."
    NotImplemented "not_implemented" 501 "Not implemented" "This transfer coding or upgrade is not spoken here."
    ProtocolVersion "protocol_version" 505 "Protocol version" "Speak HTTP/1.1 (RFC 9112)."
    UpstreamUnreachable "upstream_unreachable" 502 "Upstream unreachable" "The API's own server could not be reached. Its owner sees this in the dashboard."
    UpstreamReset "upstream_reset" 502 "Upstream reset" "The API's own server closed the connection before it had answered."
    UpstreamRemoved "upstream_removed" 502 "Upstream removed" "The API's own server was taken out of service and did not finish its answer in the time that it had for that. Send the request again if that does no harm."
    TransformFailed "transform_failed" 502 "Answer not transformed" "The API's own server answered with something that the API's rules for answers could not be applied to, so it is kept back. Its owner sees this in the log."
    ResponseInvalid "response_invalid" 502 "Answer does not fit" "The API's own server answered with something that the API's document does not have, so it is kept back. Its owner sees this in the log."
    NoHealthyTarget "no_healthy_target" 503 "No healthy target" "None of the API's servers is healthy. Try again as Retry-After says."
    CircuitOpen "circuit_open" 503 "Circuit open" "The API's servers fail too often and are given a pause. Try again as Retry-After says."
    Overloaded "overloaded" 503 "Overloaded" "The gateway is at its capacity. Try again as Retry-After says."
    Undecided "undecided" 503 "Undecided" "The server that decides on this call did not say anything in time. Try again as Retry-After says."
    VersionDisabled "version_disabled" 503 "Version disabled" "The API's owner has switched this version off for now."
    NotReady "not_ready" 503 "Not ready" "This gateway has no configuration yet, or does not know the keys of the token's issuer yet. Try again in a moment."
    NotCached "not_cached" 504 "Not in the cache" "The request asked for a kept answer alone (Cache-Control: only-if-cached), and there is none that it may have. Ask again without that."
    UpstreamTimeout "upstream_timeout" 504 "Upstream timeout" "The API's own server took too long; the detail says in which phase."

    SignInRequired "sign_in_required" 401 "Sign-in required" "Sign in, or send a personal token as Authorization: Bearer."
    CredentialsWrong "credentials_wrong" 401 "Sign-in failed" "The address or the password is wrong."
    Forbidden "forbidden" 403 "Not allowed" "Your role does not allow this. The members page lists who can."
    CrossSite "cross_site" 403 "Cross-site request" "The request did not come from a page of this portal. Reload the page and send the form again."
    SignUpClosed "sign_up_closed" 403 "Sign-up closed" "New accounts are made by invitation here. Ask a member of your organization."
    NotFound "not_found" 404 "Not found" "There is no such thing, or it is not yours to see."
    Conflict "conflict" 409 "Conflict" "The thing is not in a state that allows this; the detail says which."
    AlreadyExists "already_exists" 409 "Already exists" "Another one has this name. Choose another."
    IllegalTransition "illegal_transition" 409 "Illegal transition" "From its present state this step is not possible."
    RouteTaken "route_taken" 409 "Route taken" "Another version answers at this host and path. Choose another path."
    LastOwner "last_owner" 409 "Last owner" "An organization keeps at least one owner. Name another one first."
    IdempotencyConflict "idempotency_conflict" 409 "Idempotency conflict" "This Idempotency-Key was used for another request, or with rights that you do not have now."
    LimitReached "limit_reached" 409 "Limit reached" "The plan allows no more subscriptions of this kind."
    LinkUsed "link_used" 410 "Link no longer good" "The link was used already or its time is over. Ask for a new one."
    PreconditionFailed "precondition_failed" 412 "Changed meanwhile" "Someone changed it since you read it. Read it again, then repeat your change."
    PreconditionMalformed "precondition_malformed" 400 "Bad precondition" "If-Match takes one strong entity tag as the ETag header gave it."
    MediaTypeUnsupported "media_type_unsupported" 415 "Media type unsupported" "Send application/json."
    TooManyAttempts "too_many_attempts" 429 "Too many attempts" "Wait as Retry-After says, then try again."
    DocumentInvalid "document_invalid" 422 "Document invalid" "The OpenAPI document could not be read; each entry of errors says where."
    DocumentTooLarge "document_too_large" 413 "Document too large" "A document may have 5 MiB, be nested 100 deep and hold 10,000 references."
    UpstreamNotAllowed "upstream_not_allowed" 422 "Target not allowed" "The address lies in a network that the operator has not opened for upstreams."
    Unavailable "unavailable" 503 "Unavailable" "A service behind the portal does not answer. Nothing was changed; try again."
}

impl Code {
    pub const fn as_str(self) -> &'static str {
        self.entry().code
    }

    pub const fn status(self) -> u16 {
        self.entry().status
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }

    pub fn type_uri(self, portal_url: Option<&str>) -> String {
        match portal_url {
            Some(base) => format!(
                "{}/docs/errors/{}",
                base.trim_end_matches('/'),
                self.as_str()
            ),
            None => format!("urn:portunus:error:{}", self.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_explained() {
        let mut seen = std::collections::HashSet::new();
        for code in Code::ALL {
            let entry = code.entry();
            assert!(seen.insert(entry.code), "{} twice", entry.code);
            assert!((400..600).contains(&entry.status), "{}", entry.code);
            assert!(entry.help.len() > 20, "{}", entry.code);
            assert_eq!(Code::parse(entry.code), Some(*code));
        }
    }

    #[test]
    fn a_problem_links_to_its_page() {
        let problem = Problem::new(Code::KeyMissing, "", Some("http://localhost:3000/"), "r1");
        assert_eq!(
            problem.kind,
            "http://localhost:3000/docs/errors/key_missing"
        );
        assert_eq!(
            Problem::new(Code::NoRoute, "", None, "").kind,
            "urn:portunus:error:no_route"
        );
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(json["status"], 401);
        assert!(json.get("errors").is_none());
    }
}
