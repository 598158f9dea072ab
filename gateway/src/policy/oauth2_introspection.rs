//! `oauth2_introspection`: believes a token that its authorization server calls active (RFC 7662).

use std::sync::Arc;
use std::time::Duration;

use domain::policy;
use domain::policy::jwt::Bound;
use domain::problem::Code;
use http::Method;
use serde_json::Value;
use url::form_urlencoded;

use super::bearer::{Holder, Whose, invalid, shown};
use super::bound;
use super::{Context, Flow};
use crate::answer::Refusal;
use crate::asking::{Asked, Known, Learned, Parts, Question, Reply, Unanswered};
use crate::call::Call;
use crate::token::{Claims, Fault, LONGEST, is_for, is_in_time, values};

/// How long a token that is not active is taken as such.
const REFUSED: Duration = Duration::from_secs(10);
/// Longest answer that is read, in bytes: what tokens say is short.
const MOST: usize = 16 * 1024;
/// About what a value takes in memory, beside its text, with its name and place.
const VALUE: usize = 150;
/// By how much the server's clock may differ, in seconds.
const SKEW: u64 = 60;

/// The running form.
#[derive(Debug)]
pub(crate) struct Introspection {
    asked: Asked,
    target: Box<str>,
    issuer: Box<str>,
    audience: Box<[Box<str>]>,
    optional: bool,
    bound: Bound,
    holder: Holder,
    cache: Duration,
    timeout: Duration,
    most_at_once: u32,
}

/// What the server says of a token.
#[derive(Debug)]
pub(crate) struct Introspected {
    /// `None`: it is not active.
    claims: Option<Arc<Claims>>,
    pub(crate) keep: Duration,
    /// Bytes of the answer.
    pub(crate) size: usize,
}

impl Introspection {
    /// `None` when there is no such upstream.
    pub(crate) fn compile(
        policy: &policy::Oauth2Introspection,
        context: &Context<'_>,
    ) -> Option<Self> {
        let audience = policy.audience.iter();
        Some(Self {
            asked: (context.upstreams)(&policy.upstream)?,
            target: policy.path.as_str().into(),
            issuer: policy.issuer.as_str().into(),
            audience: audience.map(|one| one.as_str().into()).collect(),
            optional: policy.optional,
            bound: policy.bound,
            holder: Holder::compile(
                policy.client_claim.as_deref(),
                policy.application,
                &policy.headers,
                policy.forward,
            ),
            cache: policy.cache.duration(),
            timeout: policy.timeout.duration(),
            most_at_once: policy.most_at_once,
        })
    }

    /// Asks about what is shown, or remembers.
    pub(crate) async fn ask(&self, call: &Call<'_>) -> Option<Learned> {
        let (_, token) = shown(call).flatten()?;
        if !is_askable(token) {
            return None;
        }
        let key = Parts::new("token")
            .and(&self.asked.written)
            .and(self.target.as_bytes())
            .and(&self.cache.as_millis().to_be_bytes())
            .and(token)
            .key();
        let ask = self.introspect(call, token);
        // Whoever asks for us may have more patience.
        let known = call.worker.shared.answers.get(key, ask);
        let known = tokio::time::timeout(self.timeout, known).await;
        let known = known.unwrap_or(Err(Unanswered::TimedOut));
        Some(Learned::Token(known.and_then(|known| match known {
            Known::Token(introspected) => Ok(introspected),
            // The kinds have keys of their own.
            Known::Decision(_) => Err(Unanswered::Closed),
        })))
    }

    async fn introspect(&self, call: &Call<'_>, token: &[u8]) -> Result<Known, Unanswered> {
        let mut body = "token=".to_owned();
        body.extend(form_urlencoded::byte_serialize(token));
        body.push_str("&token_type_hint=access_token");
        let question = Question::new(
            &self.asked.upstream,
            self.timeout,
            Method::POST,
            &self.target,
        );
        let question = question.ok_or(Unanswered::Closed)?;
        let question = question.with("application/x-www-form-urlencoded", body.into_bytes());
        let reply = question.ask(call, self.most_at_once).await?;
        read(&reply, self.cache, call.wall_secs()).map(|one| Known::Token(Arc::new(one)))
    }

