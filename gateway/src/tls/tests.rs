//! Which connections serve which hosts, and for whose APIs their authorities speak.

use super::*;

/// The platform's.
fn authorities(byte: u8) -> Authorities {
    Authorities {
        digest: [byte; 32],
        owner: OrganizationId::NIL,
    }
}

fn tls() -> Tls {
    let mut certificates = Certificates::default();
    certificates.exact.insert("a.test".into(), None);
    certificates.under.insert("w.test".into(), None);
    let mut hosts = Patterns::default();
    let clients = |byte| Clients {
        authorities: authorities(byte),
        config: None,
        revoked: None,
    };
    let host = |required, clients| Host { required, clients };
    hosts.insert("m.test", host(None, Some(clients(1))));
    hosts.insert("n.test", host(None, Some(clients(2))));
    hosts.insert("*.r.test", host(Some(true), None));
    hosts.insert("o.w.test", host(Some(false), None));
    Tls {
        certificates: Arc::new(certificates),
        hosts,
        ..Tls::default()
    }
}

#[test]
fn a_host_is_served_on_the_connection_that_it_asks_for() {
    use Verdict::{HttpsRequired, Misdirected, Serve};
    let secure = |name: &str, clients: Option<u8>| {
        Some(Secure {
            server_name: (!name.is_empty()).then(|| name.into()),
            clients: clients.map(authorities),
            certificate: None,
        })
    };
    for (host, connection, by_proxy, verdict) in [
        ("x.test", None, false, Serve),
        ("a.test", None, false, HttpsRequired),
        ("a.test", None, true, Serve),
        ("a.test", secure("a.test", None), false, Serve),
        ("a.test", secure("", None), false, Serve),
        ("a.test", secure("b.test", None), false, Serve),
        ("x.w.test", None, false, HttpsRequired),
        ("y.x.w.test", None, false, Serve),
        ("o.w.test", None, false, Serve),
        ("y.x.r.test", None, false, HttpsRequired),
        ("r.test", None, false, Serve),
        ("m.test", None, false, HttpsRequired),
        ("m.test", None, true, HttpsRequired),
        ("m.test", secure("m.test", Some(1)), false, Serve),
        ("m.test", secure("m.test", None), false, Misdirected),
        ("m.test", secure("m.test", Some(2)), false, Misdirected),
        ("m.test", secure("n.test", Some(2)), false, Misdirected),
        ("m.test", secure("a.test", None), false, Misdirected),
        ("m.test", secure("", None), false, Misdirected),
        ("a.test", secure("m.test", Some(1)), false, Misdirected),
    ] {
        let found = tls().judge(host, connection.as_ref(), by_proxy, 0);
        assert_eq!(found, verdict, "{host} on {connection:?}, {by_proxy}");
    }
}

#[test]
fn authorities_that_cannot_be_read_let_nobody_in() {
    let (config, secure) = tls().choose(Some("M.test."));
    assert!(config.is_none());
    assert_eq!(secure.server_name.as_deref(), Some("m.test"));
    assert_eq!(secure.clients, Some(authorities(1)));
}

#[test]
fn authorities_speak_for_the_apis_of_whose_host_it_is() {
    let provider = |name| OrganizationId::from_name("organization", name);
    let (ours, others) = (provider("ours"), provider("others"));
    for (owner, speaks) in [
        (None, false),
        (Some(OrganizationId::NIL), true),
        (Some(ours), true),
        (Some(others), false),
    ] {
        let secure = Secure {
            server_name: None,
            clients: owner.map(|owner| Authorities {
                owner,
                ..authorities(1)
            }),
            certificate: None,
        };
        assert_eq!(secure.speaks_for(ours), speaks, "{owner:?}");
    }
}

#[test]
fn a_connection_is_not_served_once_its_host_is_somebody_elses() {
    let (_, mut secure) = tls().choose(Some("m.test"));
    let judge = |secure: &Secure| tls().judge("m.test", Some(secure), false, 0);
    assert_eq!(judge(&secure), Verdict::Serve);
    secure.clients = Some(Authorities {
        owner: OrganizationId::from_name("organization", "before"),
        ..authorities(1)
    });
    assert_eq!(judge(&secure), Verdict::Misdirected);
}
