//! Lists of revoked certificates (RFC 5280 §5), read from their DER: of which authority one is, and
//! which certificates it names. Whether the authority has signed it is for those to say who have the
//! library.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use x509_cert::crl::CertificateList;
use x509_cert::der::{Decode, Encode, Header, Reader, SliceReader};
use x509_cert::name::Name;
use x509_cert::time::Time;

/// Largest PEM text of lists, in bytes: some 20,000 revoked certificates.
pub const MAX_CRL: usize = 1024 * 1024;

/// What a certificate is called in a list: the SHA-256 of [`Marks::issuer`] and its serial number.
pub type Mark = [u8; 32];

/// By what lists know a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// SHA-256 of the DER of its issuer's name: whose list it would be in.
    pub issuer: Mark,
    pub own: Mark,
}

/// A list as it was read: nothing in it is to be believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationList {
    pub issuer: String,
    pub this_update: DateTime<Utc>,
    /// When the next one is there at the latest.
    pub next_update: Option<DateTime<Utc>>,
    pub revoked: Vec<Mark>,
    /// [`Marks::issuer`] of the certificates that it is about.
    pub mark: Mark,
    /// DER of the issuer's name.
    name: Vec<u8>,
    /// What is signed.
    message: Vec<u8>,
    /// Content of the algorithm's DER.
    algorithm: Vec<u8>,
    signature: Vec<u8>,
}

/// Who may issue lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// DER of its own name.
    name: Vec<u8>,
    /// Content of the DER of its key's algorithm.
    algorithm: Vec<u8>,
    key: Vec<u8>,
}

/// A signature with all that it is compared with.
#[derive(Debug, Clone, Copy)]
pub struct Signature<'a> {
    /// Content of the DER of the key's algorithm.
    pub key_algorithm: &'a [u8],
    pub key: &'a [u8],
    /// Content of the DER of the signature's own.
    pub algorithm: &'a [u8],
    pub message: &'a [u8],
    pub signature: &'a [u8],
}

impl Authority {
    /// `None` when it is no certificate.
    pub fn of(der: &[u8]) -> Option<Self> {
        let own = Certificate::from_der(der).ok()?.tbs_certificate;
        let info = &own.subject_public_key_info;
        Some(Self {
            name: own.subject.to_der().ok()?,
            algorithm: content(&info.algorithm.to_der().ok()?)?.to_vec(),
            key: info.subject_public_key.as_bytes()?.to_vec(),
        })
    }
}

impl RevocationList {
    /// `None` when it is no list.
    pub fn read(der: &[u8]) -> Option<Self> {
        let CertificateList {
            tbs_cert_list: list,
            signature_algorithm: algorithm,
            signature,
        } = CertificateList::from_der(der).ok()?;
        let entries = list.revoked_certificates.unwrap_or_default();
        let name = list.issuer.to_der().ok()?;
        let issuer: Mark = Sha256::digest(&name).into();
        let revoked = entries.iter();
        let revoked = revoked.map(|entry| mark(&issuer, entry.serial_number.as_bytes()));
        Some(Self {
            issuer: list.issuer.to_string(),
            this_update: time(&list.this_update)?,
            next_update: match &list.next_update {
                Some(at) => Some(time(at)?),
                None => None,
            },
            revoked: revoked.collect(),
            mark: issuer,
            name,
            message: first(content(der)?)?.to_vec(),
            algorithm: content(&algorithm.to_der().ok()?)?.to_vec(),
            signature: signature.as_bytes()?.to_vec(),
        })
    }

    /// Of a list that was judged before: its issuer, and when the next one is there at the latest.
    /// What it revokes is not looked at.
    pub fn term(der: &[u8]) -> Option<(String, Option<DateTime<Utc>>)> {
        let list = content(first(content(der)?)?)?;
        let mut reader = SliceReader::new(list).ok()?;
        let mut next = || reader.tlv_bytes().ok();
        let mut algorithm = next()?;
        // Only a list of version 2 says its version.
        if algorithm.first() == Some(&INTEGER) {
            algorithm = next()?;
        }
        content(algorithm)?;
        let issuer = Name::from_der(next()?).ok()?;
        Time::from_der(next()?).ok()?;
        let next_update = next().and_then(|der| Time::from_der(der).ok());
        Some((issuer.to_string(), next_update.as_ref().and_then(time)))
    }

