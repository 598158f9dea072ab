//! How the deciding server is asked, and what its answers say.

use domain::policy::ext_auth::Asking;
use http::Method;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Decision, ExtAuth, Verdict, is_plain};
use crate::answer::Refusal;
use crate::asking::{Question, Reply, Unanswered};
use crate::call::Call;
use crate::fields::{Fields, Name};
use crate::passage;

impl ExtAuth {
    /// The fields of the request as the upstream would get them, without those that this policy sets
    /// and those that speak of a body, or make an answer depend on what a client has already.
    pub(super) fn told(&self, call: &Call<'_>) -> Result<Fields, Refusal> {
        let mut fields = call.head.fields.twin();
        let cookie = &call.worker.settings.session_cookie;
        passage::strip_request(&mut fields, call.peer.trusted, cookie)?;
        for (name, value) in &call.told {
            fields.set(name, value.as_bytes());
        }
        for name in &self.pass {
            fields.remove_named(name.as_bytes());
        }
        const NOT: [&[u8]; 6] = [
            b"host",
            b"content-length",
            b"content-encoding",
            b"content-digest",
            b"te",
            b"range",
        ];
        fields.retain(|_, name, _| {
            let name = name.to_ascii_lowercase();
            !NOT.contains(&&*name) && !name.starts_with(b"if-")
        });
        Ok(fields)
    }

    /// Asks, whatever is remembered.
    pub(super) async fn decide(
        &self,
        call: &Call<'_>,
        fields: &Fields,
    ) -> Result<Decision, Unanswered> {
        let method = match self.form {
            Asking::Forward => Method::GET,
            Asking::Authzen | Asking::Opa => Method::POST,
        };
        let upstream = &self.asked.upstream;
        let question = Question::new(upstream, self.timeout, method, &self.target);
        let question = question.ok_or(Unanswered::Closed)?;
        let question = match self.form {
            Asking::Forward => self.forward(question, call, fields),
            Asking::Authzen => with(question, &self.evaluation(call, fields)),
            Asking::Opa => with(question, &json!({ "input": self.input(call, fields) })),
        };
        let reply = question.ask(call, self.most_at_once).await?;
        self.read(&reply)
    }

