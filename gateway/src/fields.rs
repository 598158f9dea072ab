//! Header fields on their way through: what ends at this hop goes, what a client must not say
//! goes, and our own are added afterwards.

use http::header::{AUTHORIZATION, CONNECTION, COOKIE, HOST, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::answer::Refusal;
use crate::call::Call;
use crate::head::{
    PORTUNUS_APPLICATION, PORTUNUS_ENVIRONMENT, PORTUNUS_PLAN, PORTUNUS_SUBSCRIPTION, X_API_KEY,
    X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, X_REQUEST_ID,
};
use crate::state::Upstream;
use crate::target::shadows;
use crate::upstream::Target;
use domain::key::Environment;
use domain::problem::Code;

/// Fields of one hop (RFC 9110 §7.6.1), and those that this hop settles itself.
fn ends_here(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "expect"
            | "http2-settings"
    )
}

/// Names that a `Connection` field cannot have removed: that would be a way to strip what others
/// rely on.
fn is_protected(name: &str) -> bool {
    matches!(
        name,
        "authorization" | "cookie" | "host" | "content-length" | "x-request-id"
    ) || name.starts_with("x-forwarded-")
        || name.starts_with("x-portunus-")
}

/// Removes what ends at this hop, `Connection`'s nominations included.
fn strip_hop(headers: &mut HeaderMap, gone: &mut Vec<HeaderName>) {
    for value in headers.get_all(CONNECTION) {
        for token in value.to_str().unwrap_or_default().split(',') {
            let Ok(name) = HeaderName::try_from(token.trim()) else {
                continue;
            };
            if !is_protected(name.as_str()) && !ends_here(name.as_str()) {
                gone.push(name);
            }
        }
    }
    for name in gone.drain(..) {
        headers.remove(name);
    }
}

/// Takes out of a request what must not reach an upstream.
pub(crate) fn strip_request(
    headers: &mut HeaderMap,
    trusted: bool,
    session_cookie: &str,
) -> Result<(), Refusal> {
    let mut gone = Vec::new();
    for name in headers.keys() {
        let text = name.as_str();
        if text.contains('_') {
            if shadows(name) {
                let detail = format!("The header {text} would pass for one that the gateway sets.");
                return Err(Refusal::new(Code::BadRequest).detail(detail));
            }
            gone.push(name.clone());
        } else if ends_here(text) {
            gone.push(name.clone());
        } else if let Some(rest) = text.strip_prefix("x-") {
            let forwarding = rest.starts_with("forwarded-") || rest == "real-ip";
            if rest.starts_with("portunus-") || (forwarding && !trusted) {
                gone.push(name.clone());
            }
        } else if text == "forwarded" && !trusted {
            gone.push(name.clone());
        }
    }
    strip_hop(headers, &mut gone);
    strip_keys(headers);
    strip_session(headers, session_cookie);
    Ok(())
}

/// A `ptn_…` value never reaches an upstream, attached policy or not.
fn strip_keys(headers: &mut HeaderMap) {
    for name in [X_API_KEY, AUTHORIZATION] {
        if headers.get_all(&name).iter().any(holds_key) {
            headers.remove(name);
        }
    }
}

/// In any line and behind any scheme: not only where `key_auth` would look for it.
fn holds_key(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    let is_inside = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    memchr::memmem::find_iter(bytes, b"ptn_").any(|at| !bytes[..at].last().is_some_and(is_inside))
}

/// Cuts the portal's session out of the cookies: it shares the host, as cookies ignore ports.
fn strip_session(headers: &mut HeaderMap, name: &str) {
    let is_there = |value: &HeaderValue| memchr::memmem::find(value.as_bytes(), name.as_bytes());
    if !headers
        .get_all(COOKIE)
        .iter()
        .any(|value| is_there(value).is_some())
    {
        return;
    }
    let mut kept = Vec::new();
    for value in headers.get_all(COOKIE) {
        let pairs = value.as_bytes().split(|byte| *byte == b';');
        let rest: Vec<&[u8]> = pairs
            .map(<[u8]>::trim_ascii)
            .filter(|pair| !pair.is_empty() && !is_cookie(pair, name))
            .collect();
        kept.extend(
            HeaderValue::try_from(rest.join(&b"; "[..]))
                .ok()
                .filter(|_| !rest.is_empty()),
        );
    }
    headers.remove(COOKIE);
    for value in kept {
        headers.append(COOKIE, value);
    }
}

