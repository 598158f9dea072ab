//! A request head read back from the bytes that went to a connection which turned out to be dead:
//! so that a second try costs nothing as long as none is needed.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

use crate::body::Inbound;

/// The request without body that `written` begins with; `None` when the head is not whole.
pub(super) fn request(written: &[u8]) -> Option<Request<Inbound>> {
    // Each field has a line of its own, so there are no more of them than lines.
    let lines = memchr::memchr_iter(b'\n', written).count();
    let mut fields = vec![httparse::EMPTY_HEADER; lines];
    let mut parsed = httparse::Request::new(&mut fields);
    parsed.parse(written).ok()?.is_complete().then_some(())?;
    let mut headers = HeaderMap::with_capacity(parsed.headers.len());
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    let mut request = Request::new(Inbound::empty());
    *request.method_mut() = Method::from_bytes(parsed.method?.as_bytes()).ok()?;
    *request.uri_mut() = parsed.path?.parse().ok()?;
    *request.headers_mut() = headers;
    Some(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_comes_back() {
        let written = b"GET /a?b HTTP/1.1\r\nhost: x:1\r\nx-a: 1\r\nx-a: 2\r\n\r\n";
        let request = request(written).unwrap();
        assert_eq!(
            (request.method(), request.uri().to_string().as_str()),
            (&Method::GET, "/a?b")
        );
        assert_eq!(request.headers().get_all("x-a").iter().count(), 2);
        assert!(super::request(&written[..20]).is_none());
    }
}
