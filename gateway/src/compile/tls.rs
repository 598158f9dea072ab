//! Certificates and host settings, compiled. What did not change keeps its settings, so that
//! sessions can be resumed; what is broken breaks its own host only.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use domain::certificate::TlsMode;
use domain::id::{CertificateId, HostId, Id};
use domain::seal::KeyRing;
use domain::snapshot::{Certificate, Host, Kind, Parts};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Compiler;
use super::sealed;
use crate::http2;
use crate::tls::certificate::{self, Pair};
use crate::tls::{self, Authorities, Certificates, Clients, End, Patterns, Revoked, Tls, revoked};

/// Protocols that are offered, in our order (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [http2::ALPN, b"http/1.1"];

/// The source of the present part of the state.
#[derive(Debug, Default)]
pub(super) struct Source {
    certificates: BTreeMap<CertificateId, Certificate>,
    hosts: BTreeMap<HostId, Host>,
    /// What was made of the certificates: opening and parsing a key is most of the work.
    made: HashMap<CertificateId, Result<Pair, String>>,
    /// What was made of authorities and lists, by both: these are long, and their signatures dear.
    verified: HashMap<[u8; 32], Verified>,
    tickets: Option<Arc<dyn ProducesTickets>>,
}

impl Compiler {
    /// Takes all certificates and host settings of a state.
    pub(super) fn fill_tls(&mut self, parts: &mut Parts) {
        let certificates = std::mem::take(&mut parts.certificates).into_iter();
        let hosts = std::mem::take(&mut parts.hosts).into_iter();
        self.compile_tls(
            certificates.map(|one| (one.id, one)).collect(),
            hosts.map(|one| (one.id, one)).collect(),
        );
    }

    /// Takes those that changed.
    pub(super) fn change_tls(&mut self, gone: &[(Kind, Uuid)], put: &mut Parts) {
        let put_certificates = std::mem::take(&mut put.certificates);
        let put_hosts = std::mem::take(&mut put.hosts);
        let is_ours = |kind: &Kind| matches!(kind, Kind::Certificate | Kind::Host);
        if put_certificates.is_empty()
            && put_hosts.is_empty()
            && !gone.iter().any(|(kind, _)| is_ours(kind))
        {
            return;
        }
        let mut certificates = self.tls.certificates.clone();
        let mut hosts = self.tls.hosts.clone();
        for (_, id) in gone.iter().filter(|(kind, _)| *kind == Kind::Certificate) {
            certificates.remove(&Id::from_uuid(*id));
        }
        for (_, id) in gone.iter().filter(|(kind, _)| *kind == Kind::Host) {
            hosts.remove(&Id::from_uuid(*id));
        }
        certificates.extend(put_certificates.into_iter().map(|one| (one.id, one)));
        hosts.extend(put_hosts.into_iter().map(|one| (one.id, one)));
        self.compile_tls(certificates, hosts);
    }

