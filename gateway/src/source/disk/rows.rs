//! Objects as rows: kind, id, length, and what the object is. Kinds of which there may be millions
//! have a short form of their own; the others are JSON.

use chrono::{DateTime, Utc};
use domain::application::Lifetime;
use domain::id::Id;
use domain::key::{Environment, KeyDigest};
use domain::lifecycle::ApplicationState;
use domain::snapshot::{Application, Credential, Delta, Kind, Parts, Settings, Subscription};
use domain::subscription::SubscriptionState;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// Bytes in front of what an object is.
pub(super) const HEAD: usize = 1 + 16 + 4;

/// By which letter a row's kind is written. Letters are never used twice.
const LETTERS: [(Kind, u8); 13] = [
    (Kind::Organization, b'o'),
    (Kind::Api, b'a'),
    (Kind::Version, b'v'),
    (Kind::Upstream, b'u'),
    (Kind::Product, b'p'),
    (Kind::Plan, b'n'),
    (Kind::Application, b'c'),
    (Kind::Credential, b'k'),
    (Kind::Subscription, b's'),
    (Kind::Settings, b'x'),
    (Kind::Certificate, b't'),
    (Kind::Host, b'h'),
    (Kind::IpList, b'i'),
];
/// What the state's number stands for in its database.
const MARK: u8 = b'm';
/// An object that is gone: what it is, is the letter of its kind.
const GONE: u8 = b'-';

const fn letter(kind: Kind) -> u8 {
    let mut index = 0;
    while index < LETTERS.len() {
        if LETTERS[index].0 as u8 == kind as u8 {
            return LETTERS[index].1;
        }
        index += 1;
    }
    GONE
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row<'a> {
    letter: u8,
    id: Uuid,
    body: &'a [u8],
}

/// What tells objects apart.
pub(super) type Name = (u8, Uuid);

impl<'a> Row<'a> {
    /// Takes the first row off `bytes`. `None` when they do not begin with a whole one.
    pub(super) fn take(bytes: &mut &'a [u8]) -> Option<Self> {
        let mut rest = In(bytes);
        let letter = rest.byte()?;
        let id = rest.uuid()?;
        let length = u32::from_le_bytes(rest.array()?);
        let body = rest.take(length as usize)?;
        *bytes = rest.0;
        Some(Self { letter, id, body })
    }

    /// The length of the row that begins with this head.
    pub(super) fn length(head: &[u8; HEAD]) -> usize {
        let mut length = [0; 4];
        length.copy_from_slice(&head[HEAD - 4..]);
        HEAD + u32::from_le_bytes(length) as usize
    }

    /// The object, and whether it is there.
    pub(super) fn name(&self) -> Option<(Name, bool)> {
        match (self.letter, self.body) {
            (GONE, [letter]) => Some(((*letter, self.id), false)),
            (GONE, _) => None,
            (letter, _) => Some(((letter, self.id), true)),
        }
    }

