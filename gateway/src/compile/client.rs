//! What the gateway shows to the targets of an upstream that ask for a certificate.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::hex::hex;
use domain::id::UpstreamId;
use domain::seal::KeyRing;
use domain::snapshot::{ClientCertificate, Upstream};
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};

use super::sealed;
use crate::tls::{ClientEnd, Term, certificate};

/// A certificate with its key.
pub(super) struct Client {
    pub(super) key: CertifiedKey,
    /// Of the certificate and its key: connections that show another are others.
    pub(super) digest: String,
    term: Option<Term>,
}

impl Client {
    /// `None` for an upstream that has none.
    pub(super) fn of(source: &Upstream, ring: Option<&KeyRing>) -> Result<Option<Self>, String> {
        let Some(written) = &source.client_certificate else {
            return Ok(None);
        };
        let place = ClientCertificate::place(source.id);
        let pem = sealed::open(&written.key, source.organization, place, ring)?;
        let provider = aws_lc_rs::default_provider();
        let made = certificate::client(&written.certificate, &pem, &provider);
        let (key, term) = made.map_err(|fault| format!("its client certificate: {fault}"))?;
        let mut digest = Sha256::new();
        digest.update((written.certificate.len() as u64).to_le_bytes());
        digest.update(&written.certificate);
        digest.update(pem.as_bytes());
        let digest = hex(&digest.finalize());
        Ok(Some(Self { key, digest, term }))
    }
}

/// When the certificates that upstreams are shown end.
#[derive(Debug, Default)]
pub(super) struct Ends {
    by_upstream: BTreeMap<UpstreamId, ClientEnd>,
    is_other: bool,
}

impl Ends {
    /// All are told anew from here on.
    pub(super) fn clear(&mut self) {
        self.by_upstream.clear();
        self.is_other = true;
    }

    pub(super) fn forget(&mut self, id: UpstreamId) {
        self.is_other |= self.by_upstream.remove(&id).is_some();
    }

    /// Takes the place of what was known of the upstream.
    pub(super) fn note(&mut self, source: &Upstream, client: Option<&Client>) {
        let Some(term) = client.and_then(|client| client.term) else {
            return self.forget(source.id);
        };
        let end = ClientEnd {
            upstream: source.name.clone(),
            id: source.id,
            term,
        };
        self.is_other = true;
        self.by_upstream.insert(source.id, end);
    }

    /// All of them, if they are others than `before`.
    pub(super) fn settle(&mut self, before: &[ClientEnd]) -> Option<Arc<[ClientEnd]>> {
        if !std::mem::take(&mut self.is_other) || self.by_upstream.values().eq(before) {
            return None;
        }
        Some(self.by_upstream.values().cloned().collect())
    }
}
