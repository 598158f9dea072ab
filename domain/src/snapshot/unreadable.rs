//! What of a state this release cannot read, as a newer one has written it: it costs its own object,
//! on the closed side, and nothing else.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::{Delta, Kind, Parts, Revision, Route};
use crate::api::Operations;
use crate::id::{RevisionId, UpstreamId};
use crate::prefix::check_prefix;
use crate::route::Condition;

/// An object of which something cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    pub kind: Kind,
    pub id: Uuid,
    pub reason: String,
}

impl Parts {
    /// Everything in them of which something cannot be read.
    pub fn unreadable(&self) -> impl Iterator<Item = Unreadable> {
        let organizations = self.organizations.iter();
        let organizations = organizations
            .filter_map(|one| told(Kind::Organization, one.id.uuid(), &one.unreadable));
        let apis = self.apis.iter();
        let apis = apis.filter_map(|one| told(Kind::Api, one.id.uuid(), &one.unreadable));
        let versions = self.versions.iter();
        let versions =
            versions.filter_map(|one| told(Kind::Version, one.id.uuid(), &one.unreadable));
        let upstreams = self.upstreams.iter();
        let upstreams =
            upstreams.filter_map(|one| told(Kind::Upstream, one.id.uuid(), &one.unreadable));
        let others = self.unread.iter().cloned();
        let published = organizations.chain(apis).chain(versions);
        published.chain(upstreams).chain(others)
    }

    /// Forgets what was wrong with what has been read again, and notes what is now.
    pub(super) fn read_again(&mut self, delta: &Delta) {
        if !self.unread.is_empty() {
            let again: BTreeSet<(Kind, Uuid)> = delta.names().into_iter().collect();
            self.unread
                .retain(|one| !again.contains(&(one.kind, one.id)));
        }
        self.unread.extend(delta.put.unread.iter().cloned());
    }
}

fn told(kind: Kind, id: Uuid, reason: &Option<String>) -> Option<Unreadable> {
    let reason = reason.clone()?;
    Some(Unreadable { kind, id, reason })
}

impl Delta {
    /// Everything that it puts or removes.
    pub fn names(&self) -> Vec<(Kind, Uuid)> {
        let mut names = self.gone.clone();
        let mut note = |kind: Kind, ids: &mut dyn Iterator<Item = Uuid>| {
            names.extend(ids.map(|id| (kind, id)));
        };
        let put = &self.put;
        let organizations = &mut put.organizations.iter().map(|one| one.id.uuid());
        note(Kind::Organization, organizations);
        note(Kind::Api, &mut put.apis.iter().map(|one| one.id.uuid()));
        let versions = &mut put.versions.iter().map(|one| one.id.uuid());
        note(Kind::Version, versions);
        let upstreams = &mut put.upstreams.iter().map(|one| one.id.uuid());
        note(Kind::Upstream, upstreams);
        let products = &mut put.products.iter().map(|one| one.id.uuid());
        note(Kind::Product, products);
        note(Kind::Plan, &mut put.plans.iter().map(|one| one.id.uuid()));
        let applications = &mut put.applications.iter().map(|one| one.id.uuid());
        note(Kind::Application, applications);
        let credentials = &mut put.credentials.iter().map(|one| one.id.uuid());
        note(Kind::Credential, credentials);
        let subscriptions = &mut put.subscriptions.iter().map(|one| one.id.uuid());
        note(Kind::Subscription, subscriptions);
        let settings = &mut put.settings.iter().map(|_| Uuid::nil());
        note(Kind::Settings, settings);
        let certificates = &mut put.certificates.iter().map(|one| one.id.uuid());
        note(Kind::Certificate, certificates);
        note(Kind::Host, &mut put.hosts.iter().map(|one| one.id.uuid()));
        let lists = &mut put.ip_lists.iter().map(|one| one.id.uuid());
        note(Kind::IpList, lists);
        names
    }
}

impl Revision {
    /// Where a revision answers that as a whole cannot be read, so that its requests are told so and
    /// go nowhere else. `None` when not even that can be read.
    pub fn place(id: RevisionId, number: u32, written: &str) -> Option<Self> {
        let written: Value = serde_json::from_str(written).ok()?;
        let written = written.get("route")?;
        let route = read(written).or_else(|| place(written))?;
        Some(Self {
            id,
            number,
            route,
            upstream: UpstreamId::NIL,
            test_upstream: None,
            upstreams: Vec::new(),
            policies: Vec::new(),
            // Whatever is asked for meets the version's own answer.
            operations_mode: Operations::Open,
            operations: Vec::new(),
        })
    }
}

