//! Certificates of a configuration that somebody writes: judged before it is served.

use domain::problem::Invalid;
use domain::snapshot::{Parts, PrivateKey};
use rustls::crypto::aws_lc_rs;

use super::certificate;

/// What is wrong with certificates, keys and authorities, with pointers into the declarative file.
pub(crate) fn check(parts: &Parts) -> Vec<Invalid> {
    let provider = aws_lc_rs::default_provider();
    let mut found = Vec::new();
    for item in &parts.certificates {
        let PrivateKey::Clear(key) = &item.key else {
            continue;
        };
        let judged =
            certificate::read(&item.certificate, key, &item.hosts, item.default, &provider);
        if let Err(fault) = judged {
            let at = format!("/certificates/{}{}", item.name, fault.pointer());
            found.push(Invalid::new(at, fault.to_string()));
        }
    }
    for item in &parts.upstreams {
        let Some(client) = &item.client_certificate else {
            continue;
        };
        let PrivateKey::Clear(key) = &client.key else {
            continue;
        };
        if let Err(fault) = certificate::client(&client.certificate, key, &provider) {
            let place = fault.pointer();
            let at = format!("/upstreams/{}/tls/client_certificate{place}", item.name);
            found.push(Invalid::new(at, fault.to_string()));
        }
    }
    for item in &parts.hosts {
        let judged = item.client_ca.as_deref().map(certificate::authorities);
        if let Some(Err(fault)) = judged {
            let at = format!("/hosts/{}{}", item.host, fault.pointer());
            found.push(Invalid::new(at, fault.to_string()));
        }
    }
    found
}