/// Bytes, because a cookie need not be text.
fn is_cookie(pair: &[u8], name: &str) -> bool {
    let shown = pair
        .split(|byte| *byte == b'=')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    shown.strip_prefix(b"__Host-").unwrap_or(shown) == name.as_bytes()
}

/// The addresses so far, of all lines, and the peer's behind them.
fn forwarded_for(headers: &HeaderMap, peer: &HeaderValue) -> HeaderValue {
    let mut earlier = headers.get_all(X_FORWARDED_FOR).iter().peekable();
    if earlier.peek().is_none() {
        return peer.clone();
    }
    let mut all = Vec::new();
    for line in earlier {
        all.extend_from_slice(line.as_bytes());
        all.extend_from_slice(b", ");
    }
    all.extend_from_slice(peer.as_bytes());
    HeaderValue::try_from(all).unwrap_or_else(|_| peer.clone())
}

/// Adds ours: identity, forwarding, request id, the upstream's credential.
pub(crate) fn add_request(call: &mut Call<'_>, upstream: &Upstream, request_id: &HeaderValue) {
    let peer = call.peer;
    let (caller, plan) = (call.caller, call.plan());
    let headers = &mut call.head.headers;
    headers.insert(X_REQUEST_ID, request_id.clone());
    let forwarded = forwarded_for(headers, &peer.header);
    headers.insert(X_FORWARDED_FOR, forwarded);
    if !peer.trusted || !headers.contains_key(X_FORWARDED_PROTO) {
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(peer.scheme()));
    }
    if let Some(host) = headers.get(HOST).cloned()
        && (!peer.trusted || !headers.contains_key(X_FORWARDED_HOST))
    {
        headers.insert(X_FORWARDED_HOST, host);
    }
    if let Some(caller) = caller {
        headers.insert(PORTUNUS_APPLICATION, caller.application.header().clone());
        let environment = match caller.key.environment() {
            Environment::Live => "live",
            Environment::Test => "test",
        };
        headers.insert(PORTUNUS_ENVIRONMENT, HeaderValue::from_static(environment));
        if let Some(subscription) = caller.subscription {
            headers.insert(PORTUNUS_SUBSCRIPTION, subscription.header().clone());
        }
        if let Some(plan) = plan {
            headers.insert(PORTUNUS_PLAN, plan.header.clone());
        }
    }
    if let Some((name, value)) = &upstream.credential {
        headers.insert(name.clone(), value.clone());
    }
}

/// Names the target in `Host`.
pub(crate) fn address(headers: &mut HeaderMap, upstream: &Upstream, target: &Target) {
    if !upstream.preserve_host {
        headers.insert(HOST, target.authority.clone());
    }
}

