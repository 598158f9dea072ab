//! Certificates, host settings and what upstreams are shown: PEM in place or from the files that
//! are named.

use std::collections::BTreeMap;

use super::super::{DocumentLoader, Manifest};
use super::{Resolver, id, token};
use crate::certificate::{Certificate, ClientCertificate, HostSettings, PrivatePem, is_pem};
use crate::snapshot::{self, PrivateKey};

impl<'a> Resolver<'a> {
    pub(super) fn certificates(&mut self, manifest: &'a Manifest, load: &DocumentLoader<'_>) {
        let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
        let mut default: Option<&str> = None;
        for (name, written) in &manifest.certificates {
            let at = format!("/certificates/{}", token(name));
            self.slug(&at, name);
            let certificate = self.pem(&format!("{at}/certificate"), &written.certificate, load);
            let key = self.pem(&format!("{at}/key"), &written.key, load);
            for (index, host) in written.hosts.iter().enumerate() {
                if let Some(other) = taken.insert(host, name).filter(|other| other != name) {
                    self.refuse(
                        format!("{at}/hosts/{index}"),
                        format!("The certificate {other} is shown for this host."),
                    );
                }
            }
            if written.default
                && let Some(other) = default.replace(name)
            {
                self.refuse(
                    format!("{at}/default"),
                    format!("The certificate {other} is the default."),
                );
            }
            let (Some(certificate), Some(key)) = (certificate, key) else {
                continue;
            };
            let certificate = Certificate {
                certificate,
                key,
                hosts: written.hosts.clone(),
                default: written.default,
            };
            let problems = certificate.check().into_iter();
            self.found
                .extend(problems.map(|invalid| invalid.under(&at)));
            self.parts.certificates.push(snapshot::Certificate {
                id: id("certificate", self.prefix, &[name]),
                organization: self.organization,
                name: name.clone(),
                hosts: certificate.hosts,
                default: certificate.default,
                certificate: certificate.certificate,
                key: PrivateKey::Clear(certificate.key),
            });
        }
    }

    pub(super) fn hosts(&mut self, manifest: &'a Manifest, load: &DocumentLoader<'_>) {
        for (name, written) in &manifest.hosts {
            let at = format!("/hosts/{}", token(name));
            let mut read = |field: &str, written: &Option<String>| match written {
                None => Some(None),
                Some(text) => self.pem(&format!("{at}/{field}"), text, load).map(Some),
            };
            let client_ca = read("client_ca", &written.client_ca);
            let client_crl = read("client_crl", &written.client_crl);
            let (Some(client_ca), Some(client_crl)) = (client_ca, client_crl) else {
                continue;
            };
            let settings = HostSettings {
                tls: written.tls,
                client_ca,
                client_crl,
                client_crl_current: written.client_crl_current,
            };
            let problems = settings.check(name).into_iter();
            self.found
                .extend(problems.map(|invalid| invalid.under(&at)));
            self.parts.hosts.push(snapshot::Host {
                id: id("host", self.prefix, &[name]),
                organization: self.organization,
                host: name.clone(),
                tls: settings.tls,
                client_ca: settings.client_ca,
                client_crl: settings.client_crl,
                client_crl_current: settings.client_crl_current,
            });
        }
    }

    /// `upstream` is the pointer of the upstream.
    pub(super) fn client_certificate(
        &mut self,
        upstream: &str,
        written: &ClientCertificate,
        load: &DocumentLoader<'_>,
    ) -> Option<snapshot::ClientCertificate> {
        let at = format!("{upstream}/tls/client_certificate");
        let certificate = self.pem(&format!("{at}/certificate"), &written.certificate, load);
        let key = self.pem(&format!("{at}/key"), &written.key.0, load);
        let client = ClientCertificate {
            certificate: certificate?,
            key: PrivatePem(key?),
        };
        let problems = client.check().into_iter();
        self.found
            .extend(problems.map(|invalid| invalid.under(&at)));
        Some(snapshot::ClientCertificate {
            certificate: client.certificate,
            key: PrivateKey::Clear(client.key.0),
        })
    }

