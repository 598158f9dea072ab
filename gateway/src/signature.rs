//! Signatures of requests (RFC 9421): which one counts, what it covers, and what exactly was signed.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::signing::{SigningAlgorithm, SigningKey};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use sfv::{BareItem, Dictionary, FieldType, InnerList, ListEntry, Parser};

use crate::fields::{Fields, Name};
use crate::head::Head;

/// Longest of each of the two fields that is read, in bytes.
const LONGEST: usize = 8192;
/// Signatures of one request that are looked at.
const MOST: usize = 5;
/// Components that one may cover.
const MOST_COMPONENTS: usize = 50;

/// A key in the form in which signatures are compared with it.
#[derive(Clone)]
pub(crate) struct Signer {
    algorithm: SigningAlgorithm,
    key: DecodingKey,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.algorithm.as_str())
    }
}

impl Signer {
    /// `None`: it cannot be read.
    pub(crate) fn of(key: &SigningKey) -> Option<Self> {
        let jwk = Jwk::deserialize(&key.jwk).ok()?;
        Some(Self {
            algorithm: key.algorithm,
            key: DecodingKey::from_jwk(&jwk).ok()?,
        })
    }

    pub(crate) fn has_signed(&self, signed: &Signed) -> bool {
        let algorithm = match self.algorithm {
            SigningAlgorithm::Ed25519 => jsonwebtoken::Algorithm::EdDSA,
            SigningAlgorithm::EcdsaP256Sha256 => jsonwebtoken::Algorithm::ES256,
            SigningAlgorithm::EcdsaP384Sha384 => jsonwebtoken::Algorithm::ES384,
            SigningAlgorithm::RsaPssSha512 => jsonwebtoken::Algorithm::PS512,
            SigningAlgorithm::RsaV15Sha256 => jsonwebtoken::Algorithm::RS256,
        };
        // What signed is decided by the key, never by the request (RFC 9421 §7.3.6).
        let named = signed.algorithm.as_deref();
        if named.is_some_and(|named| named != self.algorithm.as_str()) {
            return false;
        }
        let signature = URL_SAFE_NO_PAD.encode(&signed.signature);
        let message = signed.base.as_bytes();
        let verified = jsonwebtoken::crypto::verify(&signature, message, &self.key, algorithm);
        matches!(verified, Ok(true))
    }
}

/// A signature with what it says of itself: nothing of it is to be believed yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) key: String,
    pub(crate) created: i64,
    pub(crate) expires: Option<i64>,
    pub(crate) nonce: Option<String>,
    algorithm: Option<String>,
    /// Names of what it covers.
    pub(crate) covered: Vec<String>,
    signature: Vec<u8>,
    /// RFC 9421 §2.5.
    base: String,
}

impl Signed {
    pub(crate) fn covers(&self, name: &str) -> bool {
        self.covered.iter().any(|one| one == name)
    }
}

/// What a request is beside its head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around {
    pub(crate) scheme: &'static str,
}

/// Whether something is shown that is to be one.
pub(crate) fn is_shown(fields: &Fields) -> bool {
    fields.named("signature-input").next().is_some() || fields.named("signature").next().is_some()
}

/// The signature that counts: with this tag, if one is asked for, else the first.
///
/// # Errors
/// Why there is none that can be read.
pub(crate) fn read(head: &Head, around: Around, tag: Option<&str>) -> Result<Signed, &'static str> {
    const FORM: &str = "Signature and Signature-Input cannot be read (RFC 9421 §4).";
    let dictionary = |name: &str| -> Option<Dictionary> {
        let text = joined(&head.fields, name)?;
        if text.len() > LONGEST {
            return None;
        }
        Parser::new(&text).parse().ok()
    };
    let inputs = dictionary("signature-input").ok_or(FORM)?;
    let signatures = dictionary("signature").ok_or(FORM)?;
    for (label, entry) in inputs.iter().take(MOST) {
        let ListEntry::InnerList(input) = entry else {
            return Err(FORM);
        };
        if tag.is_some_and(|tag| text(input, "tag").as_deref() != Some(tag)) {
            continue;
        }
        let Some(ListEntry::Item(item)) = signatures.get(label) else {
            return Err(FORM);
        };
        let signature = item.bare_item.as_byte_sequence().ok_or(FORM)?;
        return signed(input, signature, head, around);
    }
    Err("No signature has the tag that is asked for.")
}

