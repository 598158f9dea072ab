//! Certificates that their authority has revoked (RFC 5280 §5): the lists of a host's clients, judged
//! at save and again at load.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::certificate::{Authority, Mark, Marks, RevocationList, Signature, judge_lists};
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject;

use super::certificate::{Fault, authorities, chain};
use super::{Certificate, Term};

const UNREADABLE: Fault =
    Fault::Lists("The lists cannot be read: they are not X.509 revocation lists in PEM.");

/// What a host's clients must not show.
#[derive(Debug, Default)]
pub(crate) struct Revoked {
    marks: HashSet<Mark>,
    /// Until when those may be let in whom an authority has issued, by [`Marks::issuer`], in
    /// microseconds since 1970; only where lists must be of now. The handshake looks as well, but a
    /// connection outlives it, and it looks at no list that says that it is about others.
    until: HashMap<Mark, u64>,
    /// Nobody can tell: the lists are of no use.
    everybody: bool,
    /// Of each list: its issuer, and from when to when it is good.
    pub(crate) terms: Vec<(String, Term)>,
}

impl Revoked {
    /// Where the lists cannot be used: nobody is let in.
    pub(crate) fn everybody() -> Self {
        Self {
            everybody: true,
            ..Self::default()
        }
    }

    /// Whether a certificate must not be taken any more; also one of which nobody can tell. `now_us`
    /// is in microseconds since 1970.
    pub(crate) fn has(&self, shown: Option<&Certificate>, now_us: u64) -> bool {
        let marks = shown.and_then(|shown| shown.marks.as_deref());
        let is_over = |issuer: &Mark| self.until.get(issuer).is_some_and(|until| *until <= now_us);
        let is_one = |one: &Marks| self.marks.contains(&one.own) || is_over(&one.issuer);
        self.everybody || marks.is_none_or(|marks| marks.iter().any(is_one))
    }
}

/// Who verifies the clients of a host, and what they must not show. `current`: a list whose time is
/// over lets nobody in.
pub(crate) fn verifier(
    client_ca: &str,
    client_crl: Option<&str>,
    current: bool,
    provider: &Arc<CryptoProvider>,
) -> Result<(Arc<dyn ClientCertVerifier>, Option<Revoked>), Fault> {
    let roots = Arc::new(authorities(client_ca)?);
    let mut builder = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
    let mut revoked = None;
    if let Some(pem) = client_crl {
        let (ders, found) = lists(pem, client_ca, current, provider)?;
        revoked = Some(found);
        // Of an authority without a list nothing is known to be revoked.
        builder = builder.with_crls(ders).allow_unknown_revocation_status();
        if current {
            builder = builder.enforce_revocation_expiration();
        }
    }
    let built = builder.build();
    let unusable = match client_crl {
        Some(_) => Fault::Lists("A list has something in it that cannot be followed."),
        None => Fault::Authorities,
    };
    Ok((built.map_err(|_| unusable)?, revoked))
}

fn lists(
    pem: &str,
    client_ca: &str,
    current: bool,
    provider: &CryptoProvider,
) -> Result<(Vec<CertificateRevocationListDer<'static>>, Revoked), Fault> {
    let ders = CertificateRevocationListDer::pem_slice_iter(pem.as_bytes());
    let ders: Vec<_> = ders.collect::<Result<_, _>>().map_err(|_| UNREADABLE)?;
    let read: Option<Vec<_>> = ders.iter().map(|der| RevocationList::read(der)).collect();
    let read = read.filter(|read| !read.is_empty()).ok_or(UNREADABLE)?;
    let chain = chain(client_ca).ok_or(Fault::Authorities)?;
    let issuers: Vec<Authority> = chain.iter().filter_map(|der| Authority::of(der)).collect();
    let is_signed = |signed: Signature<'_>| is_signed(&signed, provider);
    judge_lists(&read, &issuers, is_signed).map_err(Fault::Lists)?;
    let mut revoked = Revoked::default();
    for list in read {
        // One that does not say when the next comes is not taken by whoever verifies.
        if let Some(to) = list.next_update {
            let term = Term {
                from: list.this_update,
                to,
            };
            revoked.terms.push((list.issuer, term));
            if current {
                let until = u64::try_from(to.timestamp_micros()).unwrap_or(0);
                revoked.until.insert(list.mark, until);
            }
        }
        revoked.marks.extend(list.revoked);
    }
    Ok((ders, revoked))
}

