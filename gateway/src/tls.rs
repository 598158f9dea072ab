//! TLS towards clients: which certificate is shown, and what each host asks of a connection.

mod admit;
pub(crate) mod certificate;
mod end;
mod handshake;
pub(crate) mod revoked;
mod written;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::certificate::{CertificateName, Facts, Marks, marks_of};
use domain::id::OrganizationId;
use domain::key::KeyDigest;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};

pub(crate) use admit::{Ask, admit, has_port};
pub(crate) use end::{
    ClientEnd, End, Last, Term, out_of_time, warn, warn_of_clients, warn_of_lists,
};
pub(crate) use handshake::handshake;
pub(crate) use revoked::Revoked;
pub(crate) use written::check;

/// What a connection's handshake established.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secure {
    /// Lower case, without a trailing dot.
    pub(crate) server_name: Option<Rc<str>>,
    /// Those under which the client's certificate was verified: a connection outlives the state that
    /// it was made under.
    pub(crate) clients: Option<Authorities>,
    /// The one that the client has shown, where one was verified.
    pub(crate) certificate: Option<Rc<Certificate>>,
}

impl Secure {
    /// Whether those who verified the client's certificate may say to an API of `provider` who
    /// calls. An organization brings authorities of its own for a host that it alone was granted,
    /// and they name whomever they like; APIs of others without hosts answer there as well.
    pub(crate) fn speaks_for(&self, provider: OrganizationId) -> bool {
        self.clients
            .is_some_and(|one| one.owner.is_nil() || one.owner == provider)
    }
}

/// The authorities of a host's clients, by what tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Authorities {
    /// Of their text.
    pub(crate) digest: [u8; 32],
    /// Whose host it is; the nil id: the platform's.
    pub(crate) owner: OrganizationId,
}

/// A certificate that a client has shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// SHA-256 of the whole.
    pub(crate) digest: [u8; 32],
    /// What applications may claim of it: itself, before its subject and its alternative names. The
    /// handshake has verified it, so its authority answers for what it is called.
    pub(crate) claims: Box<[KeyDigest]>,
    /// It has more alternative names than are looked at.
    pub(crate) has_more_names: bool,
    /// Microseconds since 1970.
    pub(crate) ends_us: u64,
    /// As a structured field of bytes (RFC 8941 §3.3.5), for `Client-Cert` (RFC 9440 §2.1).
    pub(crate) field: Box<str>,
    /// What lists of revoked certificates call it and those that were shown behind it; `None` when
    /// that cannot be told.
    pub(crate) marks: Option<Box<[Marks]>>,
}

impl Certificate {
    /// The first of those that were shown; `None` when it does not tell its time.
    pub(crate) fn of(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let der = chain.first()?;
        let ends = Facts::of(der)?.not_after.timestamp_micros();
        let digest: [u8; 32] = Sha256::digest(der).into();
        let own = KeyDigest::of_certificate(&digest);
        let (names, has_more_names) = CertificateName::digests_of(der);
        Some(Self {
            digest,
            claims: std::iter::once(own).chain(names).collect(),
            has_more_names,
            ends_us: u64::try_from(ends).ok()?,
            field: format!(":{}:", STANDARD.encode(der)).into(),
            marks: chain.iter().map(|der| marks_of(der)).collect(),
        })
    }
}

/// Everything about TLS in one configuration state.
#[derive(Debug, Default)]
pub(crate) struct Tls {
    /// `None` without certificates: nothing can be shown.
    pub(crate) open: Option<Arc<ServerConfig>>,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) hosts: Patterns<Host>,
    /// Of the certificates that can be used.
    pub(crate) ends: Vec<End>,
    /// Of the lists of revoked certificates, under the names of their issuers.
    pub(crate) lists: Vec<End>,
}

/// What a host asks of a connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Host {
    /// As written.
    pub(crate) required: Option<bool>,
    pub(crate) clients: Option<Clients>,
}

/// The authorities of a host's clients.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    pub(crate) authorities: Authorities,
    /// `None` when they cannot be read: then nobody gets in.
    pub(crate) config: Option<Arc<ServerConfig>>,
    /// Those of theirs that do not count any more; a connection outlives the lists of its handshake.
    pub(crate) revoked: Option<Arc<Revoked>>,
}

impl Clients {
    /// `now_us` is in microseconds since 1970.
    fn bars(&self, secure: &Secure, now_us: u64) -> bool {
        let shown = secure.certificate.as_deref();
        let revoked = self.revoked.as_ref();
        revoked.is_some_and(|one| one.has(shown, now_us))
    }
}

/// Certificates by the names that they are shown for.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    /// `None` for one that cannot be used: its host keeps asking for TLS and gets none.
    pub(crate) exact: HashMap<Box<str>, Option<Arc<CertifiedKey>>>,
    /// By the part behind `*.`, which stands for one label.
    pub(crate) under: HashMap<Box<str>, Option<Arc<CertifiedKey>>>,
    pub(crate) default: Option<Arc<CertifiedKey>>,
}

