//! What policies that act on an answer need of its request, noted before anything changes that.

use crate::client::Peer;
use crate::fields::{Fields, Name};

#[derive(Debug, Default)]
pub(crate) struct Noted {
    /// The one `Origin`; `None` also where there are several.
    pub(crate) origin: Option<Box<[u8]>>,
    /// All of `Accept-Encoding`.
    pub(crate) accepts: Box<[u8]>,
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
        let by_proxy = peer.trusted && fields.get(Name::ForwardedProto) == Some(b"https");
        Self {
            origin,
            accepts: accepts.join(&b", "[..]).into(),
            is_secure: peer.secure.is_some() || by_proxy,
            user: None,
            is_proved: false,
            had: None,
        }
    }
}