    fn is_of(&self, authority: &Authority, is_signed: &impl Fn(Signature<'_>) -> bool) -> bool {
        self.name == authority.name
            && is_signed(Signature {
                key_algorithm: &authority.algorithm,
                key: &authority.key,
                algorithm: &self.algorithm,
                message: &self.message,
                signature: &self.signature,
            })
    }
}

/// The tag of DER.
const INTEGER: u8 = 0x02;

/// Whether each list is one of these authorities', and there is one of each at most.
///
/// # Errors
/// A sentence that says what to change.
pub fn judge_lists(
    lists: &[RevocationList],
    authorities: &[Authority],
    is_signed: impl Fn(Signature<'_>) -> bool,
) -> Result<(), &'static str> {
    for (index, list) in lists.iter().enumerate() {
        let signer = authorities.iter().find(|one| list.is_of(one, &is_signed));
        let signer =
            signer.ok_or("A list is not signed by one of the authorities in client_ca.")?;
        // Lists are found by names: those whom the other has issued would be refused, all of them.
        let is_other = |one: &Authority| one.name == signer.name && one.key != signer.key;
        if authorities.iter().any(is_other) {
            return Err(
                "Two authorities in client_ca have the name of a list's issuer, and keys of their own: a list counts for names, so name only the one that has signed it.",
            );
        }
        // Of two only one would be looked into.
        if lists[..index].iter().any(|other| other.name == list.name) {
            return Err("Give one list of each authority.");
        }
    }
    Ok(())
}

/// By what lists know a certificate; `None` when it is none.
pub fn marks_of(der: &[u8]) -> Option<Marks> {
    let own = Certificate::from_der(der).ok()?.tbs_certificate;
    let issuer: Mark = Sha256::digest(own.issuer.to_der().ok()?).into();
    Some(Marks {
        issuer,
        own: mark(&issuer, own.serial_number.as_bytes()),
    })
}

fn mark(issuer: &Mark, serial: &[u8]) -> Mark {
    let mut digest = Sha256::new_with_prefix(issuer);
    digest.update(serial);
    digest.finalize().into()
}

fn time(at: &Time) -> Option<DateTime<Utc>> {
    let seconds = i64::try_from(at.to_unix_duration().as_secs()).ok()?;
    DateTime::from_timestamp(seconds, 0)
}

/// What is behind the tag and the length of DER.
fn content(der: &[u8]) -> Option<&[u8]> {
    let mut reader = SliceReader::new(der).ok()?;
    Header::decode(&mut reader).ok()?;
    let length = reader.remaining_len();
    reader.read_slice(length).ok()
}

/// The first element, whole.
fn first(der: &[u8]) -> Option<&[u8]> {
    SliceReader::new(der).ok()?.tlv_bytes().ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const AUTHORITY: &str = include_str!("../../../gateway/tests/it/tls/revoked/ca.pem");
    const LIST: &str = include_str!("../../../gateway/tests/it/tls/revoked/list.pem");
    const FORGED: &str = include_str!("../../../gateway/tests/it/tls/revoked/forged.pem");
    const GOOD: &str = include_str!("../../../gateway/tests/it/tls/revoked/good.pem");
    const BAD: &str = include_str!("../../../gateway/tests/it/tls/revoked/bad.pem");

    fn der(pem: &str) -> Vec<u8> {
        let lines = pem
            .lines()
            .skip_while(|line| !line.starts_with("-----BEGIN"));
        let body = lines.skip(1).take_while(|line| !line.starts_with("-----"));
        STANDARD.decode(body.collect::<String>()).unwrap()
    }

    #[test]
    fn a_list_names_what_is_revoked() {
        let list = RevocationList::read(&der(LIST)).unwrap();
        let [good, bad] = [GOOD, BAD].map(|pem| marks_of(&der(pem)).unwrap());
        assert_eq!(list.revoked, [bad.own]);
        assert!(!list.revoked.contains(&good.own));
        assert_eq!([good.issuer, bad.issuer], [list.mark; 2]);
        let term = RevocationList::term(&der(LIST)).unwrap();
        assert_eq!(term, (list.issuer.clone(), list.next_update));
        assert!(list.this_update < list.next_update.unwrap());
        assert!(list.issuer.contains("CN="), "{}", list.issuer);
    }

    #[test]
    fn a_list_is_of_an_authority_that_has_signed_it() {
        let authority = Authority::of(&der(AUTHORITY)).unwrap();
        let other = Authority::of(&der(GOOD)).unwrap();
        let [list, forged] = [LIST, FORGED].map(|pem| RevocationList::read(&der(pem)).unwrap());
        // What is signed is the first element, byte by byte.
        let whole = der(LIST);
        let signs = |signed: Signature<'_>| {
            let is_in = whole
                .windows(signed.message.len())
                .any(|part| part == signed.message);
            is_in && whole.ends_with(signed.signature) && signed.key == authority.key
        };
        let both = [other.clone(), authority.clone()];
        assert_eq!(
            judge_lists(std::slice::from_ref(&list), &both, signs),
            Ok(())
        );
        // The same key twice is one authority; another of the same name is another.
        let twice = [authority.clone(), authority.clone()];
        assert_eq!(
            judge_lists(std::slice::from_ref(&list), &twice, signs),
            Ok(())
        );
        let renewed = Authority {
            key: other.key.clone(),
            ..authority.clone()
        };
        for both in [
            [authority.clone(), renewed.clone()],
            [renewed, authority.clone()],
        ] {
            let refused = judge_lists(std::slice::from_ref(&list), &both, signs).unwrap_err();
            assert!(refused.starts_with("Two authorities"), "{refused}");
            assert_eq!(judge_lists(&[], &both, signs), Ok(()));
        }
        for (lists, authorities) in [
            (vec![list.clone()], vec![other]),
            (vec![list.clone()], vec![]),
            (vec![forged], vec![authority.clone()]),
            (vec![list.clone(), list], vec![authority.clone()]),
        ] {
            assert!(judge_lists(&lists, &authorities, signs).is_err());
        }
    }

    #[test]
    fn what_is_no_list() {
        let list = der(LIST);
        for end in [0, 1, 20, list.len() - 1] {
            assert_eq!(RevocationList::read(&list[..end]), None, "{end} bytes");
        }
        assert_eq!(RevocationList::read(&der(GOOD)), None);
        for pem in [GOOD, AUTHORITY] {
            assert_eq!(RevocationList::term(&der(pem)), None);
        }
        for end in [0, 1, 20] {
            assert_eq!(RevocationList::term(&list[..end]), None, "{end} bytes");
        }
        assert_eq!(marks_of(&list), None);
        assert_eq!(Authority::of(&list), None);
    }
}
