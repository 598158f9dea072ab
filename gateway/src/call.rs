//! One request on its way: what is known of it so far. Steps read and extend it.

mod taken;

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::id::{CredentialId, PlanId};
use domain::policy::PolicyKind;

use crate::answer::ShownLimits;
use crate::asking::Learned;
use crate::client::{Client, Peer};
use crate::fields::Name;
use crate::head::Head;
use crate::lease::Leases;
use crate::limiter::Cells;
use crate::nonces::{Kind, Once, Room, Unusable, Used};
use crate::policy::{Chain, Cors, Finishing, Noted, Owed, Step, Wait, Waits};
use crate::quota::Quotas;
use crate::record::{NameId, Watch};
use crate::report::Report;
use crate::standing::Pass;
use crate::state::{Application, Key, Plan, Route, State, Subscription};
use crate::tls::Certificate;
use crate::token::Claims;
use crate::worker::Worker;

pub(crate) use taken::{Taken, TakenList};

/// Who calls, once a policy said so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) key: &'a Key,
    pub(crate) application: &'a Application,
    pub(crate) subscription: Option<&'a Subscription>,
    /// When what it has shown is over, where its key does not tell: microseconds since 1970.
    pub(crate) until_us: u64,
}

impl<'a> Caller<'a> {
    /// Whose key was shown, which is good for as long as it says itself.
    pub(crate) fn of(key: &'a Key) -> Self {
        Self {
            key,
            application: key.application(),
            subscription: None,
            until_us: u64::MAX,
        }
    }
}

/// Who was known to call before a policy that only observes.
pub(crate) struct Known<'a> {
    caller: Option<Caller<'a>>,
    watching: Option<(PolicyKind, Watch)>,
    token: Option<Arc<Claims>>,
}

/// A request that has found its route.
pub(crate) struct Call<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) state: &'a State,
    pub(crate) peer: &'a Peer,
    pub(crate) head: Box<Head>,
    pub(crate) record: &'a mut Report,
    pub(crate) route: &'a Route,
    pub(crate) chain: &'a Chain,
    /// Where in the canonical path that begins which goes on to the target.
    rest: usize,
    /// Where in it that begins which the version's prefix does not cover.
    pub(crate) prefix: usize,
    /// The client's address behind trusted proxies.
    client: IpAddr,
    /// What goes to the upstream instead of [`Call::rest`]'s part of the canonical path.
    pub(crate) rewritten: Option<Box<str>>,
    /// Of the upstream, where it was chosen beforehand.
    pub(crate) variant: Option<usize>,
    /// How long it is delayed before it goes on, on purpose.
    pub(crate) delay_ms: u64,
    /// How long it has waited on purpose.
    pub(crate) waited_ms: u64,
    /// What it waits for before that.
    pub(crate) waits: Option<Box<Waits<'a>>>,
    /// Of the body, where the client says it.
    pub(crate) length: Option<u64>,
    /// It is a preflight, and this answers it.
    pub(crate) preflight: Option<(&'a Step<Finishing>, &'a Cors)>,
    /// For policies that act on the answer; `None` where there are none.
    pub(crate) noted: Option<Box<Noted>>,
    pub(crate) caller: Option<Caller<'a>>,
    /// A signature covers the digest of its body.
    pub(crate) signed: bool,
    /// What the caller's token says.
    pub(crate) token: Option<Arc<Claims>>,
    /// What was asked for the policy that is next.
    pub(crate) learned: Option<Box<Learned>>,
    /// What the upstream is told of it: names and values of fields.
    pub(crate) told: Vec<(&'a str, String)>,
    /// The identity policy that only observes and has found the caller.
    pub(crate) watching: Option<(PolicyKind, Watch)>,
    /// The caller's certificate, where the upstream gets it.
    pub(crate) certificate: Option<&'a Certificate>,
    pub(crate) shown: ShownLimits<'a>,
    pub(crate) taken: TakenList,
    /// What it has shown that may be used once.
    used: Vec<Used>,
    /// Of what was taken, what the answer says the true cost of.
    pub(crate) owed: Vec<Owed<'a>>,
    /// Of the gateway's clock, when the head was read, or when limits were asked for if that was
    /// later.
    pub(crate) now_us: u64,
    /// Since 1970, at the same moment.
    pub(crate) wall_us: u64,
}

