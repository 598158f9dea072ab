//! Header fields whose values are never kept.

/// Parts of names that speak of a credential.
const PARTS: [&str; 17] = [
    "api-key",
    "apikey",
    "assertion",
    "auth-key",
    "authentication-info",
    "authorization",
    "cookie",
    "credential",
    "csrf",
    "jwt",
    "passw",
    "secret",
    "session",
    "signature",
    "ticket",
    "token",
    "xsrf",
];
/// Whole names.
const NAMES: [&str; 4] = ["dpop", "x-auth", "x-key", "x-pin"];
/// Fields that hold an address with a query.
const ADDRESSES: [&str; 9] = [
    "content-location",
    "destination",
    "link",
    "location",
    "referer",
    "refresh",
    "x-forwarded-uri",
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
    NAMES.contains(&name.as_str()) || PARTS.iter().any(|part| name.contains(part))
}

/// Whether its value is kept up to its first question mark only: queries are not logged.
pub fn cuts_query(name: &str) -> bool {
    ADDRESSES.contains(&plain(name).as_str())
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
        assert!(cuts_query("Referer") && cuts_query("LOCATION") && !cuts_query("host"));
    }
}
