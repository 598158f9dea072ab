//! What a change does to applications and what is theirs.

use std::collections::{BTreeMap, HashSet};

use domain::id::{ApplicationId, CredentialId, Id, OrganizationId, SubscriptionId};
use domain::snapshot::{self, Kind};
use uuid::Uuid;

use super::by_end::end;
use super::{Consumers, ProductNumbers, Put, is_disabled};
use crate::state::{Application, Dated, Held, Key, Keys, Labels, Place};

/// An application that is being made anew.
struct Draft {
    organization: OrganizationId,
    disabled: bool,
    labels: Labels,
    access: Vec<Dated>,
}

/// A change while it is worked out. The keys are as they were until its end.
#[derive(Default)]
struct Work {
    drafts: BTreeMap<ApplicationId, Draft>,
    removed: HashSet<ApplicationId>,
    /// Keys that need their application.
    waiting: Vec<(ApplicationId, Key)>,
    /// Whose they were.
    gone: BTreeMap<Place, ApplicationId>,
    /// Applications that lose keys: maybe no other leads to them.
    left: BTreeMap<ApplicationId, Held>,
}

impl Consumers {
    /// Removes what is gone, puts or replaces the others, and touches no more than those and what
    /// is theirs.
    pub(in crate::compile) fn change(
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
                Kind::Subscription => {
                    self.take_subscription(&mut work, Id::from_uuid(*id), keys);
                }
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
            self.put_application(&mut work, source, keys);
        }
        let subscriptions = put.subscriptions.into_iter();
        let subscriptions: BTreeMap<_, _> = subscriptions.map(|one| (one.id, one)).collect();
        for (id, source) in subscriptions {
            self.take_subscription(&mut work, id, keys);
            let subscription = self.subscription(&source, products);
            match self.draft(&mut work, source.application, keys) {
                Some(draft) => draft.access.push(subscription),
                None => self.lone_subscription(source.application, subscription),
            }
        }
        for (id, source) in credentials {
            keys.restrict(id, &source.cidrs);
            keys.equip(id, source.signs.as_ref());
            keys.hashes.put(id, source.argon2id.as_ref());
            let key = Key::new(&source, Held::default());
            work.waiting.push((source.application, key));
        }
        self.finish(work, keys);
    }

    fn put_application(&mut self, work: &mut Work, source: snapshot::Application, keys: &Keys) {
        let (organization, disabled) = (source.organization, is_disabled(&source));
        let labels = source.labels.into();
        if let Some(draft) = self.draft(work, source.id, keys) {
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

    fn take_application(&mut self, work: &mut Work, id: ApplicationId, keys: &Keys) {
        let draft = self
            .draft(work, id, keys)
            .map(|draft| std::mem::take(&mut draft.access));
        let Some(access) = draft else {
            return;
        };
        work.drafts.remove(&id);
        work.removed.insert(id);
        self.keyless.remove(&(end(id), id));
        for subscription in access {
            self.subscriptions.remove(subscription.0.id, end(id));
            self.lone_subscription(id, subscription);
        }
        let own: Vec<&Key> = self.keys_of(id, keys).collect();
        for key in own {
            // Some of them may have gone before it.
            let place = (key.digest.prefix(), key.id);
            if work.gone.insert(place, id).is_none() {
                self.lone_key(id, key.of(Held::default()));
            }
        }
    }

    fn take_subscription(&mut self, work: &mut Work, id: SubscriptionId, keys: &Keys) {
        // Also where its application has come with this change.
        if let Some(owner) = self.lone_owners.remove(&id) {
            let draft = work.drafts.get_mut(&owner).map(|draft| &mut draft.access);
            let lone = self.lone_subscriptions.get_mut(&owner);
            let all = draft.into_iter().chain(lone);
            all.for_each(|all| all.retain(|(one, _)| one.id != id));
        } else if let Some(owner) = self.owner(id, keys)
            && let Some(draft) = self.draft(work, owner, keys)
        {
            draft.access.retain(|(one, _)| one.id != id);
            let mut rest = draft.access.iter();
            if rest.all(|(one, _)| end(one.id) != end(id)) {
                self.subscriptions.remove(id, end(owner));
            }
        }
    }

    fn take_key(&mut self, work: &mut Work, id: CredentialId, keys: &mut Keys) {
        if let Some(key) = self.key(id, keys) {
            let application = key.held();
            let place = (key.digest.prefix(), id);
            work.gone.insert(place, application.id);
            work.left.insert(application.id, application);
        }
        if let Some(owner) = self.lone_of.remove(&id)
            && let Some(lone) = self.lone_keys.get_mut(&owner)
        {
            lone.retain(|key| key.id != id);
        }
        keys.restrict(id, &[]);
        keys.equip(id, None);
        keys.hashes.put(id, None);
    }

    fn draft<'w>(
        &self,
        work: &'w mut Work,
        id: ApplicationId,
        keys: &Keys,
    ) -> Option<&'w mut Draft> {
        use std::collections::btree_map::Entry;
        match work.drafts.entry(id) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(_) if work.removed.contains(&id) => None,
            Entry::Vacant(new) => {
                let now = self.application(id, keys)?;
                Some(new.insert(Draft {
                    organization: now.organization(),
                    disabled: now.is_disabled(),
                    labels: now.labels().clone(),
                    access: now.anew(),
                }))
            }
        }
    }

    fn finish(&mut self, work: Work, keys: &mut Keys) {
        let Work {
            drafts,
            removed,
            waiting,
            gone,
            left: mut touched,
        } = work;
        keys.edit(gone.keys().copied().collect(), Vec::new());
        for ((prefix, id), owner) in gone {
            // What leads to others as well stays.
            let first = Keys::first(prefix);
            if keys.beginning(first).next().is_none() {
                self.credentials.remove(id, first);
                self.keys_of.remove(owner, first);
            }
        }
        touched.retain(|id, _| !removed.contains(id));
        let made = drafts.into_iter().map(|(id, draft)| {
            let Draft {
                organization,
                disabled,
                labels,
                access,
            } = draft;
            for (one, _) in &access {
                self.subscriptions.insert(one.id, end(id));
                self.lone_owners.remove(&one.id);
            }
            let application = Application::new(id, disabled, labels, access);
            (organization, application)
        });
        let made = Held::all(made);
        let (mut gone, mut put) = (Vec::new(), Vec::new());
        for application in made {
            let id = application.id;
            for key in self.keys_of(id, keys) {
                gone.push((key.digest.prefix(), key.id));
                put.push(key.of(application.clone()));
            }
            touched.insert(id, application);
        }
        for (id, key) in waiting {
            let known = touched.get(&id).cloned();
            let Some(application) = known.or_else(|| self.application(id, keys)) else {
                self.lone_key(id, key);
                continue;
            };
            let first = Keys::first(key.digest.prefix());
            self.credentials.insert(key.id, first);
            self.keys_of.insert(id, first);
            put.push(key.of(application.clone()));
            touched.insert(id, application);
        }
        keys.edit(gone, put);
        for (id, application) in touched {
            let place = (end(id), id);
            if self.keys_of(id, keys).next().is_some() {
                self.keyless.remove(&place);
            } else {
                self.keyless.insert(place, application);
            }
        }
        self.lone_keys.retain(|_, lone| !lone.is_empty());
        self.lone_subscriptions.retain(|_, lone| !lone.is_empty());
    }
}
