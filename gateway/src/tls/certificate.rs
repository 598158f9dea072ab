//! A certificate with its key, as it is read from PEM and judged: at save, and again at load.

use std::sync::Arc;

use domain::certificate::{Facts, is_for};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::Term;

/// What is wrong with a certificate. Nothing of the key is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("The certificate cannot be read: it is not an X.509 certificate in PEM.")]
    Certificate,
    #[error("The private key cannot be read: use RSA, ECDSA or Ed25519, in PEM and not encrypted.")]
    Key,
    #[error("The private key belongs to another certificate.")]
    Mismatch,
    #[error("The certificate names no host; name some in hosts, or make it the default.")]
    NoHost,
    /// Index in the list of hosts.
    #[error("The certificate is not for this host.")]
    Host(usize),
    #[error("The authorities cannot be read: they are not X.509 certificates in PEM.")]
    Authorities,
    #[error("{0}")]
    Lists(&'static str),
}

impl Fault {
    /// Where it lies in the written form.
    pub(crate) fn pointer(self) -> String {
        match self {
            Self::Certificate | Self::NoHost => "/certificate".to_owned(),
            Self::Key | Self::Mismatch => "/key".to_owned(),
            Self::Host(index) => format!("/hosts/{index}"),
            Self::Authorities => "/client_ca".to_owned(),
            Self::Lists(_) => "/client_crl".to_owned(),
        }
    }
}

/// A certificate that can be shown, and the patterns of the hosts that it is shown for.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) hosts: Vec<String>,
    /// `None` when it does not tell.
    pub(crate) term: Option<Term>,
}

/// Reads and judges. `hosts` are those written; empty: all that the certificate names.
pub(crate) fn read(
    certificate: &str,
    key: &str,
    hosts: &[String],
    is_default: bool,
    provider: &CryptoProvider,
) -> Result<Pair, Fault> {
    let chain = chain(certificate).ok_or(Fault::Certificate)?;
    let names = names(&chain)?;
    let facts = chain.first().and_then(|leaf| Facts::of(leaf));
    let key = certified(chain, key, provider)?;
    if let Some(index) = hosts.iter().position(|host| !is_for(&names, host)) {
        return Err(Fault::Host(index));
    }
    if hosts.is_empty() && names.is_empty() && !is_default {
        return Err(Fault::NoHost);
    }
    Ok(Pair {
        key: Arc::new(key),
        hosts: if hosts.is_empty() {
            names
        } else {
            hosts.to_vec()
        },
        term: facts.as_ref().map(Term::of),
    })
}

/// A certificate with its key, for the client's side of a connection; and from when to when it is
/// good, if it tells.
pub(crate) fn client(
    certificate: &str,
    key: &str,
    provider: &CryptoProvider,
) -> Result<(CertifiedKey, Option<Term>), Fault> {
    let chain = chain(certificate).ok_or(Fault::Certificate)?;
    let facts = chain.first().and_then(|own| Facts::of(own));
    let key = certified(chain, key, provider)?;
    Ok((key, facts.as_ref().map(Term::of)))
}

/// What the certificates of a chain say of themselves, those that tell.
pub(crate) fn facts(pem: &str) -> Vec<Facts> {
    let chain = chain(pem).unwrap_or_default();
    chain.iter().filter_map(|one| Facts::of(one)).collect()
}

fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: &str,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, Fault> {
    let der = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| Fault::Key)?;
    let loaded = provider.key_provider.load_private_key(der);
    let certified = CertifiedKey::new(chain, loaded.map_err(|_| Fault::Key)?);
    match certified.keys_match() {
        // A key that cannot tell its public half cannot be compared.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(certified)
        }
        Err(_) => Err(Fault::Mismatch),
    }
}

/// The authorities of client certificates.
pub(crate) fn authorities(pem: &str) -> Result<RootCertStore, Fault> {
    let mut store = RootCertStore::empty();
    for certificate in chain(pem).ok_or(Fault::Authorities)? {
        store.add(certificate).map_err(|_| Fault::Authorities)?;
    }
    Ok(store)
}

/// At least one certificate, each of which can be parsed.
pub(super) fn chain(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .ok()?;
    let parses = |certificate| webpki::EndEntityCert::try_from(certificate).is_ok();
    (!chain.is_empty() && chain.iter().all(parses)).then_some(chain)
}

/// The DNS names that the first is for (RFC 6125 §6.4: the subject's common name is none).
fn names(chain: &[CertificateDer<'_>]) -> Result<Vec<String>, Fault> {
    let first = chain.first().ok_or(Fault::Certificate)?;
    let parsed = webpki::EndEntityCert::try_from(first).map_err(|_| Fault::Certificate)?;
    let mut names: Vec<String> = parsed
        .valid_dns_names()
        .map(str::to_ascii_lowercase)
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = include_str!("../../tests/it/tls/server.pem");
    const KEY: &str = include_str!("../../tests/it/tls/server.key");
    const AUTHORITY: &str = include_str!("../../tests/it/tls/ca.pem");
    const OTHER_KEY: &str = include_str!("../../tests/it/tls/a.key");

    #[test]
    fn a_certificate_is_judged_with_its_key_and_hosts() {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let judge = |certificate: &str, key: &str, hosts: &[&str], is_default| {
            let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
            let pair = read(certificate, key, &hosts, is_default, &provider)?;
            Ok(pair.hosts)
        };
        let broken = CERTIFICATE.replacen("MII", "MIJ", 1);
        let named = Ok(vec!["upstream.test".to_owned()]);
        assert_eq!(judge(CERTIFICATE, KEY, &[], false), named);
        assert_eq!(judge(CERTIFICATE, KEY, &["upstream.test"], false), named);
        for (certificate, key, hosts, fault) in [
            (&*broken, KEY, &[][..], Fault::Certificate),
            (KEY, KEY, &[], Fault::Certificate),
            (CERTIFICATE, CERTIFICATE, &[], Fault::Key),
            (CERTIFICATE, OTHER_KEY, &[], Fault::Mismatch),
            (
                CERTIFICATE,
                KEY,
                &["upstream.test", "x.test"],
                Fault::Host(1),
            ),
        ] {
            assert_eq!(judge(certificate, key, hosts, false), Err(fault));
        }
        assert!(authorities(AUTHORITY).is_ok());
        assert_eq!(authorities(KEY).unwrap_err(), Fault::Authorities);
    }
}
