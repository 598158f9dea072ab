//! A request of HTTP/2 as the pipeline knows requests: one `Host`, one `Cookie`, within the bounds
//! that HTTP/1 has.

use std::convert::Infallible;
use std::rc::Rc;

use http::header::{CONTENT_LENGTH, COOKIE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;

use super::exchange::{Answered, Connection, Exchange};
use super::inflow::Streamed;
use crate::body::Outflow;
use crate::client::Client;
use crate::fields::Fields;
use crate::head::Head;
use crate::http1::{METHOD_BYTES, content_length, is_odd};
use crate::pipeline;
use crate::settings::Limits;

/// Answers the one request that `exchange` began with.
pub(super) async fn answer(
    connection: Rc<Connection>,
    exchange: Exchange,
    request: Request<Incoming>,
) -> Result<Response<Answered>, Infallible> {
    let worker = connection.worker.clone();
    let (mut parts, incoming) = request.into_parts();
    let to_head = parts.method == Method::HEAD;
    let limits = &worker.settings.limits;
    let read = check(&parts.method, &parts.uri, &parts.headers, limits).and_then(|()| {
        let authority = parts.uri.authority().map(ToString::to_string);
        settle(authority.as_deref(), &mut parts.headers);
        head(parts.method, &parts.uri, &parts.headers).ok_or(StatusCode::BAD_REQUEST)
    });
    let head = match read {
        Ok(head) => head,
        Err(status) => {
            worker.metrics.refuse_framing(status.as_u16());
            return Ok(bare(status, exchange));
        }
    };
    // Each stream is a client of its own: faults and counts are of one request.
    let client = Rc::new(Client::on_stream(&worker, connection.peer.clone()));
    let mut inflow = Streamed::new(incoming, client.clone());
    let handled = pipeline::handle(&worker, &client, Box::new(head), &mut inflow).await;
    if client.barred.get() {
        connection.bar();
    }
    let Some(mut delivery) = handled else {
        // Nobody is there to see it.
        return Ok(bare(StatusCode::BAD_GATEWAY, exchange));
    };
    let status = StatusCode::from_u16(delivery.answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    if to_head && let Outflow::Whole(bytes, _) = &mut delivery.answer.body {
        bytes.clear();
    }
    let headers = map(&delivery.answer.fields);
    let mut response = Response::new(Answered::new(delivery, inflow, exchange));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn bare(status: StatusCode, exchange: Exchange) -> Response<Answered> {
    let mut refused = Response::new(Answered::nothing(exchange));
    *refused.status_mut() = status;
    refused
}

/// `None` for what is no request to a gateway.
fn head(method: Method, uri: &Uri, headers: &HeaderMap) -> Option<Head> {
    let mut head = Head::of(method, &uri.to_string())?;
    for (name, value) in headers {
        head.fields.push(name.as_str(), value.as_bytes());
    }
    Some(head)
}

pub(super) fn map(fields: &Fields) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields.iter() {
        let (name, value) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

/// What the reader of HTTP/1 checks on the raw bytes. Only a fragment is not seen: the library cuts
/// it off where it reads `:path`, and what is left is all that anybody gets.
fn check(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    limits: &Limits,
) -> Result<(), StatusCode> {
    // CONNECT has none.
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    if target.len() > limits.target_bytes {
        return Err(StatusCode::URI_TOO_LONG);
    }
    // The library takes a query without a path, and `*`.
    if !target.starts_with('/') || target.bytes().any(|byte| is_odd(&byte)) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let is_long = |(name, value): (&HeaderName, &HeaderValue)| {
        name.as_str().len() + value.len() + 2 > limits.field_bytes
    };
    if headers.len() > limits.fields || headers.iter().any(is_long) {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    // As one field, which they become.
    let crumbs = headers.get_all(COOKIE).iter().map(|crumb| crumb.len() + 2);
    if COOKIE.as_str().len() + crumbs.sum::<usize>() > limits.field_bytes {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    let is_malformed = method.as_str().len() > METHOD_BYTES
        || !has_clear_length(headers)
        || headers.values().any(is_padded);
    if is_malformed {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok(())
}

/// At most one `Content-Length`, which everybody reads alike: the libraries take several of one
/// value, and an empty one is 0 for one of them and none for the other.
fn has_clear_length(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    match (lengths.next(), lengths.next()) {
        (None, _) => true,
        (Some(value), None) => content_length(value.as_bytes()).is_some(),
        (Some(_), Some(_)) => false,
    }
}

/// Spaces around a value (RFC 9113 §8.2.1): an upstream that is asked in HTTP/1 reads it without
/// them, and would see another value than policies did.
fn is_padded(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    is_space(bytes.first()) || is_space(bytes.last())
}

/// `:authority` becomes the `Host` where there is none (RFC 9113 §8.3.1); where both are there, the
/// pipeline refuses two that differ. Crumbs of a cookie become one again (§8.2.3).
fn settle(authority: Option<&str>, headers: &mut HeaderMap) {
    if let Some(authority) = authority
        && !headers.contains_key(HOST)
        && let Ok(host) = HeaderValue::try_from(authority)
    {
        headers.insert(HOST, host);
    }
    if headers.get_all(COOKIE).iter().nth(1).is_some() {
        let crumbs: Vec<&[u8]> = headers
            .get_all(COOKIE)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if let Ok(whole) = HeaderValue::try_from(crumbs.join(&b"; "[..])) {
            headers.insert(COOKIE, whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_as_bounded_as_those_of_http_1() {
        let limits = Limits {
            fields: 3,
            field_bytes: 20,
            target_bytes: 12,
            ..Limits::default()
        };
        for (target, fields, status) in [
            ("/x?y=1", &[("a", "b"), ("a", "c"), ("d", "e")][..], 200),
            ("/x", &[("a", "b"), ("a", "c"), ("a", "d"), ("a", "e")], 431),
            ("/x", &[("a", "12345678901234567")], 200),
            ("/x", &[("a", "123456789012345678")], 431),
            ("/123456789012", &[], 414),
            ("/a\\b", &[], 400),
            ("/ä", &[], 400),
            ("*", &[], 400),
            ("/x", &[("cookie", "a=1"), ("cookie", "b=23456")], 200),
            ("/x", &[("cookie", "a=1"), ("cookie", "b=234567")], 431),
        ] {
            let uri = Uri::try_from(target).unwrap();
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            let found = judge(&Method::GET, &uri, &headers, &limits);
            assert_eq!(found, status, "{target} {fields:?}");
        }
    }

    fn judge(method: &Method, uri: &Uri, headers: &HeaderMap, limits: &Limits) -> u16 {
        let found = check(method, uri, headers, limits).err();
        found.map_or(200, |status| status.as_u16())
    }

    #[test]
    fn what_two_readers_would_take_differently_is_refused() {
        let root = Uri::from_static("/");
        for (fields, status) in [
            (&[("content-length", "5")][..], 200),
            (&[("content-length", "0")], 200),
            (&[("content-length", "5"), ("content-length", "5")], 400),
            (&[("content-length", "5"), ("content-length", "05")], 400),
            (&[("content-length", "")], 400),
            (&[("content-length", "5, 5")], 400),
            (&[("content-length", "+5")], 400),
            (&[("content-length", "0000000000000000005")], 400),
            (&[("x-a", "")], 200),
            (&[("x-a", "b c")], 200),
            (&[("x-a", " b")], 400),
            (&[("x-a", "b\t")], 400),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            let found = judge(&Method::POST, &root, &headers, &Limits::default());
            assert_eq!(found, status, "{fields:?}");
        }
        for (method, status) in [("A".repeat(16), 200), ("A".repeat(17), 400)] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let found = judge(&method, &root, &HeaderMap::new(), &Limits::default());
            assert_eq!(found, status, "{method}");
        }
    }

    #[test]
    fn one_host_and_one_cookie() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1"));
        headers.append(COOKIE, HeaderValue::from_static("b=2; c=3"));
        settle(Some("a.test:443"), &mut headers);
        assert_eq!(headers[HOST], "a.test:443");
        assert_eq!(headers.get_all(COOKIE).iter().count(), 1);
        assert_eq!(headers[COOKIE], "a=1; b=2; c=3");
        settle(Some("b.test"), &mut headers);
        assert_eq!(headers[HOST], "a.test:443", "both stay to be compared");
    }
}
