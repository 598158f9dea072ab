//! Upstreams with their targets, TLS and credential.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::duration::Span;
use domain::snapshot::{self, Secret};
use domain::upstream::{self, MAX_TARGETS, UpstreamCredential, UpstreamSettings};
use http::{HeaderName, HeaderValue, header::AUTHORIZATION};
use rustls_pki_types::ServerName;

use super::client::Client;
use super::model::Dirty;
use super::{Compiler, numbered};
use crate::state::{Patience, Upstream};
use crate::upstream::{
    Delay, Fallback, Hedging, Host, Member, Pulse, Resolved, Sticky, Target, Tls, Trial, Vitals,
    client_config, identity,
};

type Broken = String;

/// What the nodes' workers know of an upstream, by the addresses of its targets.
#[derive(Debug, Default)]
pub(super) struct Crew {
    vitals: Arc<Vitals>,
    pulses: HashMap<String, Arc<Pulse>>,
    /// Of the split that it was made for: another one begins anew.
    trial: Option<(upstream::Split, Arc<Trial>)>,
    /// Where a hedge goes by it.
    delay: Option<Arc<Delay>>,
}

impl Compiler {
    pub(super) fn compile_upstreams(&mut self, dirty: &Dirty) {
        for id in &dirty.upstreams {
            let Some(source) = self.model.upstreams.get(id).cloned() else {
                if let Some(old) = self.upstreams.remove(id) {
                    self.roster.leave(&old);
                }
                self.crews.remove(id);
                self.client_ends.forget(*id);
                continue;
            };
            let compiled = self.upstream(&source);
            if let Some(reason) = &compiled.broken {
                tracing::error!(upstream.id = %id, reason, "An upstream cannot be used; its routes answer 500.");
            }
            self.roster.join(&compiled);
            if let Some(old) = self.upstreams.insert(*id, Arc::new(compiled)) {
                self.roster.leave(&old);
            }
        }
        if self.targets.len() > self.most_targets {
            // Those of no upstream would pile up as upstreams change.
            self.targets
                .retain(|_, target| Arc::strong_count(target) > 1);
            self.most_targets = self.targets.len() * 2 + MAX_TARGETS;
        }
        if !dirty.upstreams.is_empty() {
            self.state.upstreams = self.upstreams.values().cloned().collect();
        }
    }

    fn upstream(&mut self, source: &snapshot::Upstream) -> Upstream {
        let settings = &source.settings;
        let mut broken = source.unreadable.clone();
        let (mut targets, mut sources) = (Vec::new(), Vec::new());
        // In each tier first those of the node's own region.
        let mut tiers: BTreeMap<(u8, bool), u64> = BTreeMap::new();
        let mut resting = Vec::new();
        let before = self.crews.remove(&source.id);
        // All of a new upstream's targets are as new; none has a slow start.
        let is_new = before.is_none();
        let before = before.unwrap_or_default();
        let mut crew = Crew {
            vitals: before.vitals,
            pulses: HashMap::new(),
            trial: None,
            delay: None,
        };
        let client = Client::of(source, self.ring.as_ref()).unwrap_or_else(|reason| {
            broken = Some(reason);
            None
        });
        self.client_ends.note(source, client.as_ref());
        for target in &settings.targets {
            if target.weight == 0 {
                let compiled = self.target(target, settings, client.as_ref()).ok();
                resting.extend(compiled.map(|target| target.number));
                continue;
            }
            match self.target(target, settings, client.as_ref()) {
                Ok(_) if targets.len() == MAX_TARGETS => {
                    broken = Some("too many targets".to_owned())
                }
                Ok(compiled) => {
                    let is_far = self.region.is_some() && target.region != self.region;
                    let tier = tiers.entry((target.tier, is_far));
                    *tier.or_default() |= 1 << targets.len();
                    let known = before.pulses.get(&target.url).cloned();
                    let pulse = crew.pulses.entry(target.url.clone());
                    let pulse = pulse.or_insert_with(|| match known {
                        Some(known) => known,
                        None if is_new => Arc::default(),
                        None => Arc::new(Pulse::fresh()),
                    });
                    if settings.health.active.is_none() {
                        pulse.forget_probes();
                    }
                    sources.push(target);
                    targets.push(Member {
                        target: compiled,
                        weight: target.weight,
                        identity: identity(target.url.as_bytes()),
                        pulse: pulse.clone(),
                    });
                }
                Err(reason) => broken = Some(reason),
            }
        }
        if targets.is_empty() && broken.is_none() {
            broken = Some("it has no target with a weight".to_owned());
        }
        let credential = self.credential(source).unwrap_or_else(|reason| {
            broken = Some(reason);
            None
        });
        let mut split = None;
        if let Some(form) = &settings.split {
            let known = before.trial.filter(|(known, _)| known == form);
            let trial = known.map_or_else(Arc::default, |(_, trial)| trial);
            match super::split::split(form, source.id, &sources, &trial, &self.names) {
                Ok(compiled) => split = Some(compiled),
                Err(reason) => broken = Some(reason.to_owned()),
            }
            crew.trial = Some((form.clone(), trial));
        }
        let hedge = settings.hedge.filter(|_| targets.len() > 1);
        if hedge.is_some_and(|rule| matches!(rule.after, upstream::After::Percentile(_))) {
            crew.delay = Some(before.delay.unwrap_or_default());
        }
        let hedge = hedge.map(|rule| Hedging {
            rule,
            delay: crew.delay.clone(),
        });
        let vitals = crew.vitals.clone();
        self.crews.insert(source.id, crew);
        let (health, breaker) = (&settings.health, settings.breaker);
        let breaker = (!breaker.is_idle()).then_some(breaker);
        let lone = targets.len() == 1 && health.active.is_none();
        let sticky = settings.balance.sticky.as_ref();
        Upstream {
            id: source.id,
            targets: targets.into(),
            tiers: tiers.into_values().collect(),
            balance: settings.balance.clone(),
            lone,
            watched: !lone || breaker.is_some(),
            guarded: breaker.is_some() || (health.panic == 0 && !lone),
            passive: health.passive,
            active: health.active.clone(),
            panic: health.panic,
            retries: settings.retries.clone(),
            replays: settings.retries.tries > 1,
            may_refuse: settings.protocol == upstream::Protocol::Http2,
            copies: settings.mirror.is_some() || hedge.is_some(),
            mirror: settings.mirror.clone(),
            hedge,
            breaker,
            fallback: self.fallback(settings),
            sticky: sticky.map(|form| {
                let urls = sources.iter().map(|target| target.url.as_str());
                Sticky::new(form, source.id, urls)
            }),
            split,
            resting: resting.into(),
            vitals,
            connect_ms: settings.timeouts.connect.as_millis(),
            patience: Patience {
                first_byte_ms: settings.timeouts.first_byte.as_millis(),
                idle_ms: settings.timeouts.idle.as_millis(),
                total_ms: settings.timeouts.total.map(Span::as_millis),
            },
            preserve_host: settings.preserve_host,
            credential,
            broken,
        }
    }