/// What can be read of a route. Its rule is a broken one: what cannot be read may ask for more.
fn place(written: &Value) -> Option<Route> {
    let member = |name: &str| written.get(name);
    let path: String = read(member("path")?)?;
    check_prefix(&path).ok()?;
    let conditions = member("when").and_then(Value::as_array);
    let mut when: Vec<Condition> = conditions.into_iter().flatten().filter_map(read).collect();
    // One that is none, for those that cannot be read.
    when.push(Condition::default());
    Some(Route {
        hosts: match member("hosts") {
            Some(hosts) => read(hosts)?,
            None => Vec::new(),
        },
        encoded_slashes: member("encoded_slashes").and_then(read).unwrap_or_default(),
        // Likewise one by which nobody asks.
        selector: member("selector").map(|selector| read(selector).unwrap_or_default()),
        when,
        ..Route::at(path)
    })
}

fn read<T: DeserializeOwned>(written: &Value) -> Option<T> {
    serde_json::from_value(written.clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Rule;

    fn placed(written: &str) -> Option<Route> {
        let found = Revision::place(RevisionId::NIL, 1, written);
        found.map(|revision| revision.route)
    }

    #[test]
    fn a_revision_that_cannot_be_read_keeps_its_place() {
        let shown = |route: &Route| {
            let rule = Rule::new(route, "v1");
            let rule = rule.unwrap_or_else(|_| Rule::broken(route, "v1"));
            (rule.is_broken(), rule.selected.is_some())
        };
        for (route, hosts, whole) in [
            // Something beside the route is not known.
            (r#"{"path":"/a"}"#, 0, (false, false)),
            (
                r#"{"path":"/a","hosts":["x.org","*.y.org"],"selector":{"header":"X-V"}}"#,
                2,
                (false, true),
            ),
            (r#"{"path":"/a","hologram":1}"#, 0, (true, false)),
            (
                r#"{"path":"/a","hosts":["x.org"],"when":[{"header":"X","near":"1"},{"method":["GET"]}]}"#,
                1,
                (true, false),
            ),
            (r#"{"path":"/a","when":"always"}"#, 0, (true, false)),
            (
                r#"{"path":"/a","selector":{"hologram":"X-V"}}"#,
                0,
                (true, false),
            ),
            (
                r#"{"path":"/a","selector":{"header":"X-V"},"when":[{"hologram":1}]}"#,
                0,
                (true, true),
            ),
        ] {
            let text = format!(r#"{{"route":{route},"policies":[{{"hologram":{{}}}}]}}"#);
            let found = placed(&text).unwrap();
            assert_eq!((&*found.path, found.hosts.len()), ("/a", hosts), "{route}");
            assert_eq!(shown(&found), whole, "{route}");
        }
        for text in [
            "",
            "[]",
            r#"{"policies":[]}"#,
            r#"{"route":{}}"#,
            r#"{"route":{"path":7}}"#,
            r#"{"route":{"path":"~/a.*","hologram":1}}"#,
            r#"{"route":{"path":"/a","hosts":{"regex":"x"}}}"#,
        ] {
            assert_eq!(placed(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_read_again_is_forgotten() {
        let one = |kind, id: u128| Unreadable {
            kind,
            id: Uuid::from_u128(id),
            reason: "so".to_owned(),
        };
        let mut parts = Parts {
            unread: vec![one(Kind::Plan, 1), one(Kind::Host, 1), one(Kind::Plan, 2)],
            ..Parts::default()
        };
        parts.apply(Delta {
            from: 1,
            state: 2,
            put: Parts {
                unread: vec![one(Kind::Plan, 2)],
                ..Parts::default()
            },
            gone: vec![
                (Kind::Plan, Uuid::from_u128(1)),
                (Kind::Plan, Uuid::from_u128(2)),
            ],
        });
        assert_eq!(parts.unread, [one(Kind::Host, 1), one(Kind::Plan, 2)]);
        assert_eq!(parts.unreadable().count(), 2);
    }
}
