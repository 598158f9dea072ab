//! The source of the present state by id, who refers to whom, and what a change makes stale. What
//! there may be a million of, applications and what is theirs, is in [`super::consumers`].

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use domain::id::{ApiId, Id, OrganizationId, PlanId, ProductId, UpstreamId, VersionId, of};
use domain::policy::{Policy, named_lists};
use domain::snapshot::{
    Api, Kind, Organization, Parts, Plan, Product, Settings, Upstream, Version,
};
use domain::upstream::Fallback;
use uuid::Uuid;

use super::back::Back;
use super::ip_lists::Called;

/// What must be compiled anew.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    pub(super) versions: HashSet<VersionId>,
    /// Of those what was replaced or removed: it says where they have answered.
    pub(super) former: Vec<Arc<Version>>,
    pub(super) upstreams: HashSet<UpstreamId>,
    pub(super) plans: HashSet<PlanId>,
    pub(super) organizations: HashSet<OrganizationId>,
    pub(super) settings: bool,
    /// What an API says of its versions that are retired.
    pub(super) retired: bool,
}

impl Dirty {
    pub(super) fn extend(&mut self, other: Self) {
        self.versions.extend(other.versions);
        self.former.extend(other.former);
        self.upstreams.extend(other.upstreams);
        self.plans.extend(other.plans);
        self.organizations.extend(other.organizations);
        self.settings |= other.settings;
        self.retired |= other.retired;
    }
}

#[derive(Default)]
pub(super) struct Model {
    pub(super) organizations: HashMap<OrganizationId, Organization>,
    /// Each by itself: a map has more room than it needs, and an API is not small.
    pub(super) apis: HashMap<ApiId, Box<Api>>,
    /// Shared with the change that is compiled.
    pub(super) versions: HashMap<VersionId, Arc<Version>>,
    pub(super) upstreams: HashMap<UpstreamId, Upstream>,
    pub(super) products: HashMap<ProductId, Product>,
    pub(super) plans: HashMap<PlanId, Plan>,
    pub(super) settings: Option<Settings>,
    apis_of: Back<of::Organization, of::Api>,
    versions_of: Back<of::Api, of::Version>,
    users_of: Back<of::Upstream, of::Version>,
    /// From an upstream to those that name it.
    namers_of: Back<of::Upstream, of::Upstream>,
    pub(super) products_of: Back<of::Version, of::Product>,
    /// From a version to those that it comes after.
    predecessors_of: Back<of::Version, of::Version>,
    /// APIs with versions that are retired.
    pub(super) retiring: BTreeSet<ApiId>,
    /// Versions that come after what is retired.
    pub(super) successors: HashSet<VersionId>,
    /// Upstreams as policies name them; made when one does.
    by_name: OnceCell<HashMap<(OrganizationId, String), UpstreamId>>,
    /// Versions with policies that name upstreams.
    askers: HashSet<VersionId>,
    /// Versions and plans with policies that name lists of networks.
    listers: HashSet<VersionId>,
    list_plans: HashSet<PlanId>,
}

impl Model {
    /// Puts or replaces each of `parts`.
    pub(super) fn put(&mut self, parts: Parts) -> Dirty {
        let mut dirty = Dirty::default();
        for item in parts.organizations {
            self.touch_organization(item.id, &mut dirty);
            self.organizations.insert(item.id, item);
        }
        for mut item in parts.apis {
            self.remove_api(item.id, &mut dirty);
            self.apis_of.add(item.organization, item.id);
            dirty.versions.extend(self.versions_of.of(item.id));
            if !item.retired.is_empty() {
                self.retiring.insert(item.id);
                dirty.retired = true;
            }
            item.policies.shrink_to_fit();
            self.apis.insert(item.id, Box::new(item));
        }
        for item in parts.versions {
            self.remove_version(item.id, &mut dirty);
            self.versions_of.add(item.api, item.id);
            for upstream in upstreams(&item) {
                self.users_of.add(upstream, item.id);
            }
            if let Some(next) = successor(&item) {
                self.predecessors_of.add(next, item.id);
            }
            self.versions.insert(item.id, Arc::new(fitting(item)));
        }
        for item in parts.upstreams {
            self.remove_upstream(item.id, &mut dirty);
            for other in named(&item) {
                self.namers_of.add(other, item.id);
            }
            self.touch_askers(item.organization, &mut dirty);
            self.upstreams.insert(item.id, item);
        }
        for item in parts.products {
            self.put_product(item, &mut dirty);
        }
        for item in parts.plans {
            dirty.plans.insert(item.id);
            self.plans.insert(item.id, item);
        }
        if parts.settings.is_some() {
            self.settings = parts.settings;
            dirty.settings = true;
        }
        dirty
    }

