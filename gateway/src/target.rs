//! What a request aims at: its one canonical path, its one host, its client's address. Whatever
//! could be read in two ways is refused here.

use std::borrow::Cow;
use std::net::IpAddr;

use domain::path;
use domain::problem::Code;
use domain::route;
use http::Method;
use ipnet::IpNet;

use crate::answer::Refusal;
use crate::client::Peer;
use crate::fields::{Fields, Name};
use crate::head::Head;

/// Methods that are answered at all, for `Allow`.
const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// CONNECT and TRACE are nobody's operation.
pub(crate) fn method(head: &Head) -> Result<(), Refusal> {
    match head.method {
        Method::CONNECT | Method::TRACE => {
            Err(Refusal::new(Code::MethodNotAllowed).allow(&METHODS).close())
        }
        _ => Ok(()),
    }
}

/// Finds the canonical path: matched, logged and forwarded. Whether one with encoded slashes is
/// taken is the version's to say.
pub(crate) fn path(head: &mut Head) -> Result<(), Refusal> {
    let found = path::keeping_slashes(head.path())
        .map_err(|error| Refusal::new(Code::PathNotCanonical).detail(error.to_string()))?;
    let has_encoded_slash = found.has_encoded_slash;
    let canonical = match found.path {
        Cow::Borrowed(_) => None,
        Cow::Owned(path) => Some(path),
    };
    head.canonical = canonical;
    head.has_encoded_slash = has_encoded_slash;
    Ok(())
}

/// The one host, as it is matched (RFC 9112 §3.2).
pub(crate) fn host(head: &Head) -> Result<Cow<'_, str>, Refusal> {
    let refuse = |detail: &str| Refusal::new(Code::HostInvalid).detail(detail).close();
    let mut hosts = head.fields.all(Name::Host);
    let value = match (hosts.next(), hosts.next()) {
        (Some(value), None) => std::str::from_utf8(value)
            .ok()
            .filter(|value| value.is_ascii())
            .ok_or_else(|| refuse("The Host is not plain text."))?,
        (None, _) => return Err(refuse("The request has no Host.")),
        (Some(_), Some(_)) => return Err(refuse("The request has more than one Host.")),
    };
    if let Some(authority) = head.authority()
        && !authority.eq_ignore_ascii_case(value)
    {
        return Err(refuse(
            "The Host differs from the one in the request target.",
        ));
    }
    route::host(value).ok_or_else(|| refuse("The Host does not name a host."))
}

/// The length that a body is declared to have, where it is above `limit`.
pub(crate) fn body(length: Option<u64>, limit: u64) -> Result<(), Refusal> {
    match length {
        Some(length) if length > limit => Err(too_large(limit)),
        Some(_) | None => Ok(()),
    }
}

pub(crate) fn too_large(limit: u64) -> Refusal {
    Refusal::new(Code::BodyTooLarge)
        .detail(format!("A body may have at most {limit} bytes."))
        .close()
}

/// The client behind trusted proxies: from the right, the first address that is not one of them.
pub(crate) fn client(peer: &Peer, fields: &Fields, trusted: &[IpNet]) -> IpAddr {
    if !peer.trusted {
        return peer.address;
    }
    let mut client = peer.address;
    for value in fields.all(Name::ForwardedFor).rev() {
        let value = std::str::from_utf8(value).unwrap_or_default();
        for part in value.rsplit(',') {
            let Ok(address) = part.trim().parse::<IpAddr>() else {
                return client;
            };
            client = address.to_canonical();
            if !trusted.iter().any(|net| net.contains(&client)) {
                return client;
            }
        }
    }
    client
}

/// Names with `_` reach some upstreams as `-`: dropped, and refused where they would pass for a
/// field that we set.
pub(crate) fn shadows(name: &[u8]) -> bool {
    if !name.contains(&b'_') {
        return false;
    }
    let dashed = |byte: &u8| if *byte == b'_' { b'-' } else { *byte };
    let as_read: Vec<u8> = name.iter().map(dashed).collect();
    match Name::of(&as_read) {
        Name::ApiKey
        | Name::RequestId
        | Name::ForwardedFor
        | Name::ForwardedHost
        | Name::ForwardedProto
        | Name::Forwarding
        | Name::Portunus => true,
        Name::Other
        | Name::Connection
        | Name::KeepAlive
        | Name::TransferEncoding
        | Name::Upgrade
        | Name::Expect
        | Name::Hop
        | Name::Host
        | Name::ContentLength
        | Name::Authorization
        | Name::Cookie
        | Name::SetCookie
        | Name::Forwarded
        | Name::Underscore
        | Name::Date
        | Name::RetryAfter
        | Name::Accept
        | Name::ContentType
        | Name::Traceparent
        | Name::Tracestate => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_client_is_behind_the_last_trusted_proxy() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let peer = |address: &str, trusted| Peer {
            address: address.parse().unwrap(),
            header: HeaderValue::from_static("x"),
            trusted,
            secure: None,
        };
        let fields = |value: &str| {
            let mut fields = Fields::new(b"");
            fields.push("x-forwarded-for", value.as_bytes());
            fields
        };
        for (from, is_trusted, forwarded, client_is) in [
            ("1.1.1.1", false, "2.2.2.2", "1.1.1.1"),
            ("10.0.0.1", true, "2.2.2.2", "2.2.2.2"),
            ("10.0.0.1", true, "6.6.6.6, 2.2.2.2, 10.0.0.2", "2.2.2.2"),
            ("10.0.0.1", true, "10.0.0.3", "10.0.0.3"),
            ("10.0.0.1", true, "6.6.6.6, nonsense", "10.0.0.1"),
        ] {
            let found = client(&peer(from, is_trusted), &fields(forwarded), &trusted);
            assert_eq!(found.to_string(), client_is, "{from} {forwarded}");
        }
    }
}