    fn fallback(&self, settings: &UpstreamSettings) -> Option<Fallback> {
        let (label, answer) = match settings.fallback.as_ref()? {
            upstream::Fallback::Answer(answer) => ("answer", Some(Arc::new(answer.clone()))),
            upstream::Fallback::Upstream(id) => (self.model.upstreams.get(id)?.name.as_str(), None),
        };
        Some(Fallback {
            label: self.names.intern(&format!("fallback/{label}")),
            answer,
        })
    }

    fn target(
        &mut self,
        target: &domain::upstream::Target,
        upstream: &UpstreamSettings,
        client: Option<&Client>,
    ) -> Result<Arc<Target>, Broken> {
        let (tls, protocol) = (&upstream.tls, upstream.protocol);
        let url = target.parse().map_err(str::to_owned)?;
        let settings = format!(
            "{protocol:?}\0{}\0{}\0{}",
            tls.ca.as_deref().unwrap_or_default(),
            tls.server_name.as_deref().unwrap_or_default(),
            client.map_or("", |client| &client.digest)
        );
        let key = format!("{url}\0{settings}");
        if let Some(known) = self.targets.get(&key) {
            return Ok(known.clone());
        }
        let host = url.host().ok_or("a target has no host")?;
        let port = url.port_or_known_default().ok_or("a target has no port")?;
        let is_tls = url.scheme() == "https";
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        let name = format!("{host}:{port}");
        let connection = format!("{is_tls}\0{name}\0{settings}");
        let secure = if is_tls {
            let verified = tls.server_name.clone().unwrap_or_else(|| match &host {
                url::Host::Domain(name) => (*name).to_owned(),
                url::Host::Ipv4(ip) => ip.to_string(),
                url::Host::Ipv6(ip) => ip.to_string(),
            });
            let name = ServerName::try_from(verified)
                .map_err(|_| "its server name cannot be verified".to_owned())?;
            let shown = client.map(|client| &client.key);
            let config = client_config(tls.ca.as_deref(), protocol, &self.roots, shown)
                .map_err(|error| error.to_string())?;
            Some(Tls { config, name })
        } else {
            None
        };
        let compiled = Arc::new(Target {
            number: numbered(&mut self.target_numbers, connection),
            name: self.names.intern(&name),
            authority: HeaderValue::try_from(authority)
                .map_err(|_| "a target's name is no header value".to_owned())?,
            host: match host {
                url::Host::Domain(host) => {
                    let fresh = || Arc::new(Resolved::new(host, port));
                    Host::Name(self.resolved.entry(name).or_insert_with(fresh).clone())
                }
                url::Host::Ipv4(ip) => Host::Address(ip.into()),
                url::Host::Ipv6(ip) => Host::Address(ip.into()),
            },
            port,
            base_path: url.path().trim_end_matches('/').into(),
            tls: secure,
            protocol,
        });
        self.targets.insert(key, compiled.clone());
        Ok(compiled)
    }

    fn credential(
        &self,
        source: &snapshot::Upstream,
    ) -> Result<Option<(HeaderName, HeaderValue)>, Broken> {
        let clear = match &source.credential {
            Secret::None => return Ok(None),
            Secret::Clear(credential) => credential.clone(),
            Secret::Sealed(sealed) => {
                let ring = self
                    .ring
                    .as_ref()
                    .ok_or("its credential is sealed and this gateway has no key")?;
                let opened = ring
                    .open(sealed, source.organization.uuid(), source.id.uuid())
                    .map_err(|error| error.to_string())?;
                serde_json::from_slice(&opened)
                    .map_err(|_| "its credential has a form that is not known".to_owned())?
            }
        };
        let (name, value) = match clear {
            UpstreamCredential::Header { name, value } => {
                let name = HeaderName::try_from(name)
                    .map_err(|_| "its credential names no header".to_owned())?;
                (name, value)
            }
            UpstreamCredential::Basic { user, password } => (
                AUTHORIZATION,
                format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
            ),
            UpstreamCredential::Bearer { token } => (AUTHORIZATION, format!("Bearer {token}")),
        };
        let mut value = HeaderValue::try_from(value)
            .map_err(|_| "its credential is no header value".to_owned())?;
        value.set_sensitive(true);
        Ok(Some((name, value)))
    }
}
