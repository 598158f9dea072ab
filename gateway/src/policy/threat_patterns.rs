//! `threat_patterns`: what a request carries, looked through for what attacks look like.

use std::sync::Arc;

use domain::contract::{Violation, essence};
use domain::policy;
use domain::threat::Lookout;

use super::JsonThreat;
use super::validate::media_type;
use crate::call::Call;

/// The running form.
#[derive(Debug, Clone)]
pub(crate) struct ThreatPatterns {
    lookout: Arc<Lookout>,
    query: bool,
    headers: Arc<[Box<str>]>,
    body: bool,
    max_bytes: u64,
}

impl ThreatPatterns {
    /// `None`: its patterns are none, or too large together.
    pub(crate) fn compile(policy: &policy::ThreatPatterns) -> Option<Self> {
        let lookout = Lookout::new(&policy.groups, &policy.patterns, &policy.exclude)?;
        Some(Self {
            lookout: Arc::new(lookout),
            query: policy.query,
            headers: policy
                .headers
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
            body: policy.body,
            max_bytes: policy.max_bytes,
        })
    }

    pub(crate) const fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Whether the body has to be there.
    pub(crate) fn wants_body(&self, call: &Call<'_>) -> bool {
        let media_type = media_type(call);
        self.body
            && call.length != Some(0)
            && (JsonThreat::concerns(media_type) || is_form(media_type))
    }

    /// The first that is found beside the body.
    pub(crate) fn judge_head(&self, call: &Call<'_>) -> Option<Violation> {
        let query = call.head.query().filter(|_| self.query);
        let in_query = query.and_then(|query| self.lookout.query(query));
        in_query.or_else(|| {
            self.headers.iter().find_map(|name| {
                let mut lines = call.head.fields.named(name);
                lines.find_map(|line| self.lookout.header(name, line))
            })
        })
    }

    /// The first that is found in the body.
    pub(crate) fn judge_body(&self, is_form: bool, body: &[u8]) -> Option<Violation> {
        match is_form {
            true => self.lookout.form(body),
            false => self.lookout.json(body),
        }
    }
}

pub(crate) fn is_form(media_type: Option<&str>) -> bool {
    media_type.is_some_and(|one| essence(one) == "application/x-www-form-urlencoded")
}