/// Who has issued the lists of a text, and until when they are good; those that tell.
pub(super) fn ends(pem: &str) -> Vec<(String, DateTime<Utc>)> {
    let ders = CertificateRevocationListDer::pem_slice_iter(pem.as_bytes());
    let read = ders.filter_map(|der| RevocationList::read(&der.ok()?));
    read.filter_map(|list| Some((list.issuer, list.next_update?)))
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHORITY: &str = include_str!("../../tests/it/tls/revoked/ca.pem");
    const LIST: &str = include_str!("../../tests/it/tls/revoked/list.pem");
    const NONE: &str = include_str!("../../tests/it/tls/revoked/none.pem");
    const ENDED: &str = include_str!("../../tests/it/tls/revoked/ended.pem");
    const FORGED: &str = include_str!("../../tests/it/tls/revoked/forged.pem");
    const OTHER: &str = include_str!("../../tests/it/tls/revoked/other.pem");
    const GOOD: &str = include_str!("../../tests/it/tls/revoked/good.pem");
    const BAD: &str = include_str!("../../tests/it/tls/revoked/bad.pem");
    const CLIENTS: &str = include_str!("../../tests/it/tls/clients.pem");

    fn shown(pem: &str) -> Certificate {
        Certificate::of(&chain(pem).unwrap()).unwrap()
    }

    #[test]
    fn lists_are_judged_with_their_authorities() {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let judge = |authorities: &str, lists: &str| {
            let made = verifier(authorities, Some(lists), true, &provider);
            made.map(|(_, revoked)| revoked.unwrap())
        };
        let both = format!("{AUTHORITY}{CLIENTS}");
        for (authorities, lists, marks) in [
            (AUTHORITY, LIST, 1),
            (AUTHORITY, NONE, 0),
            (AUTHORITY, ENDED, 1),
            (&both, LIST, 1),
        ] {
            let revoked = judge(authorities, lists).unwrap();
            assert_eq!((revoked.marks.len(), revoked.terms.len()), (marks, 1));
        }
        let twice = format!("{LIST}{NONE}");
        let broken = LIST.replacen("MI", "MJ", 1);
        for (authorities, lists) in [
            (AUTHORITY, FORGED),
            (AUTHORITY, OTHER),
            (CLIENTS, LIST),
            (AUTHORITY, &twice),
            (AUTHORITY, &broken),
            (AUTHORITY, GOOD),
            (AUTHORITY, ""),
        ] {
            let fault = judge(authorities, lists).unwrap_err();
            assert!(matches!(fault, Fault::Lists(_)), "{fault:?}");
            assert_eq!(fault.pointer(), "/client_crl");
        }
    }

    #[test]
    fn lists_tell_until_when_they_are_good() {
        let found = ends(&format!("{LIST}{ENDED}"));
        let years: Vec<String> = found
            .iter()
            .map(|(_, to)| to.format("%Y").to_string())
            .collect();
        assert_eq!(years, ["2120", "2021"]);
        assert_eq!(ends(GOOD), []);
    }

    #[test]
    fn what_is_revoked_is_known_without_its_handshake() {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let (_, revoked) = verifier(AUTHORITY, Some(LIST), false, &provider).unwrap();
        let revoked = revoked.unwrap();
        assert!(!revoked.has(Some(&shown(GOOD)), 0));
        assert!(revoked.has(Some(&shown(BAD)), 0));
        assert!(revoked.has(None, 0));
        assert!(Revoked::everybody().has(Some(&shown(GOOD)), 0));
        let mut unclear = shown(GOOD);
        unclear.marks = None;
        assert!(revoked.has(Some(&unclear), 0));
        // Also behind the first of those that were shown.
        let chained = format!("{GOOD}{BAD}");
        assert!(revoked.has(Some(&shown(&chained)), 0));
    }

    #[test]
    fn a_list_that_must_be_of_now_ends_with_its_time() {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let both = format!("{AUTHORITY}{CLIENTS}");
        let revoked = |current| {
            let (_, revoked) = verifier(&both, Some(NONE), current, &provider).unwrap();
            revoked.unwrap()
        };
        let to = revoked(true).terms[0].1.to;
        let end = u64::try_from(to.timestamp_micros()).unwrap();
        for (current, now_us, bars) in [
            (true, end - 1, false),
            (true, end, true),
            (true, u64::MAX, true),
            (false, u64::MAX, false),
        ] {
            let found = revoked(current).has(Some(&shown(GOOD)), now_us);
            assert_eq!(found, bars, "{current} at {now_us}");
        }
        // Nobody waits for a list of another authority.
        let friend = shown(include_str!("../../tests/it/tls/friend.pem"));
        assert!(!revoked(true).has(Some(&friend), u64::MAX));
    }
}
