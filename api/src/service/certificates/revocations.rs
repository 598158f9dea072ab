//! Lists of revoked certificates (RFC 5280 §5) as somebody sent them: read, and compared with the
//! authorities that must have signed them, before anything is kept.

use std::sync::Arc;

use domain::certificate::{Authority, RevocationList, Signature, has_key, judge_lists};
use domain::key::KeyDigest;
use domain::wire::certificates::{ListFacts, ListTerm};
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};

use super::pair;

/// Largest text of lists, in bytes: a body of the management API has 256 KiB.
const MOST: usize = 128 * 1024;

/// Lists as they are kept; `Err` is what is wrong with them. `authorities` were judged before.
pub(crate) fn judge(text: &str, authorities: &str) -> Result<String, &'static str> {
    const UNREADABLE: &str =
        "The lists cannot be read: they are not X.509 revocation lists in PEM.";
    const UNUSABLE: &str = "A list has something in it that cannot be followed.";
    if text.len() > MOST {
        return Err("Send at most 128 KiB.");
    }
    if has_key(text) {
        return Err(pair::KEY_INSIDE);
    }
    let ders = CertificateRevocationListDer::pem_slice_iter(text.as_bytes());
    let ders: Vec<_> = ders.collect::<Result<_, _>>().map_err(|_| UNREADABLE)?;
    let read: Option<Vec<_>> = ders.iter().map(|der| RevocationList::read(der)).collect();
    let read = read.filter(|read| !read.is_empty()).ok_or(UNREADABLE)?;
    let chain = CertificateDer::pem_slice_iter(authorities.as_bytes());
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(|_| UNUSABLE)?;
    let issuers: Vec<Authority> = chain.iter().filter_map(|der| Authority::of(der)).collect();
    let provider = Arc::new(aws_lc_rs::default_provider());
    judge_lists(&read, &issuers, |signed| is_signed(&signed, &provider))?;
    let mut roots = RootCertStore::empty();
    for der in chain {
        roots.add(der).map_err(|_| UNUSABLE)?;
    }
    // As a gateway does.
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let built = builder.with_crls(ders.iter().cloned()).build();
    built.map_err(|_| UNUSABLE)?;
    Ok(ders.iter().map(|der| pair::pem("X509 CRL", der)).collect())
}

/// What is told of lists that were judged before.
pub(crate) fn facts(pem: &str) -> ListFacts {
    let ders = CertificateRevocationListDer::pem_slice_iter(pem.as_bytes());
    let terms = ders.filter_map(|der| RevocationList::term(&der.ok()?));
    let lists = terms.map(|(issuer, next_update)| ListTerm {
        issuer,
        next_update,
    });
    ListFacts {
        sha256: KeyDigest::of(pem.as_bytes()).to_hex(),
        lists: lists.collect(),
    }
}

fn is_signed(signed: &Signature<'_>, provider: &CryptoProvider) -> bool {
    let known = provider.signature_verification_algorithms.all;
    known.iter().any(|one| {
        *one.public_key_alg_id() == *signed.key_algorithm
            && *one.signature_alg_id() == *signed.algorithm
            && one
                .verify_signature(signed.key, signed.message, signed.signature)
                .is_ok()
    })
}
