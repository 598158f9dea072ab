//! Certificates and hosts among what changes.

use std::collections::BTreeSet;

use domain::certificate::TlsMode;
use domain::id::OrganizationId;
use domain::snapshot::{self, Kind, PrivateKey};

use super::{State, id};

const CLIENTS: &str = include_str!("../../../tests/it/tls/clients.pem");

/// Shown for a host that no other is for; with another's key it cannot be used.
pub(super) fn certificate(own: u32, dice: u32) -> snapshot::Certificate {
    let key = if dice >> 2 & 1 == 1 {
        include_str!("../../../tests/it/tls/b.key")
    } else {
        include_str!("../../../tests/it/tls/friend.key")
    };
    snapshot::Certificate {
        id: id(Kind::Certificate, own),
        organization: OrganizationId::NIL,
        name: format!("c{own}"),
        hosts: vec![format!("h{own}.b.test")],
        default: own == 0 && dice >> 3 & 1 == 1,
        certificate: include_str!("../../../tests/it/tls/b.pem").to_owned(),
        key: PrivateKey::Clear(key.to_owned()),
    }
}

/// One of four patterns that overlap.
pub(super) fn host(object: usize, dice: u32) -> snapshot::Host {
    let modes = [None, Some(TlsMode::Required), Some(TlsMode::Optional)];
    snapshot::Host {
        id: id(Kind::Host, object as u32),
        organization: OrganizationId::NIL,
        host: ["a.test", "*.a.test", "b.test", "*.test"][object].into(),
        tls: modes[(dice >> 4) as usize % 3],
        client_ca: (dice >> 8 & 1 == 1).then(|| CLIENTS.to_owned()),
        client_crl: None,
        client_crl_current: false,
    }
}

/// What handshakes and requests meet, in words.
pub(super) fn told(state: &State, told: &mut BTreeSet<String>) {
    let hosts = [
        "h0.b.test",
        "h1.b.test",
        "a.test",
        "x.a.test",
        "b.test",
        "c.test",
    ];
    for host in hosts {
        let shown = state.tls.certificates.find(Some(host));
        let shown = shown.map(|key| key.cert.clone());
        let judged = state.tls.judge(host, None, false, 0);
        let asked = state.tls.hosts.find(host);
        let asked = asked.map(|host| {
            (
                host.required,
                host.clients.as_ref().map(|one| one.authorities),
            )
        });
        told.insert(format!("tls {host} {shown:?} {judged:?} {asked:?}"));
    }
    told.insert(format!("ends {:?}", state.tls.ends));
}
