//! Applications with their subscriptions and keys. There may be millions: their source is not
//! kept, as their compiled form says all of it; beside it there is what finds them again by id.

mod by_end;
mod change;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use domain::id::{ApplicationId, CredentialId, PlanId, ProductId, SubscriptionId};
use domain::lifecycle::ApplicationState;
use domain::snapshot::{self, Parts};

use super::numbered;
use crate::state::{Application, Dated, Dates, Key, Keys, Subscription};
use by_end::{ByEnd, end};

pub(super) type ProductNumbers = HashMap<ProductId, u32>;

/// What is put, of the kinds that are kept here.
#[derive(Default)]
pub(super) struct Put {
    applications: Vec<snapshot::Application>,
    credentials: Vec<snapshot::Credential>,
    subscriptions: Vec<snapshot::Subscription>,
}

impl Put {
    /// Takes them out of `parts`.
    pub(super) fn of(mut parts: Parts) -> (Parts, Self) {
        let put = Self {
            applications: std::mem::take(&mut parts.applications),
            credentials: std::mem::take(&mut parts.credentials),
            subscriptions: std::mem::take(&mut parts.subscriptions),
        };
        (parts, put)
    }
}

#[derive(Default)]
pub(super) struct Consumers {
    /// The first bits of the digest, by which the state finds the key.
    credentials: ByEnd,
    /// The same of all keys of an application, which lead to it.
    keys_of: ByEnd,
    /// Applications that no key leads to, with the ends of their ids.
    keyless: BTreeMap<(u32, ApplicationId), Arc<Application>>,
    /// The ends of the ids of their applications.
    subscriptions: ByEnd,
    /// What belongs to an application that is not there: none, as a rule.
    lone_keys: HashMap<ApplicationId, Vec<Key>>,
    lone_subscriptions: HashMap<ApplicationId, Vec<Dated>>,
    /// Whose each of these is.
    lone_of: HashMap<CredentialId, ApplicationId>,
    lone_owners: HashMap<SubscriptionId, ApplicationId>,
    pub(super) plan_numbers: HashMap<PlanId, u32>,
}

