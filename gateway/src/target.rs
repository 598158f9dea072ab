//! What a request aims at: its one canonical path, its one host, its client's address. Whatever
//! could be read in two ways is refused here.

use std::borrow::Cow;
use std::net::IpAddr;

use domain::path;
use domain::problem::Code;
use domain::route;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderName, Method, Uri};
use ipnet::IpNet;

use crate::answer::Refusal;
use crate::client::Peer;
use crate::head::{Head, X_FORWARDED_FOR};

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

/// The canonical path: matched, logged and forwarded.
pub(crate) fn path(uri: &Uri) -> Result<path::Canonical<'_>, Refusal> {
    path::keeping_slashes(uri.path())
        .map_err(|error| Refusal::new(Code::PathNotCanonical).detail(error.to_string()))
}

/// The one host, as it is matched (RFC 9112 §3.2).
pub(crate) fn host<'h>(uri: &Uri, headers: &'h HeaderMap) -> Result<Cow<'h, str>, Refusal> {
    let refuse = |detail: &str| Refusal::new(Code::HostInvalid).detail(detail).close();
    let mut hosts = headers.get_all(HOST).iter();
    let value = match (hosts.next(), hosts.next()) {
        (Some(value), None) => value
            .to_str()
            .map_err(|_| refuse("The Host is not plain text."))?,
        (None, _) => return Err(refuse("The request has no Host.")),
        (Some(_), Some(_)) => return Err(refuse("The request has more than one Host.")),
    };
    if let Some(authority) = uri.authority()
        && !authority.as_str().eq_ignore_ascii_case(value)
    {
        return Err(refuse(
            "The Host differs from the one in the request target.",
        ));
    }
    route::host(value).ok_or_else(|| refuse("The Host does not name a host."))
}

/// The declared length, where it is above `limit`.
pub(crate) fn body(headers: &HeaderMap, limit: u64) -> Result<(), Refusal> {
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match declared {
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
pub(crate) fn client(peer: &Peer, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    if !peer.trusted {
        return peer.address;
    }
    let mut client = peer.address;
    for value in headers.get_all(X_FORWARDED_FOR).iter().rev() {
        for part in value.to_str().unwrap_or_default().rsplit(',') {
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
pub(crate) fn shadows(name: &HeaderName) -> bool {
    let as_read = name.as_str().replace('_', "-");
    as_read.starts_with("x-portunus-")
        || as_read.starts_with("x-forwarded-")
        || matches!(&*as_read, "x-request-id" | "x-api-key" | "x-real-ip")
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
        let headers =
            |value| HeaderMap::from_iter([(X_FORWARDED_FOR, HeaderValue::from_static(value))]);
        for (from, is_trusted, forwarded, client_is) in [
            ("1.1.1.1", false, "2.2.2.2", "1.1.1.1"),
            ("10.0.0.1", true, "2.2.2.2", "2.2.2.2"),
            ("10.0.0.1", true, "6.6.6.6, 2.2.2.2, 10.0.0.2", "2.2.2.2"),
            ("10.0.0.1", true, "10.0.0.3", "10.0.0.3"),
            ("10.0.0.1", true, "6.6.6.6, nonsense", "10.0.0.1"),
        ] {
            let found = client(&peer(from, is_trusted), &headers(forwarded), &trusted);
            assert_eq!(found.to_string(), client_is, "{from} {forwarded}");
        }
    }
}
