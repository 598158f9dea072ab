//! What must hold of every set of versions at one place: what [`Rule::tie`] lets stand beside each
//! other, no request fits alike, and the order in which they come does not matter.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::asked::Asked;
use super::super::choice::{NotChosen, Spot};
use super::Rule;
use super::testing::rule;

/// Few fields and values, so that conditions meet.
const CONDITIONS: [&str; 12] = [
    "method GET",
    "method POST",
    "method GET POST",
    "header a = x",
    "header a = xy",
    "header a ^= x",
    "header a ~ x|y",
    "header a absent",
    "header b present",
    "query a = x",
    "query a present",
    "cookie a = x",
];

const SELECTORS: [&str; 3] = ["header v = 1", "header v = 2", "header v = 2 default"];

struct Request {
    method: &'static str,
    a: Option<&'static str>,
    b: bool,
    query: Option<&'static str>,
    cookie: Option<&'static str>,
    asks: Option<&'static str>,
}

impl Asked for Request {
    fn method(&self) -> &str {
        self.method
    }

    fn each(&self, name: &str, met: &mut dyn FnMut(&[u8])) {
        let value = match name {
            "a" => self.a,
            "b" => self.b.then_some(""),
            "cookie" => self.cookie,
            "v" => self.asks,
            _ => None,
        };
        if let Some(value) = value {
            met(value.as_bytes());
        }
    }

    fn query(&self) -> Option<&str> {
        self.query
    }
}

fn requests() -> impl Iterator<Item = Request> {
    let mut all = Vec::new();
    for method in ["GET", "POST", "PUT"] {
        for a in [None, Some("x"), Some("xy"), Some("y")] {
            for (query, cookie) in [
                (None, Some("a=x")),
                (Some("a=x"), None),
                (Some("a=y"), Some("a=y; a=x")),
            ] {
                for asks in [None, Some("1"), Some("2")] {
                    all.push(Request {
                        method,
                        a,
                        b: a != Some("y"),
                        query,
                        cookie,
                        asks,
                    });
                }
            }
        }
    }
    all.into_iter()
}

fn rules() -> impl Strategy<Value = Vec<String>> {
    let conditions =
        || prop::collection::btree_set(prop::sample::select(CONDITIONS.to_vec()), 0..4);
    let one = (prop::sample::select(SELECTORS.to_vec()), conditions());
    (any::<bool>(), prop::collection::vec(one, 1..8)).prop_map(|(selected, all)| {
        all.into_iter()
            .map(|(selector, conditions)| {
                let mut text = if selected { selector } else { "-" }.to_owned();
                for condition in conditions {
                    text = format!("{text};{condition}");
                }
                text
            })
            .collect()
    })
}

/// Takes each that ties with none before it, as saving does.
fn saved(texts: &[String]) -> Vec<Arc<Rule>> {
    let mut kept: Vec<Arc<Rule>> = Vec::new();
    for text in texts {
        let rule = rule(text);
        if kept.iter().all(|known| rule.tie(known).is_none()) {
            kept.push(Arc::new(rule));
        }
    }
    kept
}

proptest! {
    #[test]
    fn no_request_fits_two_alike(texts in rules()) {
        let kept = saved(&texts);
        let spot = |rules: Vec<Arc<Rule>>| {
            let named = rules.into_iter().map(|rule| (rule.clone(), rule.to_string()));
            Spot::new(named.collect()).unwrap()
        };
        let one = spot(kept.clone());
        let other = spot(kept.iter().rev().cloned().collect());
        for request in requests() {
            let (Spot::Choice(one), Spot::Choice(other)) = (&one, &other) else {
                prop_assert!(kept.len() == 1);
                return Ok(());
            };
            let found = one.choose(&request);
            prop_assert_eq!(&found, &other.choose(&request));
            let Ok(found) = found else {
                prop_assert!(matches!(found, Err(NotChosen::Conditions | NotChosen::Required | NotChosen::Unknown)));
                continue;
            };
            // The rule of gateway.md §5 read aloud: the most conditions that hold, and only one has
            // as many.
            let chosen = kept.iter().find(|rule| rule.to_string() == *found).unwrap();
            let value = |rule: &Rule| rule.selected.as_ref().map(|selected| selected.value.clone());
            let rivals = kept.iter().filter(|rule| {
                value(rule) == value(chosen)
                    && rule.holds(&request)
                    && rule.tests.len() >= chosen.tests.len()
            });
            prop_assert_eq!(rivals.count(), 1, "{} in {:?}", found, texts);
        }
    }
}
