//! What forms say, turned into wire types: each wrong text is a problem at its field.

use domain::duration::Span;
use domain::policy::{KeyAuth, Mode, Period, Policy, PolicyKind, Quota, RateLimit, Scope, Subject};
use domain::problem::Invalid;
use frontend::form::Form;
use serde_json::{Map, Value};

use crate::typed::Typed;

/// Reads fields one after the other and keeps what is wrong with them.
pub(super) struct Fields<'a> {
    typed: &'a Typed,
    pub(super) wrong: Vec<Invalid>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(typed: &'a Typed) -> Self {
        Self {
            typed,
            wrong: Vec::new(),
        }
    }

    /// The field's text as a `T`; an empty one is `None` without a problem.
    pub(super) fn read<T: std::str::FromStr>(&mut self, name: &str, message: &str) -> Option<T> {
        let text = self.typed.get(name);
        if text.is_empty() {
            return None;
        }
        let value = text.replace([',', '\u{2009}', ' '], "").parse().ok();
        if value.is_none() {
            self.wrong.push(Invalid::new(format!("/{name}"), message));
        }
        value
    }

    pub(super) fn needed<T: std::str::FromStr>(&mut self, name: &str, message: &str) -> Option<T> {
        if self.typed.get(name).is_empty() {
            self.wrong.push(Invalid::new(format!("/{name}"), message));
            return None;
        }
        self.read(name, message)
    }

    pub(super) fn span(&mut self, name: &str) -> Option<Span> {
        self.read(name, "Write a duration like 500ms, 60s, 5m or 24h.")
    }

    pub(super) fn etag(&self) -> Option<i64> {
        self.typed.get("etag").parse().ok()
    }

    /// The policy that a form of its kind describes. What is wrong with it is kept, both what could
    /// not be read and what does not fit; the policy then only stands in for a right one.
    pub(super) fn policy(&mut self, kind: PolicyKind) -> Policy {
        const COUNT: &str = "Write a whole number of requests, 1 or more.";
        let mode = if self.typed.get("mode") == "observe" {
            Mode::Observe
        } else {
            Mode::Enforce
        };
        let name = self.typed.optional("name");
        let policy = match kind {
            PolicyKind::KeyAuth => Policy::KeyAuth(KeyAuth {
                mode,
                name,
                optional: self.typed.is_ticked("optional"),
                query: self.typed.optional("query"),
            }),
            PolicyKind::RateLimit => Policy::RateLimit(RateLimit {
                mode,
                name,
                limit: self.needed("limit", COUNT).unwrap_or(1),
                window: self.span("window").unwrap_or(Span::from_secs(60)),
                burst: self.read("burst", COUNT),
                by: self.subjects(),
                scope: self.scope(),
            }),
            PolicyKind::Quota => Policy::Quota(Quota {
                mode,
                name,
                limit: self.needed("limit", COUNT).unwrap_or(1),
                period: self.period(),
                time_zone: self.typed.optional("time_zone"),
            }),
            _ => return self.settings(kind),
        };
        let prefix = format!("/{}", kind.as_str());
        for found in policy.check() {
            let pointer = found.pointer.strip_prefix(&prefix);
            let pointer = match pointer.unwrap_or(&found.pointer) {
                // One field holds them all.
                inside if inside.starts_with("/by/") => "/by",
                pointer => pointer,
            };
            self.wrong.push(Invalid::new(pointer, found.message));
        }
        policy
    }

    fn scope(&self) -> Scope {
        match self.typed.get("scope") {
            "cluster" => Scope::Cluster,
            _ => Scope::Node,
        }
    }

    /// The same for a kind whose form is one text, its settings as JSON.
    fn settings(&mut self, kind: PolicyKind) -> Policy {
        let mut wrong = |message: String| self.wrong.push(Invalid::new("/settings", message));
        let text = match self.typed.get("settings").trim() {
            "" => "{}",
            text => text,
        };
        let read = serde_json::from_str::<Value>(text).and_then(|settings| {
            let whole = Map::from_iter([(kind.as_str().to_owned(), settings)]);
            serde_json::from_value::<Policy>(Value::Object(whole))
        });
        match read {
            Ok(policy) => {
                let prefix = format!("/{}", kind.as_str());
                for found in policy.check() {
                    let pointer = found.pointer.strip_prefix(&prefix);
                    match pointer.unwrap_or(&found.pointer) {
                        "" => wrong(found.message),
                        pointer => wrong(format!("{pointer}: {}", found.message)),
                    }
                }
                policy
            }
            Err(error) => {
                wrong(format!("It cannot be read: {error}."));
                Policy::KeyAuth(KeyAuth::default())
            }
        }
    }

    pub(super) fn period(&self) -> Period {
        match self.typed.get("period") {
            "day" => Period::Day,
            "week" => Period::Week,
            _ => Period::Month,
        }
    }

    fn subjects(&mut self) -> Vec<Subject> {
        let words = self
            .typed
            .get("by")
            .split([' ', ','])
            .filter(|word| !word.is_empty());
        let subjects: Option<Vec<_>> = words
            .map(|word| serde_json::from_value(serde_json::Value::String(word.to_owned())).ok())
            .collect();
        if subjects.is_none() {
            let message = "Name subscription, application, key, address or route.";
            self.wrong.push(Invalid::new("/by", message));
        }
        subjects.unwrap_or_default()
    }
}

/// The form of a policy that is there already.
pub(super) fn form_of(policy: &Policy) -> Form {
    let form = Form::default().with(
        "mode",
        if policy.mode() == Mode::Observe {
            "observe"
        } else {
            "enforce"
        },
    );
    let named =
        |form: Form, name: &Option<String>| form.with("name", name.clone().unwrap_or_default());
    match policy {
        Policy::KeyAuth(policy) => named(form, &policy.name)
            .with("optional", if policy.optional { "yes" } else { "" })
            .with("query", policy.query.clone().unwrap_or_default()),
        Policy::RateLimit(policy) => named(form, &policy.name)
            .with("limit", policy.limit.to_string())
            .with("window", policy.window.to_string())
            .with(
                "burst",
                policy
                    .burst
                    .map(|burst| burst.to_string())
                    .unwrap_or_default(),
            )
            .with("by", subject_words(&policy.by))
            .with(
                "scope",
                match policy.scope {
                    Scope::Node => "",
                    Scope::Cluster => "cluster",
                },
            ),
        Policy::Quota(policy) => named(form, &policy.name)
            .with("limit", policy.limit.to_string())
            .with("period", policy.period.as_str())
            .with("time_zone", policy.time_zone.clone().unwrap_or_default()),
        other => form.with("settings", settings_of(other)),
    }
}

/// What a file has behind the kind.
fn settings_of(policy: &Policy) -> String {
    let whole = serde_json::to_value(policy).unwrap_or_default();
    let settings = whole.get(policy.kind().as_str());
    settings
        .and_then(|settings| serde_json::to_string_pretty(settings).ok())
        .unwrap_or_default()
}

fn subject_words(by: &[Subject]) -> String {
    let words = by.iter().map(|subject| match subject {
        Subject::Subscription => "subscription",
        Subject::Application => "application",
        Subject::Key => "key",
        Subject::Address => "address",
        Subject::Route => "route",
    });
    words.collect::<Vec<_>>().join(" ")
}