impl Certificates {
    /// The entry for exactly this host, without the default.
    fn entry(&self, host: &str) -> Option<&Option<Arc<CertifiedKey>>> {
        let under = || self.under.get(host.split_once('.')?.1);
        self.exact.get(host).or_else(under)
    }

    pub(crate) fn find(&self, host: Option<&str>) -> Option<Arc<CertifiedKey>> {
        match host.and_then(|host| self.entry(host)) {
            Some(entry) => entry.clone(),
            None => self.default.clone(),
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name().map(server_name).as_deref())
    }
}

/// As it is matched.
fn server_name(sent: &str) -> Rc<str> {
    sent.strip_suffix('.')
        .unwrap_or(sent)
        .to_ascii_lowercase()
        .into()
}

/// Values by host pattern: exact before `*.x`, the longest of these first.
#[derive(Debug)]
pub(crate) struct Patterns<T> {
    exact: HashMap<Box<str>, T>,
    under: HashMap<Box<str>, T>,
}

impl<T> Default for Patterns<T> {
    fn default() -> Self {
        Self {
            exact: HashMap::new(),
            under: HashMap::new(),
        }
    }
}

impl<T> Patterns<T> {
    pub(crate) fn insert(&mut self, pattern: &str, value: T) {
        match pattern.strip_prefix("*.") {
            Some(rest) => self.under.insert(rest.into(), value),
            None => self.exact.insert(pattern.into(), value),
        };
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.under.is_empty()
    }

    pub(crate) fn find(&self, host: &str) -> Option<&T> {
        if let Some(value) = self.exact.get(host) {
            return Some(value);
        }
        if self.under.is_empty() {
            return None;
        }
        let mut rest = host;
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(value) = self.under.get(parent) {
                return Some(value);
            }
            rest = parent;
        }
        None
    }
}

/// Whether a request may be served on its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Serve,
    /// Made for another host (RFC 9110 §15.5.20).
    Misdirected,
    HttpsRequired,
}

impl Tls {
    /// No host asks for anything: nothing of this is looked up then.
    pub(crate) fn asks_nothing(&self) -> bool {
        self.hosts.is_empty()
            && self.certificates.exact.is_empty()
            && self.certificates.under.is_empty()
    }

    /// The handshake's settings for a server name as it was sent, and what they will establish.
    pub(crate) fn choose(&self, sent: Option<&str>) -> (Option<Arc<ServerConfig>>, Secure) {
        let name = sent.map(server_name);
        let host = name.as_deref().and_then(|name| self.hosts.find(name));
        let clients = host.and_then(|host| host.clients.as_ref());
        let config = match clients {
            Some(clients) => clients.config.clone(),
            None => self.open.clone(),
        };
        let secure = Secure {
            server_name: name,
            clients: clients.map(|clients| clients.authorities),
            certificate: None,
        };
        (config, secure)
    }

    /// Whether the certificate that was shown on a connection does not count for `host` any more.
    pub(crate) fn bars(&self, host: &str, secure: Option<&Secure>, now_us: u64) -> bool {
        let clients = self.hosts.find(host).and_then(|host| host.clients.as_ref());
        let both = clients.zip(secure);
        both.is_some_and(|(clients, secure)| clients.bars(secure, now_us))
    }

    /// Judges a request for `host`. `by_proxy`: a trusted proxy says that it came by https. `now_us`
    /// is in microseconds since 1970.
    pub(crate) fn judge(
        &self,
        host: &str,
        secure: Option<&Secure>,
        by_proxy: bool,
        now_us: u64,
    ) -> Verdict {
        let settings = self.hosts.find(host);
        let is_named = |secure: &Secure| secure.server_name.as_deref() == Some(host);
        if let Some(clients) = settings.and_then(|host| host.clients.as_ref()) {
            // A proxy's word is no certificate.
            return match secure {
                None => Verdict::HttpsRequired,
                // On a new connection one that is revoked is told so.
                Some(secure) if clients.bars(secure, now_us) => Verdict::Misdirected,
                Some(secure) if is_named(secure) && secure.clients == Some(clients.authorities) => {
                    Verdict::Serve
                }
                Some(_) => Verdict::Misdirected,
            };
        }
        match secure {
            Some(secure) if secure.clients.is_some() && !is_named(secure) => Verdict::Misdirected,
            Some(_) => Verdict::Serve,
            None if by_proxy => Verdict::Serve,
            None => {
                let written = settings.and_then(|host| host.required);
                let required = written.unwrap_or_else(|| self.certificates.entry(host).is_some());
                if required {
                    Verdict::HttpsRequired
                } else {
                    Verdict::Serve
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