/// Takes out of an answer what ends at this hop, and a session cookie that an upstream must not
/// set.
pub(crate) fn strip_response(headers: &mut HeaderMap, session_cookie: &str) {
    let mut gone: Vec<HeaderName> = Vec::new();
    for name in headers.keys() {
        if ends_here(name.as_str()) {
            gone.push(name.clone());
        }
    }
    if !gone.is_empty() {
        strip_hop(headers, &mut gone);
    }
    let is_session = |value: &HeaderValue| is_cookie(value.as_bytes(), session_cookie);
    if headers.get_all(SET_COOKIE).iter().any(is_session) {
        let kept: Vec<HeaderValue> = headers
            .get_all(SET_COOKIE)
            .iter()
            .filter(|value| !is_session(value))
            .cloned()
            .collect();
        headers.remove(SET_COOKIE);
        for value in kept {
            headers.append(SET_COOKIE, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<String> {
        let mut names: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_must_not_pass_does_not() {
        let mut headers = map(&[
            (
                "connection",
                "keep-alive, X-Hop, Authorization, x-forwarded-for",
            ),
            ("x-hop", "1"),
            ("authorization", "Basic abc"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("x-forwarded-for", "6.6.6.6"),
            ("forwarded", "for=6.6.6.6"),
            ("x-portunus-plan", "gold"),
            ("x_custom", "1"),
            ("x-api-key", "ptn_live_x"),
            (
                "cookie",
                "a=1; __Host-portunus_session=x; portunus_session=y; b=2",
            ),
            ("accept", "*/*"),
        ]);
        strip_request(&mut headers, false, "portunus_session").unwrap();
        assert_eq!(
            names(&headers),
            ["accept=*/*", "authorization=Basic abc", "cookie=a=1; b=2"]
        );
    }

    #[test]
    fn a_shadow_is_refused_and_a_proxy_is_believed() {
        for name in ["x_portunus_plan", "x_forwarded_for", "x-request_id"] {
            assert!(
                strip_request(&mut map(&[(name, "1")]), true, "s").is_err(),
                "{name}"
            );
        }
        let mut headers = map(&[
            ("x-forwarded-for", "1.1.1.1"),
            ("x-api-key", "other"),
            ("authorization", "bearer ptn_x"),
        ]);
        strip_request(&mut headers, true, "s").unwrap();
        assert_eq!(
            names(&headers),
            ["x-api-key=other", "x-forwarded-for=1.1.1.1"]
        );
        for name in ["cookie", "x-api-key", "authorization"] {
            let value = if name == "cookie" {
                "s=1"
            } else {
                "ptn_live_x"
            };
            let mut headers = map(&[(name, value)]);
            strip_request(&mut headers, false, "s").unwrap();
            assert!(headers.is_empty(), "{name}");
        }
    }

    /// Keys and sessions in other lines, schemes and bytes than the usual ones.
    #[test]
    fn no_spelling_lets_a_secret_pass() {
        for (name, lines, left) in [
            ("x-api-key", &["foo", "ptn_live_x"][..], ""),
            ("authorization", &["ptn_test_x"], ""),
            ("authorization", &["Bearer\tptn_live_x"], ""),
            ("authorization", &["Basic x", "Bearer ptn_pat_x"], ""),
            (
                "authorization",
                &["Bearer aptn_b"],
                "authorization=Bearer aptn_b",
            ),
            ("cookie", &["a=1", "s=2"], "cookie=a=1"),
            ("cookie", &["s=2; b=1", "a=1"], "cookie=a=1 cookie=b=1"),
            ("cookie", &["a=\u{e9}; __Host-s=2"], "cookie=a=\u{e9}"),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                let value = HeaderValue::from_bytes(line.as_bytes()).unwrap();
                headers.append(HeaderName::from_static(name), value);
            }
            strip_request(&mut headers, false, "s").unwrap();
            let mut found: Vec<_> = headers
                .iter()
                .map(|(name, value)| {
                    format!("{name}={}", String::from_utf8_lossy(value.as_bytes()))
                })
                .collect();
            found.sort();
            assert_eq!(found.join(" "), left, "{lines:?}");
        }
    }

    #[test]
    fn the_peer_stands_behind_all_lines_of_a_proxy() {
        let peer = HeaderValue::from_static("10.0.0.1");
        assert_eq!(forwarded_for(&map(&[]), &peer), "10.0.0.1");
        let lines = map(&[
            ("x-forwarded-for", "1.1.1.1, 2.2.2.2"),
            ("x-forwarded-for", "3.3.3.3"),
        ]);
        let all = forwarded_for(&lines, &peer);
        assert_eq!(all, "1.1.1.1, 2.2.2.2, 3.3.3.3, 10.0.0.1");
    }

    #[test]
    fn answers_are_stripped_as_well() {
        let mut headers = map(&[
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("set-cookie", "a=1"),
            ("set-cookie", "portunus_session=evil; Path=/"),
            ("set-cookie", "b=2"),
            ("server", "x"),
        ]);
        strip_response(&mut headers, "portunus_session");
        assert_eq!(
            names(&headers),
            ["server=x", "set-cookie=a=1", "set-cookie=b=2"]
        );
    }
}