    /// One that only `observe`s leaves to the upstream what it would get without it.
    pub(crate) fn run<'a>(&'a self, call: &mut Call<'a>, observe: bool) -> Flow {
        self.clear(call);
        let learned = call.learned.take().map(|learned| *learned);
        let token = match shown(call) {
            None if self.optional => return Flow::Next,
            None => return Flow::refuse(Refusal::new(Code::TokenMissing)),
            Some(None) => {
                return invalid(
                    "Send one token, as `Authorization: Bearer` and nothing beside it.",
                );
            }
            Some(Some((_, token))) if !is_askable(token) => {
                return invalid("It is longer than 8 KiB, or of a kind that does not count here.");
            }
            Some(Some(token)) => token,
        };
        let introspected = match learned {
            Some(Learned::Token(Ok(introspected))) => introspected,
            Some(_) => return Flow::refuse(Refusal::new(Code::Undecided).retry_after(1)),
            // Something else beside it was taken for more than one.
            None => return invalid("Send one credential."),
        };
        let Some(claims) = introspected.claims.clone() else {
            return invalid("Its issuer does not call it active.");
        };
        match self.judge(&claims, call.wall_secs()) {
            Ok(()) => {
                // What is remembered of it says nothing of who shows it now.
                let proof = match bound::prove(self.bound, false, call, &claims, token) {
                    Ok(proof) => proof,
                    Err(refused) => return refused,
                };
                let (whose, once) = (Whose::By(&self.issuer), [proof, None]);
                self.holder.believe(call, claims, whose, once, observe)
            }
            Err(Fault::Invalid(why)) => invalid(why),
            Err(Fault::Expired) => Flow::refuse(Refusal::new(Code::TokenExpired)),
        }
    }

    pub(super) fn clear(&self, call: &mut Call<'_>) {
        self.holder.clear(call);
    }

    /// What an active token must say besides.
    fn judge(&self, claims: &Claims, now: i64) -> Result<(), Fault> {
        if let Some(issuer) = claims.get("iss")
            && issuer.as_str() != Some(&*self.issuer)
        {
            return Err(Fault::Invalid(
                "It is of an issuer that does not count here.",
            ));
        }
        if !self.audience.is_empty() {
            is_for(claims, |one| {
                self.audience.iter().any(|ours| **ours == *one)
            })?;
        }
        if claims.contains_key("exp") {
            return is_in_time(claims, now, SKEW);
        }
        // The other times count as well where this one is not said.
        let mut claims = claims.clone();
        claims.insert("exp".to_owned(), now.into());
        is_in_time(&claims, now, SKEW)
    }

    /// Whether its server would be asked about what is shown.
    pub(crate) fn would_ask(call: &Call<'_>) -> bool {
        shown(call)
            .flatten()
            .is_some_and(|(_, token)| is_askable(token))
    }
}

/// Nobody else is asked about what is ours, be it a key or a token.
fn is_askable(token: &[u8]) -> bool {
    token.len() <= LONGEST && !token.starts_with(b"ptn_")
}

/// RFC 7662 §2.2.
fn read(reply: &Reply, cache: Duration, now: i64) -> Result<Introspected, Unanswered> {
    let unclear = Unanswered::Unclear(reply.status);
    if reply.status != 200 {
        return Err(unclear);
    }
    if reply.body.len() > MOST {
        return Err(Unanswered::Body);
    }
    let claims: Claims = serde_json::from_slice(&reply.body).map_err(|_| unclear)?;
    let values: usize = claims.values().map(values).sum();
    let is_active = claims.get("active").and_then(Value::as_bool);
    let is_active = is_active.ok_or(unclear)?;
    let ends = claims.get("exp").and_then(Value::as_f64);
    let left = ends.map(|ends| Duration::from_secs_f64((ends - now as f64).clamp(0.0, 86_400.0)));
    Ok(Introspected {
        keep: match is_active {
            true => left.map_or(cache, |left| cache.min(left)),
            false => cache.min(REFUSED),
        },
        claims: is_active.then(|| Arc::new(claims)),
        size: reply.body.len() + values * VALUE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Fields;

    #[test]
    fn what_servers_say() {
        let cache = Duration::from_secs(60);
        let seconds = Duration::from_secs;
        for (status, body, kept) in [
            (200, r#"{"active":true}"#, Ok((true, seconds(60)))),
            (
                200,
                r#"{"active":true,"exp":1030}"#,
                Ok((true, seconds(30))),
            ),
            (200, r#"{"active":true,"exp":900}"#, Ok((true, seconds(0)))),
            (
                200,
                r#"{"active":true,"exp":1e300}"#,
                Ok((true, seconds(60))),
            ),
            (
                200,
                r#"{"active":true,"exp":-1e300}"#,
                Ok((true, seconds(0))),
            ),
            (200, r#"{"active":false}"#, Ok((false, REFUSED))),
            (200, r#"{"active":"true"}"#, Err(Unanswered::Unclear(200))),
            (200, "[]", Err(Unanswered::Unclear(200))),
            (200, "{}", Err(Unanswered::Unclear(200))),
            (200, "", Err(Unanswered::Unclear(200))),
            (401, r#"{"active":true}"#, Err(Unanswered::Unclear(401))),
        ] {
            let reply = Reply {
                status,
                fields: Fields::new(b""),
                body: body.as_bytes().to_vec(),
            };
            let found = read(&reply, cache, 1000);
            let found = found.map(|one| (one.claims.is_some(), one.keep));
            assert_eq!(found, kept, "{status} {body}");
        }
    }
}
