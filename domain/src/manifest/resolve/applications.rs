//! Applications, their keys and subscriptions.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use ipnet::IpNet;

use super::super::place::Place;
use super::super::{Application, Key, Manifest, Password, ShownCertificate};
use super::{Resolver, id};
use crate::application::{Lifetime, is_user_name};
use crate::certificate::CertificateName;
use crate::id::ApplicationId;
use crate::key::{self, Environment, KeyDigest};
use crate::lifecycle::ApplicationState;
use crate::password_hash::PasswordHash;
use crate::signing::SigningKey;
use crate::snapshot;
use crate::subscription::SubscriptionState;

/// The credentials of one application as they are written: where, by what they are found, and what
/// all kinds have. No digest: that was refused already.
#[derive(Default)]
struct Book<'a>(Vec<(Place<'a>, Option<KeyDigest>, Written<'a>)>);

struct Written<'a> {
    name: &'a str,
    env: Environment,
    expires_at: Option<DateTime<Utc>>,
    cidrs: &'a [IpNet],
    signs: Option<SigningKey>,
    argon2id: Option<PasswordHash>,
}

impl<'a> Book<'a> {
    fn note(
        &mut self,
        place: Place<'a>,
        digest: Option<KeyDigest>,
        name: &'a str,
        env: Environment,
        expires_at: Option<DateTime<Utc>>,
        cidrs: &'a [IpNet],
    ) {
        let written = Written {
            name,
            env,
            expires_at,
            cidrs,
            signs: None,
            argon2id: None,
        };
        self.0.push((place, digest, written));
    }

    /// The key of the last one.
    fn signs(&mut self, key: Option<SigningKey>) {
        if let Some((_, _, written)) = self.0.last_mut() {
            written.signs = key;
        }
    }

    /// What the password of the last one is compared with.
    fn compares(&mut self, hash: Option<PasswordHash>) {
        if let Some((_, _, written)) = self.0.last_mut() {
            written.argon2id = hash;
        }
    }
}

impl<'a> Resolver<'a> {
    pub(super) fn applications(&mut self, manifest: &'a Manifest) {
        let mut digests = HashSet::new();
        let all = manifest.applications.values();
        self.parts.applications.reserve(all.len());
        let keys = all.clone().map(|one| one.keys.len());
        self.parts.credentials.reserve(keys.sum());
        let subscriptions = all.map(|one| one.subscriptions.len());
        self.parts.subscriptions.reserve(subscriptions.sum());
        let at = Place::Member(&Place::Top, "applications");
        for (name, application) in &manifest.applications {
            let at = Place::Member(&at, name);
            self.slug(at, name);
            let application_id = id("application", self.prefix, &[name]);
            let labels = self.labels(at, &application.labels);
            self.parts.applications.push(snapshot::Application {
                id: application_id,
                labels,
                organization: self.organization,
                state: if application.enabled {
                    ApplicationState::Active
                } else {
                    ApplicationState::Disabled
                },
            });
            let [keys, clients, certificates, passwords, signing_keys] = [
                "keys",
                "clients",
                "certificates",
                "passwords",
                "signing_keys",
            ]
            .map(|list| Place::Member(&at, list));
            let mut book = Book::default();
            for (index, key) in application.keys.iter().enumerate() {
                let place = Place::Item(&keys, index);
                let digest = self.digest(place, key);
                let (env, name, cidrs) = (key.env, &key.name, &key.cidrs);
                book.note(place, digest, name, env, key.expires_at, cidrs);
            }
            for (index, client) in application.clients.iter().enumerate() {
                let place = Place::Item(&clients, index);
                for (field, text) in [("issuer", &client.issuer), ("client_id", &client.client_id)]
                {
                    if !(1..=500).contains(&text.len()) {
                        self.refuse(format!("{place}/{field}"), "Give 1 to 500 characters.");
                    }
                }
                let digest = KeyDigest::of_client(&client.issuer, &client.client_id);
                let (env, name, cidrs) = (client.env, &client.name, &client.cidrs);
                book.note(place, Some(digest), name, env, client.expires_at, cidrs);
            }
            for (index, shown) in application.certificates.iter().enumerate() {
                let place = Place::Item(&certificates, index);
                let digest = self.certificate(place, shown);
                let (env, name, cidrs) = (shown.env, &shown.name, &shown.cidrs);
                book.note(place, digest, name, env, shown.expires_at, cidrs);
            }
            for (index, password) in application.passwords.iter().enumerate() {
                let place = Place::Item(&passwords, index);
                let (digest, hash) = self.password(place, password);
                let (env, name, cidrs) = (password.env, &password.name, &password.cidrs);
                book.note(place, digest, name, env, password.expires_at, cidrs);
                book.compares(hash);
            }
            for (index, written) in application.signing_keys.iter().enumerate() {
                let place = Place::Item(&signing_keys, index);
                let is_plain = written.keyid.bytes().all(|b| b.is_ascii_graphic());
                if !(1..=200).contains(&written.keyid.len()) || !is_plain {
                    self.refuse(
                        format!("{place}/keyid"),
                        "Give 1 to 200 visible characters.",
                    );
                }
                let key = SigningKey::read(&written.key);
                let key = key.map_err(|why| self.refuse(format!("{place}/key"), why));
                let digest = KeyDigest::of_signing_key(&written.keyid);
                let (env, name, cidrs) = (written.env, &written.name, &written.cidrs);
                book.note(place, Some(digest), name, env, written.expires_at, cidrs);
                book.signs(key.ok());
            }
            self.credentials(name, application_id, book, &mut digests);
            self.subscriptions(at, name, application_id, application);
        }
    }

