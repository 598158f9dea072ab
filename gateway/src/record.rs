//! The record of one request as workers write it: bounded in size, pushed into a bounded ring that
//! never blocks, and turned into [`domain::traffic::Record`] by whoever drains the rings.

mod names;
mod ring;
mod trace;
mod watch;

use std::fmt::Write;
use std::net::IpAddr;

use chrono::DateTime;
use domain::id::{
    ApiId, ApplicationId, CredentialId, OperationId, OrganizationId, PlanId, SubscriptionId,
    VersionId,
};
use domain::key::Environment;
use domain::problem::Code;
use domain::traffic::{self, Cached};

use crate::text;

pub use names::{Known, NameId, Names};
pub(crate) use ring::MOST_CAUGHT;
pub use ring::{RING_RECORDS, Rings, Sink};
pub use trace::TraceId;
pub use watch::{MOST_WATCHED, Watch, WatchList};

/// Longest path kept in a record, in bytes.
pub const PATH_BYTES: usize = 160;

/// What a record keeps of a text: its first bytes, inline.
#[derive(Debug, Clone, Copy)]
pub struct Short<const N: usize> {
    length: u8,
    bytes: [u8; N],
}

impl<const N: usize> Short<N> {
    pub const EMPTY: Self = Self {
        length: 0,
        bytes: [0; N],
    };

    /// Cut at `N` bytes, on a character's border; `N` is below 256.
    pub fn new(text: &str) -> Self {
        let mut out = Self::EMPTY;
        out.set(text);
        out
    }

