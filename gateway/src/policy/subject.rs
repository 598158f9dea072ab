//! What limits count by: each subject as one number, with the address of a caller who is unknown.

use domain::policy::{Scope, Subject};
use sha2::{Digest, Sha256};

use crate::call::Call;

/// The subjects of one limit; none is the application, or the address of a stranger.
#[derive(Debug)]
pub(crate) struct By {
    subjects: Box<[Subject]>,
    scope: Scope,
}

impl By {
    /// In a plan a limit counts by subscription unless it says otherwise.
    pub(crate) fn new(by: &[Subject], in_plan: bool, scope: Scope) -> Self {
        let subjects = match by {
            [] if in_plan => [Subject::Subscription].into(),
            by => by.into(),
        };
        Self { subjects, scope }
    }

    /// The subscription as a whole.
    pub(crate) fn is_subscription(&self) -> bool {
        *self.subjects == [Subject::Subscription]
    }

    /// The subject as one number, and whether it is one of those configured.
    pub(crate) fn subject(&self, call: &Call<'_>) -> (u128, bool) {
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
                let subject = match self.scope {
                    Scope::Node => call.worker.tuple(parts),
                    Scope::Cluster => everywhere(parts),
                };
                (subject, known)
            }
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
        match &*self.subjects {
            [] if call.caller.is_some() => "application".into(),
            [] => "address".into(),
            several => {
                let names: Vec<&str> = several.iter().map(one).collect();
                names.join(" and ")
            }
        }
    }
}

/// Several subjects as one number that is the same on each node.
fn everywhere(parts: impl Iterator<Item = u128>) -> u128 {
    let mut digest = Sha256::new();
    parts.for_each(|part| digest.update(part.to_be_bytes()));
    let mut number = [0; 16];
    number.copy_from_slice(&digest.finalize()[..16]);
    u128::from_be_bytes(number)
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