    fn compile_tls(
        &mut self,
        certificates: BTreeMap<CertificateId, Certificate>,
        hosts: BTreeMap<HostId, Host>,
    ) {
        if self.tls.certificates == certificates && self.tls.hosts == hosts {
            return;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        if self.tls.tickets.is_none() {
            // Without them a session is resumed from memory, by fewer clients.
            self.tls.tickets = aws_lc_rs::Ticketer::new().ok();
        }
        let mut made = std::mem::take(&mut self.tls.made);
        made.retain(|id, _| certificates.get(id) == self.tls.certificates.get(id));
        for (id, certificate) in &certificates {
            made.entry(*id)
                .or_insert_with(|| pair(certificate, self.ring.as_ref(), &provider));
        }
        let (shown, ends) = shown(&certificates, &made);
        let shown = Arc::new(shown);
        let tickets = self.tls.tickets.clone();
        let verified = verified(hosts.values(), &self.tls.verified, &provider);
        let (asked, lists) = asked(hosts.values(), &verified, &shown, &provider);
        let compiled = Tls {
            open: config(&provider, shown.clone(), None, tickets),
            hosts: asked,
            certificates: shown,
            ends,
            lists,
        };
        self.state.tls = Arc::new(compiled);
        self.tls.certificates = certificates;
        self.tls.hosts = hosts;
        self.tls.made = made;
        self.tls.verified = verified;
    }
}

/// In the order of their names, the first is shown where two are for the same host.
fn shown(
    certificates: &BTreeMap<CertificateId, Certificate>,
    made: &HashMap<CertificateId, Result<Pair, String>>,
) -> (Certificates, Vec<End>) {
    let mut sorted: Vec<&Certificate> = certificates.values().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    // Hosts that are written come before those that a certificate happens to name.
    sorted.sort_by_key(|certificate| certificate.hosts.is_empty());
    let mut shown = Certificates::default();
    let mut ends = Vec::new();
    for certificate in sorted {
        let (hosts, key) = match made.get(&certificate.id) {
            Some(Ok(pair)) => {
                ends.extend(End::of(&certificate.name, pair));
                (&pair.hosts, Some(&pair.key))
            }
            Some(Err(_)) | None => (&certificate.hosts, None),
        };
        for host in hosts {
            let (map, name) = match host.strip_prefix("*.") {
                Some(rest) => (&mut shown.under, rest),
                None => (&mut shown.exact, &**host),
            };
            map.entry(name.into()).or_insert_with(|| key.cloned());
        }
        if certificate.default {
            shown.default = key.cloned();
        }
    }
    (shown, ends)
}

/// Opens its key and judges it. What is wrong is said once, not with every change of another.
fn pair(
    certificate: &Certificate,
    ring: Option<&KeyRing>,
    provider: &CryptoProvider,
) -> Result<Pair, String> {
    let (organization, id) = (certificate.organization, certificate.id);
    let pair = sealed::open(&certificate.key, organization, id, ring).and_then(|key| {
        let (pem, hosts) = (&certificate.certificate, &certificate.hosts);
        certificate::read(pem, &key, hosts, certificate.default, provider)
            .map_err(|fault| fault.to_string())
    });
    pair.inspect_err(|reason| {
        tracing::error!(
            certificate = certificate.name,
            reason,
            "A certificate cannot be used; its hosts cannot be reached by TLS."
        );
    })
}

/// What is made of authorities with their lists; `None`: they let nobody in.
#[derive(Debug, Clone)]
struct Verified {
    /// Of the authorities alone.
    digest: [u8; 32],
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    revoked: Option<Arc<Revoked>>,
}

/// For all hosts that ask for certificates; what was `known` is made once.
fn verified<'a>(
    hosts: impl Iterator<Item = &'a Host>,
    known: &HashMap<[u8; 32], Verified>,
    provider: &Arc<CryptoProvider>,
) -> HashMap<[u8; 32], Verified> {
    let mut verified = HashMap::new();
    for host in hosts {
        let Some(authorities) = host.client_ca.as_deref() else {
            continue;
        };
        let digest: [u8; 32] = Sha256::digest(authorities).into();
        let place = place(host, digest);
        verified.entry(place).or_insert_with(|| {
            let known = known.get(&place).cloned();
            known.unwrap_or_else(|| verify(host, authorities, digest, provider))
        });
    }
    verified
}

/// With the terms of the lists of revoked certificates.
fn asked<'a>(
    hosts: impl Iterator<Item = &'a Host>,
    verified: &HashMap<[u8; 32], Verified>,
    shown: &Arc<Certificates>,
    provider: &Arc<CryptoProvider>,
) -> (Patterns<tls::Host>, Vec<End>) {
    let mut made: HashMap<[u8; 32], Option<Arc<ServerConfig>>> = HashMap::new();
    let mut asked = Patterns::default();
    let mut lists = Vec::new();
    for host in hosts {
        let place = host
            .client_ca
            .as_deref()
            .map(|pem| place(host, Sha256::digest(pem).into()));
        let verified = place.and_then(|place| Some((place, verified.get(&place)?)));
        let clients = verified.map(|(place, verified)| {
            let made = made.entry(place).or_insert_with(|| {
                let verifier = verified.verifier.clone()?;
                config(provider, shown.clone(), Some(verifier), None)
            });
            Clients {
                authorities: Authorities {
                    digest: verified.digest,
                    owner: host.organization,
                },
                config: made.clone(),
                revoked: verified.revoked.clone(),
            }
        });
        let revoked = clients.as_ref().and_then(|one| one.revoked.as_ref());
        for (issuer, term) in revoked.iter().flat_map(|one| &one.terms) {
            lists.push(End {
                certificate: issuer.clone(),
                hosts: vec![host.host.clone()],
                term: *term,
            });
        }
        let required = host.tls.map(|mode| match mode {
            TlsMode::Required => true,
            TlsMode::Optional => false,
        });
        asked.insert(&host.host, tls::Host { required, clients });
    }
    (asked, lists)
}

