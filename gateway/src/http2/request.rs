//! A request of HTTP/2 as the pipeline knows requests: one `Host`, one `Cookie`, within the bounds
//! that HTTP/1 has.

use std::convert::Infallible;
use std::rc::Rc;

use http::header::{COOKIE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;

use super::exchange::{Answered, Connection, Exchange};
use super::inflow::Streamed;
use crate::body::Outflow;
use crate::client::Client;
use crate::fields::Fields;
use crate::head::Head;
use crate::http1::is_odd;
use crate::pipeline;
use crate::settings::Limits;

/// Answers one request.
pub(super) async fn answer(
    connection: Rc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<Answered>, Infallible> {
    let exchange = Exchange::begin(connection.clone());
    let worker = connection.worker.clone();
    let (mut parts, incoming) = request.into_parts();
    let to_head = parts.method == Method::HEAD;
    let read = check(&parts.uri, &parts.headers, &worker.settings.limits).and_then(|()| {
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

/// What the reader of HTTP/1 checks on the raw bytes.
fn check(uri: &Uri, headers: &HeaderMap, limits: &Limits) -> Result<(), StatusCode> {
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    if target.len() > limits.target_bytes {
        return Err(StatusCode::URI_TOO_LONG);
    }
    if target.bytes().any(|byte| is_odd(&byte)) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let is_long = |(name, value): (&http::HeaderName, &HeaderValue)| {
        name.as_str().len() + value.len() + 2 > limits.field_bytes
    };
    if headers.len() > limits.fields || headers.iter().any(is_long) {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    Ok(())
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
        ] {
            let uri = Uri::try_from(target).unwrap();
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            let found = check(&uri, &headers, &limits).err();
            let found = found.map_or(200, |status| status.as_u16());
            assert_eq!(found, status, "{target} {fields:?}");
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
