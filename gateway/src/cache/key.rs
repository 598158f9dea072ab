//! Where answers to a request are kept, and whose they are. Everything that an upstream learns of a
//! request and that a client can choose is part of it, named by a `Vary`, or keeps the answer out.

use super::Cache;
use super::aside::Aside;
use super::second::Names;
use super::stored::{Asker, Owner};
use crate::buffer::Buffer;
use crate::call::Call;
use crate::fields::{Fields, Name, any_of};
use crate::policy::Running;
use crate::state::Upstream;

/// What of a place is the same for all paths of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) upstream: &'a Upstream,
    pub(super) key_headers: &'a [Box<str>],
}

/// A resource: its canonical path, as rights are given by it, and path and query as they go to the
/// upstream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resource<'a> {
    pub(super) canonical: &'a str,
    pub(super) rest: &'a str,
    pub(super) query: Option<&'a str>,
}

/// The place of a resource, in a request that is ready to go, or is but for what
/// [`crate::passage::add_request`] adds, where no field that it writes is among the key's.
pub(super) fn place(
    cache: &Cache,
    call: &Call<'_>,
    spot: Spot<'_>,
    variant: Option<usize>,
    resource: Resource<'_>,
) -> u128 {
    let mut buffer = Buffer::new();
    let out = buffer.open();
    put_place(out, call, spot, variant, resource);
    cache.number(out)
}

fn put_place(
    out: &mut Vec<u8>,
    call: &Call<'_>,
    spot: Spot<'_>,
    variant: Option<usize>,
    resource: Resource<'_>,
) {
    let Resource {
        canonical,
        rest,
        query,
    } = resource;
    let fields = &call.head.fields;
    out.extend_from_slice(call.route.version.uuid().as_bytes());
    out.extend_from_slice(spot.upstream.id.uuid().as_bytes());
    out.extend_from_slice(
        &variant
            .map_or(u64::MAX, |variant| variant as u64)
            .to_le_bytes(),
    );
    put(out, canonical.as_bytes());
    put(out, rest.as_bytes());
    // A question mark with nothing behind it is another address.
    out.push(u8::from(query.is_some()));
    put(out, query.unwrap_or_default().as_bytes());
    // As the upstream gets them, whether they are written already or not.
    let host = match fields.get(Name::ForwardedHost) {
        Some(_) => Name::ForwardedHost,
        None => Name::Host,
    };
    for value in fields.all(host) {
        put_small(out, value);
    }
    end(out);
    for value in fields.all(Name::ForwardedProto) {
        put_small(out, value);
    }
    if fields.get(Name::ForwardedProto).is_none() {
        put_small(out, call.peer.scheme().as_bytes());
    }
    end(out);
    if fields.had(any_of(&[Name::Forwarding, Name::Forwarded])) {
        forwarding(fields, out);
    }
    for name in spot.key_headers {
        fields.named(name).for_each(|value| put(out, value));
        end(out);
    }
}

/// With its length in front, so that no two lists of texts make the same bytes.
fn put(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text);
}

/// The same in small letters.
fn put_small(out: &mut Vec<u8>, text: &[u8]) {
    let start = out.len();
    put(out, text);
    out[start..].make_ascii_lowercase();
}

/// Where one list ends and the next begins: no text is as long.
fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::MAX.to_le_bytes());
}

/// What a trusted proxy says of the request's address, as upstreams write it into their answers.
/// Who called is not: an answer that depends on that says so.
fn forwarding(fields: &Fields, out: &mut Vec<u8>) {
    for (kind, name, value) in fields.known() {
        match kind {
            Name::Forwarding if !name.eq_ignore_ascii_case(b"x-real-ip") => {
                put(out, &name.to_ascii_lowercase());
                put(out, value);
            }
            Name::Forwarded => {
                let text = value.to_ascii_lowercase();
                let parts = text
                    .split(|b| matches!(b, b',' | b';'))
                    .map(<[u8]>::trim_ascii);
                for part in
                    parts.filter(|part| !part.starts_with(b"for=") && !part.starts_with(b"by="))
                {
                    put(out, part);
                }
            }
            _ => {}
        }
    }
}

/// What a request shows before policies shape it, which may carry it elsewhere. `None`: nothing, or
/// no policy does.
pub(super) fn carried<T>(call: &Call<'_>, number: impl FnOnce(&[u8]) -> T) -> Option<T> {
    let shapes = call.chain.beyond.as_ref();
    if shapes.is_none_or(|beyond| beyond.shape.is_empty()) {
        return None;
    }
    let mut buffer = Buffer::new();
    let out = buffer.open();
    for kind in [Name::Authorization, Name::ApiKey] {
        for value in call.head.fields.all(kind) {
            put(out, value);
        }
        end(out);
    }
    let is_something = out.len() > 2 * size_of::<u32>();
    is_something.then(|| number(out))
}

/// What the upstream learns of who calls: what policies tell it, and the fields by which another
/// server let the request in, as the upstream may go by them as well. Credentials and cookies that
/// everybody knows as such count by themselves.
pub(super) fn told<'a>(call: &Call<'a>) -> Vec<(&'a str, String)> {
    let mut told = call.told.clone();
    let access = call.chain.beyond.as_ref().map(|beyond| &beyond.access);
    for step in access.into_iter().flatten().filter(|step| !step.observe) {
        let Running::ExtAuth(policy) = &step.running else {
            continue;
        };
        for name in policy.tells() {
            if matches!(
                Name::of(name.as_bytes()),
                Name::Authorization | Name::ApiKey | Name::Cookie
            ) {
                continue;
            }
            let lines = call.head.fields.named(name);
            told.extend(lines.map(|line| (&**name, line.escape_ascii().to_string())));
        }
    }
    told
}

