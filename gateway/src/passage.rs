//! Header fields on their way through: what ends at this hop goes, what a client must not say
//! goes, and our own are added afterwards.

use domain::id::Id;
use domain::problem::Code;

use crate::answer::Refusal;
use crate::call::{Call, Caller};
use crate::fields::{Fields, Name, any_of};
use crate::policy::password_pair;
use crate::record::TraceId;
use crate::state::{Plan, Upstream};
use crate::target::shadows;
use crate::upstream::Target;

const HOP: u32 = any_of(&[
    Name::Connection,
    Name::KeepAlive,
    Name::TransferEncoding,
    Name::Upgrade,
    Name::Expect,
    Name::Hop,
]);

/// What a client cannot say by itself.
const SAID: u32 = any_of(&[
    Name::Underscore,
    Name::ForwardedFor,
    Name::ForwardedHost,
    Name::ForwardedProto,
    Name::Forwarding,
    Name::Forwarded,
    Name::Portunus,
]);

const TRACED: u32 = any_of(&[Name::Traceparent, Name::Tracestate]);

/// Of which trace the request is. What names one goes on as it came, the parent in it included: this
/// gateway is no span that anybody could look up, so one of its own would cut the tree in two. What
/// names none goes, and what stands beside it means nothing without it (W3C Trace Context §3.3).
pub(crate) fn trace(fields: &mut Fields) -> TraceId {
    if !fields.had(TRACED) {
        return TraceId::NONE;
    }
    let trace = TraceId::of(fields.all(Name::Traceparent));
    if trace == TraceId::NONE {
        fields.remove_kinds(|kind| matches!(kind, Name::Traceparent | Name::Tracestate));
    }
    trace
}

/// Fields that one message may nominate in `Connection`: as many as it may have, as a rule. Each is
/// looked for among all.
const NOMINATED: usize = 100;

/// What stands in `Connection`, one by one.
fn options(fields: &Fields) -> impl Iterator<Item = &[u8]> {
    let lines = fields.all(Name::Connection);
    lines.flat_map(|line| line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii))
}

/// Removes what ends at this hop, `Connection`'s nominations included.
fn strip_hop(fields: &mut Fields) {
    if !fields.had(HOP) {
        return;
    }
    let mut nominated: Vec<Vec<u8>> = Vec::new();
    for token in options(fields).take(NOMINATED) {
        let kind = Name::of(token);
        // These name no field that is ever sent.
        let is_option = token.eq_ignore_ascii_case(b"close") || token.is_empty();
        if !is_option && !kind.ends_here() && !kind.is_protected() {
            nominated.push(token.to_owned());
        }
    }
    for name in nominated {
        fields.remove_named(&name);
    }
    fields.remove_kinds(Name::ends_here);
}

/// Takes out of a request what must not reach an upstream.
pub(crate) fn strip_request(
    fields: &mut Fields,
    trusted: bool,
    session_cookie: &str,
) -> Result<(), Refusal> {
    if fields.had(SAID) {
        if let Some(name) = fields
            .iter()
            .map(|(name, _)| name)
            .find(|name| shadows(name))
        {
            let name = String::from_utf8_lossy(name).to_lowercase();
            let detail = format!("The header {name} would pass for one that the gateway sets.");
            return Err(Refusal::new(Code::BadRequest).detail(detail));
        }
        fields.remove_kinds(|kind| match kind {
            Name::Underscore | Name::Portunus => true,
            Name::ForwardedFor
            | Name::ForwardedHost
            | Name::ForwardedProto
            | Name::Forwarding
            | Name::Forwarded => !trusted,
            _ => false,
        });
    }
    if options(fields).nth(NOMINATED).is_some() {
        let detail = format!("The header connection names more than {NOMINATED} others.");
        return Err(Refusal::new(Code::BadRequest).detail(detail));
    }
    strip_hop(fields);
    strip_keys(fields);
    strip_session(fields, session_cookie);
    Ok(())
}