    /// The request's own fields, and what it was.
    fn forward<'q>(
        &self,
        mut question: Question<'q>,
        call: &Call<'_>,
        fields: &Fields,
    ) -> Question<'q> {
        let told = &mut question.head.fields;
        let all = self.headers.is_empty();
        for (name, value) in fields.iter() {
            let is_wanted = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
            // Where a trusted proxy says whence it came, that is told as well.
            let is_origin = matches!(
                Name::of(name),
                Name::ForwardedFor | Name::ForwardedHost | Name::ForwardedProto
            );
            if (all || is_origin || self.headers.iter().any(|one| is_wanted(one)))
                && let Ok(name) = str::from_utf8(name)
            {
                told.push(name, value);
            }
        }
        passage::add_origin(told, call);
        passage::add_identity(told, call);
        told.set("x-forwarded-method", call.head.method.as_str().as_bytes());
        let mut uri = call.head.canonical().to_owned();
        if let Some(query) = call.head.query() {
            uri.push('?');
            uri.push_str(query);
        }
        told.set("x-forwarded-uri", uri.as_bytes());
        question
    }

    /// The header fields that are told, the lines of one name with commas.
    fn fields(&self, fields: &Fields) -> Map<String, Value> {
        let mut all = Map::new();
        for name in &self.headers {
            let lines = fields.named(name).map(String::from_utf8_lossy);
            let lines: Vec<_> = lines.collect();
            if !lines.is_empty() {
                all.insert(name.to_string(), lines.join(", ").into());
            }
        }
        all
    }

    /// AuthZEN Authorization API 1.0 §5.
    fn evaluation(&self, call: &Call<'_>, fields: &Fields) -> Value {
        let facts = Facts::of(call, fields);
        let claims = call.token.as_deref();
        let user = claims
            .and_then(|claims| claims.get("sub"))
            .and_then(Value::as_str);
        let (kind, id) = match (user, facts.application.as_deref()) {
            (Some(user), _) => ("user", user),
            (None, Some(application)) => ("application", application),
            (None, None) => ("anonymous", "anonymous"),
        };
        json!({
            "subject": { "type": kind, "id": id, "properties": {
                "application": facts.application,
                "environment": facts.environment,
                "subscription": facts.subscription,
                "plan": facts.plan,
                "claims": claims,
            } },
            "action": { "name": facts.method },
            "resource": { "type": "path", "id": facts.path, "properties": {
                "host": facts.host,
                "query": facts.query,
                "api": facts.api,
                "version": facts.version,
                "operation": facts.operation,
            } },
            "context": {
                "time": call.utc(),
                "address": facts.address,
                "scheme": facts.scheme,
                "headers": self.fields(fields),
            },
        })
    }

    fn input(&self, call: &Call<'_>, fields: &Fields) -> Value {
        let facts = Facts::of(call, fields);
        let segments = facts.path.split('/').skip(1);
        let segments: Vec<&str> = segments.collect();
        json!({
            "request": {
                "method": facts.method,
                "scheme": facts.scheme,
                "host": facts.host,
                "path": facts.path,
                "segments": segments,
                "query": facts.query,
                "headers": self.fields(fields),
                "address": facts.address,
            },
            "caller": facts.application.as_ref().map(|application| json!({
                "application": application,
                "environment": facts.environment,
                "subscription": facts.subscription,
                "plan": facts.plan,
            })),
            "claims": call.token.as_deref(),
            "route": {
                "api": facts.api,
                "version": facts.version,
                "operation": facts.operation,
            },
        })
    }

    fn read(&self, reply: &Reply) -> Result<Decision, Unanswered> {
        let keep = self.kept.as_ref().map(|kept| kept.span).unwrap_or_default();
        let (verdict, told) = match self.form {
            Asking::Forward => self.answered(reply)?,
            Asking::Authzen | Asking::Opa => {
                let (allowed, headers) = said(self.form, reply)?;
                match allowed {
                    true => (Verdict::Allowed, self.told_by(headers.as_ref())),
                    false => (Verdict::Denied(403, Fields::new(b"")), Vec::new()),
                }
            }
        };
        Ok(Decision {
            verdict,
            told,
            keep,
        })
    }

    /// What a status says, and the fields beside it.
    fn answered(&self, reply: &Reply) -> Result<(Verdict, Vec<(usize, String)>), Unanswered> {
        let status = reply.status;
        let passed: &[&str] = match status {
            200..=299 => {
                let all = self.pass.iter().enumerate();
                let told = all.filter_map(|(place, name)| {
                    let line = reply.fields.named(name).next()?;
                    let line = str::from_utf8(line).ok()?;
                    is_plain(line.as_bytes()).then(|| (place, line.to_owned()))
                });
                return Ok((Verdict::Allowed, told.collect()));
            }
            401 => &["www-authenticate", "set-cookie"],
            403 => &["set-cookie"],
            301 | 302 | 303 | 307 | 308 => &["location", "set-cookie"],
            _ => return Err(Unanswered::Unclear(status)),
        };
        let mut fields = Fields::new(b"");
        for name in passed {
            for line in reply.fields.named(name).filter(|line| is_plain(line)) {
                fields.push(name, line);
            }
        }
        let is_elsewhere = (300..400).contains(&status);
        if is_elsewhere && fields.get(Name::of(b"location")).is_none() {
            return Err(Unanswered::Unclear(status));
        }
        Ok((Verdict::Denied(status, fields), Vec::new()))
    }
}

/// Whether it allows, and the object of header fields beside it.
fn said(form: Asking, reply: &Reply) -> Result<(bool, Option<Value>), Unanswered> {
    let unclear = Unanswered::Unclear(reply.status);
    if reply.status != 200 {
        return Err(unclear);
    }
    let mut answer: Value = serde_json::from_slice(&reply.body).map_err(|_| unclear)?;
    let mut headers = |pointer: &str| answer.pointer_mut(pointer).map(Value::take);
    match form {
        Asking::Opa => {
            let headers = headers("/result/headers");
            match answer.get("result") {
                Some(Value::Bool(allowed)) => Ok((*allowed, None)),
                Some(Value::Object(result)) => match result.get("allow") {
                    Some(Value::Bool(allowed)) => Ok((*allowed, headers)),
                    _ => Err(unclear),
                },
                // A rule that is not defined for this input: it does not allow.
                None if answer.is_object() => Ok((false, None)),
                Some(_) | None => Err(unclear),
            }
        }
        Asking::Authzen | Asking::Forward => {
            let headers = headers("/context/headers");
            let decision = answer.get("decision").and_then(Value::as_bool);
            Ok((decision.ok_or(unclear)?, headers))
        }
    }
}