    /// Gives back the room that is left over when all was put.
    pub(super) fn fit(&mut self) {
        self.apis_of.fit();
        self.versions_of.fit();
        self.users_of.fit();
        self.namers_of.fit();
        self.products_of.fit();
        self.predecessors_of.fit();
    }

    pub(super) fn remove(&mut self, gone: &[(Kind, Uuid)]) -> Dirty {
        let mut dirty = Dirty::default();
        for (kind, id) in gone {
            match kind {
                Kind::Organization => {
                    self.touch_organization(Id::from_uuid(*id), &mut dirty);
                    self.organizations.remove(&Id::from_uuid(*id));
                }
                Kind::Api => self.remove_api(Id::from_uuid(*id), &mut dirty),
                Kind::Version => self.remove_version(Id::from_uuid(*id), &mut dirty),
                Kind::Upstream => self.remove_upstream(Id::from_uuid(*id), &mut dirty),
                Kind::Product => self.remove_product(Id::from_uuid(*id), &mut dirty),
                Kind::Plan => {
                    dirty.plans.insert(Id::from_uuid(*id));
                    self.list_plans.remove(&Id::from_uuid(*id));
                    self.plans.remove(&Id::from_uuid(*id));
                }
                // Elsewhere: consumers.rs, tls.rs and ip_lists.rs.
                Kind::Application
                | Kind::Credential
                | Kind::Subscription
                | Kind::Certificate
                | Kind::Host
                | Kind::IpList => {}
                Kind::Settings => {
                    self.settings = None;
                    dirty.settings = true;
                }
            }
        }
        dirty
    }

    fn touch_organization(&self, id: OrganizationId, dirty: &mut Dirty) {
        for api in self.apis_of.of(id) {
            dirty.retired |= self.retiring.contains(&api);
            dirty.versions.extend(self.versions_of.of(api));
        }
        dirty.organizations.insert(id);
    }

    fn remove_upstream(&mut self, id: UpstreamId, dirty: &mut Dirty) {
        dirty.upstreams.insert(id);
        dirty.versions.extend(self.users_of.of(id));
        for namer in self.namers_of.of(id) {
            dirty.upstreams.insert(namer);
            dirty.versions.extend(self.users_of.of(namer));
        }
        self.by_name.take();
        if let Some(old) = self.upstreams.remove(&id) {
            self.touch_askers(old.organization, dirty);
            for other in named(&old) {
                self.namers_of.remove(other, id);
            }
        }
    }

    /// Those of an organization whose upstreams change.
    fn touch_askers(&self, organization: OrganizationId, dirty: &mut Dirty) {
        let is_its = |version: &&VersionId| self.owner(**version) == Some(organization);
        dirty.versions.extend(self.askers.iter().filter(is_its));
    }

    /// Those that name a list whose name came or went. Whoever named it and does so no more has
    /// changed, and is touched by that.
    pub(super) fn touch_listers(&self, renamed: HashSet<Called>, dirty: &mut Dirty) {
        // There may be many of both: all are gone through once.
        let mut called: HashMap<OrganizationId, HashSet<String>> = HashMap::new();
        for (organization, name) in renamed {
            called.entry(organization).or_default().insert(name);
        }
        if called.is_empty() {
            return;
        }
        let names = |called: &HashSet<String>, policies: &[Policy]| {
            named_lists(policies).any(|one| called.contains(one.name))
        };
        let is_its = |id: &&VersionId| {
            let version = self.versions.get(*id);
            let called = self.owner(**id).and_then(|owner| called.get(&owner));
            version.zip(called).is_some_and(|(version, called)| {
                self.meets(version, |policies| names(called, policies))
            })
        };
        dirty.versions.extend(self.listers.iter().filter(is_its));
        let is_its = |id: &&PlanId| {
            let plan = self.plans.get(*id);
            let product = plan.and_then(|plan| self.products.get(&plan.product));
            let called = product.and_then(|product| called.get(&product.organization));
            let both = plan.zip(called);
            both.is_some_and(|(plan, called)| names(called, &plan.policies))
        };
        dirty.plans.extend(self.list_plans.iter().filter(is_its));
    }

    /// Whether any of the policies that a version meets are so.
    pub(super) fn meets(&self, version: &Version, are: impl Fn(&[Policy]) -> bool) -> bool {
        let api = self.apis.get(&version.api);
        let organization = api.and_then(|api| self.organizations.get(&api.organization));
        let revision = &version.revision;
        are(&revision.policies)
            || revision.operations.iter().any(|one| are(&one.policies))
            || api.is_some_and(|api| are(&api.policies))
            || organization.is_some_and(|one| are(&one.policies))
    }

    /// Whose a version is.
    fn owner(&self, version: VersionId) -> Option<OrganizationId> {
        let api = self.versions.get(&version)?.api;
        Some(self.apis.get(&api)?.organization)
    }

