//! Templates with the facts of a request filled in.

use domain::key::Environment;
use domain::policy::template::{Fact, Part, Template};

use crate::call::Call;
use crate::fields::Name;

/// Appends the text. A fact that is not known is nothing.
pub(crate) fn fill(template: &Template, call: &Call<'_>, out: &mut Vec<u8>) {
    for part in &template.0 {
        match part {
            Part::Text(text) => out.extend_from_slice(text.as_bytes()),
            Part::Fact(fact) => fact_of(fact, call, out),
        }
    }
}

fn fact_of(fact: &Fact, call: &Call<'_>, out: &mut Vec<u8>) {
    let head = &call.head;
    let mut text = |text: &str| out.extend_from_slice(text.as_bytes());
    match fact {
        Fact::Path => text(head.canonical()),
        Fact::Rest => text(head.canonical().get(call.prefix..).unwrap_or_default()),
        Fact::Query => text(head.query().unwrap_or_default()),
        Fact::Method => text(head.method.as_str()),
        Fact::Host => {
            // Without `Host` the target's name is sent; the client's stands here then.
            let host = head.fields.get(Name::Host);
            let host = host.or_else(|| head.fields.get(Name::ForwardedHost));
            out.extend_from_slice(host.unwrap_or_default());
        }
        Fact::Client => text(&call.peer_address().to_string()),
        Fact::RequestId => text(call.record.request_id.as_str()),
        Fact::Application => {
            if let Some(caller) = call.caller {
                text(&caller.application.id.to_string());
            }
        }
        Fact::Subscription => {
            if let Some(subscription) = call.subscription() {
                text(&subscription.id.to_string());
            }
        }
        Fact::Plan => text(call.plan().map_or("", |plan| &plan.slug)),
        Fact::Environment => match call.caller.map(|caller| caller.key.environment()) {
            Some(Environment::Live) => text("live"),
            Some(Environment::Test) => text("test"),
            None => {}
        },
        Fact::Header(name) => {
            let value = head.fields.named(name).next();
            out.extend_from_slice(value.unwrap_or_default());
        }
        // Only what a path was matched with has them.
        Fact::Parameter(_) => {}
    }
}
