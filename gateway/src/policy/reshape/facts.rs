//! What expressions over bodies may ask of a request, copied out of it, so that they can be
//! evaluated beside the worker. The same as [`crate::policy::Expression`] is told.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::expression::{Object, Value};
use domain::key::Environment;
use percent_encoding::percent_decode_str;
use serde_json::Value as Json;

use crate::call::Call;
use crate::fields::Name;
use crate::passage;
use crate::policy::expression::labels_of_caller;
use crate::state::Labels;
use crate::token::Claims;

pub(crate) struct Facts {
    request: Request,
    caller: Option<Caller>,
    claims: Known,
    api: Api,
    now: DateTime<Utc>,
    /// Of an answer.
    pub(super) status: Option<u16>,
}

struct Request {
    method: String,
    path: String,
    host: Option<String>,
    scheme: &'static str,
    address: String,
    size: Option<i64>,
    headers: Headers,
    query: Query,
}

struct Headers(Vec<(String, String)>);

struct Query(Option<String>);

struct Caller {
    application: String,
    environment: &'static str,
    subscription: Option<String>,
    plan: Option<String>,
    labels: Labels,
}

struct Api {
    labels: Labels,
}

struct Known(Arc<Claims>);

impl Facts {
    /// Of a request before its fields are made those of the upstream, whose credential is nobody's
    /// to read.
    pub(crate) fn of(call: &Call<'_>) -> Self {
        let head = &call.head;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let fields = passage::readable(&head.fields, &call.worker.settings.session_cookie);
        let headers = fields.iter();
        let claims = call.token.as_ref();
        Self {
            request: Request {
                method: head.method.as_str().to_owned(),
                path: head.canonical().to_owned(),
                host: head.fields.get(Name::Host).map(text),
                scheme: call.scheme(),
                address: call.peer_address().to_string(),
                size: call.length.and_then(|length| i64::try_from(length).ok()),
                headers: Headers(
                    headers
                        .map(|(name, value)| (text(name), text(value)))
                        .collect(),
                ),
                query: Query(head.query().map(str::to_owned)),
            },
            caller: call.caller.map(|caller| Caller {
                application: caller.application.id.to_string(),
                environment: match caller.key.environment() {
                    Environment::Live => "live",
                    Environment::Test => "test",
                },
                subscription: caller.subscription.map(|one| one.id.to_string()),
                plan: call.plan().map(|plan| plan.slug.to_string()),
                labels: labels_of_caller(call).clone(),
            }),
            api: Api {
                labels: call.route.labels.clone(),
            },
            claims: Known(claims.cloned().unwrap_or_default()),
            now: call.utc(),
            status: None,
        }
    }
}

/// With the body.
pub(super) struct Scope<'f> {
    pub(super) facts: &'f Facts,
    pub(super) body: &'f Json,
}

impl Object for Scope<'_> {
    fn field(&self, name: &str) -> Option<Value<'_>> {
        let facts = self.facts;
        Some(match name {
            "body" => Value::Json(self.body),
            "request" => Value::Object(&facts.request),
            "caller" => match &facts.caller {
                None => Value::Null,
                Some(caller) => Value::Object(caller),
            },
            "claims" => Value::Object(&facts.claims),
            "api" => Value::Object(&facts.api),
            "now" => Value::Time(facts.now),
            "status" => Value::Int(facts.status?.into()),
            _ => return None,
        })
    }
}

impl Object for Request {
    fn field(&self, name: &str) -> Option<Value<'_>> {
        Some(match name {
            "method" => Value::text(&self.method),
            "path" => Value::text(&self.path),
            "host" => Value::text(self.host.as_deref()?),
            "scheme" => Value::text(self.scheme),
            "address" => Value::text(&self.address),
            "size" => Value::Int(self.size?),
            "headers" => Value::Object(&self.headers),
            "query" => Value::Object(&self.query),
            _ => return None,
        })
    }
}

impl Object for Headers {
    /// The first line of that name.
    fn field(&self, name: &str) -> Option<Value<'_>> {
        let is = |known: &String| known.eq_ignore_ascii_case(name);
        let (_, value) = self.0.iter().find(|(known, _)| is(known))?;
        Some(Value::text(value))
    }
}

impl Object for Query {
    /// The first value of that name, decoded.
    fn field(&self, name: &str) -> Option<Value<'_>> {
        let mut parts = self.0.as_deref()?.split('&');
        parts.find_map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let is = percent_decode_str(key).eq(name.bytes());
            is.then(|| Value::Text(percent_decode_str(value).decode_utf8_lossy()))
        })
    }
}

impl Object for Caller {
    fn field(&self, name: &str) -> Option<Value<'_>> {
        Some(match name {
            "application" => Value::text(&self.application),
            "environment" => Value::text(self.environment),
            "subscription" => Value::text(self.subscription.as_deref()?),
            "plan" => Value::text(self.plan.as_deref()?),
            "labels" => Value::Object(&self.labels),
            _ => return None,
        })
    }
}

impl Object for Api {
    fn field(&self, name: &str) -> Option<Value<'_>> {
        match name {
            "labels" => Some(Value::Object(&self.labels)),
            _ => None,
        }
    }
}

impl Object for Known {
    fn field(&self, name: &str) -> Option<Value<'_>> {
        self.0.get(name).map(Value::Json)
    }
}
