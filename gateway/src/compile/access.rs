//! Who may call: plans, applications with their subscriptions, and keys.

use std::collections::HashMap;
use std::sync::Arc;

use domain::effective;
use domain::id::ApplicationId;
use domain::key::KeyDigest;
use domain::lifecycle::ApplicationState;
use domain::snapshot;
use domain::subscription::Terms;
use http::HeaderValue;

use super::Compiler;
use super::model::Dirty;
use crate::policy::Chain;
use crate::slot::Slots;
use crate::state::{Application, Key, Keys, Subscription};

impl Compiler {
    pub(super) fn compile_plans(&mut self, dirty: &Dirty) {
        self.number_products();
        for id in &dirty.plans {
            let Some(plan) = self.model.plans.get(id) else {
                self.plans.remove(id);
                continue;
            };
            let chain = effective::chain(&[], &[], &[], &[], &plan.policies);
            let compiled = Chain::compile(&chain, |_| plan.id.uuid(), &self.context());
            if let Err(error) = &compiled {
                tracing::error!(plan.id = %id, %error, "A plan's policy could not be compiled; its subscribers are answered 500.");
            }
            self.plans.insert(*id, Arc::new(compiled));
        }
    }

    pub(super) fn compile_applications(&mut self, dirty: &Dirty) {
        let mut gone: HashMap<usize, Vec<KeyDigest>> = HashMap::new();
        let mut new: HashMap<usize, Vec<Key>> = HashMap::new();
        for id in &dirty.applications {
            for digest in self.placed_keys.remove(id).into_iter().flatten() {
                gone.entry(Keys::shard_of(&digest))
                    .or_default()
                    .push(digest);
            }
            let Some(application) = self.application(*id) else {
                self.applications.remove(id);
                continue;
            };
            let application = Arc::new(application);
            self.applications.insert(*id, application.clone());
            let mut placed = Vec::new();
            for credential in self.model.credentials_of.of(id) {
                if let Some(credential) = self.model.credentials.get(&credential) {
                    let key = Key::new(credential, application.clone());
                    placed.push(key.digest);
                    new.entry(Keys::shard_of(&key.digest))
                        .or_default()
                        .push(key);
                }
            }
            self.placed_keys.insert(*id, placed);
        }
        self.rebuild_shards(gone, new);
    }

    fn rebuild_shards(
        &mut self,
        mut gone: HashMap<usize, Vec<KeyDigest>>,
        mut new: HashMap<usize, Vec<Key>>,
    ) {
        let touched: std::collections::HashSet<usize> =
            gone.keys().chain(new.keys()).copied().collect();
        for index in touched {
            let mut gone = gone.remove(&index).unwrap_or_default();
            gone.sort_unstable();
            let shard = &mut self.state.keys.shards[index];
            let kept = shard
                .iter()
                .filter(|key| gone.binary_search(&key.digest).is_err())
                .cloned();
            let mut keys: Vec<Key> = kept.chain(new.remove(&index).unwrap_or_default()).collect();
            keys.sort_unstable_by_key(|key| key.digest);
            *shard = keys.into();
        }
    }

    fn application(&self, id: ApplicationId) -> Option<Application> {
        let source = self.model.applications.get(&id)?;
        let organization = self.model.organizations.get(&source.organization);
        let subscriptions = self
            .model
            .subscriptions_of
            .of(&id)
            .filter_map(|id| self.model.subscriptions.get(&id));
        let mut access: Vec<(u32, Arc<Subscription>)> = subscriptions
            .filter_map(|source| {
                let product = self.product_numbers.get(&source.product)?;
                Some((*product, Arc::new(self.subscription(source)?)))
            })
            .collect();
        access.sort_by_key(|(product, subscription)| (*product, subscription.approved_at));
        Some(Application {
            id,
            organization: source.organization,
            header: HeaderValue::try_from(id.to_string()).ok()?,
            disabled: match source.state {
                ApplicationState::Active => false,
                ApplicationState::Disabled => true,
            },
            suspended: organization.is_some_and(|organization| organization.suspended),
            access: access.into(),
        })
    }

    fn subscription(&self, source: &snapshot::Subscription) -> Option<Subscription> {
        let plan = self.model.plans.get(&source.plan)?;
        let chain = self.plans.get(&source.plan)?.clone();
        let steps = (*chain).as_ref().map_or(0, |chain| chain.allowance.len());
        Some(Subscription {
            id: source.id,
            plan: source.plan,
            header: HeaderValue::try_from(source.id.to_string()).ok()?,
            plan_header: HeaderValue::try_from(plan.slug.as_str()).ok()?,
            terms: Terms {
                state: source.state,
                paused: source.paused,
                starts_at: source.starts_at,
                ends_at: source.ends_at,
                plan: plan.state,
            },
            approved_at: source
                .approved_at
                .map_or(i64::MAX, |at| at.timestamp_micros()),
            chain,
            slots: Slots::new(steps),
        })
    }
}
