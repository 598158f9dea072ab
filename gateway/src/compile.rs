//! From snapshots and changes to [`State`]s. A change rebuilds what it touches and shares the
//! rest with the state before; counters and connections are known by numbers that never change.

mod access;
mod back;
mod client;
mod consumers;
mod contract;
mod guarded;
mod ip_lists;
mod lifecycle;
mod model;
mod named;
mod purges;
mod roster;
mod route;
mod sealed;
mod split;
mod tls;
mod unread;
mod upstream;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::api::Purge;
use domain::id::{ApiId, ProductId, UpstreamId, VersionId};
use domain::seal::KeyRing;
use domain::snapshot::{Delta, Kind, Purged, SCHEMA, Snapshot};

use crate::clock::Clock;
use crate::metrics::RouteNames;
use crate::policy::Context;
use crate::record::Names;
use crate::settings::Settings;
use crate::slot::Limits;
use crate::state::{Keys, State, Upstream};
use crate::token::KeySets;
use crate::upstream::{Resolved, Roots, Target};
use consumers::Consumers;
use model::{Dirty, Model};
use purges::Purges;
use roster::Roster;
use unread::Unread;
use upstream::Crew;

/// Why a change was not taken; the state before stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error("it was written by a newer release (schema {0})")]
    Newer(u32),
    #[error("changes between state {have} and {from} are missing")]
    Gap { have: u64, from: u64 },
    #[error("compiling it, or one before it, ended abnormally; a whole state is needed")]
    HalfDone,
}

/// Holds the source of the present state and compiles what changes.
pub(crate) struct Compiler {
    names: Arc<Names>,
    limits: Arc<Limits>,
    ring: Option<KeyRing>,
    roots: Roots,
    tls: tls::Source,
    model: Model,
    /// By what tells connections apart.
    target_numbers: HashMap<String, u32>,
    /// By address and TLS settings.
    targets: HashMap<String, Arc<Target>>,
    /// More of them than this are looked through for those of no upstream.
    most_targets: usize,
    /// By name and port.
    resolved: HashMap<String, Arc<Resolved>>,
    product_numbers: HashMap<ProductId, u32>,
    route_numbers: HashMap<VersionId, u32>,
    route_names: Arc<RouteNames>,
    key_sets: Arc<KeySets>,
    upstreams: HashMap<UpstreamId, Arc<Upstream>>,
    /// What is counted per upstream and target; it outlives a change.
    crews: HashMap<UpstreamId, Crew>,
    client_ends: client::Ends,
    contracts: contract::Contracts,
    roster: Roster,
    clock: Clock,
    /// Where this node stands.
    region: Option<String>,
    /// Where the portal is, without a trailing slash.
    portal_url: Option<String>,
    consumers: Consumers,
    purges: Purges,
    unread: Unread,
    /// Versions that are not served any more.
    left: HashSet<VersionId>,
    ip_lists: ip_lists::Names,
    /// The last change was left in the middle.
    is_half_done: bool,
    state: State,
}

impl Compiler {
    /// `ring` opens credentials and private keys that are sealed.
    pub(crate) fn new(names: Arc<Names>, limits: Arc<Limits>, ring: Option<KeyRing>) -> Self {
        Self {
            names,
            limits,
            ring,
            roots: Roots::default(),
            tls: tls::Source::default(),
            model: Model::default(),
            target_numbers: HashMap::new(),
            targets: HashMap::new(),
            most_targets: 0,
            resolved: HashMap::new(),
            product_numbers: HashMap::new(),
            route_numbers: HashMap::new(),
            route_names: Arc::default(),
            key_sets: Arc::default(),
            upstreams: HashMap::new(),
            crews: HashMap::new(),
            client_ends: client::Ends::default(),
            contracts: contract::Contracts::default(),
            roster: Roster::default(),
            clock: Clock::default(),
            region: None,
            portal_url: None,
            consumers: Consumers::default(),
            purges: Purges::default(),
            unread: Unread::default(),
            left: HashSet::new(),
            ip_lists: ip_lists::Names::default(),
            is_half_done: false,
            state: State {
                number: 0,
                routes: domain::route::Routes::default(),
                retired: None,
                keys: Keys::empty(),
                plans: Arc::default(),
                ip_lists: Arc::default(),
                suspended: Arc::default(),
                settings: Arc::default(),
                tls: Arc::default(),
                client_ends: Arc::default(),
                upstreams: Arc::default(),
                gone: Arc::default(),
            },
        }
    }

