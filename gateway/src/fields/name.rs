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

impl Name {
    pub(crate) fn of(name: &[u8]) -> Self {
        let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
        let begins = |text: &str| {
            let start = name.get(..text.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(text.as_bytes()))
        };
        let first = name.first().map_or(0, u8::to_ascii_lowercase);
        match (first, name.len()) {
            (b'a', 6) if is("accept") => Self::Accept,
            (b'a', 13) if is("authorization") => Self::Authorization,
            (b'c', 6) if is("cookie") => Self::Cookie,
            (b'c', 10) if is("connection") => Self::Connection,
            (b'c', 11) if is("client-cert") => Self::Portunus,
            (b'c', 17) if is("client-cert-chain") => Self::Portunus,
            (b'c', 12) if is("content-type") => Self::ContentType,
            (b'c', 14) if is("content-length") => Self::ContentLength,
            (b'd', 4) if is("date") => Self::Date,
            (b'e', 6) if is("expect") => Self::Expect,
            (b'f', 9) if is("forwarded") => Self::Forwarded,
            (b'h', 4) if is("host") => Self::Host,
            (b'h', 14) if is("http2-settings") => Self::Hop,
            (b'k', 10) if is("keep-alive") => Self::KeepAlive,
            (b'p', 16) if is("proxy-connection") => Self::Hop,
            (b'p', 18) if is("proxy-authenticate") => Self::Hop,
            (b'p', 19) if is("proxy-authorization") => Self::Hop,
            (b'r', 11) if is("retry-after") => Self::RetryAfter,
            (b's', 10) if is("set-cookie") => Self::SetCookie,
            (b't', 2) if is("te") => Self::Hop,
            (b't', 7) if is("trailer") => Self::Hop,
            (b't', 10) if is("tracestate") => Self::Tracestate,
            (b't', 11) if is("traceparent") => Self::Traceparent,
            (b't', 17) if is("transfer-encoding") => Self::TransferEncoding,
            (b'u', 7) if is("upgrade") => Self::Upgrade,
            (b'x', 9) if is("x-api-key") => Self::ApiKey,
            (b'x', 9) if is("x-real-ip") => Self::Forwarding,
            (b'x', 12) if is("x-request-id") => Self::RequestId,
            (b'x', 15) if is("x-forwarded-for") => Self::ForwardedFor,
            (b'x', 16) if is("x-forwarded-host") => Self::ForwardedHost,
            (b'x', 17) if is("x-forwarded-proto") => Self::ForwardedProto,
            _ if has_underscore(name) => Self::Underscore,
            (b'x', _) if begins("x-forwarded-") => Self::Forwarding,
            (b'x', _) if begins("x-portunus-") => Self::Portunus,
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
            ("", Name::Other),
        ] {
            assert_eq!(Name::of(name.as_bytes()), is, "{name}");
        }
        assert_eq!(any_of(&[Name::Other, Name::KeepAlive]), 0b101);
    }
}
