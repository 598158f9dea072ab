//! TLS as it is written: certificates, what a host asks of a connection, and what the gateway
//! shows to upstreams.
//!
//! Whether a certificate can be parsed and fits its key is for the gateway to say, which has the
//! library for it; here is what can be said of the text.

mod client;
mod facts;
mod name;
mod reach;
mod revocation;
mod secret;

use serde::{Deserialize, Serialize};

use crate::problem::Invalid;
use crate::route;

pub use client::ClientCertificate;
pub use facts::Facts;
pub use name::CertificateName;
pub use reach::{holds, is_for};
pub use revocation::{
    Authority, MAX_CRL, Mark, Marks, RevocationList, Signature, judge_lists, marks_of,
};
pub use secret::PrivatePem;

/// Largest PEM text, in bytes: a chain of a few certificates, or a set of authorities.
pub const MAX_PEM: usize = 256 * 1024;

/// Most host names of one certificate.
pub const MAX_HOSTS: usize = 100;

/// What is wrong with authorities that the library for it cannot read.
pub const NO_AUTHORITIES: &str =
    "The authorities cannot be read: they are not X.509 certificates in PEM.";

/// A certificate with its private key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// PEM, the host's own certificate first, then the authorities between it and the root; or
    /// the path of such a file, relative to this one.
    pub certificate: String,
    /// PEM of the private key (PKCS #8, PKCS #1 or SEC1, not encrypted), or the path of such a
    /// file.
    pub key: String,
    /// Names that it is shown for, `api.example.com` or `*.example.com`; all DNS names that the
    /// certificate itself is for unless set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Also shown to clients that name no host, or one that has no certificate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({})", self.hosts.join(", "))
    }
}

impl Certificate {
    /// What is wrong with it, the two texts being PEM by now; pointers from its own root.
    pub fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        found.extend(check_pair(&self.certificate, &self.key));
        found.extend(check_hosts(&self.hosts));
        found
    }
}

/// What is wrong with two texts that should be PEM of certificates and of a private key.
pub fn check_pair(certificate: &str, key: &str) -> Vec<Invalid> {
    let mut found = Vec::new();
    found.extend(certificates(certificate).map(|why| Invalid::new("/certificate", why)));
    found.extend(private_key(key).map(|why| Invalid::new("/key", why)));
    found
}

/// What is wrong with a list of hosts, under `/hosts`.
pub fn check_hosts(hosts: &[String]) -> Vec<Invalid> {
    if hosts.len() > MAX_HOSTS {
        return vec![Invalid::new("/hosts", "Name at most 100 hosts.")];
    }
    let mut found = Vec::new();
    for (index, host) in hosts.iter().enumerate() {
        if !is_pattern(host) {
            found.push(Invalid::new(format!("/hosts/{index}"), PATTERN));
        }
        if hosts[..index].contains(host) {
            let pointer = format!("/hosts/{index}");
            found.push(Invalid::new(pointer, "Name each host once."));
        }
    }
    found
}

/// Whether a host may be called without TLS.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// Plain HTTP is answered with 308 to the same address by https for GET and HEAD, else with
    /// 403 `https_required`.
    Required,
    /// Both are served.
    Optional,
}

impl TlsMode {
    pub const ALL: [Self; 2] = [Self::Required, Self::Optional];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

/// What a host asks of a connection.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct HostSettings {
    /// `required` for a host that has a certificate (or `client_ca`) unless set, else `optional`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsMode>,
    /// PEM of the authorities, one of which must have issued the client's certificate; or the path
    /// of such a file. A client without one gets no connection for this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<String>,
    /// PEM of the authorities' lists of revoked certificates (RFC 5280 §5), one of each at most; or
    /// the path of such a file. Of an authority without a list nothing is taken as revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_crl: Option<String>,
    /// A list whose time is over (`nextUpdate`) lets nobody in whom its authority has issued a
    /// certificate; else it goes on to count.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub client_crl_current: bool,
}

impl HostSettings {
    /// What is wrong with them; pointers from their own root.
    pub fn check(&self, host: &str) -> Vec<Invalid> {
        let mut found = Vec::new();
        if !is_pattern(host) {
            found.push(Invalid::new("", PATTERN));
        }
        if let Some(authorities) = &self.client_ca {
            found.extend(certificates(authorities).map(|why| Invalid::new("/client_ca", why)));
            if self.tls == Some(TlsMode::Optional) {
                found.push(Invalid::new(
                    "/tls",
                    "A host with client_ca asks for TLS always: over plain HTTP nobody shows a certificate.",
                ));
            }
        }
        if let Some(lists) = &self.client_crl {
            found.extend(revocations(lists).map(|why| Invalid::new("/client_crl", why)));
            if self.client_ca.is_none() {
                let message = "Lists are of the authorities in client_ca: name these, too.";
                found.push(Invalid::new("/client_crl", message));
            }
        } else if self.client_crl_current {
            let message = "There is no list that could be over: set client_crl.";
            found.push(Invalid::new("/client_crl_current", message));
        }
        found
    }
}

const PATTERN: &str = "Write a host name in lower case without port, or *. and a name.";