/// The fields as whoever writes a policy may read them: without what must not reach an upstream.
pub(crate) fn readable(fields: &Fields, session_cookie: &str) -> Fields {
    let mut twin = fields.twin();
    strip_keys(&mut twin);
    strip_session(&mut twin, session_cookie);
    twin
}

/// A `ptn_…` value never reaches an upstream, attached policy or not.
fn strip_keys(fields: &mut Fields) {
    for kind in [Name::ApiKey, Name::Authorization] {
        if fields.all(kind).any(holds_key) {
            fields.remove(kind);
        }
    }
    // A password of ours is one as well, behind its encoding.
    let is_ours = |value| password_pair(value).is_some_and(|pair| holds_key(&pair));
    if fields.all(Name::Authorization).any(is_ours) {
        fields.remove(Name::Authorization);
    }
}

/// In any line and behind any scheme: not only where `key_auth` would look for it.
fn holds_key(bytes: &[u8]) -> bool {
    let is_inside = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    memchr::memmem::find_iter(bytes, b"ptn_").any(|at| !bytes[..at].last().is_some_and(is_inside))
}

/// Cuts the portal's session out of the cookies: it shares the host, as cookies ignore ports.
fn strip_session(fields: &mut Fields, name: &str) {
    let is_there = |value: &[u8]| memchr::memmem::find(value, name.as_bytes()).is_some();
    if !fields.all(Name::Cookie).any(is_there) {
        return;
    }
    let mut kept = Vec::new();
    for value in fields.all(Name::Cookie) {
        let pairs = value.split(|byte| *byte == b';');
        let rest: Vec<&[u8]> = pairs
            .map(<[u8]>::trim_ascii)
            .filter(|pair| !pair.is_empty() && !is_cookie(pair, name))
            .collect();
        if !rest.is_empty() {
            kept.push(rest.join(&b"; "[..]));
        }
    }
    fields.remove(Name::Cookie);
    for value in kept {
        fields.push("cookie", &value);
    }
}

/// Bytes, because a cookie need not be text.
fn is_cookie(pair: &[u8], name: &str) -> bool {
    let shown = pair
        .split(|byte| *byte == b'=')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    shown.strip_prefix(b"__Host-").unwrap_or(shown) == name.as_bytes()
}

/// The addresses so far, of all lines, and the peer's behind them.
fn add_forwarded_for(fields: &mut Fields, peer: &[u8]) {
    if fields.get(Name::ForwardedFor).is_none() {
        return fields.push("x-forwarded-for", peer);
    }
    let mut all = Vec::new();
    for line in fields.all(Name::ForwardedFor) {
        all.extend_from_slice(line);
        all.extend_from_slice(b", ");
    }
    all.extend_from_slice(peer);
    fields.set("x-forwarded-for", &all);
}

/// Written anew for each request: a text beside each of a million ids would take more time to fetch
/// and a hundred megabytes.
fn push_id<K>(fields: &mut Fields, name: &str, id: Id<K>) {
    let mut text = uuid::Uuid::encode_buffer();
    let text = id.uuid().hyphenated().encode_lower(&mut text);
    fields.push(name, text.as_bytes());
}

/// Says where the request came from and whom it was for.
pub(crate) fn add_origin(fields: &mut Fields, call: &Call<'_>) {
    let (peer, host) = (call.peer, call.head.fields.get(Name::Host));
    add_forwarded_for(fields, peer.header.as_bytes());
    if !peer.trusted || fields.get(Name::ForwardedProto).is_none() {
        fields.set("x-forwarded-proto", peer.scheme().as_bytes());
    }
    if let Some(host) = host
        && (!peer.trusted || fields.get(Name::ForwardedHost).is_none())
    {
        fields.set("x-forwarded-host", host);
    }
}

