//! What one policy becomes.

use domain::effective::Effective;
use domain::policy::transform::{Message, Way};
use domain::policy::{AttachPoint, Policy, named_lists, named_upstreams};

use super::super::{
    AnyOf, AuthGuard, BasicAuth, Cache, Checking, Compress, Concurrency, Context, Cors, Expression,
    ExtAuth, Fault, Finishing, HttpSignature, Introspection, IpFilter, JsonThreat, Jwt, KeyAuth,
    LogDetail, Mirror, Mtls, Quota, RateLimit, Redirect, RequestLimits, Reshape, Rewrite, Running,
    Scopes, SecurityHeaders, Shaping, ThreatPatterns, Transform,
};
use super::{Parts, Uncompiled, documented, label};

pub(super) fn compile(
    effective: &Effective<'_>,
    attach: uuid::Uuid,
    context: &Context<'_>,
) -> Result<Parts, Uncompiled> {
    let wrong = effective.policy.check();
    if let Some(invalid) = wrong.into_iter().next() {
        let reason = format!("{}: {}", invalid.pointer, invalid.message);
        let label = format!("policy {}", label(effective.policy));
        return Err(Uncompiled { label, reason });
    }
    // What checks is read, so this is not met.
    let unread = || Uncompiled {
        label: format!("policy {}", label(effective.policy)),
        reason: "It cannot be read.".to_owned(),
    };
    // Requests go on without copies where nobody is there who gets them.
    let is_needed = !matches!(effective.policy, Policy::Mirror(_));
    for named in named_upstreams(std::slice::from_ref(effective.policy)) {
        if is_needed && (context.upstreams)(named.name).is_none() {
            let label = format!("policy {}", label(effective.policy));
            let name = named.name;
            let reason = format!("There is no upstream {name} in the organization.");
            return Err(Uncompiled { label, reason });
        }
    }
    for named in named_lists(std::slice::from_ref(effective.policy)) {
        if (context.ip_lists)(named.name).is_none() {
            let label = format!("policy {}", label(effective.policy));
            let name = named.name;
            let reason = format!("There is no list {name} in the organization.");
            return Err(Uncompiled { label, reason });
        }
    }
    let in_plan = effective.from == AttachPoint::Plan;
    let name = effective.policy.name();
    Ok(match effective.policy {
        Policy::KeyAuth(policy) => Running::KeyAuth(KeyAuth::compile(policy)).into(),
        Policy::Jwt(policy) => {
            Running::Jwt(Box::new(Jwt::compile(policy, context).ok_or_else(unread)?)).into()
        }
        Policy::Oauth2Introspection(policy) => {
            let running = Introspection::compile(policy, context);
            Running::Introspection(Box::new(running.ok_or_else(unread)?)).into()
        }
        Policy::BasicAuth(policy) => Running::BasicAuth(BasicAuth::compile(policy)).into(),
        Policy::HttpSignature(policy) => {
            let (running, compares) = HttpSignature::compile(policy);
            Parts {
                running: Some(Running::HttpSignature(Box::new(running))),
                checking: compares.map(Checking::Signature),
                ..Parts::default()
            }
        }
        Policy::ExtAuth(policy) => {
            let running = ExtAuth::compile(policy, context);
            Running::ExtAuth(Box::new(running.ok_or_else(unread)?)).into()
        }
        Policy::Mtls(policy) => Running::Mtls(Mtls::compile(policy)).into(),
        Policy::AnyOf(policy) => Parts {
            running: Some(Running::AnyOf(
                AnyOf::compile(policy, context).ok_or_else(unread)?,
            )),
            checking: AnyOf::compares(policy).map(Checking::Signature),
            ..Parts::default()
        },
        Policy::Scopes(policy) => Running::Scopes(Box::new(Scopes::compile(policy))).into(),
        Policy::Expression(policy) => {
            Running::Expression(Box::new(Expression::compile(policy).ok_or_else(unread)?)).into()
        }
        Policy::RateLimit(policy) => Running::RateLimit(Box::new(RateLimit::compile(
            policy, name, attach, in_plan, context,
        )))
        .into(),
        Policy::Quota(policy) => {
            let zone = policy.zone().unwrap_or(chrono_tz::Tz::UTC);
            Running::Quota(Box::new(Quota::compile(
                policy, name, attach, zone, in_plan, context,
            )))
            .into()
        }
        Policy::IpFilter(policy) => {
            Running::IpFilter(Box::new(IpFilter::compile(policy, context.ip_lists))).into()
        }
        Policy::Compress(policy) => Finishing::Compress(Compress::compile(policy)).into(),
        Policy::Cors(policy) => Finishing::Cors(Cors::compile(policy)).into(),
        Policy::AuthGuard(policy) => {
            let guard = AuthGuard::compile(policy, name, attach, context);
            Parts {
                running: Some(Running::AuthGuard(guard.clone())),
                finishing: Some(Finishing::AuthGuard(guard)),
                ..Parts::default()
            }
        }
        Policy::Concurrency(policy) => Running::Concurrency(Box::new(Concurrency::compile(
            policy, name, attach, in_plan, context,
        )))
        .into(),
        Policy::Redirect(policy) => {
            Running::Redirect(Redirect::compile(policy).ok_or_else(unread)?).into()
        }
        Policy::Mock(policy) => documented::mock(policy, effective, context)?,
        Policy::Cache(policy) => Parts {
            cache: Some(Cache::compile(policy, context.names)),
            ..Parts::default()
        },
        Policy::Fault(policy) => Running::Fault(Fault::compile(policy)).into(),
        Policy::Rewrite(policy) => Parts {
            shaping: Some(Shaping::Rewrite(
                Rewrite::compile(policy).ok_or_else(unread)?,
            )),
            ..Parts::default()
        },
        Policy::Transform(policy) => {
            let of = |message: &Option<Message>, way| match message {
                Some(message) => Transform::compile(message, way)
                    .ok_or_else(unread)
                    .map(Some),
                None => Ok(None),
            };
            let body = |message: &Option<Message>, way| {
                let body = message.as_ref().and_then(|message| message.body.as_ref());
                let compiled = body.map(|body| Reshape::compile(body, way).ok_or_else(unread));
                compiled.transpose()
            };
            Parts {
                reshape: body(&policy.request, Way::Request)?,
                reshape_answer: body(&policy.response, Way::Response)?,
                status: policy.response.as_ref().and_then(|message| message.status),
                shaping: of(&policy.request, Way::Request)?.map(Shaping::Transform),
                finishing: of(&policy.response, Way::Response)?.map(Finishing::Transform),
                ..Parts::default()
            }
        }
        Policy::RequestLimits(policy) => {
            Running::RequestLimits(Box::new(RequestLimits::compile(policy))).into()
        }
        Policy::JsonThreat(policy) => Checking::JsonThreat(JsonThreat::compile(policy)).into(),
        Policy::ThreatPatterns(policy) => {
            Checking::ThreatPatterns(ThreatPatterns::compile(policy).ok_or_else(unread)?).into()
        }
        Policy::LogDetail(policy) => Parts {
            detail: Some(LogDetail::compile(policy).ok_or_else(unread)?),
            ..Parts::default()
        },
        Policy::Mirror(policy) => Parts {
            mirror: Mirror::compile(policy, context),
            ..Parts::default()
        },
        Policy::Validate(policy) => documented::validate(policy, effective, context)?,
        Policy::SecurityHeaders(policy) => {
            Finishing::SecurityHeaders(SecurityHeaders::compile(policy)).into()
        }
    })
}
