//! What a request itself chooses: its upstream, the variant of that, and what balancing goes by.

use domain::id::ApplicationId;
use domain::key::Environment;
use domain::problem::Code;
use domain::upstream::{Algorithm, CallerIs, ClaimIs, HashBy, Kept, NamedBy};
use serde_json::Value;

use crate::answer::Refusal;
use crate::call::Call;
use crate::fields::Name;
use crate::state::{Beside, Upstream};
use crate::token::claim;
use crate::upstream::{self, Split};

/// The caller's upstream, and the others that it names: the first that is chosen for it, else that of
/// its environment.
pub(crate) fn choose_upstream<'a>(call: &Call<'a>) -> Result<(&'a Upstream, &'a Beside), Refusal> {
    let is_test = environment(call) == Some(Environment::Test);
    let route = call.route;
    let test = route.test_upstream.as_deref().filter(|_| is_test);
    let chosen = match &route.chosen {
        None => None,
        Some(all) => all.iter().find(|one| {
            // Who offers a place for tests does not mean them where nothing says so.
            (one.when.environment.is_some() || test.is_none()) && holds(&one.when, call)
        }),
    };
    let (upstream, beside) = match (chosen, test) {
        (Some(one), _) => (one.upstream.as_deref(), &one.beside),
        (None, Some(test)) => (Some(test), &route.test_beside),
        (None, None) => (route.upstream.as_deref(), &route.beside),
    };
    let upstream = upstream
        .filter(|upstream| upstream.broken.is_some() || !upstream.targets.is_empty())
        .ok_or_else(|| Refusal::new(Code::NoHealthyTarget).retry_after(1))?;
    match &upstream.broken {
        None => Ok((upstream, beside)),
        Some(_) => Err(Refusal::new(Code::PolicyInvalid)
            .detail("The upstream of this route cannot be used as it is set up.")),
    }
}

fn environment(call: &Call<'_>) -> Option<Environment> {
    call.caller.map(|caller| caller.key.environment())
}

/// Whether all that is set is true of the caller.
fn holds(when: &CallerIs, call: &Call<'_>) -> bool {
    let CallerIs {
        plan,
        application,
        environment: wanted,
        claim,
    } = when;
    let is_plan = |slug: &String| call.plan().is_some_and(|plan| *plan.slug == **slug);
    let is_application = |id: &ApplicationId| {
        let caller = call.caller.as_ref();
        caller.is_some_and(|caller| caller.application.id == *id)
    };
    plan.as_ref().is_none_or(is_plan)
        && application.as_ref().is_none_or(is_application)
        && wanted.is_none_or(|wanted| environment(call) == Some(wanted))
        && claim.as_ref().is_none_or(|claim| says(call, claim))
}

/// Whether the caller's token says it, as a text or as one of a list.
fn says(call: &Call<'_>, wanted: &ClaimIs) -> bool {
    let is_it = |value: &Value| value.as_str() == Some(&*wanted.value);
    let token = call.token.as_deref();
    match token.and_then(|token| claim(token, &wanted.name)) {
        Some(Value::Array(all)) => all.iter().any(is_it),
        Some(one) => is_it(one),
        None => false,
    }
}

/// The request's variant, by index. `chance` is asked where nothing keeps its variant.
pub(crate) fn variant(call: &Call<'_>, split: &Split, chance: impl FnOnce() -> u64) -> usize {
    let named = match &split.by {
        None => None,
        Some(NamedBy::Header(name)) => call.head.fields.named(name).next(),
        Some(NamedBy::Cookie(name)) => cookie(call, name),
        Some(NamedBy::Claim(name)) => claimed(call, name),
    };
    if let Some(index) = split.fixed(named) {
        return index;
    }
    let address = call.address();
    let subject = match split.sticky {
        Kept::Caller => call.caller_id().unwrap_or(address),
        Kept::Address => address,
        Kept::Nothing => u128::from(chance()),
    };
    split.choose(None, &subject.to_be_bytes(), call.wall_us)
}

/// What the caller's token says, where that is a text.
fn claimed<'c>(call: &'c Call<'_>, name: &str) -> Option<&'c [u8]> {
    let value = claim(call.token.as_deref()?, name)?;
    value.as_str().map(str::as_bytes)
}

fn cookie<'c>(call: &'c Call<'_>, name: &str) -> Option<&'c [u8]> {
    let lines = call.head.fields.all(Name::Cookie);
    let mut pairs = lines.flat_map(|line| line.split(|b| *b == b';'));
    pairs.find_map(|pair| {
        pair.trim_ascii()
            .strip_prefix(name.as_bytes())?
            .strip_prefix(b"=")
    })
}

/// What consistent hashing hashes.
pub(super) fn balance_key(call: &Call<'_>, upstream: &Upstream) -> u64 {
    match (upstream.balance.algorithm, &upstream.balance.by) {
        (
            Algorithm::RoundRobin | Algorithm::LeastRequests | Algorithm::Ewma | Algorithm::Random,
            _,
        ) => return 0,
        (Algorithm::ConsistentHash, None | Some(HashBy::Address)) => None,
        (Algorithm::ConsistentHash, Some(HashBy::Path)) => Some(call.rest().as_bytes()),
        (Algorithm::ConsistentHash, Some(HashBy::Header(name))) => {
            call.head.fields.named(name).next()
        }
        (Algorithm::ConsistentHash, Some(HashBy::Cookie(name))) => cookie(call, name),
    }
    .map_or_else(
        || upstream::identity(&call.address().to_be_bytes()),
        upstream::identity,
    )
}
