//! What names and values of header fields a policy may write.

/// Longest value that a policy writes.
pub(super) const MAX_VALUE: usize = 4096;

/// A field's name (RFC 9110 §5.1), not longer than anybody needs. None with `_`: some servers read
/// it as `-`, so it would pass for another field.
pub(super) fn is_name(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^`|~".contains(&b);
    (1..=100).contains(&name.len()) && name.bytes().all(is_plain)
}

/// What ends no line and is text (RFC 9110 §5.5).
pub(super) fn is_value(value: &str) -> bool {
    value.len() <= MAX_VALUE
        && value
            .bytes()
            .all(|b| b == b'\t' || (b' '..=b'~').contains(&b))
}

/// Fields that no policy touches: those of one hop and of framing, those that say where a request
/// came from and goes to, and the gateway's own.
pub(super) fn is_reserved(name: &str) -> bool {
    const NAMES: [&str; 18] = [
        "client-cert",
        "client-cert-chain",
        "connection",
        "content-length",
        "expect",
        "forwarded",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-real-ip",
        "x-request-id",
    ];
    let name = name.to_ascii_lowercase();
    NAMES.contains(&name.as_str())
        || name.starts_with("x-forwarded-")
        || name.starts_with("x-portunus-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values() {
        for (name, is) in [
            ("X-Env", true),
            ("x_env", false),
            ("a b", false),
            ("", false),
            ("a:", false),
            ("é", false),
        ] {
            assert_eq!(is_name(name), is, "{name}");
        }
        for (value, is) in [
            ("a b\t", true),
            ("a\r\nb: c", false),
            ("\0", false),
            ("é", false),
        ] {
            assert_eq!(is_value(value), is, "{value:?}");
        }
        for (name, is) in [
            ("Host", true),
            ("X-Forwarded-Anything", true),
            ("x-portunus-plan", true),
            ("authorization", false),
            ("x-forwardedfor", false),
        ] {
            assert_eq!(is_reserved(name), is, "{name}");
        }
    }
}