/// Says who calls.
pub(crate) fn add_identity(fields: &mut Fields, call: &Call<'_>) {
    identify(fields, call.caller.as_ref(), call.plan());
}

fn identify(fields: &mut Fields, caller: Option<&Caller<'_>>, plan: Option<&Plan>) {
    let Some(caller) = caller else {
        return;
    };
    push_id(fields, "x-portunus-application", caller.application.id);
    let environment = caller.key.environment().as_str();
    fields.push("x-portunus-environment", environment.as_bytes());
    if let Some(subscription) = caller.subscription {
        push_id(fields, "x-portunus-subscription", subscription.id);
    }
    if let Some(plan) = plan {
        fields.push("x-portunus-plan", plan.slug.as_bytes());
    }
}

/// Adds ours: identity, forwarding, request id, the upstream's credential.
pub(crate) fn add_request(call: &mut Call<'_>, upstream: &Upstream) {
    let peer = call.peer;
    let request_id = call.record.request_id;
    let (caller, plan) = (call.caller, call.plan());
    let fields = &mut call.head.fields;
    fields.set("x-request-id", request_id.as_str().as_bytes());
    add_forwarded_for(fields, peer.header.as_bytes());
    if !peer.trusted || fields.get(Name::ForwardedProto).is_none() {
        fields.set("x-forwarded-proto", peer.scheme().as_bytes());
    }
    if !peer.trusted || fields.get(Name::ForwardedHost).is_none() {
        fields.copy(Name::Host, "x-forwarded-host");
    }
    if !upstream.preserve_host {
        // Each target is named as it is called when the head is written.
        fields.remove(Name::Host);
    }
    identify(fields, caller.as_ref(), plan);
    if let Some(certificate) = call.certificate {
        fields.push("client-cert", certificate.field.as_bytes());
    }
    if let Some((name, value)) = &upstream.credential {
        fields.set(name.as_str(), value.as_bytes());
    }
}

/// Whether a field of this name, in small letters, may be one that [`add_request`] writes or takes out.
pub(crate) fn is_ours(name: &str, upstream: &Upstream) -> bool {
    let kind = Name::of(name.as_bytes());
    let credential = upstream.credential.as_ref();
    matches!(
        kind,
        Name::Host
            | Name::RequestId
            | Name::ForwardedFor
            | Name::ForwardedHost
            | Name::ForwardedProto
            | Name::Portunus
    ) || credential.is_some_and(|(own, _)| own.as_str().eq_ignore_ascii_case(name))
}

/// Names the target in `Host`, as the head does that is written.
pub(crate) fn address(fields: &mut Fields, upstream: &Upstream, target: &Target) {
    if !upstream.preserve_host {
        fields.set("host", target.authority.as_bytes());
    }
}

/// Makes a request that is ready for one upstream ready for another, which learns no secret of the
/// first. What the first one's credential replaced does not come back.
pub(crate) fn readdress(fields: &mut Fields, from: &Upstream, to: &Upstream) {
    if let Some((name, _)) = &from.credential {
        fields.remove_named(name.as_str().as_bytes());
    }
    match (from.preserve_host, to.preserve_host) {
        (true, false) => fields.remove(Name::Host),
        (false, true) => fields.copy(Name::ForwardedHost, "host"),
        (true, true) | (false, false) => {}
    }
    if let Some((name, value)) = &to.credential {
        fields.set(name.as_str(), value.as_bytes());
    }
}

/// Takes out of an answer what ends at this hop, and a session cookie that an upstream must not
/// set.
pub(crate) fn strip_response(fields: &mut Fields, session_cookie: &str) {
    strip_hop(fields);
    if fields
        .all(Name::SetCookie)
        .any(|value| is_cookie(value, session_cookie))
    {
        fields
            .retain(|kind, _, value| kind != Name::SetCookie || !is_cookie(value, session_cookie));
    }
}

#[cfg(test)]
mod tests;
