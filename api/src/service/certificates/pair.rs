//! A certificate with its private key as somebody sent them: read, compared and judged before
//! anything is kept. What is kept of the certificate is written anew, so that nothing else that
//! stood in the text comes along.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use domain::certificate::{Facts, NO_AUTHORITIES, check_pair, has_key};
use domain::problem::Invalid;
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{Error, Result};

/// Largest text of certificates, in bytes.
const MOST_CHAIN: usize = 64 * 1024;
/// Largest text of a private key, in bytes.
const MOST_KEY: usize = 16 * 1024;

const NOT_PEM: &str = "The certificate cannot be read: it is not an X.509 certificate in PEM.";
pub(super) const KEY_INSIDE: &str =
    "There is a private key in this text: it would be shown. Send certificates only.";

/// A certificate that can be shown.
pub(crate) struct Pair {
    /// PEM, as written by us.
    pub(crate) chain: String,
    /// PEM, as it was sent.
    pub(crate) key: String,
    pub(crate) facts: Facts,
}

/// Judges a certificate and its key; pointers are `/certificate` and `/key`. Nothing of the key is
/// repeated.
pub(crate) fn judge(
    certificate: &str,
    key: &str,
    now: DateTime<Utc>,
) -> Result<Pair, Vec<Invalid>> {
    let mut found = Vec::new();
    if certificate.len() > MOST_CHAIN {
        found.push(Invalid::new("/certificate", "Send at most 64 KiB."));
    }
    if key.len() > MOST_KEY {
        found.push(Invalid::new("/key", "Send at most 16 KiB."));
    }
    if found.is_empty() {
        found = check_pair(certificate, key);
    }
    if has_key(certificate) {
        found = vec![Invalid::new("/certificate", KEY_INSIDE)];
    }
    if !found.is_empty() {
        return Err(found);
    }
    let refused = |pointer: &str, message: &str| vec![Invalid::new(pointer, message)];
    let ders = ders(certificate).ok_or_else(|| refused("/certificate", NOT_PEM))?;
    let facts: Option<Vec<Facts>> = ders.iter().map(|der| Facts::of(der)).collect();
    let facts = facts.and_then(|all| all.into_iter().next());
    let facts = facts.ok_or_else(|| refused("/certificate", NOT_PEM))?;
    let chain = ders.iter().map(|der| pem(CERTIFICATE, der)).collect();
    belong_together(ders, key).map_err(|message| refused("/key", message))?;
    if facts.not_after <= now {
        let ended = facts.not_after.format("%Y-%m-%d at %H:%M UTC");
        let message = format!("The certificate has expired: it ended on {ended}.");
        return Err(refused("/certificate", &message));
    }
    Ok(Pair {
        chain,
        key: key.to_owned(),
        facts,
    })
}

fn belong_together(ders: Vec<CertificateDer<'static>>, key: &str) -> Result<(), &'static str> {
    const UNREADABLE: &str =
        "The private key cannot be read: use RSA, ECDSA or Ed25519, in PEM and not encrypted.";
    let der = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| UNREADABLE)?;
    let provider = aws_lc_rs::default_provider();
    let loaded = provider.key_provider.load_private_key(der);
    match CertifiedKey::new(ders, loaded.map_err(|_| UNREADABLE)?).keys_match() {
        // A key that cannot tell its public half cannot be compared.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(()),
        Err(_) => Err("The private key belongs to another certificate."),
    }
}

/// What a kept certificate says of itself.
pub(crate) fn facts(chain: &str) -> Result<Facts> {
    let ders = ders(chain);
    let facts = ders.and_then(|ders| Facts::of(ders.first()?));
    facts.ok_or_else(|| Error::internal("a kept certificate cannot be read"))
}

/// The first certificate of a text; `Err` is what is wrong with it.
pub(crate) fn first_of(text: &str) -> Result<Facts, &'static str> {
    if text.len() > MOST_CHAIN {
        return Err("Send at most 64 KiB.");
    }
    if has_key(text) {
        return Err(KEY_INSIDE);
    }
    let ders = ders(text).ok_or(NOT_PEM)?;
    ders.first().and_then(|der| Facts::of(der)).ok_or(NOT_PEM)
}

/// Authorities of client certificates, as they are kept; `Err` is what is wrong with the text.
pub(crate) fn authorities(text: &str) -> Result<String, &'static str> {
    if text.len() > MOST_CHAIN {
        return Err("Send at most 64 KiB.");
    }
    let ders = trusted(text)?;
    Ok(ders.iter().map(|der| pem(CERTIFICATE, der)).collect())
}

/// Certificates whose holders are trusted; `Err` is what is wrong with the text.
pub(crate) fn trusted(text: &str) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    if has_key(text) {
        return Err(KEY_INSIDE);
    }
    let ders = ders(text).ok_or(NO_AUTHORITIES)?;
    let mut store = RootCertStore::empty();
    for der in &ders {
        let added = store.add(der.clone());
        added.map_err(|_| NO_AUTHORITIES)?;
    }
    Ok(ders)
}

/// At least one.
fn ders(text: &str) -> Option<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_slice_iter(text.as_bytes());
    let ders: Vec<_> = read.collect::<Result<_, _>>().ok()?;
    (!ders.is_empty()).then_some(ders)
}

/// The label of a certificate.
const CERTIFICATE: &str = "CERTIFICATE";

/// RFC 7468 §2, with this label.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = behind;
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}
