//! What a certificate says of itself, read from its DER (RFC 5280).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Facts {
    /// As RFC 4514 writes names: `CN=api.example.com,O=Example`.
    pub subject: String,
    pub issuer: String,
    /// The DNS names that it is for, in lower case; the common name is none (RFC 6125 §6.4).
    pub dns_names: Vec<String>,
    /// Hexadecimal, by bytes: `0A:1B`.
    pub serial: String,
    /// SHA-256 of the certificate, in hexadecimal by bytes.
    pub fingerprint: String,
    pub not_before: DateTime<Utc>,
    pub not_after: DateTime<Utc>,
    /// Kind of its key: `RSA`, `ECDSA P-256`, `Ed25519`.
    pub key: String,
}

impl Facts {
    /// `None` when it is no certificate, or one whose times cannot be told.
    pub fn of(der: &[u8]) -> Option<Self> {
        let parsed = Certificate::from_der(der).ok()?;
        let own = &parsed.tbs_certificate;
        let time = |at: &x509_cert::time::Time| {
            let seconds = i64::try_from(at.to_unix_duration().as_secs()).ok()?;
            DateTime::from_timestamp(seconds, 0)
        };
        Some(Self {
            subject: own.subject.to_string(),
            issuer: own.issuer.to_string(),
            dns_names: dns_names(&parsed)?,
            serial: hexadecimal(own.serial_number.as_bytes()),
            fingerprint: hexadecimal(&Sha256::digest(der)),
            not_before: time(&own.validity.not_before)?,
            not_after: time(&own.validity.not_after)?,
            key: key(&own.subject_public_key_info),
        })
    }
}

fn dns_names(certificate: &Certificate) -> Option<Vec<String>> {
    let own = &certificate.tbs_certificate;
    let Some((_critical, SubjectAltName(all))) = own.get::<SubjectAltName>().ok()? else {
        return Some(Vec::new());
    };
    let dns = all.iter().filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
        GeneralName::OtherName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::UniformResourceIdentifier(_)
        | GeneralName::IpAddress(_)
        | GeneralName::RegisteredId(_) => None,
    });
    let mut names: Vec<String> = dns.collect();
    names.sort();
    names.dedup();
    Some(names)
}

/// By the algorithm (RFC 3279 §2.3, RFC 8410 §3) and, for a curve, which (RFC 5480 §2.1.1.1).
fn key(info: &SubjectPublicKeyInfoOwned) -> String {
    const RSA: &str = "1.2.840.113549.1.1.1";
    const EC: &str = "1.2.840.10045.2.1";
    const ED25519: &str = "1.3.101.112";
    let algorithm = info.algorithm.oid.to_string();
    match algorithm.as_str() {
        RSA => "RSA".to_owned(),
        ED25519 => "Ed25519".to_owned(),
        EC => {
            let parameters = info.algorithm.parameters.as_ref();
            let curve = parameters.and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
            match curve.map(|curve| curve.to_string()).as_deref() {
                Some("1.2.840.10045.3.1.7") => "ECDSA P-256".to_owned(),
                Some("1.3.132.0.34") => "ECDSA P-384".to_owned(),
                Some("1.3.132.0.35") => "ECDSA P-521".to_owned(),
                Some(_) | None => "ECDSA".to_owned(),
            }
        }
        _ => algorithm,
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// The first certificate of a PEM text.
    fn der(pem: &str) -> Vec<u8> {
        let lines = pem
            .lines()
            .skip_while(|line| !line.starts_with("-----BEGIN"));
        let body = lines.skip(1).take_while(|line| !line.starts_with("-----"));
        STANDARD.decode(body.collect::<String>()).unwrap()
    }

    #[test]
    fn a_certificate_tells_whose_it_is_and_how_long() {
        let read = der(include_str!("../../../gateway/tests/it/tls/a.pem"));
        let facts = Facts::of(&read).unwrap();
        assert_eq!(facts.dns_names, ["a.test"]);
        assert!(facts.not_before < facts.not_after, "{facts:?}");
        assert_eq!(facts.fingerprint.len(), 32 * 3 - 1);
        for end in [0, 1, 20, read.len() - 1] {
            assert_eq!(Facts::of(&read[..end]), None, "{end} bytes");
        }
    }
}