/// Whether private keys stand in a text that should hold certificates only.
pub fn has_key(pem: &str) -> bool {
    pem.contains("PRIVATE KEY-----")
}

/// Whether a text is PEM itself, and not the path of a file.
pub fn is_pem(text: &str) -> bool {
    text.trim_start().starts_with("-----BEGIN ")
}

/// Whether it is a host name as it is matched, or `*.` and one.
pub fn is_pattern(host: &str) -> bool {
    let name = host.strip_prefix("*.").unwrap_or(host);
    route::host(name).as_deref() == Some(name)
}

/// What is wrong with a text that should be PEM of certificates.
pub(crate) fn certificates(pem: &str) -> Option<&'static str> {
    if pem.len() > MAX_PEM {
        return Some("The certificates may have at most 256 KiB.");
    }
    (!pem.contains("-----BEGIN CERTIFICATE-----"))
        .then_some("Write certificates as PEM: -----BEGIN CERTIFICATE----- and so on.")
}

fn revocations(pem: &str) -> Option<&'static str> {
    if pem.len() > MAX_CRL {
        return Some("The lists may have at most 1 MiB.");
    }
    (!pem.contains("-----BEGIN X509 CRL-----"))
        .then_some("Write lists as PEM: -----BEGIN X509 CRL----- and so on.")
}

fn private_key(pem: &str) -> Option<&'static str> {
    if pem.len() > MAX_PEM {
        return Some("The private key may have at most 256 KiB.");
    }
    if pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || pem.contains("Proc-Type: 4,ENCRYPTED")
    {
        return Some("The private key is encrypted; write it without a pass phrase.");
    }
    (!has_key(pem))
        .then_some("Write the private key as PEM: -----BEGIN PRIVATE KEY----- and so on.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n";

    #[test]
    fn certificates_are_looked_at_as_text() {
        let good = Certificate {
            certificate: CERTIFICATE.into(),
            key: KEY.into(),
            hosts: vec!["api.example.com".into(), "*.example.com".into()],
            default: false,
        };
        assert_eq!(good.check(), []);
        assert!(!format!("{good:?}").contains("PRIVATE"));
        let encrypted = KEY.replace("PRIVATE", "ENCRYPTED PRIVATE");
        let many: Vec<String> = (0..=MAX_HOSTS).map(|n| format!("h{n}.test")).collect();
        let with = |change: &dyn Fn(&mut Certificate)| {
            let mut changed = good.clone();
            change(&mut changed);
            changed.check()
        };
        let table: [(Vec<Invalid>, &str); 8] = [
            (
                with(&|c| c.certificate = "server.pem".into()),
                "/certificate",
            ),
            (with(&|c| c.certificate = KEY.into()), "/certificate"),
            (with(&|c| c.key = CERTIFICATE.into()), "/key"),
            (with(&|c| c.key = encrypted.clone()), "/key"),
            (with(&|c| c.hosts[1] = "API.example.com".into()), "/hosts/1"),
            (
                with(&|c| c.hosts[0] = "api.example.com:443".into()),
                "/hosts/0",
            ),
            (with(&|c| c.hosts[1] = c.hosts[0].clone()), "/hosts/1"),
            (with(&|c| c.hosts = many.clone()), "/hosts"),
        ];
        for (found, pointer) in table {
            let found: Vec<_> = found.iter().map(|invalid| &*invalid.pointer).collect();
            assert_eq!(found, [pointer]);
        }
    }

    #[test]
    fn a_client_certificate_needs_tls() {
        let host = |tls, client_ca: Option<&str>| HostSettings {
            tls,
            client_ca: client_ca.map(str::to_owned),
            ..HostSettings::default()
        };
        let listed = |authorities: Option<&str>, lists: Option<&str>, current| HostSettings {
            client_crl: lists.map(str::to_owned),
            client_crl_current: current,
            ..host(None, authorities)
        };
        const LIST: &str = "-----BEGIN X509 CRL-----\nAA==\n-----END X509 CRL-----\n";
        let huge = "x".repeat(MAX_CRL + 1);
        for (host, name, pointers) in [
            (host(Some(TlsMode::Optional), None), "a.test", &[][..]),
            (host(None, Some(CERTIFICATE)), "*.a.test", &[]),
            (host(Some(TlsMode::Required), None), "A.test", &[""]),
            (
                host(Some(TlsMode::Optional), Some(CERTIFICATE)),
                "a.test",
                &["/tls"],
            ),
            (host(None, Some("ca.pem")), "a.test", &["/client_ca"]),
            (listed(Some(CERTIFICATE), Some(LIST), true), "a.test", &[]),
            (listed(None, Some(LIST), false), "a.test", &["/client_crl"]),
            (
                listed(Some(CERTIFICATE), Some("list.pem"), false),
                "a.test",
                &["/client_crl"],
            ),
            (
                listed(Some(CERTIFICATE), Some(&huge), false),
                "a.test",
                &["/client_crl"],
            ),
            (
                listed(Some(CERTIFICATE), None, true),
                "a.test",
                &["/client_crl_current"],
            ),
        ] {
            let found = host.check(name);
            let found: Vec<_> = found.iter().map(|invalid| &*invalid.pointer).collect();
            assert_eq!(found, pointers, "{host:?}");
        }
    }
}