    /// Notes whether policies of a version name upstreams, and lists.
    pub(super) fn note_namer(&mut self, id: VersionId, asks: bool, lists: bool) {
        for (all, is) in [(&mut self.askers, asks), (&mut self.listers, lists)] {
            if is {
                all.insert(id);
            } else {
                all.remove(&id);
            }
        }
    }

    /// Notes whether policies of a plan name lists.
    pub(super) fn note_plan(&mut self, id: PlanId, lists: bool) {
        if lists {
            self.list_plans.insert(id);
        } else {
            self.list_plans.remove(&id);
        }
    }

    /// Plans that look for their lists where their product is.
    fn touch_plans_of(&self, product: ProductId, dirty: &mut Dirty) {
        let is_its = |plan: &&PlanId| {
            let plan = self.plans.get(*plan);
            plan.is_some_and(|plan| plan.product == product)
        };
        dirty.plans.extend(self.list_plans.iter().filter(is_its));
    }

    /// The upstream that policies of an organization name so.
    pub(super) fn named_upstream(
        &self,
        organization: OrganizationId,
        name: &str,
    ) -> Option<UpstreamId> {
        let by_name = self.by_name.get_or_init(|| {
            let all = self.upstreams.values();
            let names = all.map(|one| ((one.organization, one.name.clone()), one.id));
            names.collect()
        });
        by_name.get(&(organization, name.to_owned())).copied()
    }

    fn remove_api(&mut self, id: ApiId, dirty: &mut Dirty) {
        if let Some(old) = self.apis.remove(&id) {
            self.apis_of.remove(old.organization, id);
            dirty.retired |= self.retiring.remove(&id);
            dirty.versions.extend(self.versions_of.of(id));
        }
    }

    fn remove_version(&mut self, id: VersionId, dirty: &mut Dirty) {
        dirty.versions.insert(id);
        // Their links say where it answers.
        dirty.versions.extend(self.predecessors_of.of(id));
        self.askers.remove(&id);
        self.listers.remove(&id);
        if let Some(old) = self.versions.remove(&id) {
            self.versions_of.remove(old.api, id);
            for upstream in upstreams(&old) {
                self.users_of.remove(upstream, id);
            }
            if let Some(next) = successor(&old) {
                self.predecessors_of.remove(next, id);
            }
            dirty.former.push(old);
        }
    }

    /// Touches those versions only that join or leave: a product may have ten thousand.
    fn put_product(&mut self, mut item: Product, dirty: &mut Dirty) {
        item.versions.shrink_to_fit();
        self.touch_plans_of(item.id, dirty);
        let old = self.products.remove(&item.id);
        let old: HashSet<VersionId> = old.into_iter().flat_map(|old| old.versions).collect();
        let new: HashSet<VersionId> = item.versions.iter().copied().collect();
        for version in old.difference(&new) {
            self.products_of.remove(*version, item.id);
        }
        for version in new.difference(&old) {
            self.products_of.add(*version, item.id);
        }
        dirty.versions.extend(old.symmetric_difference(&new));
        self.products.insert(item.id, item);
    }

    fn remove_product(&mut self, id: ProductId, dirty: &mut Dirty) {
        self.touch_plans_of(id, dirty);
        if let Some(old) = self.products.remove(&id) {
            for version in &old.versions {
                self.products_of.remove(*version, id);
                dirty.versions.insert(*version);
            }
        }
    }
}

/// The upstream that `source` falls back on.
pub(super) fn fallback(source: &Upstream) -> Option<UpstreamId> {
    match source.settings.fallback {
        Some(Fallback::Upstream(other)) => Some(other),
        Some(Fallback::Answer(_)) | None => None,
    }
}

/// The upstream that gets copies of the requests to `source`.
pub(super) fn mirror(source: &Upstream) -> Option<UpstreamId> {
    let mirror = source.settings.mirror.as_ref();
    mirror.map(|mirror| mirror.upstream)
}

fn named(source: &Upstream) -> impl Iterator<Item = UpstreamId> {
    fallback(source).into_iter().chain(mirror(source))
}

/// Readers of lists take room for several; there may be ten thousand versions with one of each.
fn fitting(mut version: Version) -> Version {
    let revision = &mut version.revision;
    revision.policies.shrink_to_fit();
    revision.route.hosts.shrink_to_fit();
    revision.route.when.shrink_to_fit();
    revision.upstreams.shrink_to_fit();
    for operation in &mut revision.operations {
        operation.policies.shrink_to_fit();
    }
    revision.operations.shrink_to_fit();
    version
}

/// The version that is said to come after this one.
fn successor(version: &Version) -> Option<VersionId> {
    version.deprecation.as_ref()?.successor
}

fn upstreams(version: &Version) -> impl Iterator<Item = UpstreamId> {
    let revision = &version.revision;
    let chosen = revision.upstreams.iter().map(|one| one.upstream);
    std::iter::once(revision.upstream)
        .chain(revision.test_upstream)
        .chain(chosen)
}