impl<'a> Call<'a> {
    #[expect(
        clippy::too_many_arguments,
        reason = "one place makes it, from as many parts as there are"
    )]
    pub(crate) fn new(
        worker: &'a Worker,
        state: &'a State,
        client: &'a Client,
        head: Box<Head>,
        record: &'a mut Report,
        route: &'a Route,
        chain: &'a Chain,
        address: IpAddr,
    ) -> Self {
        let notes = chain.notes();
        let noted = notes.then(|| Box::new(Noted::of(&head.fields, &client.peer)));
        Self {
            worker,
            state,
            peer: &client.peer,
            head,
            now_us: record.started(),
            wall_us: record.at as u64,
            record,
            route,
            chain,
            rest: 0,
            prefix: 0,
            client: address,
            rewritten: None,
            variant: None,
            delay_ms: 0,
            waited_ms: 0,
            waits: None,
            length: None,
            preflight: None,
            noted,
            caller: None,
            signed: false,
            token: None,
            learned: None,
            told: Vec::new(),
            watching: None,
            certificate: None,
            shown: ShownLimits::default(),
            taken: TakenList::default(),
            used: Vec::new(),
            owed: Vec::new(),
        }
    }

    /// Notes how long the version's prefix is.
    pub(crate) fn place(&mut self, prefix: usize) {
        self.prefix = prefix;
        self.rest = if self.route.strip_path { prefix } else { 0 };
    }

    /// The path that goes on to the target.
    pub(crate) fn rest(&self) -> &str {
        self.rest_of(self.head.canonical())
    }

    /// The same where the canonical path is at hand.
    pub(crate) fn rest_of<'p>(&'p self, canonical: &'p str) -> &'p str {
        match &self.rewritten {
            None => &canonical[self.rest..],
            Some(path) => path,
        }
    }

    pub(crate) const fn now_ns(&self) -> u64 {
        self.now_us * 1000
    }

    /// Takes the present time for that of the request.
    pub(crate) fn look_at_clock(&mut self) {
        let clock = &self.worker.settings.clock;
        self.now_us = clock.micros();
        self.wall_us = clock.wall(self.now_us);
    }

    pub(crate) const fn wall_ms(&self) -> u64 {
        self.wall_us / 1000
    }

    pub(crate) const fn wall_secs(&self) -> i64 {
        (self.wall_us / 1_000_000) as i64
    }

    pub(crate) fn utc(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.wall_us as i64).unwrap_or_default()
    }

    /// What the client spoke, as far as a trusted proxy says with the one in front of this gateway.
    pub(crate) fn scheme(&self) -> &'static str {
        let said = self.head.fields.get(Name::ForwardedProto);
        match self.peer.trusted && said == Some(b"https") {
            true => "https",
            false => self.peer.scheme(),
        }
    }

    pub(crate) fn cells(&self) -> &'a Cells {
        &self.worker.shared.cells
    }

    pub(crate) fn leases(&self) -> &'a Leases {
        &self.worker.shared.leases
    }

    pub(crate) fn quotas(&self) -> &'a Quotas {
        &self.worker.shared.quotas
    }

    pub(crate) fn subscription(&self) -> Option<&'a Subscription> {
        self.caller.and_then(|caller| caller.subscription)
    }

    /// The plan of the subscription.
    pub(crate) fn plan(&self) -> Option<&'a Plan> {
        self.state.plan(self.subscription()?)
    }

    /// Of the plan, among requests that wait for the same.
    pub(crate) fn priority(&self) -> i8 {
        self.plan().map_or(0, |plan| plan.priority)
    }

    /// Notes what it has to wait for.
    pub(crate) fn wait(&mut self, label: NameId, wait: Wait<'a>) {
        self.waits.get_or_insert_default().push(label, wait);
    }

    pub(crate) fn caller_id(&self) -> Option<u128> {
        self.caller
            .map(|caller| caller.application.id.uuid().as_u128())
    }

    /// The client's address behind trusted proxies.
    pub(crate) const fn peer_address(&self) -> IpAddr {
        self.client
    }

    /// The client's address as a subject: IPv6 by /64, as one subscriber has that much.
    pub(crate) fn address(&self) -> u128 {
        match self.client {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
            IpAddr::V6(ip) => ip.to_bits() >> 64 << 64,
        }
    }

    /// Notes what it shows that may be used once: all of it or none. Explaining uses up nothing.
    ///
    /// # Errors
    /// Of what kind the first is that cannot be used, and why.
    pub(crate) fn use_up(
        &mut self,
        of: CredentialId,
        all: &[Option<Once>],
    ) -> Result<(), (Kind, Unusable)> {
        if self.worker.explains {
            return Ok(());
        }
        let room = Room {
            provider: self.route.provider,
            of,
        };
        let nonces = &self.worker.shared.nonces;
        nonces.use_up(room, all, &mut self.used)
    }

    /// Puts back what this request took: something refused it, and nothing of it was sent on.
    pub(crate) fn give_back(&mut self) {
        if !self.taken.is_empty() {
            // It may be much later than when that was taken.
            let now = self.worker.settings.clock.micros() * 1000;
            self.taken.give_back(now);
        }
        if !self.used.is_empty() {
            self.worker.shared.nonces.give_back(&mut self.used);
        }
        self.owed.clear();
        self.waits = None;
        self.record.places.clear();
        self.shown.give_back();
    }

    /// Notes whose key was shown, good or not.
    pub(crate) fn recognize(&mut self, caller: &Caller<'_>) {
        let record = &mut *self.record;
        record.application = caller.application.id;
        record.consumer = caller.key.organization();
        record.credential = caller.key.id;
        record.environment = caller.key.environment();
    }

    pub(crate) fn identify(&mut self, caller: Caller<'a>) {
        self.forget_watched();
        self.caller = Some(caller);
    }

    /// It is known who calls, be it somebody of no application: whoever was found by a policy that
    /// only observes is not the one.
    pub(crate) fn forget_watched(&mut self) {
        if self.watching.take().is_some() {
            self.caller = None;
            self.token = None;
        }
    }

    /// Who calls, as far as it is known.
    pub(crate) fn known(&self) -> Option<Known<'a>> {
        let is_known = self.caller.is_some() || self.token.is_some();
        is_known.then(|| Known {
            caller: self.caller,
            watching: self.watching,
            token: self.token.clone(),
        })
    }

    /// Behind a policy that only observes: who was `known` still calls, and whom it has found
    /// otherwise is only watched.
    pub(crate) fn watch(&mut self, known: Option<Known<'a>>, by: (PolicyKind, Watch)) {
        match known {
            Some(known) => {
                if let Some(caller) = &known.caller {
                    self.recognize(caller);
                }
                self.caller = known.caller;
                self.watching = known.watching;
                self.token = known.token;
            }
            None if self.caller.is_some() || self.token.is_some() => self.watching = Some(by),
            None => {}
        }
    }

    pub(crate) fn subscribe(&mut self, subscription: &'a Subscription) {
        if let Some(caller) = &mut self.caller {
            caller.subscription = Some(subscription);
            // Where who called was only watched, nothing ends for it.
            if self.watching.is_none() {
                self.record.connection.standing.begin(Pass {
                    key: (caller.key.digest.prefix(), caller.key.id),
                    product: subscription.product,
                    from: self.client,
                    until_us: caller.until_us,
                });
            }
        }
        self.record.subscription = subscription.id;
        self.record.plan = self.plan().map_or(PlanId::NIL, |plan| plan.id);
    }
}