    /// The text itself where it is PEM, else the file that it names.
    fn pem(&mut self, pointer: &str, written: &str, load: &DocumentLoader<'_>) -> Option<String> {
        if is_pem(written) {
            return Some(written.to_owned());
        }
        // Text of many lines is a mistake in PEM, and nothing of a key belongs into a message.
        if written.is_empty() || written.len() > 4096 || written.contains('\n') {
            self.refuse(pointer, "Write PEM, or the path of a PEM file.");
            return None;
        }
        let bytes = load(written);
        match bytes.map(String::from_utf8) {
            Ok(Ok(text)) => Some(text),
            Ok(Err(_)) => {
                self.refuse(pointer, format!("The file {written} is not PEM."));
                None
            }
            Err(message) => {
                self.refuse(pointer, message);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{read, resolve};
    use crate::snapshot::PrivateKey;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n";

    fn load(name: &str) -> Result<Vec<u8>, String> {
        match name {
            "tls/a.pem" => Ok(CERTIFICATE.into()),
            "tls/a.key" => Ok(KEY.into()),
            "tls/a.der" => Ok(vec![0xff]),
            other => Err(format!("no file {other}.")),
        }
    }

    fn variable(name: &str) -> Option<String> {
        (name == "KEY").then(|| KEY.to_owned())
    }

    #[test]
    fn pem_stands_in_the_file_beside_it_or_in_the_environment() {
        let text = "portunus: 1\ncertificates:\n  a: { certificate: tls/a.pem, key: \"${KEY}\", default: true }\n\
            hosts: { a.test: { tls: optional }, \"*.b.test\": { client_ca: tls/a.pem } }\n\
            upstreams: { u: { targets: [{ url: \"https://h\" }], tls: { server_name: s, client_certificate: { certificate: tls/a.pem, key: \"${KEY}\" } } } }\n";
        let manifest = read(text, &variable).unwrap();
        let parts = resolve(&manifest, 1, &load).unwrap().parts;
        assert_eq!(parts.certificates[0].certificate, CERTIFICATE);
        assert_eq!(parts.certificates[0].key, PrivateKey::Clear(KEY.into()));
        assert!(!format!("{parts:?}").contains("PRIVATE KEY"));
        let upstream = &parts.upstreams[0];
        assert_eq!(upstream.settings.tls.server_name.as_deref(), Some("s"));
        let client = upstream.client_certificate.as_ref().unwrap();
        assert_eq!(client.certificate, CERTIFICATE);
        assert_eq!(client.key, PrivateKey::Clear(KEY.into()));
        assert!(!format!("{manifest:?}").contains("PRIVATE KEY"));
        let host = parts.hosts.iter().find(|host| host.host == "*.b.test");
        assert_eq!(host.unwrap().client_ca.as_deref(), Some(CERTIFICATE));
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        let good = "certificate: tls/a.pem, key: tls/a.key";
        let upstream = |client: &str| {
            format!(
                "upstreams: {{ u: {{ targets: [{{ url: \"https://h\" }}], tls: {{ client_certificate: {{ {client} }} }} }} }}"
            )
        };
        for (sections, pointer) in [
            (
                "certificates: { a: { certificate: none.pem, key: tls/a.key } }".to_owned(),
                "/certificates/a/certificate",
            ),
            (
                "certificates: { a: { certificate: tls/a.der, key: tls/a.key } }".into(),
                "/certificates/a/certificate",
            ),
            (
                "certificates: { a: { certificate: tls/a.pem, key: tls/a.pem } }".into(),
                "/certificates/a/key",
            ),
            (
                "certificates: { a: { certificate: tls/a.pem, key: \"x\\ny\" } }".into(),
                "/certificates/a/key",
            ),
            (
                format!("certificates: {{ A: {{ {good} }} }}"),
                "/certificates/A",
            ),
            (
                format!(
                    "certificates: {{ a: {{ {good}, hosts: [x.test] }}, b: {{ {good}, hosts: [x.test] }} }}"
                ),
                "/certificates/b/hosts/0",
            ),
            (
                format!(
                    "certificates: {{ a: {{ {good}, default: true }}, b: {{ {good}, default: true }} }}"
                ),
                "/certificates/b/default",
            ),
            (
                format!("certificates: {{ a: {{ {good}, host: x }} }}"),
                "/certificates/a",
            ),
            (
                "hosts: { a.test: { client_ca: none.pem } }".into(),
                "/hosts/a.test/client_ca",
            ),
            (
                "hosts: { \"a.test:1\": { tls: required } }".into(),
                "/hosts/a.test:1",
            ),
            ("hosts: { a.test: { tls: maybe } }".into(), "/hosts/a.test"),
            (
                upstream("certificate: none.pem, key: tls/a.key"),
                "/upstreams/u/tls/client_certificate/certificate",
            ),
            (
                upstream("certificate: tls/a.pem, key: tls/a.pem"),
                "/upstreams/u/tls/client_certificate/key",
            ),
            (upstream("certificate: tls/a.pem"), "/upstreams/u"),
        ] {
            let found = read(&format!("portunus: 1\n{sections}\n"), &variable)
                .and_then(|manifest| resolve(&manifest, 1, &load))
                .unwrap_err();
            assert_eq!(found.len(), 1, "{sections}: {found:?}");
            assert!(
                found[0].pointer.starts_with(pointer),
                "{sections}: {found:?}"
            );
        }
    }
}