    /// What the application may show, each once in the whole file.
    fn credentials(
        &mut self,
        application: &str,
        application_id: ApplicationId,
        book: Book<'_>,
        digests: &mut HashSet<KeyDigest>,
    ) {
        let mut names = BTreeSet::new();
        for (place, digest, written) in book.0 {
            if !names.insert(written.name) {
                self.refuse(
                    format!("{place}/name"),
                    "An earlier credential of the application has this name.",
                );
            }
            let Some(digest) = digest else {
                continue;
            };
            if !digests.insert(digest) {
                self.refuse(place.to_string(), "This one is there twice.");
            }
            self.parts.credentials.push(snapshot::Credential {
                id: id("credential", self.prefix, &[application, written.name]),
                application: application_id,
                environment: written.env,
                digest,
                lifetime: Lifetime {
                    expires_at: written.expires_at,
                    ..Lifetime::default()
                },
                cidrs: written.cidrs.to_vec(),
                signs: written.signs,
                argon2id: written.argon2id,
            });
        }
    }

    fn certificate(&mut self, place: Place<'_>, written: &ShownCertificate) -> Option<KeyDigest> {
        match (&written.sha256, &written.certificate_name) {
            (Some(hex), None) => {
                let print = KeyDigest::from_hex(&hex.replace(':', ""));
                if print.is_none() {
                    self.refuse(
                        format!("{place}/sha256"),
                        "A SHA-256 has 64 hexadecimal digits.",
                    );
                }
                print.map(|print| KeyDigest::of_certificate(&print.0))
            }
            (None, Some(name)) => match CertificateName::parse(name) {
                Ok(name) => Some(name.digest()),
                Err(why) => {
                    self.refuse(format!("{place}/certificate_name"), why);
                    None
                }
            },
            (Some(_), Some(_)) | (None, None) => {
                self.refuse(place.to_string(), "Give either sha256 or certificate_name.");
                None
            }
        }
    }

    /// By what it is found, and what it is compared with if somebody chose it.
    fn password(
        &mut self,
        place: Place<'_>,
        written: &Password,
    ) -> (Option<KeyDigest>, Option<PasswordHash>) {
        if !is_user_name(&written.user) {
            self.refuse(
                format!("{place}/user"),
                "Give 1 to 100 characters without a colon.",
            );
        }
        let digest = match (&written.sha256, &written.value, &written.argon2id) {
            (Some(hex), None, None) => {
                let digest = KeyDigest::from_hex(hex);
                if digest.is_none() {
                    self.refuse(
                        format!("{place}/sha256"),
                        "A SHA-256 has 64 hexadecimal digits.",
                    );
                }
                digest.map(|pair| KeyDigest::of_password(&pair.0))
            }
            (None, None, Some(text)) => {
                let hash = PasswordHash::read(text);
                let hash = hash.map_err(|why| self.refuse(format!("{place}/argon2id"), why));
                let digest = KeyDigest::of_user(written.user.as_bytes());
                return (Some(digest), hash.ok());
            }
            (None, Some(value), None) => {
                let is_long = (16..=200).contains(&value.chars().count());
                if !is_long || value.chars().any(char::is_control) {
                    self.refuse(
                        format!("{place}/value"),
                        "Give a password of 16 to 200 characters.",
                    );
                }
                let pair = KeyDigest::of(format!("{}:{value}", written.user).as_bytes());
                Some(KeyDigest::of_password(&pair.0))
            }
            _ => {
                self.refuse(place.to_string(), "Give one of sha256, value and argon2id.");
                None
            }
        };
        (digest, None)
    }

    fn digest(&mut self, place: Place<'_>, written: &Key) -> Option<KeyDigest> {
        match (&written.sha256, &written.value) {
            (Some(hex), None) => {
                let digest = KeyDigest::from_hex(hex);
                if digest.is_none() {
                    self.refuse(
                        format!("{place}/sha256"),
                        "A SHA-256 has 64 hexadecimal digits.",
                    );
                }
                digest
            }
            (None, Some(value)) => match key::parse(value.as_bytes()) {
                Some(environment) if environment == written.env => {
                    Some(KeyDigest::of(value.as_bytes()))
                }
                Some(_) => {
                    self.refuse(
                        format!("{place}/env"),
                        "The key itself names the other environment.",
                    );
                    None
                }
                None => {
                    self.refuse(
                        format!("{place}/value"),
                        "This is no key: prefix, length or checksum is wrong.",
                    );
                    None
                }
            },
            (Some(_), Some(_)) | (None, None) => {
                self.refuse(place.to_string(), "Give either sha256 or value.");
                None
            }
        }
    }

    fn subscriptions(
        &mut self,
        place: Place<'_>,
        name: &str,
        application: ApplicationId,
        written: &Application,
    ) {
        let all = Place::Member(&place, "subscriptions");
        let mut products = BTreeSet::new();
        for (index, subscription) in written.subscriptions.iter().enumerate() {
            let place = Place::Item(&all, index);
            let key = (subscription.product.as_str(), subscription.plan.as_str());
            let Some((product, plan)) = self.plans.get(&key).copied() else {
                self.refuse(
                    place.to_string(),
                    format!(
                        "There is no plan {} of a product {}.",
                        subscription.plan, subscription.product
                    ),
                );
                continue;
            };
            if !products.insert(key.0) {
                self.refuse(place.to_string(), "An earlier entry is about this product.");
                continue;
            }
            self.parts.subscriptions.push(snapshot::Subscription {
                id: id("subscription", self.prefix, &[name, key.0, key.1]),
                application,
                product,
                plan,
                state: SubscriptionState::Approved,
                paused: subscription.paused,
                // The order in the file stands for the order of approval.
                approved_at: chrono::DateTime::from_timestamp(index as i64, 0),
                starts_at: subscription.starts_at,
                ends_at: subscription.ends_at,
            });
        }
    }
}