    /// For the node that has these settings.
    #[must_use]
    pub(crate) fn on(mut self, settings: &Settings) -> Self {
        self.clock = settings.clock.clone();
        self.region.clone_from(&settings.region);
        self.portal_url.clone_from(&settings.portal_url);
        self
    }

    /// Compiles a whole state anew.
    pub(crate) fn full(&mut self, mut snapshot: Snapshot) -> Result<Arc<State>, NotTaken> {
        if snapshot.schema > SCHEMA {
            return Err(NotTaken::Newer(snapshot.schema));
        }
        self.unread.full(&snapshot.parts);
        let before: Vec<VersionId> = self.model.versions.keys().copied().collect();
        self.model = Model::default();
        for (_, upstream) in self.upstreams.drain() {
            self.roster.leave(&upstream);
        }
        self.client_ends.clear();
        self.route_names.clear();
        self.state.routes = domain::route::Routes::default();
        self.state.retired = None;
        self.state.plans = Arc::default();
        self.state.suspended = Arc::default();
        self.state.settings = Arc::default();
        self.state.upstreams = Arc::default();
        self.state.ip_lists = Arc::default();
        self.ip_lists.clear();
        let lists = std::mem::take(&mut snapshot.parts.ip_lists);
        self.ip_lists.put(lists, &mut self.state.ip_lists);
        self.purges.take(&snapshot.parts.apis, true);
        self.contracts.clear();
        self.contracts.take(&mut snapshot.parts.versions);
        self.fill_tls(&mut snapshot.parts);
        let (rest, parts) = consumers::Put::of(snapshot.parts);
        self.state.keys = self.consumers.fill(parts, &mut self.product_numbers);
        let dirty = self.model.put(rest);
        self.model.fit();
        self.note_left(before);
        let present = &self.model.upstreams;
        self.crews.retain(|id, _| present.contains_key(id));
        let state = self.compile(dirty, snapshot.state);
        self.route_names.fit();
        Ok(state)
    }

    /// Applies what changed.
    pub(crate) fn delta(&mut self, mut delta: Delta) -> Result<Arc<State>, NotTaken> {
        if delta.from > self.state.number {
            return Err(NotTaken::Gap {
                have: self.state.number,
                from: delta.from,
            });
        }
        self.unread.delta(&delta);
        let number = delta.state.max(self.state.number);
        self.purges.remove(&delta.gone);
        self.purges.take(&delta.put.apis, false);
        self.contracts.remove(&delta.gone);
        self.contracts.take(&mut delta.put.versions);
        self.change_tls(&delta.gone, &mut delta.put);
        let lists = std::mem::take(&mut delta.put.ip_lists);
        let mut renamed = self.ip_lists.remove(&delta.gone, &mut self.state.ip_lists);
        renamed.extend(self.ip_lists.put(lists, &mut self.state.ip_lists));
        let versions = &self.model.versions;
        let gone = delta.gone.iter();
        let gone = gone.filter(|(kind, _)| *kind == Kind::Version);
        let gone = gone.map(|(_, id)| VersionId::from_uuid(*id));
        let before: Vec<VersionId> = gone.filter(|id| versions.contains_key(id)).collect();
        let mut dirty = self.model.remove(&delta.gone);
        let (rest, put) = consumers::Put::of(delta.put);
        dirty.extend(self.model.put(rest));
        self.note_left(before);
        self.model.touch_listers(renamed, &mut dirty);
        let keys = &mut self.state.keys;
        let products = &mut self.product_numbers;
        self.consumers.change(&delta.gone, put, products, keys);
        Ok(self.compile(dirty, number))
    }

