//! A refusal as gRPC knows it: a status in the only head there is ("trailers only"), with HTTP's 200.

use super::Refusal;
use crate::body::{Answer, Outflow};
use crate::fields::Fields;

/// The status of a code: what gRPC's own mapping of HTTP statuses says, and finer where we know.
/// Source: the gRPC project's "HTTP to gRPC Status Code Mapping" and "Status codes and their use".
const fn status(http: u16) -> &'static [u8] {
    match http {
        // INTERNAL: the request is not what it should be.
        400 | 413 | 414 | 431 | 422 => b"13",
        // UNAUTHENTICATED
        401 => b"16",
        // PERMISSION_DENIED
        403 => b"7",
        // UNIMPLEMENTED: there is no such method here.
        404 | 405 | 410 => b"12",
        // RESOURCE_EXHAUSTED
        429 => b"8",
        // UNAVAILABLE: may be tried again.
        502 | 503 => b"14",
        // DEADLINE_EXCEEDED
        408 | 504 => b"4",
        // UNKNOWN
        _ => b"2",
    }
}

/// Percent-encoded, as `grpc-message` must be.
fn encoded(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Another server's 401 is one; where it sends a browser is of no use here.
fn grpc_cause(refusal: &Refusal) -> u16 {
    match refusal.status() {
        401 => 401,
        _ => refusal.code.status(),
    }
}

pub(super) fn answer(refusal: &Refusal, media_type: &str) -> Answer {
    let mut fields = Fields::new(b"");
    fields.push("content-type", media_type.as_bytes());
    fields.push("grpc-status", status(grpc_cause(refusal)));
    let message = format!("{}: {}", refusal.code.as_str(), refusal.sentence());
    fields.push("grpc-message", encoded(&message).as_bytes());
    if let Some(seconds) = refusal.retry_after {
        super::push_number(&mut fields, "retry-after", seconds);
    }
    // Without it no other proof counts either (RFC 9449 §9).
    let more = refusal.more.as_ref().map(|more| &more.1);
    if let Some(nonce) = more.and_then(|more| more.named("dpop-nonce").next()) {
        fields.push("dpop-nonce", nonce);
    }
    Answer {
        status: 200,
        fields,
        body: Outflow::empty(),
        closes: refusal.close,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::problem::Code;

    #[test]
    fn refusals_have_a_status_of_grpc() {
        for (code, is) in [
            (Code::KeyMissing, "16"),
            (Code::RateLimited, "8"),
            (Code::NoRoute, "12"),
            (Code::UpstreamTimeout, "4"),
            (Code::Overloaded, "14"),
        ] {
            let answer = answer(&Refusal::new(code).detail("a\u{e9}%"), "application/grpc");
            let field = |name| answer.fields.named(name).next().unwrap();
            assert_eq!(answer.status, 200);
            assert_eq!(field("grpc-status"), is.as_bytes());
            let message = format!("{}: a%C3%A9%25", code.as_str());
            assert_eq!(field("grpc-message"), message.as_bytes());
        }
    }
}
