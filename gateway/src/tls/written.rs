//! Certificates of a configuration that somebody writes: judged before it is served.

use std::sync::Arc;

use domain::certificate::NO_AUTHORITIES;
use domain::problem::Invalid;
use domain::snapshot::{Parts, PrivateKey};
use domain::upstream::UpstreamTls;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::ServerName;

use super::{certificate, revoked};
use crate::upstream::trusted;

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
        let at = format!("/upstreams/{}/tls", item.name);
        let tls = &item.settings.tls;
        if tls.ca.as_deref().is_some_and(|ca| trusted(ca).is_err()) {
            found.push(Invalid::new(format!("{at}/ca"), NO_AUTHORITIES));
        }
        let name = tls.server_name.as_deref();
        if name.is_some_and(|name| ServerName::try_from(name).is_err()) {
            let at = format!("{at}/server_name");
            found.push(Invalid::new(at, UpstreamTls::SERVER_NAME));
        }
        let Some(client) = &item.client_certificate else {
            continue;
        };
        let PrivateKey::Clear(key) = &client.key else {
            continue;
        };
        if let Err(fault) = certificate::client(&client.certificate, key, &provider) {
            let place = fault.pointer();
            let at = format!("{at}/client_certificate{place}");
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