/// What is known of a caller before its request is made ready.
pub(super) struct Shown<'s> {
    /// As [`told`] has it.
    pub(super) told: &'s [(&'s str, String)],
    pub(super) carried: Option<u128>,
    pub(super) has_cookie: bool,
}

/// Whose answers a request gets. What [`crate::passage::add_request`] says of the caller is not in its
/// fields yet.
pub(super) fn asker(
    cache: &Cache,
    call: &Call<'_>,
    upstream: &Upstream,
    before: &Shown<'_>,
) -> Asker {
    let told = before.told;
    let fields = &call.head.fields;
    let shown = shown(fields, upstream);
    let is_known = call.caller.is_some()
        || call.token.is_some()
        || call.certificate.is_some()
        || !told.is_empty();
    let is_bare = shown == [false, false] && before.carried.is_none();
    let owner = match (is_known, is_bare) {
        (false, true) => Some(Owner::Nobody),
        // Whether they are still good is the upstream's to say, each time.
        (false, _) => None,
        (true, _) => {
            let carried = before.carried.unwrap_or_default();
            Some(Owner::Caller(caller(cache, call, shown, told) ^ carried))
        }
    };
    Asker {
        owner,
        has_cookie: before.has_cookie,
    }
}

/// Whether the upstream sees `Authorization` and `X-Api-Key` of the caller's own.
fn shown(fields: &Fields, upstream: &Upstream) -> [bool; 2] {
    let own = upstream.credential.as_ref().map(|(name, _)| name.as_str());
    let shows = [
        (Name::Authorization, "authorization"),
        (Name::ApiKey, "x-api-key"),
    ];
    shows.map(|(kind, name)| {
        // The upstream's own credential stands in the place of the caller's.
        own.is_none_or(|own| !own.eq_ignore_ascii_case(name)) && fields.get(kind).is_some()
    })
}

fn caller(cache: &Cache, call: &Call<'_>, shown: [bool; 2], told: &[(&str, String)]) -> u128 {
    let mut buffer = Buffer::new();
    let out = buffer.open();
    put_caller(out, &call.head.fields, shown, told);
    end(out);
    // What the gateway itself will say of it.
    if let Some(caller) = &call.caller {
        out.extend_from_slice(caller.application.id.uuid().as_bytes());
        out.push(caller.key.environment() as u8);
        if let Some(subscription) = caller.subscription {
            out.extend_from_slice(subscription.id.uuid().as_bytes());
        }
        end(out);
        put(out, call.plan().map_or("", |plan| &plan.slug).as_bytes());
    }
    if let Some(certificate) = call.certificate {
        put(out, certificate.field.as_bytes());
    }
    cache.number(out)
}

fn put_caller(out: &mut Vec<u8>, fields: &Fields, shown: [bool; 2], told: &[(&str, String)]) {
    for (name, value) in told {
        put(out, name.as_bytes());
        put(out, value.as_bytes());
    }
    end(out);
    for (kind, name, value) in fields.known() {
        let counts = match kind {
            Name::Portunus => true,
            Name::Authorization => shown[0],
            Name::ApiKey => shown[1],
            _ => false,
        };
        if counts {
            put(out, name);
            put(out, value);
        }
    }
}

/// What the request's answers are called in the second level: by the same of which their place and
/// their owner are made here.
pub(super) fn names(call: &Call<'_>, spot: Spot<'_>, asker: &Asker, aside: &Aside<'_>) -> Names {
    let secret = &aside.second.secret;
    let resource = Resource {
        canonical: call.head.canonical(),
        rest: call.rest(),
        query: call.head.query(),
    };
    let mut buffer = Buffer::new();
    let out = buffer.open();
    put_place(out, call, spot, call.variant, resource);
    let place = secret.digest("place", &[&out[..]]);
    out.clear();
    let fields = &call.head.fields;
    let own = asker.owner.and_then(|owner| match owner {
        Owner::Anyone => None,
        Owner::Nobody => Some((owner, secret.digest("nobody", &[]))),
        Owner::Caller(_) => {
            put_caller(out, fields, shown(fields, spot.upstream), &aside.told);
            let carried = aside
                .carried
                .as_ref()
                .map_or(&[][..], |carried| &carried[..]);
            Some((owner, secret.digest("caller", &[&out[..], carried])))
        }
    });
    let version = call.route.version.uuid();
    Names::new(place, own, version, target(call).into())
}

/// What may be asked for once for several requests: one place for one kind of caller.
pub(super) fn flight(place: u128, owner: Option<Owner>) -> Option<u128> {
    match owner {
        None => None,
        Some(Owner::Anyone | Owner::Nobody) => Some(place),
        Some(Owner::Caller(caller)) => Some(place ^ caller),
    }
}

/// Host, path and query as the client wrote them, to be purged by.
pub(super) fn target(call: &Call<'_>) -> String {
    address(call, call.head.canonical(), call.head.query())
}

/// The same of another path on the same host.
pub(super) fn address(call: &Call<'_>, canonical: &str, query: Option<&str>) -> String {
    let host = call
        .head
        .fields
        .get(Name::ForwardedHost)
        .unwrap_or_default();
    let mut text = String::from_utf8_lossy(host).to_ascii_lowercase();
    text.push_str(canonical);
    if let Some(query) = query {
        text.push('?');
        text.push_str(query);
    }
    text
}
