//! TLS towards upstreams: always verified, by the system's roots or by the upstream's own, and
//! with a certificate of ours where they ask for one.

use std::sync::{Arc, OnceLock};

use domain::upstream::Protocol;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::http2::ALPN;

/// Why an upstream's TLS cannot be set up.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("its certificates cannot be read")]
    Certificates,
    #[error("the system has no root certificates")]
    Roots,
    #[error("the TLS library refused the configuration")]
    Library,
}

/// The system's roots, read once and only when an upstream needs them.
#[derive(Debug, Default)]
pub(crate) struct Roots(OnceLock<Arc<RootCertStore>>);

impl Roots {
    fn get(&self) -> Arc<RootCertStore> {
        let read = || {
            let mut store = RootCertStore::empty();
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::warn!(%error, "A root certificate of the system could not be read.");
            }
            store.add_parsable_certificates(found.certs);
            Arc::new(store)
        };
        self.0.get_or_init(read).clone()
    }
}

/// An upstream's own roots, at least one.
pub(crate) fn trusted(pem: &str) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|_| TlsError::Certificates)?;
        store.add(certificate).map_err(|_| TlsError::Certificates)?;
    }
    if store.is_empty() {
        return Err(TlsError::Certificates);
    }
    Ok(store)
}

/// The client's side for one upstream: `ca` is PEM and replaces the system's roots, `shown` is for
/// targets that ask for a certificate.
pub(crate) fn client_config(
    ca: Option<&str>,
    protocol: Protocol,
    roots: &Roots,
    shown: Option<&CertifiedKey>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let store = match ca {
        None => roots.get(),
        Some(pem) => Arc::new(trusted(pem)?),
    };
    if store.is_empty() {
        return Err(TlsError::Roots);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsError::Library)?
        .with_root_certificates(store);
    let mut config = match shown {
        None => builder.with_no_client_auth(),
        Some(key) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key.clone())))
        }
    };
    config.alpn_protocols = match protocol {
        Protocol::Http1 => Vec::new(),
        Protocol::Http2 => vec![ALPN.to_vec()],
    };
    Ok(Arc::new(config))
}
