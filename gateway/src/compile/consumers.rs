//! Applications with their subscriptions and keys. There may be millions: their source is not
//! kept, as their compiled form says all of it; beside it there is what finds them again by id.

mod prefixes;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use domain::id::{ApplicationId, CredentialId, Id, PlanId, ProductId, SubscriptionId};
use domain::lifecycle::ApplicationState;
use domain::snapshot::{self, Kind, Parts};
use uuid::Uuid;

use super::numbered;
use crate::state::{Application, Key, Keys, Labels, Place, Subscription};
use prefixes::Prefixes;

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
    applications: BTreeMap<ApplicationId, Arc<Application>>,
    /// The first bytes of the digest, by which the state finds the key.
    credentials: Prefixes,
    keys_of: Prefixes,
    subscriptions: BTreeMap<SubscriptionId, ApplicationId>,
    /// What belongs to an application that is not there: none, as a rule.
    lone_keys: HashMap<ApplicationId, Vec<Key>>,
    /// Whose each of these keys is.
    lone_of: HashMap<CredentialId, ApplicationId>,
    lone_subscriptions: HashMap<ApplicationId, Vec<Subscription>>,
    pub(super) plan_numbers: HashMap<PlanId, u32>,
}

/// An application that is being made anew.
struct Draft {
    organization: domain::id::OrganizationId,
    disabled: bool,
    labels: Labels,
    access: Vec<Subscription>,
}

/// A change while it is worked out.
#[derive(Default)]
struct Work {
    drafts: BTreeMap<ApplicationId, Draft>,
    /// Keys that need their application.
    waiting: Vec<(ApplicationId, Key)>,
    gone: Vec<Place>,
}

