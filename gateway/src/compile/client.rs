//! What the gateway shows to the targets of an upstream that ask for a certificate.

use domain::seal::KeyRing;
use domain::snapshot::{ClientCertificate, Upstream};
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};

use super::sealed;
use crate::tls::certificate;

/// A certificate with its key.
pub(super) struct Client {
    pub(super) key: CertifiedKey,
    /// Of the certificate and its key: connections that show another are others.
    pub(super) digest: String,
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
        let key = certificate::client(&written.certificate, &pem, &provider);
        let key = key.map_err(|fault| format!("its client certificate: {fault}"))?;
        let mut digest = Sha256::new();
        digest.update((written.certificate.len() as u64).to_le_bytes());
        digest.update(&written.certificate);
        digest.update(pem.as_bytes());
        let digest = digest.finalize();
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Some(Self { key, digest }))
    }
}
