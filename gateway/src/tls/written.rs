//! Certificates of a configuration that somebody writes: judged before it is served.

use std::sync::Arc;

use domain::problem::Invalid;
use domain::snapshot::{Parts, PrivateKey};
use rustls::crypto::aws_lc_rs;

use super::{certificate, revoked};

/// What is wrong with certificates, keys and authorities, with pointers into the declarative file.
pub(crate) fn check(parts: &Parts) -> Vec<Invalid> {
    let provider = Arc::new(aws_lc_rs::default_provider());
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
        let Some(client_ca) = &item.client_ca else {
            continue;
        };
        let (lists, current) = (item.client_crl.as_deref(), item.client_crl_current);
        if let Err(fault) = revoked::verifier(client_ca, lists, current, &provider) {
            let at = format!("/hosts/{}{}", item.host, fault.pointer());
            found.push(Invalid::new(at, fault.to_string()));
        }
    }
    found
}