impl Consumers {
    /// A credential's key in the state, unless its application is missing.
    pub(super) fn key<'k>(&self, id: CredentialId, keys: &'k Keys) -> Option<&'k Key> {
        let firsts = self.credentials.of(id);
        let mut all = firsts.flat_map(|first| keys.beginning(first));
        all.find(|key| key.id == id)
    }

    fn keys_of<'k>(&self, id: ApplicationId, keys: &'k Keys) -> impl Iterator<Item = &'k Key> {
        let firsts = self.keys_of.of(id);
        let all = firsts.flat_map(move |first| keys.beginning(first));
        all.filter(move |key| key.application.id == id)
    }

    /// Applications whose ids have this end: one, as a rule, as often as it has keys.
    fn ending<'a>(
        &'a self,
        end: u32,
        keys: &'a Keys,
    ) -> impl Iterator<Item = &'a Arc<Application>> {
        let keyless = self.keyless.range((end, ApplicationId::NIL)..);
        let keyless = keyless.take_while(move |((known, _), _)| *known == end);
        let firsts = self.keys_of.ending(end);
        let others = firsts.flat_map(move |first| keys.beginning(first));
        let others = others.map(|key| &key.application);
        let others = others.filter(move |one| by_end::end(one.id) == end);
        keyless.map(|(_, one)| one).chain(others)
    }

    fn application<'a>(
        &'a self,
        id: ApplicationId,
        keys: &'a Keys,
    ) -> Option<&'a Arc<Application>> {
        self.ending(end(id), keys).find(|one| one.id == id)
    }

    /// Whose a subscription is, as far as that is there.
    fn owner(&self, id: SubscriptionId, keys: &Keys) -> Option<ApplicationId> {
        let ends = self.subscriptions.of(id);
        let mut all = ends.flat_map(|end| self.ending(end, keys));
        let found = all.find(|one| one.access.iter().any(|own| own.id == id));
        found.map(|one| one.id)
    }

    /// Forgets everything and takes `put`, which may be millions: all is sorted once, and built
    /// in that order.
    pub(super) fn fill(&mut self, put: Put, products: &mut ProductNumbers) -> Keys {
        *self = Self {
            plan_numbers: std::mem::take(&mut self.plan_numbers),
            ..Self::default()
        };
        let Put {
            mut applications,
            mut credentials,
            mut subscriptions,
        } = put;
        applications.sort_unstable_by_key(|one| one.id);
        subscriptions.sort_unstable_by_key(|one| one.application);
        credentials.sort_unstable_by_key(|one| one.application);
        let owners = subscriptions.iter();
        let owners = owners.map(|one| (end(one.id), end(one.application)));
        self.subscriptions = owners.collect();

        let mut subscriptions = subscriptions.into_iter().peekable();
        let mut made = Vec::with_capacity(applications.len());
        for source in applications {
            while let Some(lone) = subscriptions.next_if(|one| one.application < source.id) {
                self.lone(&lone, products);
            }
            let mut access = Vec::new();
            while let Some(own) = subscriptions.next_if(|one| one.application == source.id) {
                access.push(self.subscription(&own, products));
            }
            let disabled = is_disabled(&source);
            let (id, organization, labels) = (source.id, source.organization, source.labels.into());
            let application = Application::new(id, organization, disabled, labels, access);
            made.push(Arc::new(application));
        }
        for lone in subscriptions {
            self.lone(&lone, products);
        }
        self.fill_keys(made, credentials)
    }

    /// `applications` are in the order of their ids, as are `credentials` in that of theirs.
    fn fill_keys(
        &mut self,
        applications: Vec<Arc<Application>>,
        credentials: Vec<snapshot::Credential>,
    ) -> Keys {
        let mut keys = Keys::empty();
        let mut put = Vec::with_capacity(credentials.len());
        let mut rest = applications.iter().peekable();
        for source in credentials {
            let id = source.application;
            while rest.next_if(|other| other.id < id).is_some() {}
            keys.restrict(source.id, &source.cidrs);
            keys.equip(source.id, source.signs.as_ref());
            keys.hashes.put(source.id, source.argon2id.as_ref());
            match rest.peek() {
                Some(application) if application.id == id => {
                    put.push(Key::new(&source, (*application).clone()));
                }
                Some(_) | None => self.lone_key(id, Key::new(&source, Arc::default())),
            }
        }
        let first = |key: &Key| Keys::first(key.digest.prefix());
        let firsts = put.iter().map(|key| (end(key.id), first(key)));
        self.credentials = firsts.collect();
        let firsts = put.iter().map(|key| (end(key.application.id), first(key)));
        self.keys_of = firsts.collect();
        let keyless = applications.into_iter();
        let keyless = keyless.filter(|one| Arc::strong_count(one) == 1);
        self.keyless = keyless.map(|one| ((end(one.id), one.id), one)).collect();
        keys.fill(put);
        keys
    }

    fn lone(&mut self, source: &snapshot::Subscription, products: &mut ProductNumbers) {
        let subscription = self.subscription(source, products);
        self.lone_subscription(source.application, subscription);
    }

    /// Keeps a key until its application comes.
    fn lone_key(&mut self, id: ApplicationId, key: Key) {
        self.lone_of.insert(key.id, id);
        self.lone_keys.entry(id).or_default().push(key);
    }

    /// Keeps a subscription until its application comes.
    fn lone_subscription(&mut self, id: ApplicationId, subscription: Dated) {
        self.lone_owners.insert(subscription.0.id, id);
        let lone = self.lone_subscriptions.entry(id);
        lone.or_default().push(subscription);
    }

    fn subscription(
        &mut self,
        source: &snapshot::Subscription,
        products: &mut ProductNumbers,
    ) -> Dated {
        let product = numbered(products, source.product);
        let plan = numbered(&mut self.plan_numbers, source.plan);
        (Subscription::new(source, product, plan), Dates::of(source))
    }
}

const fn is_disabled(source: &snapshot::Application) -> bool {
    match source.state {
        ApplicationState::Active => false,
        ApplicationState::Disabled => true,
    }
}

#[cfg(test)]
mod tests;
