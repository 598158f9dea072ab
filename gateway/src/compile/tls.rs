//! Certificates and host settings, compiled. What did not change keeps its settings, so that
//! sessions can be resumed; what is broken breaks its own host only.

use std::collections::HashMap;
use std::sync::Arc;

use domain::certificate::TlsMode;
use domain::seal::KeyRing;
use domain::snapshot::{Certificate, Host, PrivateKey};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use sha2::{Digest, Sha256};

use super::Compiler;
use crate::http2;
use crate::tls::certificate::{self, Pair};
use crate::tls::{self, Certificates, Clients, Patterns, Tls};

/// Protocols that are offered, in our order (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [http2::ALPN, b"http/1.1"];

/// The source of the present part of the state.
#[derive(Debug, Default)]
pub(super) struct Source {
    certificates: Vec<Certificate>,
    hosts: Vec<Host>,
    tickets: Option<Arc<dyn ProducesTickets>>,
}

impl Compiler {
    pub(super) fn compile_tls(&mut self, certificates: Vec<Certificate>, hosts: Vec<Host>) {
        if self.tls.certificates == certificates && self.tls.hosts == hosts {
            return;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        if self.tls.tickets.is_none() {
            // Without them a session is resumed from memory, by fewer clients.
            self.tls.tickets = aws_lc_rs::Ticketer::new().ok();
        }
        let shown = Arc::new(shown(&certificates, self.ring.as_ref(), &provider));
        let tickets = self.tls.tickets.clone();
        let compiled = Tls {
            open: config(&provider, shown.clone(), None, tickets),
            hosts: asked(&hosts, &shown, &provider),
            certificates: shown,
        };
        self.state.tls = Arc::new(compiled);
        self.tls.certificates = certificates;
        self.tls.hosts = hosts;
    }
}

/// In the order of their names, the first is shown where two are for the same host.
fn shown(
    certificates: &[Certificate],
    ring: Option<&KeyRing>,
    provider: &CryptoProvider,
) -> Certificates {
    let mut sorted: Vec<&Certificate> = certificates.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    // Hosts that are written come before those that a certificate happens to name.
    sorted.sort_by_key(|certificate| certificate.hosts.is_empty());
    let mut shown = Certificates::default();
    for certificate in sorted {
        let (hosts, key) = match pair(certificate, ring, provider) {
            Ok(Pair { key, hosts }) => (hosts, Some(key)),
            Err(reason) => {
                tracing::error!(
                    certificate = certificate.name,
                    reason,
                    "A certificate cannot be used; its hosts cannot be reached by TLS."
                );
                (certificate.hosts.clone(), None)
            }
        };
        for host in hosts {
            let (map, name) = match host.strip_prefix("*.") {
                Some(rest) => (&mut shown.under, rest),
                None => (&mut shown.exact, &*host),
            };
            map.entry(name.into()).or_insert_with(|| key.clone());
        }
        if certificate.default {
            shown.default = key;
        }
    }
    shown
}

fn pair(
    certificate: &Certificate,
    ring: Option<&KeyRing>,
    provider: &CryptoProvider,
) -> Result<Pair, String> {
    let opened;
    let key = match &certificate.key {
        PrivateKey::Clear(pem) => pem,
        PrivateKey::Sealed(sealed) => {
            let ring = ring.ok_or("its key is sealed and this gateway has no key to open it")?;
            let (organization, id) = (certificate.organization.uuid(), certificate.id.uuid());
            let bytes = ring.open(sealed, organization, id);
            let bytes = bytes.map_err(|error| error.to_string())?;
            opened = String::from_utf8(bytes).map_err(|_| "its key is not PEM")?;
            &opened
        }
    };
    let (pem, hosts) = (&certificate.certificate, &certificate.hosts);
    certificate::read(pem, key, hosts, certificate.default, provider)
        .map_err(|fault| fault.to_string())
}

fn asked(
    hosts: &[Host],
    shown: &Arc<Certificates>,
    provider: &Arc<CryptoProvider>,
) -> Patterns<tls::Host> {
    let mut made: HashMap<[u8; 32], Option<Arc<ServerConfig>>> = HashMap::new();
    let mut asked = Patterns::default();
    for host in hosts {
        let clients = host.client_ca.as_deref().map(|pem| {
            let digest: [u8; 32] = Sha256::digest(pem).into();
            let make = || {
                let config = config(provider, shown.clone(), Some(pem), None);
                if config.is_none() {
                    tracing::error!(
                        host = host.host,
                        "The authorities of a host's clients cannot be used; nobody reaches it."
                    );
                }
                config
            };
            let config = made.entry(digest).or_insert_with(make).clone();
            Clients { digest, config }
        });
        let required = host.tls.map(|mode| match mode {
            TlsMode::Required => true,
            TlsMode::Optional => false,
        });
        asked.insert(&host.host, tls::Host { required, clients });
    }
    asked
}

/// Settings of handshakes: TLS 1.2 and 1.3, with or without a client's certificate.
fn config(
    provider: &Arc<CryptoProvider>,
    shown: Arc<Certificates>,
    clients: Option<&str>,
    tickets: Option<Arc<dyn ProducesTickets>>,
) -> Option<Arc<ServerConfig>> {
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .ok()?;
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let roots = Arc::new(certificate::authorities(pem).ok()?);
            let verifier =
                WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build();
            builder.with_client_cert_verifier(verifier.ok()?)
        }
    };
    let mut config = builder.with_cert_resolver(shown);
    config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    match tickets {
        Some(tickets) => config.ticketer = tickets,
        // A client's certificate is verified at every handshake, not once per session.
        None if clients.is_some() => {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        None => {}
    }
    Some(Arc::new(config))
}