fn signed(
    input: &InnerList,
    signature: &[u8],
    head: &Head,
    around: Around,
) -> Result<Signed, &'static str> {
    // One that is there and no whole number is none that could be passed over (RFC 9421 §2.3).
    let number = |name: &str| -> Result<Option<i64>, &'static str> {
        let key = sfv::KeyRef::from_str(name).ok();
        let Some(found) = key.and_then(|key| input.params.get(key)) else {
            return Ok(None);
        };
        let number = found.as_integer().map(i64::from);
        number.map(Some).ok_or("One of its times is no number.")
    };
    let mut covered = Vec::new();
    let mut base = String::new();
    if input.items.len() > MOST_COMPONENTS {
        return Err("It covers more than 50 components.");
    }
    for item in &input.items {
        let name = item.bare_item.as_string();
        let name = name.ok_or("Names of components are strings.")?.as_str();
        // Parts and other forms of fields, and what belongs to answers.
        if !item.params.is_empty() {
            return Err("Components with parameters are not known here.");
        }
        if covered.iter().any(|known| known == name) {
            return Err("It covers a component twice (RFC 9421 §2.5).");
        }
        let value = component(name, head, around)
            .ok_or("It covers a component that the request does not have.")?;
        let _ = writeln!(base, "\"{name}\": {value}");
        covered.push(name.to_owned());
    }
    let list = vec![ListEntry::InnerList(input.clone())];
    let params = list.serialize().ok_or("It cannot be read.")?;
    let _ = write!(base, "\"@signature-params\": {params}");
    Ok(Signed {
        key: text(input, "keyid").ok_or("It names no key (keyid).")?,
        created: number("created")?.ok_or("It does not say when it was created.")?,
        expires: number("expires")?,
        nonce: text(input, "nonce"),
        algorithm: text(input, "alg"),
        covered,
        signature: signature.to_vec(),
        base,
    })
}

/// A parameter that is a string.
fn text(input: &InnerList, name: &str) -> Option<String> {
    let key = sfv::KeyRef::from_str(name).ok()?;
    match input.params.get(key)? {
        BareItem::String(text) => Some(text.as_str().to_owned()),
        _ => None,
    }
}

/// RFC 9421 §§2.1 and 2.2; `None` where the request has no such thing, or it is none.
fn component<'h>(name: &str, head: &'h Head, around: Around) -> Option<Cow<'h, str>> {
    let host = || {
        let host = str::from_utf8(head.fields.get(Name::Host)?).ok()?;
        let host = host.to_ascii_lowercase();
        let port = match around.scheme {
            "https" => ":443",
            _ => ":80",
        };
        Some(host.strip_suffix(port).map(str::to_owned).unwrap_or(host))
    };
    let query = || {
        head.sent_query()
            .map_or("?".to_owned(), |query| format!("?{query}"))
    };
    Some(match name {
        "@method" => head.method.as_str().into(),
        "@scheme" => around.scheme.into(),
        "@authority" => host()?.into(),
        "@path" => head.path().into(),
        "@query" => query().into(),
        "@target-uri" => {
            let query = head.sent_query().map_or(String::new(), |_| query());
            format!("{}://{}{}{query}", around.scheme, host()?, head.path()).into()
        }
        name if name.starts_with('@') => return None,
        name if name.bytes().any(|b| b.is_ascii_uppercase()) => return None,
        name => joined(&head.fields, name)?.into(),
    })
}

/// The lines of a field as one value: each without blanks around it.
fn joined(fields: &Fields, name: &str) -> Option<String> {
    let mut lines = fields.named(name).map(<[u8]>::trim_ascii);
    let text = |line| str::from_utf8(line).ok();
    let mut all = text(lines.next()?)?.to_owned();
    for line in lines {
        all.push_str(", ");
        all.push_str(text(line)?);
    }
    Some(all)
}

/// Whether a body is the one of its digests (RFC 9530 §2): there must be one of SHA-256 or SHA-512,
/// and none that is another's.
pub(crate) fn is_digest_of(field: &str, body: &[u8]) -> bool {
    use sha2::{Digest, Sha256, Sha512};
    if field.len() > LONGEST {
        return false;
    }
    let Ok(digests) = Parser::new(field).parse::<Dictionary>() else {
        return false;
    };
    let mut compared = false;
    for (name, entry) in &digests {
        let wanted = match name.as_str() {
            "sha-256" => Sha256::digest(body).to_vec(),
            "sha-512" => Sha512::digest(body).to_vec(),
            _ => continue,
        };
        let ListEntry::Item(item) = entry else {
            return false;
        };
        if item.bare_item.as_byte_sequence() != Some(&wanted) {
            return false;
        }
        compared = true;
    }
    compared
}

