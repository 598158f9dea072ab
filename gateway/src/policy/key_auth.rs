//! `key_auth`: finds the key that the caller shows, and whose it is (gateway.md §1).

use domain::key::{self, KeyDigest};
use domain::policy;
use domain::problem::Code;
use http::header::AUTHORIZATION;

use super::Flow;
use crate::answer::Refusal;
use crate::call::{Call, Caller};
use crate::head::{X_API_KEY, bearer_key};
use crate::query;

/// The running form.
#[derive(Debug)]
pub(crate) struct KeyAuth {
    optional: bool,
    /// Query parameter that may carry the key.
    query: Option<Box<str>>,
}

impl KeyAuth {
    pub(crate) fn compile(policy: &policy::KeyAuth) -> Self {
        Self {
            optional: policy.optional,
            query: policy.query.as_deref().map(Into::into),
        }
    }

    pub(crate) fn run<'a>(&'a self, call: &mut Call<'a>) -> Flow {
        match self.caller(call) {
            Ok(Some(caller)) => {
                call.identify(caller);
                Flow::Next
            }
            Ok(None) if self.optional => Flow::Next,
            Ok(None) => Flow::Answer(Box::new(Refusal::new(Code::KeyMissing))),
            Err(refusal) => Flow::Answer(refusal),
        }
    }

    /// The one who calls; `None` when no key is shown. Takes the key out of the request.
    fn caller<'a>(&self, call: &mut Call<'a>) -> Result<Option<Caller<'a>>, Box<Refusal>> {
        // Cut out whether or not it is the one that counts: no key reaches an upstream.
        let by_query = self.query.as_deref().and_then(|name| {
            let (value, rest) = query::cut(call.query().unwrap_or_default(), name)?;
            let digest = digest(value.as_bytes());
            call.head.cut_query = Some(rest);
            Some(digest)
        });
        let headers = &mut call.head.headers;
        let digest = if let Some(value) = headers.get(X_API_KEY) {
            let digest = digest(value.as_bytes());
            headers.remove(X_API_KEY);
            digest
        } else if let Some(shown) = headers.get(AUTHORIZATION).and_then(bearer_key) {
            let digest = digest(shown);
            headers.remove(AUTHORIZATION);
            digest
        } else if let Some(digest) = by_query {
            digest
        } else {
            return Ok(None);
        };
        let invalid = || Box::new(Refusal::new(Code::KeyInvalid));
        let digest = digest.ok_or_else(invalid)?;
        let key = call.state.keys.find(&digest).ok_or_else(invalid)?;
        let caller = Caller {
            key,
            application: &key.application,
            subscription: None,
        };
        // Known from here on, so that the record of a refusal says whose key it was.
        call.recognize(&caller);
        key.judge(call.wall_us, call.peer_address())
            .map_err(|code| Box::new(Refusal::new(code)))?;
        Ok(Some(caller))
    }
}

/// Form and checksum are looked at first: false hits cost no hash.
fn digest(shown: &[u8]) -> Option<KeyDigest> {
    key::parse(shown)?;
    Some(KeyDigest::of(shown))
}