    /// Adds the object to `parts`. `None` when it cannot be understood.
    pub(super) fn read(&self, parts: &mut Parts) -> Option<()> {
        if self.letter == MARK {
            parts.mark = Some(json(self.body)?);
            return Some(());
        }
        match LETTERS.iter().find(|known| known.1 == self.letter)?.0 {
            Kind::Organization => parts.organizations.push(json(self.body)?),
            Kind::Api => parts.apis.push(json(self.body)?),
            Kind::Version => parts.versions.push(json(self.body)?),
            Kind::Upstream => parts.upstreams.push(json(self.body)?),
            Kind::Product => parts.products.push(json(self.body)?),
            Kind::Plan => parts.plans.push(json(self.body)?),
            Kind::Certificate => parts.certificates.push(json(self.body)?),
            Kind::Host => parts.hosts.push(json(self.body)?),
            Kind::IpList => parts.ip_lists.push(json(self.body)?),
            Kind::Settings => parts.settings = Some(json::<Settings>(self.body)?),
            Kind::Application => {
                parts.applications.push(In(self.body).application(self.id)?);
            }
            Kind::Credential => parts.credentials.push(In(self.body).credential(self.id)?),
            Kind::Subscription => {
                parts
                    .subscriptions
                    .push(In(self.body).subscription(self.id)?);
            }
        }
        Some(())
    }
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

/// Writes everything that `parts` holds.
pub(super) fn write(parts: &Parts, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    write_few(parts, out)?;
    applications(&parts.applications, out);
    credentials(&parts.credentials, out);
    subscriptions(&parts.subscriptions, out);
    Ok(())
}

/// Writes what there are not millions of.
pub(super) fn write_few(parts: &Parts, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let mut out = Out(out);
    out.json_each(letter(Kind::Organization), &parts.organizations, |one| {
        one.id.uuid()
    })?;
    out.json_each(letter(Kind::Api), &parts.apis, |one| one.id.uuid())?;
    out.json_each(letter(Kind::Version), &parts.versions, |one| one.id.uuid())?;
    out.json_each(letter(Kind::Upstream), &parts.upstreams, |one| {
        one.id.uuid()
    })?;
    out.json_each(letter(Kind::Product), &parts.products, |one| one.id.uuid())?;
    out.json_each(letter(Kind::Plan), &parts.plans, |one| one.id.uuid())?;
    let certificates = &parts.certificates;
    out.json_each(letter(Kind::Certificate), certificates, |one| one.id.uuid())?;
    out.json_each(letter(Kind::Host), &parts.hosts, |one| one.id.uuid())?;
    out.json_each(letter(Kind::IpList), &parts.ip_lists, |one| one.id.uuid())?;
    let settings = parts.settings.as_slice();
    out.json_each(letter(Kind::Settings), settings, |_| Uuid::nil())?;
    out.json_each(MARK, parts.mark.as_slice(), |_| Uuid::nil())?;
    Ok(())
}

pub(super) fn applications(all: &[Application], out: &mut Vec<u8>) {
    for one in all {
        Out(out).row(letter(Kind::Application), one.id.uuid(), |out| {
            out.application(one)
        });
    }
}

pub(super) fn credentials(all: &[Credential], out: &mut Vec<u8>) {
    for one in all {
        Out(out).row(letter(Kind::Credential), one.id.uuid(), |out| {
            out.credential(one)
        });
    }
}

pub(super) fn subscriptions(all: &[Subscription], out: &mut Vec<u8>) {
    for one in all {
        Out(out).row(letter(Kind::Subscription), one.id.uuid(), |out| {
            out.subscription(one)
        });
    }
}

/// Writes what a change removes and puts, in this order.
pub(super) fn write_delta(delta: &Delta, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    for (kind, id) in &delta.gone {
        let id = match kind {
            Kind::Settings => Uuid::nil(),
            _ => *id,
        };
        Out(out).row(GONE, id, |out| out.0.push(letter(*kind)));
    }
    write(&delta.put, out)
}

struct Out<'a>(&'a mut Vec<u8>);