    /// The same in place; what lies behind the text is left as it was and never looked at.
    pub fn set(&mut self, text: &str) {
        let end = text.floor_char_boundary(N);
        self.bytes[..end].copy_from_slice(&text.as_bytes()[..end]);
        self.length = end as u8;
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl<const N: usize> PartialEq for Short<N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<const N: usize> Eq for Short<N> {}

/// One request (gateway.md §9), at most 512 bytes, and the names of what would have refused it.
/// Absent ids are the zero id. Texts that come from the configuration are [`NameId`]s.
#[derive(Debug, Clone)]
pub struct Record {
    /// When the head was read: microseconds since 1970.
    pub at: i64,
    pub state: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub provider: OrganizationId,
    pub consumer: OrganizationId,
    pub api: ApiId,
    pub version: VersionId,
    pub operation: OperationId,
    pub application: ApplicationId,
    pub credential: CredentialId,
    pub subscription: SubscriptionId,
    pub plan: PlanId,
    pub client: Option<IpAddr>,
    pub revision: u32,
    /// One bit per policy in observe mode that would have refused; those from the 32nd place of their
    /// chain on share the last.
    pub observed: u32,
    /// Those by name. Most requests have none, and a record that is written again keeps the memory.
    pub watched: Option<Box<WatchList>>,
    /// Microseconds, as the other times.
    pub total_us: u32,
    pub policies_us: u32,
    pub connect_us: u32,
    pub first_byte_us: u32,
    pub units: u32,
    /// `kind/name` of the policy that decided.
    pub decided_by: NameId,
    /// `host:port` of the target.
    pub target: NameId,
    /// Variant of the upstream that the target is of.
    pub variant: NameId,
    pub status: u16,
    pub tries: u8,
    pub environment: Environment,
    pub code: Option<Code>,
    pub path_cut: bool,
    pub cached: Cached,
    pub method: Short<16>,
    pub request_id: Short<64>,
    pub trace: TraceId,
    pub path: Short<PATH_BYTES>,
}

const _: () = assert!(size_of::<Record>() <= 512);

impl Default for Record {
    fn default() -> Self {
        Self {
            at: 0,
            state: 0,
            bytes_in: 0,
            bytes_out: 0,
            provider: OrganizationId::NIL,
            consumer: OrganizationId::NIL,
            api: ApiId::NIL,
            version: VersionId::NIL,
            operation: OperationId::NIL,
            application: ApplicationId::NIL,
            credential: CredentialId::NIL,
            subscription: SubscriptionId::NIL,
            plan: PlanId::NIL,
            client: None,
            revision: 0,
            observed: 0,
            watched: None,
            total_us: 0,
            policies_us: 0,
            connect_us: 0,
            first_byte_us: 0,
            units: 1,
            decided_by: NameId::NONE,
            target: NameId::NONE,
            variant: NameId::NONE,
            status: 0,
            tries: 0,
            environment: Environment::Live,
            code: None,
            path_cut: false,
            cached: Cached::None,
            method: Short::EMPTY,
            request_id: Short::EMPTY,
            trace: TraceId::NONE,
            path: Short::EMPTY,
        }
    }
}

impl Record {
    /// As [`Record::default`], without touching the texts' bytes.
    pub(crate) fn clear(&mut self) {
        let Self {
            at,
            state,
            bytes_in,
            bytes_out,
            provider,
            consumer,
            api,
            version,
            operation,
            application,
            credential,
            subscription,
            plan,
            client,
            revision,
            observed,
            watched,
            total_us,
            policies_us,
            connect_us,
            first_byte_us,
            units,
            decided_by,
            target,
            variant,
            status,
            tries,
            environment,
            code,
            path_cut,
            cached,
            method,
            request_id,
            trace,
            path,
        } = self;
        *at = 0;
        (*state, *bytes_in, *bytes_out) = (0, 0, 0);
        (*provider, *consumer) = (OrganizationId::NIL, OrganizationId::NIL);
        (*api, *version, *operation) = (ApiId::NIL, VersionId::NIL, OperationId::NIL);
        (*application, *credential) = (ApplicationId::NIL, CredentialId::NIL);
        (*subscription, *plan) = (SubscriptionId::NIL, PlanId::NIL);
        (*client, *code) = (None, None);
        (*revision, *observed, *units) = (0, 0, 1);
        if let Some(list) = watched {
            list.clear();
        }
        (*total_us, *policies_us, *connect_us, *first_byte_us) = (0, 0, 0, 0);
        (*decided_by, *target, *variant) = (NameId::NONE, NameId::NONE, NameId::NONE);
        (*status, *tries, *path_cut) = (0, 0, false);
        (*environment, *cached) = (Environment::Live, Cached::None);
        method.set("");
        request_id.set("");
        *trace = TraceId::NONE;
        path.set("");
    }

    /// Notes a policy in observe mode that would have refused the request.
    pub(crate) fn watch(&mut self, watch: Watch) {
        self.observed |= watch.bit;
        if watch.name != NameId::NONE {
            self.watched.get_or_insert_default().add(watch.name);
        }
    }

    /// The stored form, with names instead of numbers.
    pub fn resolve(&self, names: &Names, node: &str) -> traffic::Record {
        let mut out = traffic::Record::default();
        self.resolve_into(&names.known(), node, &mut out);
        out
    }

    /// The same into one that was used before: its texts keep their memory.
    pub fn resolve_into(&self, names: &Known<'_>, node: &str, out: &mut traffic::Record) {
        let traffic::Record {
            at,
            request_id,
            trace_id,
            node: on,
            state,
            provider,
            consumer,
            api,
            version,
            revision,
            operation,
            application,
            credential,
            environment,
            subscription,
            plan,
            client,
            method,
            path,
            path_cut,
            status,
            code,
            decided_by,
            observed,
            observed_by,
            target,
            variant,
            tries,
            bytes_in,
            bytes_out,
            total_us,
            policies_us,
            connect_us,
            first_byte_us,
            units,
            cached,
        } = out;
        *at = DateTime::from_timestamp_micros(self.at).unwrap_or_default();
        (*state, *revision) = (self.state, self.revision);
        (*provider, *consumer) = (self.provider, self.consumer);
        (*api, *version, *operation) = (self.api, self.version, self.operation);
        (*application, *credential) = (self.application, self.credential);
        (*subscription, *plan) = (self.subscription, self.plan);
        (*environment, *path_cut) = (self.environment, self.path_cut);
        *cached = self.cached;
        (*status, *tries, *observed) = (self.status, self.tries, self.observed);
        (*bytes_in, *bytes_out, *units) = (self.bytes_in, self.bytes_out, self.units);
        (*total_us, *policies_us) = (self.total_us, self.policies_us);
        (*connect_us, *first_byte_us) = (self.connect_us, self.first_byte_us);
        let texts = [
            (request_id, self.request_id.as_str()),
            (on, node),
            (method, self.method.as_str()),
            (path, self.path.as_str()),
            (code, self.code.map_or("", Code::as_str)),
            (decided_by, names.get(self.decided_by)),
            (target, names.get(self.target)),
            (variant, names.get(self.variant)),
        ];
        for (place, text) in texts {
            place.clear();
            place.push_str(text);
        }
        client.clear();
        match self.client {
            Some(IpAddr::V4(ip)) => text::put_v4(client, ip),
            // Nothing is refused by a text.
            Some(IpAddr::V6(ip)) => drop(write!(client, "{ip}")),
            None => {}
        }
        trace_id.clear();
        self.trace.put(trace_id);
        observed_by.clear();
        for id in self.watched.iter().flat_map(|list| list.names()) {
            if !observed_by.is_empty() {
                observed_by.push(' ');
            }
            observed_by.push_str(names.get(*id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(Short::<4>::new("abc").as_str(), "abc");
        assert_eq!(Short::<4>::new("abcdef").as_str(), "abcd");
        assert_eq!(Short::<4>::new("abcé").as_str(), "abc");
    }

    #[test]
    fn names_come_back() {
        let names = Names::default();
        let record = Record {
            target: names.intern("10.0.0.1:80"),
            path: Short::new("/a"),
            ..Record::default()
        };
        let stored = record.resolve(&names, "n1");
        assert_eq!(
            (stored.target.as_str(), stored.decided_by.as_str()),
            ("10.0.0.1:80", "")
        );
        assert_eq!((stored.path.as_str(), stored.node.as_str()), ("/a", "n1"));
    }

    #[test]
    fn all_that_observe_are_named_once_and_up_to_a_bound() {
        let names = Names::default();
        let mut record = Record::default();
        for count in [0, 1, 4, 5, 16, 32, 33, 100] {
            record.clear();
            for _ in 0..2 {
                for number in 0..count {
                    record.watch(Watch {
                        bit: Watch::bit(number as usize),
                        name: names.intern(&format!("plan/quota/q{number}")),
                    });
                }
            }
            record.watch(Watch {
                bit: 0,
                name: NameId::NONE,
            });
            let stored = record.resolve(&names, "n1");
            let named: Vec<String> = (0..count.min(32))
                .map(|number| format!("plan/quota/q{number}"))
                .collect();
            assert_eq!(stored.observed_by, named.join(" "));
            assert_eq!(stored.observed.count_ones(), count.min(32));
        }
        // Also where one alone is noted that stands far behind.
        for (place, bit) in [(0, 0), (30, 30), (31, 31), (32, 31), (100, 31)] {
            record.clear();
            record.watch(Watch {
                bit: Watch::bit(place),
                name: names.intern("plan/quota/q"),
            });
            assert_eq!(record.observed, 1 << bit, "{place}");
        }
    }
}
