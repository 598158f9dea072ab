//! What limits count by: each subject as one number, with the address of a caller who is unknown.

use domain::policy::{Scope, Subject};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::call::Call;
use crate::token::claim;

/// The subjects of one limit; none is the application, or the address of a stranger.
#[derive(Debug)]
pub(crate) struct By {
    subjects: Box<[Subject]>,
    /// What of the request itself is counted by; rare.
    named: Option<Box<Named>>,
    scope: Scope,
}

/// Header fields and claims that are counted by.
#[derive(Debug)]
struct Named {
    headers: Box<[Box<str>]>,
    claims: Box<[Box<str>]>,
}

impl Named {
    /// Each as one number; the caller's address where it is missing.
    fn parts<'n>(&'n self, call: &'n Call<'_>) -> impl Iterator<Item = u128> + 'n {
        let headers = self.headers.iter().map(|name| {
            let value = call.head.fields.named(name).next();
            value.map_or_else(|| call.address(), |value| number("header", name, value))
        });
        let claims = self.claims.iter().map(|name| {
            let token = call.token.as_ref();
            match token.and_then(|token| claim(token, name)) {
                None => call.address(),
                Some(Value::String(text)) => number("claim", name, text.as_bytes()),
                Some(other) => number("claim", name, other.to_string().as_bytes()),
            }
        });
        headers.chain(claims)
    }
}

/// Nobody finds two values with one number: they would share a bucket.
fn number(kind: &str, name: &str, value: &[u8]) -> u128 {
    let mut digest = Sha256::new();
    for part in [kind.as_bytes(), name.as_bytes(), value] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    first(&digest.finalize())
}

fn first(digest: &[u8]) -> u128 {
    let mut number = [0; 16];
    number.copy_from_slice(&digest[..16]);
    u128::from_be_bytes(number)
}

impl By {
    /// In a plan a limit counts by subscription unless it says otherwise.
    pub(crate) fn new(by: &[Subject], in_plan: bool, scope: Scope) -> Self {
        let subjects = match by {
            [] if in_plan => [Subject::Subscription].into(),
            by => by.into(),
        };
        Self {
            subjects,
            named: None,
            scope,
        }
    }

    /// Header fields and claims count as well; alone where nothing else is written, but in a plan
    /// beside the subscription.
    pub(crate) fn and(self, headers: &[String], claims: &[String]) -> Self {
        if headers.is_empty() && claims.is_empty() {
            return self;
        }
        let boxed = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
        Self {
            named: Some(Box::new(Named {
                headers: boxed(headers),
                claims: boxed(claims),
            })),
            ..self
        }
    }

    /// The subscription as a whole.
    pub(crate) fn is_subscription(&self) -> bool {
        self.named.is_none() && *self.subjects == [Subject::Subscription]
    }

    /// The subject as one number, and whether it is one of those configured.
    pub(crate) fn subject(&self, call: &Call<'_>) -> (u128, bool) {
        if let Some(named) = &self.named {
            let own = self.subjects.iter().map(|subject| part(*subject, call).0);
            return (self.tuple(call, own.chain(named.parts(call))), false);
        }
        match &*self.subjects {
            [] => match call.caller_id() {
                Some(application) => (application, true),
                None => (call.address(), false),
            },
            [one] => part(*one, call),
            several => {
                let mut known = true;
                let parts = several.iter().map(|subject| {
                    let (part, is_known) = part(*subject, call);
                    known &= is_known;
                    part
                });
                let subject = self.tuple(call, parts);
                (subject, known)
            }
        }
    }

    fn tuple(&self, call: &Call<'_>, parts: impl Iterator<Item = u128>) -> u128 {
        match self.scope {
            Scope::Node => call.worker.tuple(parts),
            Scope::Cluster => everywhere(parts),
        }
    }

    /// What its subjects are, in words.
    pub(crate) fn words(&self, call: &Call<'_>) -> String {
        let one = |subject: &Subject| match subject {
            Subject::Route => "route",
            Subject::Subscription if call.subscription().is_some() => "subscription",
            Subject::Application if call.caller.is_some() => "application",
            Subject::Key if call.caller.is_some() => "key",
            Subject::Subscription | Subject::Application | Subject::Key | Subject::Address => {
                "address"
            }
        };
        let mut names: Vec<String> = self
            .subjects
            .iter()
            .map(|one_of| one(one_of).into())
            .collect();
        match &self.named {
            Some(named) => {
                let fields = named.headers.iter().map(|name| format!("header {name}"));
                let claims = named.claims.iter().map(|name| format!("claim {name}"));
                names.extend(fields.chain(claims));
            }
            None if names.is_empty() && call.caller.is_some() => names.push("application".into()),
            None if names.is_empty() => names.push("address".into()),
            None => {}
        }
        names.join(" and ")
    }
}

/// Several subjects as one number that is the same on each node.
fn everywhere(parts: impl Iterator<Item = u128>) -> u128 {
    let mut digest = Sha256::new();
    parts.for_each(|part| digest.update(part.to_be_bytes()));
    first(&digest.finalize())
}

/// Without a caller, what would be counted by caller is counted by address.
fn part(subject: Subject, call: &Call<'_>) -> (u128, bool) {
    let known = match subject {
        Subject::Subscription => call.subscription().map(|s| s.id.uuid()),
        Subject::Application => call.caller.map(|caller| caller.application.id.uuid()),
        Subject::Key => call.caller.map(|caller| caller.key.id.uuid()),
        Subject::Route => Some(call.route.version.uuid()),
        Subject::Address => None,
    };
    match known {
        Some(id) => (id.as_u128(), true),
        None => (call.address(), false),
    }
}