    /// Whether all APIs are of one organization.
    pub(crate) fn has_one_provider(&self) -> bool {
        let mut providers = self.model.apis.values().map(|api| api.organization);
        let first = providers.next();
        providers.all(|other| Some(other) == first)
    }

    /// What of the present state cannot be read.
    pub(crate) fn unread(&self) -> &Unread {
        &self.unread
    }

    /// The keys of issuers, to be kept fresh.
    pub(crate) fn key_sets(&self) -> Arc<KeySets> {
        self.key_sets.clone()
    }

    /// What is to be taken out of the cache since the last call, with the versions that it is of.
    pub(crate) fn purges(&mut self) -> Vec<(HashSet<VersionId>, Purge)> {
        let due = self.purges.due().into_iter();
        due.map(|(api, what)| {
            let versions = self.model.versions.values();
            let own = versions.filter(|version| version.api == api);
            (own.map(|version| version.id).collect(), what)
        })
        .collect()
    }

    /// The same for what nodes keep in common: of each API with its versions all purges that are
    /// known, where some are new since the last call.
    pub(crate) fn purged(&mut self) -> Vec<(ApiId, Vec<VersionId>, Vec<Purged>)> {
        let told = self.purges.told().into_iter();
        told.map(|(api, all)| {
            let versions = self.model.versions.values();
            let own = versions.filter(|version| version.api == api);
            (api, own.map(|version| version.id).collect(), all)
        })
        .collect()
    }

    /// Notes those that were there before and are not now.
    fn note_left(&mut self, before: Vec<VersionId>) {
        let served = &self.model.versions;
        let left = before.into_iter().filter(|id| !served.contains_key(id));
        self.left.extend(left);
    }

    /// Versions that are not served any more since the last call.
    pub(crate) fn left(&mut self) -> HashSet<VersionId> {
        std::mem::take(&mut self.left)
    }

    /// APIs that are no more since the last call, of those whose purges were told.
    pub(crate) fn gone(&mut self) -> Vec<ApiId> {
        self.purges.gone()
    }

    /// Always those of the newest state, for metrics.
    pub(crate) fn route_names(&self) -> Arc<RouteNames> {
        self.route_names.clone()
    }

    fn compile(&mut self, dirty: Dirty, number: u64) -> Arc<State> {
        if dirty.settings {
            let settings = self.model.settings.clone().unwrap_or_default();
            let tokens = settings.tokens.as_ref();
            self.key_sets
                .set_platform(tokens.map(|tokens| &tokens.keys));
            self.state.settings = Arc::new(settings);
        }
        self.compile_upstreams(&dirty);
        if let Some(ends) = self.client_ends.settle(&self.state.client_ends) {
            self.state.client_ends = ends;
        }
        if let Some(gone) = self.roster.settle(self.clock.micros() / 1000) {
            self.state.gone = gone;
        }
        self.compile_plans(&dirty);
        self.compile_routes(&dirty);
        self.compile_retired(&dirty);
        self.contracts.settle();
        self.compile_suspended(&dirty);
        self.state.number = number;
        Arc::new(self.state.clone())
    }

    fn context(&self) -> Context<'_> {
        Context {
            names: &self.names,
            limits: &self.limits,
            key_sets: &self.key_sets,
            upstreams: &|_| None,
            ip_lists: &|_| None,
            bound: Ok(None),
            examples: Ok(None),
        }
    }
}

fn numbered<K: std::hash::Hash + Eq>(numbers: &mut HashMap<K, u32>, key: K) -> u32 {
    let next = numbers.len() as u32;
    *numbers.entry(key).or_insert(next)
}

#[cfg(test)]
mod properties;
