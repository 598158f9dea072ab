//! `key_auth`: finds the key that the caller shows, and whose it is (gateway.md §1).

use domain::key::{self, KeyDigest};
use domain::policy;
use domain::problem::Code;

use super::Flow;
use crate::answer::Refusal;
use crate::call::{Call, Caller};
use crate::fields::Name;
use crate::head::bearer_key;
use crate::query;

/// A key by its digest, for explaining a request whose key is not at hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StandIn {
    /// `None`: there is no such key any more.
    pub(crate) digest: Option<KeyDigest>,
    /// Whether its own state counts; else it is taken as good, as that is its owner's to see.
    pub(crate) judged: bool,
}

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

    pub(crate) fn run<'a>(&'a self, call: &mut Call<'a>, observe: bool) -> Flow {
        match self.shown(call, observe) {
            Some(digest) => Self::judge(call, digest, true),
            None => self.nobody(),
        }
    }

    /// The same with the key of `stand_in`, if there is one, as the one that is shown.
    pub(crate) fn peek<'a>(
        &'a self,
        call: &mut Call<'a>,
        stand_in: Option<&StandIn>,
        observe: bool,
    ) -> Flow {
        match (stand_in, self.shown(call, observe)) {
            (Some(stand_in), _) => Self::judge(call, stand_in.digest, stand_in.judged),
            (None, Some(digest)) => Self::judge(call, digest, true),
            (None, None) => self.nobody(),
        }
    }

    /// Whether something is shown that is to be a key.
    pub(super) fn is_shown(&self, call: &Call<'_>) -> bool {
        let fields = &call.head.fields;
        let query = call.head.sent_query().unwrap_or_default();
        let by_query = self.query.as_deref();
        let by_query = by_query.is_some_and(|name| query::cut(query, name).is_some());
        by_query
            || fields.get(Name::ApiKey).is_some()
            || fields
                .get(Name::Authorization)
                .and_then(bearer_key)
                .is_some()
    }

    /// Takes out what is shown, unseen.
    pub(super) fn forget(&self, call: &mut Call<'_>) {
        self.cut(call);
        let fields = &mut call.head.fields;
        fields.remove(Name::ApiKey);
        fields.retain(|kind, _, value| kind != Name::Authorization || bearer_key(value).is_none());
    }

    /// Takes its parameter out of the query.
    fn cut(&self, call: &mut Call<'_>) {
        let query = call.head.query().unwrap_or_default();
        let name = self.query.as_deref();
        if let Some((_, rest)) = name.and_then(|name| query::cut(query, name)) {
            call.head.cut_query = Some(rest);
        }
    }

    fn nobody(&self) -> Flow {
        if self.optional {
            Flow::Next
        } else {
            Flow::refuse(Refusal::new(Code::KeyMissing))
        }
    }

    /// The digest of the key that is shown, `Some(None)` if it is none by its form; `None` when no
    /// key is shown. Takes the key out of the request; where it only `observe`s, none but ours in the
    /// query, as others are the upstream's, and ours in fields get there in no case.
    fn shown(&self, call: &mut Call<'_>, observe: bool) -> Option<Option<KeyDigest>> {
        // Cut out whether or not it is the one that counts: no key reaches an upstream.
        let by_query = self.query.as_deref().and_then(|name| {
            // As it was sent: one that observes may have cut it out.
            let (value, _) = query::cut(call.head.sent_query().unwrap_or_default(), name)?;
            let goes = !observe || value.starts_with("ptn_");
            let digest = digest(value.as_bytes());
            if goes {
                self.cut(call);
            }
            Some(digest)
        });
        let fields = &mut call.head.fields;
        if let Some(shown) = fields.get(Name::ApiKey) {
            let digest = digest(shown);
            if !observe {
                fields.remove(Name::ApiKey);
            }
            Some(digest)
        } else if let Some(shown) = fields.get(Name::Authorization).and_then(bearer_key) {
            let digest = digest(shown);
            if !observe {
                fields.remove(Name::Authorization);
            }
            Some(digest)
        } else {
            by_query
        }
    }

    /// Finds whose key it is, and whether it is good.
    fn judge(call: &mut Call<'_>, digest: Option<KeyDigest>, judged: bool) -> Flow {
        let refuse = |code| Flow::refuse(Refusal::new(code));
        let keys = &call.state.keys;
        let Some(key) = digest.and_then(|digest| keys.find(&digest)) else {
            return refuse(Code::KeyInvalid);
        };
        let caller = Caller::of(key);
        // Known from here on, so that the record of a refusal says whose key it was.
        call.recognize(&caller);
        let good = keys.judge(key, call.wall_us, call.peer_address());
        match good {
            Err(code) if judged => refuse(code),
            Ok(()) | Err(_) => {
                call.identify(caller);
                Flow::Next
            }
        }
    }
}

/// Form and checksum are looked at first: false hits cost no hash.
fn digest(shown: &[u8]) -> Option<KeyDigest> {
    key::parse(shown)?;
    Some(KeyDigest::of(shown))
}
