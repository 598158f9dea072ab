//! What a field's name means to this gateway: found once, when the field is read.

/// The names that something is done about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Name {
    Other,
    Connection,
    KeepAlive,
    TransferEncoding,
    Upgrade,
    Expect,
    /// The rest of those that end at this hop (RFC 9110 §7.6.1), and those that this hop settles.
    Hop,
    Host,
    ContentLength,
    Authorization,
    Cookie,
    SetCookie,
    ApiKey,
    RequestId,
    ForwardedFor,
    ForwardedHost,
    ForwardedProto,
    /// Others that say where a request came from.
    Forwarding,
    Forwarded,
    /// `X-Portunus-…` and `Client-Cert` (RFC 9440 §4): nobody's but ours.
    Portunus,
    /// A name with `_` in it.
    Underscore,
    Date,
    RetryAfter,
    Accept,
    ContentType,
    Traceparent,
    Tracestate,
}

/// No name above is longer: names are looked at in a place of this length, in small letters, so that
/// it takes a few steps whatever they are.
const LONGEST: usize = 32;

impl Name {
    pub(crate) fn of(name: &[u8]) -> Self {
        let (start, behind) = name.split_at(name.len().min(LONGEST));
        let mut small = [0_u8; LONGEST];
        small[..start.len()].copy_from_slice(start);
        small.make_ascii_lowercase();
        match (small[0], name.len()) {
            (b'a', 6) if begins(&small, b"accept") => Self::Accept,
            (b'a', 13) if begins(&small, b"authorization") => Self::Authorization,
            (b'c', 6) if begins(&small, b"cookie") => Self::Cookie,
            (b'c', 10) if begins(&small, b"connection") => Self::Connection,
            (b'c', 11) if begins(&small, b"client-cert") => Self::Portunus,
            (b'c', 17) if begins(&small, b"client-cert-chain") => Self::Portunus,
            (b'c', 12) if begins(&small, b"content-type") => Self::ContentType,
            (b'c', 14) if begins(&small, b"content-length") => Self::ContentLength,
            (b'd', 4) if begins(&small, b"date") => Self::Date,
            (b'e', 6) if begins(&small, b"expect") => Self::Expect,
            (b'f', 9) if begins(&small, b"forwarded") => Self::Forwarded,
            (b'h', 4) if begins(&small, b"host") => Self::Host,
            (b'h', 14) if begins(&small, b"http2-settings") => Self::Hop,
            (b'k', 10) if begins(&small, b"keep-alive") => Self::KeepAlive,
            (b'p', 16) if begins(&small, b"proxy-connection") => Self::Hop,
            (b'p', 18) if begins(&small, b"proxy-authenticate") => Self::Hop,
            (b'p', 19) if begins(&small, b"proxy-authorization") => Self::Hop,
            (b'r', 11) if begins(&small, b"retry-after") => Self::RetryAfter,
            (b's', 10) if begins(&small, b"set-cookie") => Self::SetCookie,
            (b't', 2) if begins(&small, b"te") => Self::Hop,
            (b't', 7) if begins(&small, b"trailer") => Self::Hop,
            (b't', 10) if begins(&small, b"tracestate") => Self::Tracestate,
            (b't', 11) if begins(&small, b"traceparent") => Self::Traceparent,
            (b't', 17) if begins(&small, b"transfer-encoding") => Self::TransferEncoding,
            (b'u', 7) if begins(&small, b"upgrade") => Self::Upgrade,
            (b'x', 9) if begins(&small, b"x-api-key") => Self::ApiKey,
            (b'x', 9) if begins(&small, b"x-real-ip") => Self::Forwarding,
            (b'x', 12) if begins(&small, b"x-request-id") => Self::RequestId,
            (b'x', 15) if begins(&small, b"x-forwarded-for") => Self::ForwardedFor,
            (b'x', 16) if begins(&small, b"x-forwarded-host") => Self::ForwardedHost,
            (b'x', 17) if begins(&small, b"x-forwarded-proto") => Self::ForwardedProto,
            _ if has_underscore(&small) || has_underscore(behind) => Self::Underscore,
            (b'x', _) if begins(&small, b"x-forwarded-") => Self::Forwarding,
            (b'x', _) if begins(&small, b"x-portunus-") => Self::Portunus,
            _ => Self::Other,
        }
    }

    /// Fields of one hop.
    pub(crate) const fn ends_here(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::KeepAlive
                | Self::TransferEncoding
                | Self::Upgrade
                | Self::Expect
                | Self::Hop
        )
    }

    /// Those that a `Connection` field cannot have removed: that would be a way to strip what
    /// others rely on.
    pub(crate) const fn is_protected(self) -> bool {
        matches!(
            self,
            Self::Host
                | Self::ContentLength
                | Self::ContentType
                | Self::Authorization
                | Self::Cookie
                | Self::RequestId
                | Self::ForwardedFor
                | Self::ForwardedHost
                | Self::ForwardedProto
                | Self::Forwarding
                | Self::Portunus
                | Self::Traceparent
                | Self::Tracestate
        )
    }

    pub(super) const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Of as many bytes as are known beforehand, which are compared as words.
fn begins<const N: usize>(small: &[u8; LONGEST], text: &[u8; N]) -> bool {
    small.first_chunk() == Some(text)
}

/// Names are short: all of one is looked at in fewer steps than finding the first would take.
fn has_underscore(name: &[u8]) -> bool {
    name.iter()
        .fold(false, |found, byte| found | (*byte == b'_'))
}

/// Several names as bits.
pub(crate) const fn any_of(names: &[Name]) -> u32 {
    let (mut bits, mut at) = (0, 0);
    while at < names.len() {
        bits |= names[at].bit();
        at += 1;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case() {
        for (name, is) in [
            ("Host", Name::Host),
            ("TE", Name::Hop),
            ("Transfer-Encoding", Name::TransferEncoding),
            ("X-Forwarded-Port", Name::Forwarding),
            ("x-portunus-plan", Name::Portunus),
            ("X_Portunus_Plan", Name::Underscore),
            ("x-portunus_plan", Name::Underscore),
            ("X-Api-Key", Name::ApiKey),
            ("X-Api-Keys", Name::Other),
            ("TraceParent", Name::Traceparent),
            ("tracestate", Name::Tracestate),
            ("x-forwarded", Name::Other),
            ("X-Forwarded-By-One-Who-Has-Many-Letters", Name::Forwarding),
            ("a-name-of-many-letters-which-ends-with_", Name::Underscore),
            ("Accept\0", Name::Other),
            ("", Name::Other),
        ] {
            assert_eq!(Name::of(name.as_bytes()), is, "{name}");
        }
        assert_eq!(any_of(&[Name::Other, Name::KeepAlive]), 0b101);
    }
}
