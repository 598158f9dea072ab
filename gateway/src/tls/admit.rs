//! What a request over the wrong kind of connection is told: come by https, or on a connection of
//! your own.

use domain::problem::Code;

use super::{Secure, Tls, Verdict};
use crate::answer::Refusal;

/// What is asked of a request, whichever library read it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// As it is matched.
    pub(crate) host: &'a str,
    /// Whether the client wrote a port.
    pub(crate) has_port: bool,
    /// GET or HEAD: may be sent again elsewhere.
    pub(crate) is_safe: bool,
    /// Canonical.
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) secure: Option<&'a Secure>,
    /// A trusted proxy says that it came by https.
    pub(crate) by_proxy: bool,
    /// Where this gateway itself listens for TLS.
    pub(crate) https_port: Option<u16>,
    /// Microseconds since 1970.
    pub(crate) now_us: u64,
}

/// `Some` is the address to answer 308 with.
pub(crate) fn admit(tls: &Tls, ask: &Ask<'_>) -> Result<Option<String>, Refusal> {
    match tls.judge(ask.host, ask.secure, ask.by_proxy, ask.now_us) {
        Verdict::Serve => Ok(None),
        Verdict::Misdirected => Err(Refusal::new(Code::Misdirected).close()),
        // Who came by https as far as a proxy knows would be sent in a circle.
        Verdict::HttpsRequired if ask.is_safe && !ask.by_proxy => Ok(Some(location(ask))),
        Verdict::HttpsRequired => Err(Refusal::new(Code::HttpsRequired)),
    }
}

/// Whether a `Host` has a port in it.
pub(crate) fn has_port(host: &[u8]) -> bool {
    let behind = host.iter().rposition(|byte| *byte == b']');
    host[behind.unwrap_or(0)..].contains(&b':')
}

/// The same address by https. A client that wrote no port came to the usual one, so the usual one
/// is what it is sent to, whatever the port is called behind a balancer.
fn location(ask: &Ask<'_>) -> String {
    let mut location = format!("https://{}", ask.host);
    if let Some(port) = ask.https_port.filter(|port| ask.has_port && *port != 443) {
        location.push_str(&format!(":{port}"));
    }
    location.push_str(ask.path);
    if let Some(query) = ask.query {
        location.push('?');
        location.push_str(query);
    }
    location
}

#[cfg(test)]
mod tests {
    use super::super::Host;
    use super::*;

    #[test]
    fn ports_are_seen_behind_addresses_too() {
        for (host, has) in [
            ("a.test", false),
            ("a.test:80", true),
            ("[::1]", false),
            ("[::1]:80", true),
            ("", false),
        ] {
            assert_eq!(has_port(host.as_bytes()), has, "{host}");
        }
    }

    #[test]
    fn who_comes_by_plain_http_is_sent_on_or_refused() {
        let mut tls = Tls::default();
        let required = Host {
            required: Some(true),
            clients: None,
        };
        tls.hosts.insert("a.test", required);
        let ask = Ask {
            host: "a.test",
            has_port: false,
            is_safe: true,
            path: "/x",
            query: Some("q=1"),
            secure: None,
            by_proxy: false,
            https_port: Some(8443),
            now_us: 0,
        };
        let sent = |ask: Ask<'_>| admit(&tls, &ask).map_err(|refusal| refusal.code);
        assert_eq!(sent(ask), Ok(Some("https://a.test/x?q=1".into())));
        for (has_port, https_port, location) in [
            (true, Some(8443), "https://a.test:8443/x"),
            (true, Some(443), "https://a.test/x"),
            (true, None, "https://a.test/x"),
        ] {
            let ask = Ask {
                has_port,
                https_port,
                query: None,
                ..ask
            };
            assert_eq!(sent(ask), Ok(Some(location.into())));
        }
        let post = Ask {
            is_safe: false,
            ..ask
        };
        assert_eq!(sent(post), Err(Code::HttpsRequired));
        let by_proxy = Ask {
            by_proxy: true,
            ..ask
        };
        assert_eq!(sent(by_proxy), Ok(None));
        let other = Ask {
            host: "b.test",
            ..ask
        };
        assert_eq!(sent(other), Ok(None));
    }
}