/// The digests of a request's body, as it says.
pub(crate) fn content_digest(fields: &Fields) -> Option<String> {
    joined(fields, "content-digest")
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    /// RFC 9421 appendix B.2.6: the request and its Ed25519 signature.
    fn example() -> Head {
        let mut head = Head::of(Method::POST, "/foo?param=Value&Pet=dog").unwrap();
        for (name, value) in [
            ("host", "example.com"),
            ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
            ("content-type", "application/json"),
            ("content-length", "18"),
            (
                "signature-input",
                r#"sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#,
            ),
            (
                "signature",
                "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
            ),
        ] {
            head.fields.push(name, value.as_bytes());
        }
        head
    }

    const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----";
    const HTTP: Around = Around { scheme: "http" };

    #[test]
    fn the_example_of_the_standard() {
        let key = SigningKey::read(KEY).unwrap();
        let signer = Signer::of(&key).unwrap();
        let signed = read(&example(), HTTP, None).unwrap();
        assert_eq!(
            signed.base,
            "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\
             \"@authority\": example.com\n\"content-type\": application/json\n\"content-length\": 18\n\
             \"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \
             \"content-length\");created=1618884473;keyid=\"test-key-ed25519\""
        );
        assert_eq!(
            (signed.created, &*signed.key),
            (1_618_884_473, "test-key-ed25519")
        );
        assert!(signer.has_signed(&signed));
        for change in ["date", "content-type", "host"] {
            let mut head = example();
            head.fields.set(change, b"other");
            let signed = read(&head, HTTP, None).unwrap();
            assert!(!signer.has_signed(&signed), "{change}");
        }
        let mut head = example();
        head.method = Method::PUT;
        assert!(!signer.has_signed(&read(&head, HTTP, None).unwrap()));
    }

    #[test]
    fn what_cannot_be_read_is_none() {
        for (input, signature) in [
            ("", "a=:AA==:"),
            ("a=()", "a=:AA==:"),
            (r#"a=();created=1;keyid="k""#, ""),
            (r#"a=();created=1;keyid="k""#, "b=:AA==:"),
            (r#"a=();created=1;keyid="k""#, "a=AA"),
            (r#"a="x";created=1;keyid="k""#, "a=:AA==:"),
            (r#"a=("@method" "@method");created=1;keyid="k""#, "a=:AA==:"),
            (r#"a=("@method";req);created=1;keyid="k""#, "a=:AA==:"),
            (r#"a=("@status");created=1;keyid="k""#, "a=:AA==:"),
            (r#"a=("x-none");created=1;keyid="k""#, "a=:AA==:"),
            (r#"a=("Host");created=1;keyid="k""#, "a=:AA==:"),
            (r#"a=(host);created=1;keyid="k""#, "a=:AA==:"),
            (r#"a=();created=1"#, "a=:AA==:"),
            (r#"a=();created="1";keyid="k""#, "a=:AA==:"),
            (r#"a=();created=1;expires="2";keyid="k""#, "a=:AA==:"),
            (r#"a=();created=1;expires=2.5;keyid="k""#, "a=:AA==:"),
            (r#"a=();created=1;expires;keyid="k""#, "a=:AA==:"),
            (r#"a=();created=1;keyid=k"#, "a=:AA==:"),
        ] {
            let mut head = Head::of(Method::GET, "/").unwrap();
            head.fields.push("host", b"h");
            head.fields.push("signature-input", input.as_bytes());
            head.fields.push("signature", signature.as_bytes());
            assert!(read(&head, HTTP, None).is_err(), "{input} {signature}");
        }
    }

    #[test]
    fn one_of_several_is_chosen_by_its_tag() {
        let mut head = Head::of(Method::GET, "/a").unwrap();
        head.fields.push("host", b"h:80");
        let inputs = r#"a=("@path");created=1;keyid="a", b=("@target-uri" "@query");created=2;keyid="b";tag="shop""#;
        head.fields.push("signature-input", inputs.as_bytes());
        head.fields.push("signature", b"a=:AA==:");
        head.fields.push("signature", b"b=:AQ==:");
        assert_eq!(read(&head, HTTP, None).unwrap().key, "a");
        let chosen = read(&head, HTTP, Some("shop")).unwrap();
        assert_eq!((&*chosen.key, &*chosen.signature), ("b", &[1][..]));
        assert!(
            chosen
                .base
                .starts_with("\"@target-uri\": http://h/a\n\"@query\": ?\n")
        );
        assert!(read(&head, HTTP, Some("other")).is_err());
    }

    #[test]
    fn digests_are_compared() {
        let good = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
        for (field, body, is) in [
            (good, r#"{"hello": "world"}"#, true),
            (good, r#"{"hello": "world" }"#, false),
            ("md5=:AA==:", "", false),
            ("", "", false),
            ("sha-256=abc", "", false),
            ("sha-256=(a)", "", false),
            (
                &format!("{good}, sha-512=:AA==:"),
                r#"{"hello": "world"}"#,
                false,
            ),
            (
                &format!("md5=:AA==:, {good}"),
                r#"{"hello": "world"}"#,
                true,
            ),
        ] {
            assert_eq!(is_digest_of(field, body.as_bytes()), is, "{field} {body}");
        }
    }
}
