//! `expression`: a condition in CEL over what is known of a request.

use std::borrow::Cow;

use domain::expression::{self, Object, Value};
use domain::key::Environment;
use domain::policy;
use domain::problem::Code;
use percent_encoding::percent_decode_str;

use super::Flow;
use crate::answer::Refusal;
use crate::call::Call;
use crate::fields::Name;
use crate::state::{Labels, NO_LABELS};

/// The running form.
#[derive(Debug)]
pub(crate) struct Expression {
    allow: expression::Expression,
    detail: Box<str>,
}

impl Expression {
    /// `None` when it does not check.
    pub(crate) fn compile(policy: &policy::Expression) -> Option<Self> {
        let detail = policy.detail.as_deref();
        let detail = detail.unwrap_or("The condition of this API does not hold.");
        Some(Self {
            allow: policy.read().ok()?,
            detail: detail.into(),
        })
    }

    pub(crate) fn run(&self, call: &Call<'_>) -> Flow {
        match self.allow.holds(&Scope::of(call)) {
            Ok(true) => Flow::Next,
            // What fails allows nothing.
            Ok(false) | Err(_) => {
                let refusal = Refusal::new(Code::AccessDenied);
                Flow::refuse(refusal.detail(&*self.detail))
            }
        }
    }

    /// What became of it, for whoever asks for an explanation.
    pub(crate) fn told(&self, call: &Call<'_>) -> String {
        match self.allow.holds(&Scope::of(call)) {
            Ok(true) => "The condition holds.".to_owned(),
            Ok(false) => "The condition does not hold.".to_owned(),
            Err(failure) => format!("The condition has no value: {failure}."),
        }
    }
}

/// The variables.
struct Scope<'c, 'a> {
    call: &'c Call<'a>,
    request: Request<'c, 'a>,
    caller: Caller<'c, 'a>,
    claims: Claims<'c, 'a>,
    api: Api<'c, 'a>,
}

struct Request<'c, 'a> {
    call: &'c Call<'a>,
    headers: Headers<'c, 'a>,
    query: Query<'c, 'a>,
}

struct Headers<'c, 'a>(&'c Call<'a>);

struct Query<'c, 'a>(&'c Call<'a>);

struct Caller<'c, 'a>(&'c Call<'a>);

struct Claims<'c, 'a>(&'c Call<'a>);

struct Api<'c, 'a>(&'c Call<'a>);

impl<'c, 'a> Scope<'c, 'a> {
    const fn of(call: &'c Call<'a>) -> Self {
        Self {
            call,
            request: Request {
                call,
                headers: Headers(call),
                query: Query(call),
            },
            caller: Caller(call),
            claims: Claims(call),
            api: Api(call),
        }
    }
}

impl Object for Scope<'_, '_> {
    fn field(&self, name: &str) -> Option<Value<'_>> {
        Some(match name {
            "request" => Value::Object(&self.request),
            "caller" if self.call.caller.is_none() => Value::Null,
            "caller" => Value::Object(&self.caller),
            "claims" => Value::Object(&self.claims),
            "api" => Value::Object(&self.api),
            "now" => Value::Time(self.call.utc()),
            _ => return None,
        })
    }
}

fn owned<'v>(text: impl ToString) -> Value<'v> {
    Value::Text(Cow::Owned(text.to_string()))
}

impl Object for Request<'_, '_> {
    fn field(&self, name: &str) -> Option<Value<'_>> {
        let head = &self.call.head;
        Some(match name {
            "method" => Value::text(head.method.as_str()),
            "path" => Value::text(head.canonical()),
            "host" => Value::Text(String::from_utf8_lossy(head.fields.get(Name::Host)?)),
            "scheme" => Value::text(self.call.scheme()),
            "address" => owned(self.call.peer_address()),
            "size" => Value::Int(i64::try_from(self.call.length?).ok()?),
            "headers" => Value::Object(&self.headers),
            "query" => Value::Object(&self.query),
            _ => return None,
        })
    }
}

impl Object for Headers<'_, '_> {
    /// The first line of that name.
    fn field(&self, name: &str) -> Option<Value<'_>> {
        let line = self.0.head.fields.named(name).next()?;
        Some(Value::Text(String::from_utf8_lossy(line)))
    }
}

impl Object for Query<'_, '_> {
    /// The first value of that name, decoded.
    fn field(&self, name: &str) -> Option<Value<'_>> {
        let mut parts = self.0.head.query()?.split('&');
        parts.find_map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let is = percent_decode_str(key).eq(name.bytes());
            is.then(|| Value::Text(percent_decode_str(value).decode_utf8_lossy()))
        })
    }
}

impl Object for Caller<'_, '_> {
    fn field(&self, name: &str) -> Option<Value<'_>> {
        let caller = self.0.caller?;
        Some(match name {
            "application" => owned(caller.application.id),
            "environment" => Value::text(match caller.key.environment() {
                Environment::Live => "live",
                Environment::Test => "test",
            }),
            "subscription" => owned(caller.subscription?.id),
            "plan" => Value::text(&self.0.plan()?.slug),
            "labels" => Value::Object(labels_of_caller(self.0)),
            _ => return None,
        })
    }
}

/// Those of the caller's application. What somebody of another organization writes on his own is no
/// ground to let him in here.
pub(super) fn labels_of_caller<'c>(call: &'c Call<'_>) -> &'c Labels {
    match &call.caller {
        Some(caller) if caller.key.organization() == call.route.provider => {
            caller.application.labels()
        }
        Some(_) | None => &NO_LABELS,
    }
}

impl Object for Api<'_, '_> {
    fn field(&self, name: &str) -> Option<Value<'_>> {
        match name {
            "labels" => Some(Value::Object(&self.0.route.labels)),
            _ => None,
        }
    }
}

impl Object for Claims<'_, '_> {
    fn field(&self, name: &str) -> Option<Value<'_>> {
        let claims = self.0.token.as_ref()?;
        claims.get(name).map(Value::Json)
    }
}
