//! The only place where explaining meets the reader's own form of a request: a question becomes a
//! head, and the head's way to the upstream becomes names of fields.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use crate::answer::Refusal;
use crate::call::Call;
use crate::client::Client;
use crate::fields::{Fields, Name};
use crate::head::Head;
use crate::http1;
use crate::passage;
use crate::policy::Chain;
use crate::report::Report;
use crate::state::{Route, State, Upstream};
use crate::target;
use crate::tls::Secure;
use crate::upstream::Member;
use crate::worker::Worker;
use domain::explain::{Asked, Changes, Read, masked};

/// A request that nobody sent.
pub(super) struct Request {
    pub(super) worker: Rc<Worker>,
    pub(super) client: Rc<Client>,
    /// Of its body, as it is declared.
    length: Option<u64>,
}

/// The fields as the client has them: the values of each name in lower case.
pub(super) struct Before(BTreeMap<String, Vec<Vec<u8>>>);

impl Before {
    fn of(fields: &Fields) -> Self {
        let mut all: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        for (name, value) in fields.iter() {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            all.entry(name).or_default().push(value.to_owned());
        }
        Self(all)
    }
}

impl Request {
    /// With its head, and how its fields were before anything read them. `None` for what the reader
    /// refuses before it is a request.
    pub(super) fn read(worker: Rc<Worker>, asked: &Asked) -> Option<(Self, Box<Head>, Before)> {
        let mut text = format!("{} {} HTTP/1.1\r\n", asked.method, asked.target);
        let mut has_host = false;
        for field in &asked.headers {
            has_host |= Name::of(field.name.as_bytes()) == Name::Host;
            write!(text, "{}: {}\r\n", field.name, field.value.trim()).ok()?;
        }
        let lines = 1 + asked.headers.len();
        if text.matches(['\r', '\n']).count() != 2 * lines {
            return None;
        }
        let end = if has_host {
            "\r\n"
        } else {
            "host: localhost\r\n\r\n"
        };
        text.push_str(end);
        let mut parsed = http1::parse(text.as_bytes(), &worker.settings.limits).ok()?;
        let authority = parsed.head.authority().map(str::to_owned);
        if let Some(authority) = authority.as_deref().filter(|_| !has_host) {
            parsed.head.fields.set("host", authority.as_bytes());
        }
        let mut peer = worker.peer(asked.client.unwrap_or(HERE));
        let scheme = asked.target.get(..8);
        if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")) {
            let host = authority.as_deref().and_then(domain::route::host);
            peer.secure = Some(Secure {
                server_name: host.map(|host| host.as_ref().into()),
                clients: None,
                certificate: None,
            });
        }
        let request = Self {
            client: Rc::new(Client::of_nobody(&worker, peer)),
            worker,
            length: parsed.framing.length(),
        };
        let before = Before::of(&parsed.head.fields);
        Some((request, parsed.head, before))
    }

    /// The client's address behind trusted proxies.
    pub(super) fn address(&self, head: &Head) -> IpAddr {
        let trusted = &self.worker.settings.trusted_proxies;
        target::client(&self.client.peer, &head.fields, trusted)
    }

    /// Refuses a declared length above the limit.
    pub(super) fn body(&self) -> Result<(), Refusal> {
        let limit = self.worker.settings.limits.body_bytes;
        target::body(self.length, limit)
    }

    pub(super) fn call<'a>(
        &'a self,
        head: Box<Head>,
        state: &'a State,
        report: &'a mut Report,
        route: &'a Route,
        chain: &'a Chain,
        address: IpAddr,
    ) -> Call<'a> {
        let mut call = Call::new(
            &self.worker,
            state,
            &self.client,
            head,
            report,
            route,
            chain,
            address,
        );
        call.length = self.length;
        call
    }
}

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The request as it is before the gateway has read it.
pub(super) fn shown(asked: &Asked) -> Read {
    let sent = asked.target.split(['?', '#']).next().unwrap_or_default();
    Read {
        method: asked.method.clone(),
        sent: masked(sent),
        path: None,
        host: None,
        client: asked.client.unwrap_or(HERE),
    }
}

/// What became of the fields; the first target stands for all.
pub(super) fn changes(before: &Before, call: &mut Call<'_>, upstream: &Upstream) -> Changes {
    if let Some(Member { target, .. }) = upstream.targets.first() {
        passage::address(&mut call.head.fields, upstream, target);
    }
    let (before, after) = (&before.0, Before::of(&call.head.fields).0);
    let (mut cut, mut changed) = (Vec::new(), Vec::new());
    for (name, values) in before {
        match after.get(name) {
            None => cut.push(name.clone()),
            Some(now) if now != values => changed.push(name.clone()),
            Some(_) => {}
        }
    }
    let added = after.keys().filter(|name| !before.contains_key(*name));
    Changes {
        cut,
        added: added.cloned().collect(),
        changed,
    }
}
