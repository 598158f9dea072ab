//! What one step would say, asked by its own code, and why.

use domain::bound::NODES_UNKNOWN;
use domain::explain::Counted;

use super::Walk;
use crate::answer::Shown;
use crate::call::Call;
use crate::policy::{BasicAuth, Flow, Introspection, RateLimit, Running, Step};

const ASKS_WHOSE: &str =
    "It asks the token's server whose it is. Explaining asks nobody, so nobody is known to call.";

const COMPARES: &str = "It compares the password with the hash of one that somebody chose. \
                        Explaining compares nothing, so nobody is known to call.";

/// What a step said.
pub(super) struct Said<'a> {
    pub(super) flow: Flow,
    pub(super) shown: Option<(Shown<'a>, Counted)>,
    pub(super) why: String,
}

impl Said<'_> {
    const fn of(flow: Flow, why: String) -> Self {
        Self {
            flow,
            shown: None,
            why,
        }
    }
}

impl Walk<'_> {
    pub(super) fn peek<'a>(
        &mut self,
        step: &'a Step,
        place: usize,
        call: &mut Call<'a>,
    ) -> Said<'a> {
        let counts = &self.explainer.counts;
        match &step.running {
            Running::KeyAuth(policy) => {
                let flow = policy.peek(call, self.stand_in.as_ref(), step.observe);
                let why = whose("key", call, "No key is shown, and none is asked for.");
                Said {
                    flow,
                    shown: None,
                    why,
                }
            }
            Running::Jwt(policy) => {
                let flow = policy.run(call, step.observe);
                let why = whose(
                    "token",
                    call,
                    "No token is shown, or its client is of no application.",
                );
                Said::of(flow, why)
            }
            // Explaining asks nobody.
            Running::Introspection(_) if Introspection::would_ask(call) => {
                Said::of(Flow::Next, ASKS_WHOSE.to_owned())
            }
            Running::Introspection(policy) => Said::of(
                policy.run(call, step.observe),
                "No token is shown, and none is asked for.".to_owned(),
            ),
            Running::ExtAuth(_) => Said::of(
                Flow::Next,
                "It asks another server, which decides. Explaining asks nobody.".to_owned(),
            ),
            Running::AnyOf(policy) if policy.would_ask(call) => {
                Said::of(Flow::Next, ASKS_WHOSE.to_owned())
            }
            Running::BasicAuth(_) if BasicAuth::would_compare(call) => {
                Said::of(Flow::Next, COMPARES.to_owned())
            }
            Running::AnyOf(policy) if policy.would_compare(call) => {
                Said::of(Flow::Next, COMPARES.to_owned())
            }
            Running::BasicAuth(policy) => {
                let flow = policy.run(call, step.observe);
                Said::of(
                    flow,
                    whose(
                        "password",
                        call,
                        "No password is shown, and none is asked for.",
                    ),
                )
            }
            Running::HttpSignature(policy) => {
                let flow = policy.run(call, step.observe);
                let why = whose(
                    "signature",
                    call,
                    "No signature is shown, and none is asked for.",
                );
                Said::of(flow, why)
            }
            Running::Mtls(policy) => {
                let flow = policy.run(call, step.observe);
                let why = whose(
                    "certificate",
                    call,
                    "No certificate of an application is shown.",
                );
                Said::of(flow, why)
            }
            Running::AnyOf(policy) => {
                let flow = policy.peek(call, self.stand_in.as_ref(), step.observe);
                let why = whose(
                    "credential",
                    call,
                    "No credential of an application is shown.",
                );
                Said::of(flow, why)
            }
            Running::Scopes(policy) => Said::of(
                policy.run(call),
                "The token has the scopes that are asked for.".to_owned(),
            ),
            Running::Expression(policy) => Said::of(policy.run(call), policy.told(call)),
            Running::RateLimit(policy) => {
                let (flow, shown) = policy.peek(call, place);
                let (counted, reach) = self.reach(policy);
                Said {
                    flow,
                    shown: Some((shown, counted)),
                    why: format!("By {}.{reach}", policy.counted_by(call)),
                }
            }
            Running::IpFilter(policy) => Said::of(
                policy.run(call),
                format!("{} may call.", call.peer_address()),
            ),
            Running::AuthGuard(policy) => Said::of(
                policy.run(call),
                format!(
                    "{} is heard, and the user name, if one is shown.",
                    call.peer_address()
                ),
            ),
            Running::Concurrency(policy) => {
                let (flow, why) = policy.peek(call);
                Said::of(flow, why)
            }
            Running::Redirect(policy) => Said::of(
                policy.run(call),
                "It sends the client elsewhere.".to_owned(),
            ),
            Running::Mock(policy) => {
                let flow = policy.run(call);
                let why = match flow {
                    Flow::Next => "The document does not have this operation.",
                    Flow::Refuse(_) | Flow::Answer(_) => "It answers.",
                };
                Said::of(flow, why.to_owned())
            }
            // Chance decides; what the others get is what is told.
            Running::Fault(policy) => Said::of(Flow::Next, policy.words()),
            Running::RequestLimits(policy) => Said::of(
                policy.run(call, step.label, step.observe),
                "It is within the bounds, as far as can be told.".to_owned(),
            ),
            Running::Quota(policy) => match policy.peek(call, place) {
                None => Said {
                    flow: Flow::Next,
                    shown: None,
                    why: "A caller who is not known has no quota.".to_owned(),
                },
                Some((flow, shown, key)) => {
                    let by = if call.subscription().is_some() && key.0.subject != application(call)
                    {
                        "subscription"
                    } else {
                        "application"
                    };
                    self.out.quotas.push(key);
                    Said {
                        flow,
                        shown: Some((shown, counts.quotas)),
                        why: format!("By {by}."),
                    }
                }
            },
        }
    }
}

impl Walk<'_> {
    /// Whose count a rate limit's is, and how far several nodes may exceed it.
    fn reach(&self, policy: &RateLimit) -> (Counted, String) {
        let counts = &self.explainer.counts;
        let leases = &counts.shared.leases;
        let is_here = counts.rates == Counted::Node;
        let nodes = match is_here {
            true => leases.nodes(),
            false => NODES_UNKNOWN,
        };
        let Some(bound) = policy.bound(nodes) else {
            return (counts.rates, String::new());
        };
        if is_here && !leases.is_configured() {
            let alone = " There is no Redis: each node counts by itself.";
            return (counts.rates, alone.to_owned());
        }
        if is_here && leases.is_apart() {
            let apart = format!(" Redis is away: this node counts its part alone. {bound}");
            return (counts.rates, apart);
        }
        let counted = if is_here {
            Counted::Platform
        } else {
            counts.rates
        };
        (counted, format!(" {bound}"))
    }
}

fn application(call: &Call<'_>) -> uuid::Uuid {
    call.caller
        .map(|caller| caller.application.id.uuid())
        .unwrap_or_default()
}

fn whose(what: &str, call: &Call<'_>, nobody: &str) -> String {
    match call.caller {
        Some(caller) => format!("A good {what} of application {}.", caller.application.id),
        None => nobody.to_owned(),
    }
}
