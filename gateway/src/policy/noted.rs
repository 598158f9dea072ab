//! What policies that act on an answer need of its request, noted before anything changes that.

use crate::cache::entity_tags;
use crate::client::Peer;
use crate::fields::{Fields, Name};

#[derive(Debug, Default)]
pub(crate) struct Noted {
    /// The one `Origin`; `None` also where there are several.
    pub(crate) origin: Option<Box<[u8]>>,
    /// All of `Accept-Encoding`.
    pub(crate) accepts: Box<[u8]>,
    /// Entity tags of what the client has: all of `If-None-Match`, and `If-Range`.
    pub(crate) held: Box<[u8]>,
    /// The client speaks TLS, with us or with a proxy that is trusted to say so.
    pub(crate) is_secure: bool,
    /// Stands for the user name that came with a password, where `auth_guard` counts by it.
    pub(crate) user: Option<u128>,
    /// Its password was the right one.
    pub(crate) is_proved: bool,
    /// The status of an answer that was given another one.
    pub(crate) had: Option<u16>,
}

impl Noted {
    pub(crate) fn of(fields: &Fields, peer: &Peer) -> Self {
        let mut origins = fields.named("origin");
        let origin = match (origins.next(), origins.next()) {
            (Some(one), None) => Some(one.into()),
            (None, _) | (Some(_), Some(_)) => None,
        };
        let accepts: Vec<&[u8]> = fields.named("accept-encoding").collect();
        let held = fields
            .named("if-none-match")
            .chain(fields.named("if-range"));
        let held: Vec<&[u8]> = held.collect();
        let by_proxy = peer.trusted && fields.get(Name::ForwardedProto) == Some(b"https");
        Self {
            origin,
            accepts: accepts.join(&b", "[..]).into(),
            held: held.join(&b", "[..]).into(),
            is_secure: peer.secure.is_some() || by_proxy,
            user: None,
            is_proved: false,
            had: None,
        }
    }

    /// Whether the client has what these fields of a 304 or 206 speak of with the strong entity tag
    /// of the upstream alone: when it came, no policy changed it. Of what was changed it would have
    /// the weak one.
    pub(crate) fn holds_unchanged(&self, fields: &Fields) -> bool {
        let mut etags = fields.named("etag");
        let Some(etag) = etags.next().filter(|etag| etag.starts_with(b"\"")) else {
            return false;
        };
        let mut is_held = false;
        for held in entity_tags(&self.held) {
            if held.strip_prefix(b"W/") == Some(etag) {
                return false;
            }
            is_held |= held == etag;
        }
        is_held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_has_unchanged_it_names_strongly() {
        for (held, etag, is) in [
            ("\"a\"", "\"a\"", true),
            ("\"b\", \"a\"", "\"a\"", true),
            ("W/\"a\"", "\"a\"", false),
            ("\"a\", W/\"a\"", "\"a\"", false),
            ("\"b\"", "\"a\"", false),
            ("*", "\"a\"", false),
            ("", "\"a\"", false),
            ("W/\"a\"", "W/\"a\"", false),
            ("", "", false),
        ] {
            let noted = Noted {
                held: held.as_bytes().into(),
                ..Noted::default()
            };
            let mut fields = Fields::new(b"");
            fields.push("etag", etag.as_bytes());
            assert_eq!(noted.holds_unchanged(&fields), is, "{held} {etag}");
            assert!(!noted.holds_unchanged(&Fields::new(b"")), "{held}");
        }
    }
}
