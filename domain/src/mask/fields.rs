//! Header fields whose values are never kept, or not whole.

use super::MASK;

/// Parts of names that speak of a credential.
const PARTS: [&str; 21] = [
    "api-key",
    "apikey",
    "assertion",
    "auth-key",
    "authentication-info",
    "authorization",
    "cookie",
    "credential",
    "csrf",
    "hmac",
    "jwt",
    "otp",
    "passc",
    "passp",
    "passw",
    "secret",
    "session",
    "signature",
    "ticket",
    "token",
    "xsrf",
];
/// Whole names. Scripts in browsers have no other field than the last to send a token to a WebSocket.
const NAMES: [&str; 3] = ["dpop", "x-pin", "sec-websocket-protocol"];
/// How names of keys end, and of what is made with one.
const ENDS: [&str; 3] = ["-key", "-auth", "-sign"];
/// Those that end so and are none.
const NO_KEYS: [&str; 2] = ["idempotency-key", "sec-websocket-key"];
/// Fields that hold an address.
const ADDRESSES: [&str; 13] = [
    "content-location",
    "destination",
    "link",
    "location",
    "referer",
    "refresh",
    "x-envoy-original-path",
    "x-forwarded-path",
    "x-forwarded-uri",
    "x-forwarded-url",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
];

/// In small letters, `_` as `-`: some servers read one for the other.
fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// Whether two names are read as the same field by some server.
pub fn same_name(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

/// Whether a field carries a credential, by its name.
pub fn is_secret(name: &str) -> bool {
    let name = plain(name);
    let is_key = ENDS.iter().any(|end| name.ends_with(end)) && !NO_KEYS.contains(&name.as_str());
    is_key || NAMES.contains(&name.as_str()) || PARTS.iter().any(|part| name.contains(part))
}

/// Whether its value is an address, of which only what [`address`] leaves is kept.
pub fn is_address(name: &str) -> bool {
    ADDRESSES.contains(&plain(name).as_str())
}

/// An address, or several, without user information (RFC 3986 §3.2.1), and up to the first query or
/// fragment only: neither is logged.
pub fn address(value: &str) -> String {
    let end = value.find(['?', '#']).unwrap_or(value.len());
    let mut shown = String::with_capacity(end);
    let mut from = 0;
    while let Some(at) = value[from..end].find("//") {
        let host = from + at + 2;
        shown.push_str(&value[from..host]);
        from = host;
        // Also beyond the end: a password may have what was taken for it, unescaped.
        let rest = &value[host..];
        let authority = rest.find(['/', '\\', '>', '"', ' ']).unwrap_or(rest.len());
        if let Some(user) = rest[..authority].rfind('@') {
            shown.push_str(MASK);
            from = host + user;
            if from >= end {
                return shown;
            }
        }
    }
    shown.push_str(&value[from..end]);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_their_names() {
        for (name, is) in [
            ("Authorization", true),
            ("PROXY-AUTHORIZATION", true),
            ("Cookie", true),
            ("set-cookie", true),
            ("Set-Cookie2", true),
            ("X-Api-Key", true),
            ("x_api_key", true),
            ("X-ApiKey", true),
            ("X-Portunus-Ticket", true),
            ("DPoP", true),
            ("Signature", true),
            ("Signature-Input", true),
            ("X-Amz-Security-Token", true),
            ("X-CSRF-Token", true),
            ("X-Goog-IAP-JWT-Assertion", true),
            ("Authentication-Info", true),
            ("X-User-Password", true),
            ("Ocp-Apim-Subscription-Key", true),
            ("X-Functions-Key", true),
            ("X_Access_Key", true),
            ("X-Key", true),
            ("X-OTP", true),
            ("X-Passcode", true),
            ("KC-API-PASSPHRASE", true),
            ("OK-ACCESS-SIGN", true),
            ("X-Shopify-Hmac-Sha256", true),
            ("X-Auth", true),
            ("X-Sentry-Auth", true),
            ("Sec-WebSocket-Protocol", true),
            ("Sec-WebSocket-Key", false),
            ("Idempotency-Key", false),
            ("X-Keyboard", false),
            ("X-Auth-Level", false),
            ("X-Design", false),
            ("Accept", false),
            ("Content-Type", false),
            ("WWW-Authenticate", false),
            ("X-Request-Id", false),
            ("RateLimit", false),
            ("", false),
        ] {
            assert_eq!(is_secret(name), is, "{name}");
        }
        assert!(same_name("X_Own", "x-own") && !same_name("x-own", "x-owner"));
        for name in ["Referer", "LOCATION", "X-Original-URI", "x_forwarded_url"] {
            assert!(is_address(name), "{name}");
        }
        assert!(!is_address("host"));
    }

    #[test]
    fn addresses_lose_users_queries_and_fragments() {
        for (value, shown) in [
            ("", ""),
            ("/a/b", "/a/b"),
            ("/cb?code=1", "/cb"),
            ("/cb#access_token=1", "/cb"),
            ("/cb#a?b", "/cb"),
            ("https://a/b?c#d", "https://a/b"),
            ("https://u:p@a/b", "https://***@a/b"),
            ("https://u:p@q@a:1", "https://***@a:1"),
            ("//u@a/b@c", "//***@a/b@c"),
            ("https://u:p#q@a/b", "https://***"),
            ("https://u:p?q@a/b", "https://***"),
            ("https://a/b?c=d@e", "https://a/b"),
            (
                "<https://u:p@a/1>; rel=next, <https://u:p@a/2?x>",
                "<https://***@a/1>; rel=next, <https://***@a/2",
            ),
            ("http://", "http://"),
            ("é//é@é", "é//***@é"),
        ] {
            assert_eq!(address(value), shown, "{value}");
        }
    }
}
