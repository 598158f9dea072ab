//! Applications, their keys and subscriptions.

use std::collections::BTreeMap;

use super::super::{Application, Key, Manifest};
use super::{Resolver, id, token};
use crate::application::Lifetime;
use crate::id::ApplicationId;
use crate::key::{self, KeyDigest};
use crate::lifecycle::ApplicationState;
use crate::snapshot;
use crate::subscription::SubscriptionState;

impl<'a> Resolver<'a> {
    pub(super) fn applications(&mut self, manifest: &'a Manifest) {
        let mut digests = BTreeMap::new();
        for (name, application) in &manifest.applications {
            let pointer = format!("/applications/{}", token(name));
            self.slug(&pointer, name);
            let application_id = id("application", self.prefix, &[name]);
            self.parts.applications.push(snapshot::Application {
                id: application_id,
                organization: self.organization,
                state: if application.enabled {
                    ApplicationState::Active
                } else {
                    ApplicationState::Disabled
                },
            });
            let mut names = BTreeMap::new();
            for (index, key) in application.keys.iter().enumerate() {
                let pointer = format!("{pointer}/keys/{index}");
                if names.insert(key.name.as_str(), index).is_some() {
                    self.refuse(
                        format!("{pointer}/name"),
                        "An earlier key of the application has this name.",
                    );
                }
                let Some(digest) = self.digest(&pointer, key) else {
                    continue;
                };
                if digests.insert(digest, pointer.clone()).is_some() {
                    self.refuse(pointer.clone(), "This key is there twice.");
                }
                self.parts.credentials.push(snapshot::Credential {
                    id: id("credential", self.prefix, &[name, &key.name]),
                    application: application_id,
                    environment: key.env,
                    digest,
                    lifetime: Lifetime {
                        expires_at: key.expires_at,
                        ..Lifetime::default()
                    },
                    cidrs: key.cidrs.clone(),
                });
            }
            self.subscriptions(&pointer, name, application_id, application);
        }
    }

    fn digest(&mut self, pointer: &str, written: &Key) -> Option<KeyDigest> {
        match (&written.sha256, &written.value) {
            (Some(hex), None) => {
                let digest = KeyDigest::from_hex(hex);
                if digest.is_none() {
                    self.refuse(
                        format!("{pointer}/sha256"),
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
                        format!("{pointer}/env"),
                        "The key itself names the other environment.",
                    );
                    None
                }
                None => {
                    self.refuse(
                        format!("{pointer}/value"),
                        "This is no key: prefix, length or checksum is wrong.",
                    );
                    None
                }
            },
            (Some(_), Some(_)) | (None, None) => {
                self.refuse(pointer, "Give either sha256 or value.");
                None
            }
        }
    }

    fn subscriptions(
        &mut self,
        pointer: &str,
        name: &str,
        application: ApplicationId,
        written: &Application,
    ) {
        let mut products = BTreeMap::new();
        for (index, subscription) in written.subscriptions.iter().enumerate() {
            let pointer = format!("{pointer}/subscriptions/{index}");
            let key = (subscription.product.as_str(), subscription.plan.as_str());
            let Some((product, plan)) = self.plans.get(&key).copied() else {
                self.refuse(
                    pointer,
                    format!(
                        "There is no plan {} of a product {}.",
                        subscription.plan, subscription.product
                    ),
                );
                continue;
            };
            if products.insert(key.0, index).is_some() {
                self.refuse(pointer, "An earlier entry is about this product.");
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