impl Consumers {
    /// Where the state has a credential's key, unless its application is missing.
    pub(super) fn place(&self, id: CredentialId, keys: &Keys) -> Option<Place> {
        let mut places = self.credentials.of(id).map(|prefix| (prefix, id));
        places.find(|place| keys.at(*place).is_some())
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
        let owners = subscriptions.iter().map(|one| (one.id, one.application));
        self.subscriptions = owners.collect();
        let prefixes = credentials.iter().map(|one| (one.id, one.digest.prefix()));
        self.credentials = prefixes.collect();

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
            made.push((id, Arc::new(application)));
        }
        for lone in subscriptions {
            self.lone(&lone, products);
        }
        self.applications = made.into_iter().collect();
        self.fill_keys(credentials)
    }

    fn fill_keys(&mut self, credentials: Vec<snapshot::Credential>) -> Keys {
        let mut keys = Keys::empty();
        let mut put = Vec::with_capacity(credentials.len());
        let mut placed = Vec::with_capacity(credentials.len());
        let mut applications = self.applications.iter().peekable();
        for source in credentials {
            let id = source.application;
            while applications.next_if(|(other, _)| **other < id).is_some() {}
            keys.restrict(source.id, &source.cidrs);
            keys.equip(source.id, source.signs.as_ref());
            keys.hashes.put(source.id, source.argon2id.as_ref());
            match applications.peek() {
                Some((other, application)) if **other == id => {
                    placed.push((id, source.digest.prefix()));
                    put.push(Key::new(&source, (*application).clone()));
                }
                Some(_) | None => {
                    let key = Key::new(&source, Arc::default());
                    self.lone_of.insert(key.id, id);
                    self.lone_keys.entry(id).or_default().push(key);
                }
            }
        }
        self.keys_of = placed.into_iter().collect();
        keys.edit(Vec::new(), put);
        keys
    }

    fn lone(&mut self, source: &snapshot::Subscription, products: &mut ProductNumbers) {
        let subscription = self.subscription(source, products);
        let lone = self.lone_subscriptions.entry(source.application);
        lone.or_default().push(subscription);
    }

    /// Removes what is gone, puts or replaces the others, and touches no more than those and what
    /// is theirs.
    pub(super) fn change(
        &mut self,
        gone: &[(Kind, Uuid)],
        put: Put,
        products: &mut ProductNumbers,
        keys: &mut Keys,
    ) {
        let mut work = Work::default();
        for (kind, id) in gone {
            match kind {
                Kind::Application => self.take_application(&mut work, Id::from_uuid(*id), keys),
                Kind::Credential => self.take_key(&mut work, Id::from_uuid(*id), keys),
                Kind::Subscription => self.take_subscription(&mut work, Id::from_uuid(*id)),
                Kind::Organization
                | Kind::Api
                | Kind::Version
                | Kind::Upstream
                | Kind::Product
                | Kind::Plan
                | Kind::Settings
                | Kind::Certificate
                | Kind::Host
                | Kind::IpList => {}
            }
        }
        // The last one counts, should one be put twice.
        let credentials = put.credentials.into_iter();
        let credentials: BTreeMap<_, _> = credentials.map(|one| (one.id, one)).collect();
        for id in credentials.keys() {
            self.take_key(&mut work, *id, keys);
        }
        for source in put.applications {
            self.put_application(&mut work, source);
        }
        for source in put.subscriptions {
            self.take_subscription(&mut work, source.id);
            self.subscriptions.insert(source.id, source.application);
            let subscription = self.subscription(&source, products);
            match self.draft(&mut work, source.application) {
                Some(draft) => draft.access.push(subscription),
                None => {
                    let lone = self.lone_subscriptions.entry(source.application);
                    lone.or_default().push(subscription);
                }
            }
        }
        for (id, source) in credentials {
            self.credentials.insert(id, source.digest.prefix());
            keys.restrict(id, &source.cidrs);
            keys.equip(id, source.signs.as_ref());
            keys.hashes.put(id, source.argon2id.as_ref());
            let key = Key::new(&source, Arc::default());
            work.waiting.push((source.application, key));
        }
        self.finish(work, keys);
    }

    fn put_application(&mut self, work: &mut Work, source: snapshot::Application) {
        let (organization, disabled) = (source.organization, is_disabled(&source));
        let labels = source.labels.into();
        if let Some(draft) = self.draft(work, source.id) {
            draft.organization = organization;
            draft.disabled = disabled;
            draft.labels = labels;
            return;
        }
        let access = self.lone_subscriptions.remove(&source.id);
        let draft = Draft {
            organization,
            disabled,
            labels,
            access: access.unwrap_or_default(),
        };
        work.drafts.insert(source.id, draft);
        for key in self.lone_keys.remove(&source.id).unwrap_or_default() {
            self.lone_of.remove(&key.id);
            work.waiting.push((source.id, key));
        }
    }

    /// Keeps a key until its application comes.
    fn lone_key(&mut self, id: ApplicationId, key: Key) {
        self.lone_of.insert(key.id, id);
        self.lone_keys.entry(id).or_default().push(key);
    }

    fn take_application(&mut self, work: &mut Work, id: ApplicationId, keys: &Keys) {
        let draft = self
            .draft(work, id)
            .map(|draft| std::mem::take(&mut draft.access));
        let Some(access) = draft else {
            return;
        };
        work.drafts.remove(&id);
        self.applications.remove(&id);
        if !access.is_empty() {
            self.lone_subscriptions.insert(id, access);
        }
        for prefix in self.keys_of(id) {
            let mut is_its_alone = true;
            for key in keys.starting(prefix) {
                if key.application.id != id {
                    is_its_alone = false;
                    continue;
                }
                work.gone.push((prefix, key.id));
                self.lone_key(id, key.of(Arc::default()));
            }
            if is_its_alone {
                self.keys_of.remove(id, prefix);
            }
        }
    }

    fn take_subscription(&mut self, work: &mut Work, id: SubscriptionId) {
        let Some(application) = self.subscriptions.remove(&id) else {
            return;
        };
        if let Some(draft) = self.draft(work, application) {
            draft.access.retain(|one| one.id != id);
        } else if let Some(lone) = self.lone_subscriptions.get_mut(&application) {
            lone.retain(|one| one.id != id);
        }
    }

    fn take_key(&mut self, work: &mut Work, id: CredentialId, keys: &mut Keys) {
        if let Some(place) = self.place(id, keys) {
            self.credentials.remove(id, place.0);
            if let Some(key) = keys.at(place) {
                self.keys_of.remove(key.application.id, place.0);
            }
            work.gone.push(place);
        }
        if let Some(owner) = self.lone_of.remove(&id)
            && let Some(lone) = self.lone_keys.get_mut(&owner)
        {
            let its = lone.extract_if(.., |key| key.id == id);
            its.for_each(|key| self.credentials.remove(id, key.digest.prefix()));
        }
        keys.restrict(id, &[]);
        keys.equip(id, None);
        keys.hashes.put(id, None);
    }

    fn draft<'w>(&self, work: &'w mut Work, id: ApplicationId) -> Option<&'w mut Draft> {
        use std::collections::btree_map::Entry;
        match work.drafts.entry(id) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(new) => {
                let now = self.applications.get(&id)?;
                Some(new.insert(Draft {
                    organization: now.organization,
                    disabled: now.disabled,
                    labels: now.labels.clone(),
                    access: now.access.iter().map(Subscription::anew).collect(),
                }))
            }
        }
    }

    fn finish(&mut self, work: Work, keys: &mut Keys) {
        let Work {
            drafts,
            waiting,
            mut gone,
        } = work;
        let mut put = Vec::new();
        for (id, draft) in drafts {
            let Draft {
                organization,
                disabled,
                labels,
                access,
            } = draft;
            let application = Application::new(id, organization, disabled, labels, access);
            let application = Arc::new(application);
            for prefix in self.keys_of(id) {
                for key in keys.starting(prefix).filter(|key| key.application.id == id) {
                    gone.push((prefix, key.id));
                    put.push(key.of(application.clone()));
                }
            }
            self.applications.insert(id, application);
        }
        for (id, key) in waiting {
            match self.applications.get(&id) {
                Some(application) => {
                    self.keys_of.insert(id, key.digest.prefix());
                    put.push(key.of(application.clone()));
                }
                None => self.lone_key(id, key),
            }
        }
        keys.edit(gone, put);
        self.lone_keys.retain(|_, lone| !lone.is_empty());
        self.lone_subscriptions.retain(|_, lone| !lone.is_empty());
    }

    fn keys_of(&self, id: ApplicationId) -> Vec<u64> {
        self.keys_of.of(id).collect()
    }

    fn subscription(
        &mut self,
        source: &snapshot::Subscription,
        products: &mut ProductNumbers,
    ) -> Subscription {
        let approved = source.approved_at;
        Subscription {
            id: source.id,
            product: numbered(products, source.product),
            plan: numbered(&mut self.plan_numbers, source.plan),
            state: source.state,
            paused: source.paused,
            starts_at: source.starts_at,
            ends_at: source.ends_at,
            approved_at: approved.map_or(i64::MAX, |at| at.timestamp_micros()),
            slots: Default::default(),
        }
    }
}

const fn is_disabled(source: &snapshot::Application) -> bool {
    match source.state {
        ApplicationState::Active => false,
        ApplicationState::Disabled => true,
    }
}
