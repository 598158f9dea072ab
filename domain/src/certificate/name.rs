//! What its authority has put into a certificate to call whoever shows it: by such a name an
//! application may claim all certificates that have it, renewed ones too.

use std::fmt;

use serde::{Deserialize, Serialize};
use x509_cert::Certificate;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::{Decode, Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

use crate::key::KeyDigest;

/// So many alternative names of a certificate are looked at, in their order: of those that an
/// application could claim.
const MAX_ALTERNATIVES: usize = 8;

/// Longest name, in bytes.
const LONGEST: usize = 1000;

/// A subject or an alternative name, as it is written: `subject:CN=a,O=b`, `san:dns:a.example`,
/// `san:uri:spiffe://a/b` or `san:email:a@b.example`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CertificateName {
    text: String,
    digest: KeyDigest,
}

impl CertificateName {
    /// Reads one and puts it into the form in which names are compared.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err("Give a name of at most 1,000 bytes.");
        }
        if let Some(written) = text.strip_prefix("subject:") {
            let why = "Write the subject as RFC 4514 does: CN=orders,O=Example.";
            let name = Self::subject(written).ok_or(why)?;
            // It is kept as text, and read from that.
            let kept = &name.text["subject:".len()..];
            let is_read = name.text.len() <= LONGEST && Self::subject(kept).as_ref() == Some(&name);
            return is_read.then_some(name).ok_or(why);
        }
        let (sort, name) = if let Some(written) = text.strip_prefix("san:dns:") {
            let why = "Write one host name, without a wildcard.";
            ("san:dns:", dns(written).ok_or(why)?)
        } else if let Some(written) = text.strip_prefix("san:uri:") {
            let why = "Write a URI, such as spiffe://example/a.";
            ("san:uri:", uri(written).ok_or(why)?)
        } else if let Some(written) = text.strip_prefix("san:email:") {
            let why = "Write an address of e-mail.";
            ("san:email:", email(written).ok_or(why)?)
        } else {
            return Err("Begin with subject:, san:dns:, san:uri: or san:email:.");
        };
        Ok(Self::alternative(sort, &name))
    }

    fn subject(written: &str) -> Option<Self> {
        let name: Name = written.trim().parse().ok()?;
        (!name.is_empty()).then(|| Self {
            text: format!("subject:{name}"),
            digest: of_subject(&name),
        })
    }

    /// One of a certificate; `None` for kinds that nobody can claim.
    fn of_alternative(name: &GeneralName) -> Option<Self> {
        let (sort, name) = match name {
            GeneralName::DnsName(name) => ("san:dns:", dns(name.as_str())?),
            GeneralName::UniformResourceIdentifier(name) => ("san:uri:", uri(name.as_str())?),
            GeneralName::Rfc822Name(name) => ("san:email:", email(name.as_str())?),
            GeneralName::OtherName(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EdiPartyName(_)
            | GeneralName::IpAddress(_)
            | GeneralName::RegisteredId(_) => return None,
        };
        Some(Self::alternative(sort, &name))
    }

    fn of_alternatives(all: &[GeneralName]) -> impl Iterator<Item = KeyDigest> {
        let names = all.iter().filter_map(Self::of_alternative);
        names.map(|name| name.digest)
    }

    fn alternative(sort: &str, name: &str) -> Self {
        let text = format!("{sort}{name}");
        Self {
            digest: KeyDigest::of_certificate_name(text.as_bytes()),
            text,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// By which a gateway finds who claims it.
    pub const fn digest(&self) -> KeyDigest {
        self.digest
    }

    /// What the names of a certificate are found by: its subject, unless that is empty, and the
    /// first of its alternative names; and whether it has more of these. None where it cannot be
    /// read.
    pub fn digests_of(der: &[u8]) -> (Vec<KeyDigest>, bool) {
        let Ok(certificate) = Certificate::from_der(der) else {
            return (Vec::new(), false);
        };
        let own = &certificate.tbs_certificate;
        let mut found = Vec::new();
        if !own.subject.is_empty() {
            found.push(of_subject(&own.subject));
        }
        let mut has_more = false;
        if let Ok(Some((_critical, SubjectAltName(all)))) = own.get::<SubjectAltName>() {
            let mut names = Self::of_alternatives(&all);
            found.extend(names.by_ref().take(MAX_ALTERNATIVES));
            has_more = names.next().is_some();
        }
        (found, has_more)
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for CertificateName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<CertificateName> for String {
    fn from(name: CertificateName) -> Self {
        name.text
    }
}

/// Of the parts in their order, whatever kinds of string an authority has chosen for them. Letters
/// count as they are: what two authorities call alike but for their case may be two callers.
fn of_subject(name: &Name) -> KeyDigest {
    let mut canonical = b"subject:".to_vec();
    for part in &name.0 {
        let mut all: Vec<Vec<u8>> = part.0.iter().map(canonical_of).collect();
        // A part of several is a set.
        all.sort();
        canonical.extend((all.len() as u64).to_be_bytes());
        canonical.extend(all.concat());
    }
    KeyDigest::of_certificate_name(&canonical)
}

/// With its lengths, so that no two are written alike.
fn canonical_of(one: &AttributeTypeAndValue) -> Vec<u8> {
    let kind = match one.value.tag() {
        Tag::PrintableString | Tag::Utf8String | Tag::Ia5String => Tag::Utf8String,
        other => other,
    };
    let (oid, value) = (one.oid.as_bytes(), one.value.value());
    let mut out = (oid.len() as u64).to_be_bytes().to_vec();
    out.extend(oid);
    out.push(kind.octet());
    out.extend((value.len() as u64).to_be_bytes());
    out.extend(value);
    out
}

fn dns(name: &str) -> Option<String> {
    let is_label = |label: &str| {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(is_plain)
    };
    let is_name = name.len() <= 253 && name.split('.').all(is_label);
    is_name.then(|| name.to_ascii_lowercase())
}

fn uri(name: &str) -> Option<String> {
    let is_plain = name.bytes().all(|b| b.is_ascii_graphic());
    let (scheme, rest) = name.split_once(':')?;
    let is_uri = is_plain && !scheme.is_empty() && !rest.is_empty();
    (is_uri && name.len() <= LONGEST).then(|| name.to_owned())
}

fn email(name: &str) -> Option<String> {
    let (user, host) = name.rsplit_once('@')?;
    let is_user = !user.is_empty() && user.bytes().all(|b| b.is_ascii_graphic());
    let host = dns(host).filter(|_| is_user && name.len() <= LONGEST)?;
    Some(format!("{user}@{host}"))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use x509_cert::der::asn1::{Ia5String, OctetString};

    use super::*;

    fn name(text: &str) -> CertificateName {
        CertificateName::parse(text).unwrap()
    }

    #[test]
    fn names_are_put_into_one_form() {
        for (written, wanted) in [
            ("subject:CN=orders,O=Example", "subject:CN=orders,O=Example"),
            (
                " subject: cn=orders,o=Example ",
                "subject:CN=orders,O=Example",
            ),
            ("subject:2.5.4.3=orders", "subject:CN=orders"),
            ("subject:CN=a\\2cb", "subject:CN=a\\,b"),
            ("san:dns:Orders.Example.com", "san:dns:orders.example.com"),
            ("san:uri:spiffe://Example/a", "san:uri:spiffe://Example/a"),
            ("san:email:Bo@Example.com", "san:email:Bo@example.com"),
        ] {
            let read = name(written);
            assert_eq!(read.as_str(), wanted, "{written}");
            assert_eq!(name(wanted), read, "read again");
            let json = serde_json::to_string(&read).unwrap();
            assert_eq!(
                serde_json::from_str::<CertificateName>(&json).unwrap(),
                read
            );
        }
    }

    #[test]
    fn what_is_called_otherwise_is_another() {
        let all = [
            "subject:CN=orders,O=Example",
            "subject:O=Example,CN=orders",
            "subject:CN=Orders,O=Example",
            "subject:CN=orders+O=Example",
            "subject:CN=orders\\,O=Example",
            "subject:O=orders",
            "san:dns:orders",
            "san:uri:a:orders",
            "san:email:a@orders",
        ];
        for (index, one) in all.iter().enumerate() {
            for other in &all[index + 1..] {
                assert_ne!(
                    name(one).digest(),
                    name(other).digest(),
                    "{one} and {other}"
                );
            }
        }
        let (one, turned) = ("subject:CN=a+O=b", "subject:O=b+CN=a");
        assert_eq!(name(one).digest(), name(turned).digest(), "a set");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = format!("san:uri:a:{}", "x".repeat(1000));
        for text in [
            "",
            "CN=a",
            "subject:",
            "subject:a",
            "subject:=a",
            "subject:CN=a,",
            // Would be kept as what is read as another.
            "subject:CN=a\\\\\\,b",
            "subject:CN=a\\20",
            "san:dns:",
            "san:dns:*.example.com",
            "san:dns:a..b",
            "san:dns:a.",
            "san:dns:a b",
            "san:uri:a",
            "san:uri::",
            "san:uri:a:b c",
            "san:email:a",
            "san:email:@a",
            "san:email:a@",
            "san:ip:1.1.1.1",
            &long,
        ] {
            assert!(CertificateName::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_nobody_could_claim_takes_no_other_name_its_place() {
        let address = GeneralName::IpAddress(OctetString::new([10, 0, 0, 1]).unwrap());
        let dns = |index: usize| {
            let host = Ia5String::new(&format!("h{index}.test")).unwrap();
            GeneralName::DnsName(host)
        };
        let addresses = std::iter::repeat_n(address, 2 * MAX_ALTERNATIVES);
        let all: Vec<_> = addresses
            .chain((0..2 * MAX_ALTERNATIVES).map(dns))
            .collect();
        let wanted = (0..MAX_ALTERNATIVES).map(|index| name(&format!("san:dns:h{index}.test")));
        let wanted: Vec<_> = wanted.map(|name| name.digest()).collect();
        let found = CertificateName::of_alternatives(&all);
        let found: Vec<_> = found.take(MAX_ALTERNATIVES).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_certificate_is_found_by_its_names() {
        let pem = include_str!("../../../gateway/tests/it/tls/friend.pem");
        let lines = pem.lines().skip(1);
        let body = lines.take_while(|line| !line.starts_with("-----"));
        let der = STANDARD.decode(body.collect::<String>()).unwrap();
        let wanted = ["subject:CN=friend", "san:dns:friend.test"];
        let wanted = wanted.map(|text| name(text).digest());
        assert_eq!(CertificateName::digests_of(&der), (wanted.to_vec(), false));
        for end in [0, 1, 20, der.len() - 1] {
            assert!(CertificateName::digests_of(&der[..end]).0.is_empty());
        }
    }
}
