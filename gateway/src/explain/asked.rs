//! The only place where explaining meets the reader's own form of a request: a question becomes a
//! head, and the head's way to the upstream becomes names of fields.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use domain::explain::{Asked, Changes, Read, masked};
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::answer::Refusal;
use crate::call::Call;
use crate::client::Client;
use crate::fields;
use crate::head::Head;
use crate::policy::Chain;
use crate::report::Report;
use crate::state::{Route, State, Upstream};
use crate::target;
use crate::tls::Secure;
use crate::upstream::Member;
use crate::worker::Worker;

/// A request that nobody sent.
pub(super) struct Request {
    pub(super) worker: Rc<Worker>,
    pub(super) client: Rc<Client>,
    pub(super) uri: Uri,
    head: Head,
}

/// The fields as the client has them.
pub(super) struct Before(HeaderMap);

impl Request {
    /// `None` for what the reader refuses before it is a request.
    pub(super) fn read(worker: Rc<Worker>, asked: &Asked) -> Option<Self> {
        let method = Method::from_bytes(asked.method.as_bytes()).ok()?;
        let uri = Uri::try_from(&asked.target).ok()?;
        let mut headers = HeaderMap::new();
        for field in &asked.headers {
            let name = HeaderName::try_from(&field.name).ok()?;
            let value = HeaderValue::try_from(field.value.trim()).ok()?;
            headers.append(name, value);
        }
        if !headers.contains_key(HOST) {
            let host = uri.authority().map_or("localhost", |known| known.as_str());
            headers.insert(HOST, HeaderValue::try_from(host).ok()?);
        }
        let mut peer = worker.peer(asked.client.unwrap_or(HERE));
        if uri.scheme_str() == Some("https") {
            let name = uri.host().map(|host| host.to_ascii_lowercase().into());
            peer.secure = Some(Secure {
                server_name: name,
                clients: None,
            });
        }
        let client = Rc::new(Client::of_nobody(&worker, peer));
        Some(Self {
            worker,
            client,
            uri,
            head: Head::new(method, headers),
        })
    }

    /// Its head by itself, and how it was before anything read it.
    pub(super) fn begin(mut self) -> (Self, Head, Before) {
        let nothing = Head::new(Method::GET, HeaderMap::new());
        let head = std::mem::replace(&mut self.head, nothing);
        let before = Before(head.headers.clone());
        (self, head, before)
    }

    /// The client's address behind trusted proxies.
    pub(super) fn address(&self, head: &Head) -> IpAddr {
        let trusted = &self.worker.settings.trusted_proxies;
        target::client(&self.client.peer, &head.headers, trusted)
    }

    /// Refuses a declared length above the limit.
    pub(super) fn body(&self, head: &Head) -> Result<(), Refusal> {
        let limit = self.worker.settings.limits.body_bytes;
        target::body(&head.headers, limit)
    }

    pub(super) fn call<'a>(
        &'a self,
        head: Head,
        state: &'a State,
        report: &'a mut Report,
        route: &'a Route,
        chain: &'a Chain,
        address: IpAddr,
    ) -> Call<'a> {
        Call::new(
            &self.worker,
            state,
            &self.client,
            &self.uri,
            head,
            report,
            route,
            chain,
            address,
        )
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
        fields::address(&mut call.head.headers, upstream, target);
    }
    let (before, after) = (&before.0, &call.head.headers);
    let same = |name: &HeaderName| before.get_all(name).iter().eq(after.get_all(name).iter());
    let names = |names: Vec<&HeaderName>| {
        let mut names: Vec<String> = names.into_iter().map(ToString::to_string).collect();
        names.sort_unstable();
        names
    };
    let (kept, cut): (Vec<_>, Vec<_>) = before.keys().partition(|name| after.contains_key(*name));
    let added = after.keys().filter(|name| !before.contains_key(*name));
    Changes {
        cut: names(cut),
        added: names(added.collect()),
        changed: names(kept.into_iter().filter(|name| !same(name)).collect()),
    }
}
