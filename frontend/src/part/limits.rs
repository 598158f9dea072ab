//! A plan in words: its limits, its price, and who says yes.

use domain::{
    plan::Approval,
    policy::{AttachPoint, Mode, Policy, PolicyKind},
    wire::plans::{LimitBound, Plan, Price, PricePeriod},
};

use leptos::prelude::*;

use super::Text;
use crate::format;

/// What a plan allows, a line per policy: `600 requests a minute`. Empty: no limit of its own.
#[must_use]
pub fn limits(policies: &[Policy]) -> Vec<String> {
    policies.iter().filter_map(limit).collect()
}

/// The same as rows of a list of names and values: `Rate` and `Quota`, each as often as there is one,
/// with how far several nodes may exceed it.
#[must_use]
pub fn allowed(plan: &Plan) -> Vec<(Text, AnyView)> {
    let mut rows: Vec<(Text, AnyView)> = plan
        .policies
        .iter()
        .filter_map(|policy| {
            let name = match policy.kind() {
                PolicyKind::RateLimit => "Rate",
                PolicyKind::Quota => "Quota",
                kind => kind.as_str(),
            };
            let bound =
                bound(policy, &plan.bounds).map(|words| view! { <span class="sub">{words}</span> });
            let words = limit(policy)?;
            Some((name.into(), view! { {words} {bound} }.into_any()))
        })
        .collect();
    if rows.is_empty() {
        rows.push(("Limit".into(), "none".into_any()));
    }
    rows
}

/// How far several nodes together may exceed a policy of a plan, if it is one that they may exceed.
#[must_use]
pub fn bound(policy: &Policy, bounds: &[LimitBound]) -> Option<String> {
    let (kind, name) = (policy.kind().as_str(), policy.name());
    let of_it = |one: &&LimitBound| one.policy.split_once('/') == Some((kind, name));
    bounds.iter().find(of_it).map(|one| one.overshoot.clone())
}

fn limit(policy: &Policy) -> Option<String> {
    let words = match policy {
        Policy::RateLimit(limit) => {
            let rate = format::rate(u64::from(limit.limit), limit.window.as_secs_ceil());
            let burst = match limit.burst {
                Some(burst) if burst != limit.limit => {
                    format!(", {} at once", format::count(u64::from(burst)))
                }
                Some(_) | None => String::new(),
            };
            format!("{rate}{burst}")
        }
        Policy::Quota(quota) => {
            format!("{} a {}", format::count(quota.limit), quota.period.as_str())
        }
        // The others limit nothing, or say so in their own words.
        other if other.kind().fits(AttachPoint::Plan) => other.words(),
        _ => return None,
    };
    Some(match policy.mode() {
        Mode::Enforce => words,
        Mode::Observe => format!("{words} (only counted)"),
    })
}

/// `EUR 49 a month`, or `free`.
#[must_use]
pub fn price(price: Option<&Price>) -> String {
    let Some(price) = price.filter(|price| price.amount > 0) else {
        return "free".to_owned();
    };
    let (whole, cents) = (format::count(price.amount / 100), price.amount % 100);
    let amount = match cents {
        0 => whole,
        cents => format!("{whole}.{cents:02}"),
    };
    match price.per {
        PricePeriod::Month => format!("{} {amount} a month", price.currency),
        PricePeriod::Year => format!("{} {amount} a year", price.currency),
        PricePeriod::Once => format!("{} {amount} once", price.currency),
    }
}

/// Who says yes, in the words of the catalog.
#[must_use]
pub const fn approval(approval: Approval) -> &'static str {
    match approval {
        Approval::Auto => "approved at once",
        Approval::Manual => "needs approval",
    }
}