/// The same for hosts that ask for the same.
fn place(host: &Host, authorities: [u8; 32]) -> [u8; 32] {
    let lists = host.client_crl.as_deref();
    let mut whole = Sha256::new_with_prefix(authorities);
    whole.update([u8::from(lists.is_some()), u8::from(host.client_crl_current)]);
    whole.update(lists.unwrap_or_default());
    whole.finalize().into()
}

/// Whom the host lets in. What is wrong with it lets nobody in, on open connections neither; it is
/// said once, not with every change of another.
fn verify(
    host: &Host,
    authorities: &str,
    digest: [u8; 32],
    provider: &Arc<CryptoProvider>,
) -> Verified {
    let (lists, current) = (host.client_crl.as_deref(), host.client_crl_current);
    let (verifier, revoked) = match revoked::verifier(authorities, lists, current, provider) {
        Ok((verifier, revoked)) => (Some(verifier), revoked),
        Err(fault) => {
            tracing::error!(
                host = host.host,
                reason = %fault,
                "The authorities of a host's clients cannot be used; nobody reaches it."
            );
            (None, Some(Revoked::everybody()))
        }
    };
    Verified {
        digest,
        verifier,
        revoked: revoked.map(Arc::new),
    }
}

/// Settings of handshakes: TLS 1.2 and 1.3, with or without a client's certificate.
fn config(
    provider: &Arc<CryptoProvider>,
    shown: Arc<Certificates>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    tickets: Option<Arc<dyn ProducesTickets>>,
) -> Option<Arc<ServerConfig>> {
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .ok()?;
    let asks = clients.is_some();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(verifier) => builder.with_client_cert_verifier(verifier),
    };
    let mut config = builder.with_cert_resolver(shown);
    config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    match tickets {
        Some(tickets) => config.ticketer = tickets,
        // A client's certificate is verified at every handshake, not once per session.
        None if asks => {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        None => {}
    }
    Some(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHORITY: &str = include_str!("../../tests/it/tls/revoked/ca.pem");
    const LIST: &str = include_str!("../../tests/it/tls/revoked/list.pem");
    const NONE: &str = include_str!("../../tests/it/tls/revoked/none.pem");

    fn host(name: &str, lists: Option<&str>, current: bool) -> Host {
        Host {
            id: HostId::from_name("host", name),
            organization: domain::id::OrganizationId::NIL,
            host: name.to_owned(),
            tls: None,
            client_ca: Some(AUTHORITY.to_owned()),
            client_crl: lists.map(str::to_owned),
            client_crl_current: current,
        }
    }

    #[test]
    fn lists_are_verified_once() {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let made = |hosts: &[Host], known: &HashMap<[u8; 32], Verified>| {
            verified(hosts.iter(), known, &provider)
        };
        let first = [
            host("a.test", Some(LIST), false),
            host("b.test", Some(LIST), false),
            host("c.test", Some(LIST), true),
            host("d.test", None, false),
        ];
        let before = made(&first, &HashMap::new());
        assert_eq!(before.len(), 3);
        let changed = [
            host("a.test", Some(LIST), false),
            host("e.test", Some(NONE), false),
            host("f.test", Some("x"), false),
        ];
        let after = made(&changed, &before);
        assert_eq!(after.len(), 3, "what nobody asks for is let go");
        let digest: [u8; 32] = Sha256::digest(AUTHORITY).into();
        let revoked = |made: &HashMap<[u8; 32], Verified>, host: &Host| {
            made[&place(host, digest)].revoked.clone().unwrap()
        };
        let same = [revoked(&before, &first[0]), revoked(&after, &changed[0])];
        assert!(Arc::ptr_eq(&same[0], &same[1]));
        assert!(!Arc::ptr_eq(&same[0], &revoked(&before, &first[2])));
        let broken = &after[&place(&changed[2], digest)];
        assert!(broken.verifier.is_none() && broken.revoked.is_some());
    }
}
