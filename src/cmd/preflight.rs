//! Everything that a role needs, looked at before anything is written, migrated or served, so that
//! all that is wrong is said at once.

use std::net::{SocketAddr, TcpListener};

use api::settings::FirstOperator;
use domain::seal::KeyRing;

use super::{keys, management, store};
use crate::settings::{Problems, Settings};

/// Collects what is wrong.
#[derive(Debug, Default)]
pub(super) struct Preflight(Vec<String>);

impl Preflight {
    pub(super) fn note<T>(&mut self, result: Result<T, Problems>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(Problems(found)) => {
                self.0.extend(found);
                None
            }
        }
    }

    /// Each address is bound and let go again. That another process takes it in between is still
    /// found, by whoever binds it for good.
    pub(super) fn listeners(&mut self, wanted: &[(&str, SocketAddr)]) {
        for (name, address) in wanted {
            if let Err(error) = TcpListener::bind(address) {
                let why = match error.kind() {
                    std::io::ErrorKind::AddrInUse => "another process has it".to_owned(),
                    _ => error.to_string(),
                };
                self.0.push(format!(
                    "The {name} address {address} cannot be used: {why}."
                ));
            }
        }
    }

    /// A ring that must be given.
    pub(super) fn key(&mut self, given: Option<&KeyRing>, variable: &str) -> Option<KeyRing> {
        self.note(keys::required(given, variable))
    }

    /// What portal and management API need.
    pub(super) fn management(&mut self, settings: &Settings) {
        if let Some(url) = &settings.smtp_url {
            self.0.extend(api::post::check_server(url).err());
        }
        self.0
            .extend(api::post::check_sender(&settings.mail_from).err());
        self.note(management::authorities(settings));
        if let Some(operator) = self.note(first_operator(settings)).flatten() {
            self.0.extend(operator.problems(settings.password_min));
        }
        let portal = self.note(management::public(
            settings.portal_url.as_deref(),
            settings.portal,
        ));
        let gateway = self.note(management::public(
            settings.gateway_url.as_deref(),
            settings.gateway,
        ));
        if let Some((portal, gateway)) = portal.zip(gateway) {
            let mut plain = portal::Settings::new(portal, gateway);
            plain.insecure_http = settings.insecure_http;
            self.0.extend(plain.problems());
        }
    }

    /// A database on another machine is asked; an embedded one is made only when all else is well.
    pub(super) async fn database(&mut self, settings: &Settings) {
        if store::is_embedded(settings) {
            return;
        }
        if let Some(databases) = self.note(store::open(settings).await) {
            let _ = databases.close().await;
        }
    }

    pub(super) fn finish(self) -> Result<(), Problems> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problems(self.0))
        }
    }
}

/// The operator of the environment: both parts or none.
pub(super) fn first_operator(settings: &Settings) -> Result<Option<FirstOperator>, Problems> {
    match (&settings.operator_email, &settings.operator_password) {
        (Some(email), Some(password)) => Ok(Some(FirstOperator {
            email: email.clone(),
            password: password.clone(),
        })),
        (None, None) => Ok(None),
        _ => Err(Problems(vec![
            "The settings operator_email and operator_password are given together or not at all."
                .to_owned(),
        ])),
    }
}