fn with<'q>(question: Question<'q>, body: &impl Serialize) -> Question<'q> {
    let body = serde_json::to_vec(body).unwrap_or_default();
    question.with("application/json", body)
}

/// What the JSON forms tell.
struct Facts<'c> {
    method: &'c str,
    scheme: &'static str,
    host: Option<String>,
    path: &'c str,
    query: Option<&'c str>,
    address: String,
    application: Option<String>,
    environment: Option<&'static str>,
    subscription: Option<String>,
    plan: Option<String>,
    api: String,
    version: String,
    operation: Option<String>,
}

impl<'c> Facts<'c> {
    fn of(call: &'c Call<'_>, fields: &Fields) -> Self {
        let head = &call.head;
        // There only from a trusted proxy.
        let by_proxy = fields.get(Name::ForwardedProto) == Some(b"https");
        let caller = call.caller.as_ref();
        let operation = call.record.operation.uuid();
        Self {
            method: head.method.as_str(),
            scheme: match by_proxy {
                true => "https",
                false => call.peer.scheme(),
            },
            host: head
                .fields
                .get(Name::Host)
                .map(|host| String::from_utf8_lossy(host).into_owned()),
            path: head.canonical(),
            query: head.query(),
            address: call.peer_address().to_string(),
            application: caller.map(|caller| caller.application.id.to_string()),
            environment: caller.map(|caller| caller.key.environment().as_str()),
            subscription: call.subscription().map(|one| one.id.to_string()),
            plan: call.plan().map(|plan| plan.slug.to_string()),
            api: call.route.api.to_string(),
            version: call.route.version.to_string(),
            operation: (!operation.is_nil()).then(|| call.record.operation.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say() {
        let deny = Ok((false, None));
        for (form, status, body, said_) in [
            (
                Asking::Authzen,
                200,
                r#"{"decision":true}"#,
                Ok((true, None)),
            ),
            (
                Asking::Authzen,
                200,
                r#"{"decision":true,"context":{"headers":{"x":"y"}}}"#,
                Ok((true, Some(json!({"x":"y"})))),
            ),
            (Asking::Authzen, 200, r#"{"decision":false}"#, deny.clone()),
            (
                Asking::Authzen,
                200,
                r#"{"decision":"true"}"#,
                Err(Unanswered::Unclear(200)),
            ),
            (Asking::Authzen, 200, "{}", Err(Unanswered::Unclear(200))),
            (
                Asking::Authzen,
                200,
                "[true]",
                Err(Unanswered::Unclear(200)),
            ),
            (
                Asking::Authzen,
                500,
                r#"{"decision":true}"#,
                Err(Unanswered::Unclear(500)),
            ),
            (Asking::Opa, 200, r#"{"result":true}"#, Ok((true, None))),
            (Asking::Opa, 200, r#"{"result":false}"#, deny.clone()),
            (Asking::Opa, 200, "{}", deny.clone()),
            (
                Asking::Opa,
                200,
                r#"{"result":{"allow":true,"headers":{"x":1}}}"#,
                Ok((true, Some(json!({"x":1})))),
            ),
            (
                Asking::Opa,
                200,
                r#"{"result":{"headers":{}}}"#,
                Err(Unanswered::Unclear(200)),
            ),
            (
                Asking::Opa,
                200,
                r#"{"result":"yes"}"#,
                Err(Unanswered::Unclear(200)),
            ),
            (Asking::Opa, 200, "[]", Err(Unanswered::Unclear(200))),
            (Asking::Opa, 200, "", Err(Unanswered::Unclear(200))),
        ] {
            let reply = Reply {
                status,
                fields: Fields::new(b""),
                body: body.as_bytes().to_vec(),
            };
            assert_eq!(said(form, &reply), said_, "{form:?} {status} {body}");
        }
    }
}