impl Out<'_> {
    fn row(&mut self, letter: u8, id: Uuid, body: impl FnOnce(&mut Self)) {
        self.0.push(letter);
        self.0.extend_from_slice(id.as_bytes());
        let at = self.0.len();
        self.0.extend_from_slice(&[0; 4]);
        body(self);
        let length = (self.0.len() - at - 4) as u32;
        self.0[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }

    fn json_each<T: Serialize>(
        &mut self,
        letter: u8,
        all: &[T],
        id: impl Fn(&T) -> Uuid,
    ) -> Result<(), serde_json::Error> {
        for one in all {
            let json = serde_json::to_vec(one)?;
            self.row(letter, id(one), |out| out.0.extend_from_slice(&json));
        }
        Ok(())
    }

    fn id<K>(&mut self, id: Id<K>) {
        self.0.extend_from_slice(id.uuid().as_bytes());
    }

    /// At most 255 bytes, as all that is written this way has.
    fn word(&mut self, word: &str) {
        self.0.push(word.len() as u8);
        self.0.extend_from_slice(word.as_bytes());
    }

    fn time(&mut self, at: Option<DateTime<Utc>>) {
        self.0.push(u8::from(at.is_some()));
        if let Some(at) = at {
            self.0.extend_from_slice(&at.timestamp().to_le_bytes());
            let nanos = at.timestamp_subsec_nanos();
            self.0.extend_from_slice(&nanos.to_le_bytes());
        }
    }

    fn application(&mut self, one: &Application) {
        self.id(one.organization);
        self.word(one.state.as_str());
        // To the end: longer than a word may be.
        if !one.labels.is_empty() {
            let labels = serde_json::to_vec(&one.labels);
            self.0.extend_from_slice(&labels.unwrap_or_default());
        }
    }

    fn credential(&mut self, one: &Credential) {
        self.id(one.application);
        self.word(one.environment.as_str());
        self.0.extend_from_slice(&one.digest.0);
        self.time(one.lifetime.expires_at);
        self.time(one.lifetime.retires_at);
        self.time(one.lifetime.revoked_at);
        for net in &one.cidrs {
            self.word(&net.to_string());
        }
        // Behind an empty word, which no network is: longer than a word may be. One is an object, the
        // other a text.
        let behind = match (&one.signs, &one.argon2id) {
            (Some(key), _) => serde_json::to_vec(key),
            (None, Some(hash)) => serde_json::to_vec(hash),
            (None, None) => return,
        };
        self.word("");
        self.0.extend_from_slice(&behind.unwrap_or_default());
    }

    fn subscription(&mut self, one: &Subscription) {
        self.id(one.application);
        self.id(one.product);
        self.id(one.plan);
        self.word(one.state.as_str());
        self.0.push(u8::from(one.paused));
        self.time(one.approved_at);
        self.time(one.starts_at);
        self.time(one.ends_at);
    }
}

struct In<'a>(&'a [u8]);

impl<'a> In<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn uuid(&mut self) -> Option<Uuid> {
        self.array().map(Uuid::from_bytes)
    }

    fn id<K>(&mut self) -> Option<Id<K>> {
        self.uuid().map(Id::from_uuid)
    }

    fn word(&mut self) -> Option<&'a str> {
        let length = self.byte()?;
        std::str::from_utf8(self.take(length.into())?).ok()
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn time(&mut self) -> Option<Option<DateTime<Utc>>> {
        if !self.flag()? {
            return Some(None);
        }
        let seconds = i64::from_le_bytes(self.array()?);
        let nanos = u32::from_le_bytes(self.array()?);
        DateTime::from_timestamp(seconds, nanos).map(Some)
    }

    fn application(mut self, id: Uuid) -> Option<Application> {
        Some(Application {
            id: Id::from_uuid(id),
            organization: self.id()?,
            state: ApplicationState::parse(self.word()?)?,
            labels: match self.0 {
                [] => Vec::new(),
                written => json(written)?,
            },
        })
    }

    fn credential(mut self, id: Uuid) -> Option<Credential> {
        let mut credential = Credential {
            id: Id::from_uuid(id),
            application: self.id()?,
            environment: Environment::parse(self.word()?)?,
            digest: KeyDigest(self.array()?),
            lifetime: Lifetime {
                expires_at: self.time()?,
                retires_at: self.time()?,
                revoked_at: self.time()?,
            },
            cidrs: Vec::new(),
            signs: None,
            argon2id: None,
        };
        while !self.0.is_empty() {
            match self.word()? {
                "" => {
                    match self.0 {
                        [b'"', ..] => credential.argon2id = Some(json(self.0)?),
                        _ => credential.signs = Some(json(self.0)?),
                    }
                    break;
                }
                net => credential.cidrs.push(net.parse().ok()?),
            }
        }
        Some(credential)
    }

    fn subscription(mut self, id: Uuid) -> Option<Subscription> {
        Some(Subscription {
            id: Id::from_uuid(id),
            application: self.id()?,
            product: self.id()?,
            plan: self.id()?,
            state: SubscriptionState::parse(self.word()?)?,
            paused: self.flag()?,
            approved_at: self.time()?,
            starts_at: self.time()?,
            ends_at: self.time()?,
        })
    }
}
