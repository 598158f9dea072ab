//! The health check of gRPC (`grpc.health.v1.Health/Check`): its two messages, which are a text and
//! a number, read and written here.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

pub(super) const PATH: &str = "/grpc.health.v1.Health/Check";

/// More of an answer is not read: a verdict has two bytes.
const LONGEST: usize = 1024;

/// SERVING, of the message's numbers.
const SERVING: u64 = 1;

/// Asks about `service`, by its full name; empty for the server as a whole.
pub(super) fn request(uri: Uri, service: &str) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::from(message(service)));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "application/grpc"),
        (TE, "trailers"),
        (USER_AGENT, "portunus-health"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    request
}

/// `HealthCheckRequest { string service = 1 }` behind the five bytes that gRPC puts before it.
fn message(service: &str) -> Vec<u8> {
    let mut fields = Vec::new();
    if !service.is_empty() {
        fields.push(1 << 3 | 2);
        put(&mut fields, service.len() as u64);
        fields.extend_from_slice(service.as_bytes());
    }
    let mut whole = vec![0];
    whole.extend_from_slice(&(fields.len() as u32).to_be_bytes());
    whole.extend(fields);
    whole
}

/// A number as Protocol Buffers write it.
fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Whether a call ended well and said that what was asked about is serving.
pub(super) async fn is_serving(mut body: Incoming) -> Result<bool, hyper::Error> {
    let (mut message, mut ended_well) = (Vec::new(), false);
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        if let Some(data) = frame.data_ref() {
            if message.len() + data.len() > LONGEST {
                return Ok(false);
            }
            message.extend_from_slice(data);
        } else if let Some(trailers) = frame.trailers_ref() {
            let status = trailers.get("grpc-status");
            ended_well = status.is_some_and(|status| status.as_bytes() == b"0");
        }
    }
    Ok(ended_well && status(&message) == Some(SERVING))
}

/// `HealthCheckResponse { ServingStatus status = 1 }`; `None` for anything else. What is not
/// written is 0, UNKNOWN.
fn status(message: &[u8]) -> Option<u64> {
    let (prefix, mut rest) = message.split_first_chunk::<5>()?;
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
    // Compressed it would only be if we had said that we read that.
    if prefix[0] != 0 || length as usize != rest.len() {
        return None;
    }
    let mut status = 0;
    while !rest.is_empty() {
        let tag = take(&mut rest)?;
        let skipped = match tag & 7 {
            0 => {
                let number = take(&mut rest)?;
                if tag >> 3 == 1 {
                    status = number;
                }
                0
            }
            1 => 8,
            2 => usize::try_from(take(&mut rest)?).ok()?,
            5 => 4,
            _ => return None,
        };
        rest = rest.get(skipped..)?;
    }
    Some(status)
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, left) = rest.split_first()?;
        *rest = left;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_as_the_library_writes_them() {
        assert_eq!(message(""), b"\0\0\0\0\0");
        assert_eq!(message("a.B"), b"\0\0\0\0\x05\x0a\x03a.B");
        let long = message(&"x".repeat(200));
        assert_eq!(long[..8], *b"\0\0\0\0\xcb\x0a\xc8\x01");
    }

    #[test]
    fn only_a_whole_verdict_is_one() {
        for (message, verdict) in [
            (&b"\0\0\0\0\x02\x08\x01"[..], Some(1)),
            (b"\0\0\0\0\x02\x08\x02", Some(2)),
            (b"\0\0\0\0\x00", Some(0)),
            // Fields that are not known are passed over, of whatever kind.
            (b"\0\0\0\0\x08\x12\x02ab\x08\x01\x18\x05", Some(1)),
            (b"\0\0\0\0\x07\x15abcd\x08\x01", Some(1)),
            (b"\0\0\0\0\x0b\x11abcdefgh\x08\x03", Some(3)),
            (b"\x01\0\0\0\x02\x08\x01", None),
            (b"\0\0\0\0\x03\x08\x01", None),
            (b"\0\0\0\0\x01\x08\x01", None),
            (b"\0\0\0\0\x02\x08\x81", None),
            (b"\0\0\0\0\x03\x12\x09a", None),
            (b"\0\0\0\0\x01\x0b", None),
            (b"\0\0\0", None),
            (b"", None),
        ] {
            assert_eq!(status(message), verdict, "{message:?}");
        }
    }
}
