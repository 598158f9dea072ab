//! Templates with the facts of a request filled in, each up to a length: what a client sends may
//! stand in one many times.

use domain::key::Environment;
use domain::policy::template::{Fact, Part, Template};

use crate::call::Call;
use crate::fields::Name;

/// What a template makes would be longer than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

/// A text that never grows beyond so many bytes.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl Bounded {
    fn add(&mut self, part: &[u8]) -> Result<(), TooLong> {
        if part.len() > self.most - self.bytes.len() {
            return Err(TooLong);
        }
        self.bytes.extend_from_slice(part);
        Ok(())
    }
}

/// The text, of at most `most` bytes. A fact that is not known is nothing.
pub(crate) fn fill(template: &Template, call: &Call<'_>, most: usize) -> Result<Vec<u8>, TooLong> {
    let mut out = Bounded {
        bytes: Vec::new(),
        most,
    };
    for part in &template.0 {
        match part {
            Part::Text(text) => out.add(text.as_bytes())?,
            Part::Fact(fact) => fact_of(fact, call, &mut out)?,
        }
    }
    Ok(out.bytes)
}

/// One fact, of at most `most` bytes.
pub(crate) fn fact(fact: &Fact, call: &Call<'_>, most: usize) -> Result<Vec<u8>, TooLong> {
    let mut out = Bounded {
        bytes: Vec::new(),
        most,
    };
    fact_of(fact, call, &mut out)?;
    Ok(out.bytes)
}

fn fact_of(fact: &Fact, call: &Call<'_>, out: &mut Bounded) -> Result<(), TooLong> {
    let head = &call.head;
    let mut text = |text: &str| out.add(text.as_bytes());
    match fact {
        Fact::Path => text(head.canonical()),
        Fact::Rest => text(head.canonical().get(call.prefix..).unwrap_or_default()),
        Fact::Query => text(head.query().unwrap_or_default()),
        Fact::Method => text(head.method.as_str()),
        Fact::Host => {
            // Without `Host` the target's name is sent; the client's stands here then.
            let host = head.fields.get(Name::Host);
            let host = host.or_else(|| head.fields.get(Name::ForwardedHost));
            out.add(host.unwrap_or_default())
        }
        Fact::Client => text(&call.peer_address().to_string()),
        Fact::RequestId => text(call.record.request_id.as_str()),
        Fact::Application => match call.caller {
            Some(caller) => text(&caller.application.id.to_string()),
            None => Ok(()),
        },
        Fact::Subscription => match call.subscription() {
            Some(subscription) => text(&subscription.id.to_string()),
            None => Ok(()),
        },
        Fact::Plan => text(call.plan().map_or("", |plan| &plan.slug)),
        Fact::Environment => match call.caller.map(|caller| caller.key.environment()) {
            Some(Environment::Live) => text("live"),
            Some(Environment::Test) => text("test"),
            None => Ok(()),
        },
        Fact::Header(name) => {
            let value = head.fields.named(name).next();
            out.add(value.unwrap_or_default())
        }
        // Only what a path was matched with has them.
        Fact::Parameter(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_larger_is_ever_built() {
        for (parts, most, made) in [
            (&["abc", "de"][..], 5, Ok("abcde")),
            (&["abc", "def"], 5, Err(TooLong)),
            (&["abcdef"], 5, Err(TooLong)),
            (&["", ""], 0, Ok("")),
        ] {
            let mut out = Bounded {
                bytes: Vec::new(),
                most,
            };
            let added = parts.iter().try_for_each(|part| out.add(part.as_bytes()));
            assert!(out.bytes.len() <= most, "{parts:?}");
            assert_eq!(added.map(|()| &out.bytes[..]), made.map(str::as_bytes));
        }
    }
}
