//! What a version asks of a request beyond host and path, and whether two versions at one place
//! can be told apart by it.

#[cfg(test)]
mod properties;

use std::fmt;

use super::asked::Asked;
use super::condition::{MAX_CONDITIONS, Test};
use super::selector::Selected;
use crate::problem::Invalid;
use crate::snapshot::Route;

/// The running form of a route's selector and conditions.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    pub selected: Option<Selected>,
    pub(super) tests: Vec<Test>,
    /// Part of it cannot be read: it stands behind all others at its place.
    broken: Broken,
    text: Box<str>,
}

/// What of a rule cannot be read by this release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Broken {
    #[default]
    Nothing,
    Conditions,
    Selector,
}

/// Why requests could not be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Tie {
    #[error("Another version answers at this host and path.")]
    Same,
    #[error("Versions at one host and path all have a selector, or none has.")]
    Mixed,
    #[error("Versions at one host and path are asked for in one way: the same selector for all.")]
    Scheme,
    #[error("Another version at this host and path is asked for with the same value.")]
    Value,
    #[error("Another version at this host and path is the default already.")]
    Defaults,
    #[error(
        "Another version there has as many conditions, and a request can meet those of both. Add one, or make two exclude each other."
    )]
    Conditions,
}

impl Tie {
    /// From the route's own root.
    pub const fn pointer(self) -> &'static str {
        match self {
            Self::Same => "/path",
            Self::Mixed | Self::Scheme | Self::Value => "/selector",
            Self::Defaults => "/selector/default",
            Self::Conditions => "/when",
        }
    }
}

/// What is wrong with a route's selector and conditions; pointers from the route's own root.
pub fn check(route: &Route) -> Vec<Invalid> {
    let mut found = Vec::new();
    if let Some(selector) = &route.selector {
        let wrong = selector.check().into_iter();
        found.extend(wrong.map(|invalid| invalid.under("/selector")));
    }
    if route.when.len() > MAX_CONDITIONS {
        found.push(Invalid::new("/when", "Give at most 16 conditions."));
    }
    for (index, condition) in route.when.iter().enumerate() {
        let at = format!("/when/{index}");
        if route.when[..index].contains(condition) {
            found.push(Invalid::new(&*at, "Give each condition once."));
        }
        let wrong = condition.check().into_iter();
        found.extend(wrong.map(|invalid| invalid.under(&at)));
    }
    found
}

impl Rule {
    /// Of the version of this name.
    pub fn new(route: &Route, version: &str) -> Result<Self, Vec<Invalid>> {
        let found = check(route);
        if !found.is_empty() {
            return Err(found);
        }
        let selected = route.selector.as_ref();
        let selected = selected
            .map(|selector| selector.selected(version))
            .transpose();
        let selected = selected.map_err(|invalid| vec![invalid.under("/selector")])?;
        let tests: Result<Vec<Test>, Invalid> = route.when.iter().map(|one| one.test()).collect();
        let mut lines: Vec<String> = route.when.iter().map(ToString::to_string).collect();
        lines.sort_unstable();
        let selector = selected.as_ref().map(ToString::to_string);
        Ok(Self {
            text: selector
                .into_iter()
                .chain(lines)
                .collect::<Vec<_>>()
                .join("\n")
                .into(),
            selected,
            tests: tests.map_err(|invalid| vec![invalid])?,
            broken: Broken::Nothing,
        })
    }

    /// Of a route that a former release took and this one does not: what of it can be read. Requests
    /// meet it where they would go to no other version at its place.
    pub fn broken(route: &Route, version: &str) -> Self {
        let selected = route.selector.as_ref();
        let selected = selected.map(|selector| selector.selected(version));
        let broken = match &selected {
            Some(Err(_)) => Broken::Selector,
            None | Some(Ok(_)) => Broken::Conditions,
        };
        let readable = route.when.iter().filter_map(|one| one.test().ok());
        Self {
            selected: selected.and_then(Result::ok),
            tests: readable.collect(),
            broken,
            text: Box::default(),
        }
    }

    /// Neither selector nor conditions.
    pub fn is_plain(&self) -> bool {
        self.selected.is_none() && self.tests.is_empty() && !self.is_broken()
    }

    pub fn is_broken(&self) -> bool {
        self.broken != Broken::Nothing
    }

    /// Nobody knows what asks for it.
    pub(super) fn is_unnamed(&self) -> bool {
        self.broken == Broken::Selector
    }

    /// The selector and each condition, in words.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.split("\n").filter(|line| !line.is_empty())
    }

    pub(super) fn holds(&self, asked: &impl Asked) -> bool {
        self.tests.iter().all(|test| test.holds(asked))
    }

    /// What would make the two, of different versions at one host and path, indistinguishable.
    pub fn tie(&self, other: &Self) -> Option<Tie> {
        if self.is_broken() || other.is_broken() {
            return None;
        }
        match (&self.selected, &other.selected) {
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => return Some(Tie::Mixed),
            (Some(one), Some(two)) if one.scheme != two.scheme => return Some(Tie::Scheme),
            (Some(one), Some(two)) if one.value != two.value => {
                return (one.default && two.default).then_some(Tie::Defaults);
            }
            (Some(_), Some(_)) => {}
        }
        if self.tests.len() != other.tests.len() {
            return None;
        }
        if self.tests.is_empty() {
            return Some(if self.selected.is_some() {
                Tie::Value
            } else {
                Tie::Same
            });
        }
        let apart = |one: &Test| other.tests.iter().any(|two| one.excludes(two));
        (!self.tests.iter().any(apart)).then_some(Tie::Conditions)
    }
}

/// One text for one rule, a line for each part: with host and path it is unique on the platform.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// `header x = 1 default` and then conditions, separated by `;`; a first piece of `-` for none.
    pub(in crate::route) fn route(text: &str) -> Route {
        let (selector, conditions) = text.split_once(';').unwrap_or((text, ""));
        let words: Vec<_> = selector.split_whitespace().collect();
        let selector = (words[0] != "-").then(|| {
            let json = serde_json::json!({
                words[0]: words[1],
                "value": words[3],
                "default": words.contains(&"default"),
                "strip": words.contains(&"strip"),
            });
            serde_json::from_value(json).unwrap()
        });
        let conditions = conditions.split(';').filter(|line| !line.trim().is_empty());
        Route {
            path: "/".into(),
            hosts: Vec::new(),
            strip_path: true,
            encoded_slashes: false,
            timeouts: None,
            selector,
            when: conditions.map(|line| line.parse().unwrap()).collect(),
        }
    }

    pub(in crate::route) fn rule(text: &str) -> Rule {
        Rule::new(&route(text), "v1").unwrap()
    }

    /// With one more condition that cannot be read; of `unreadable` the selector cannot be read.
    pub(in crate::route) fn broken(text: &str) -> Rule {
        let mut route = route(if text == "unreadable" { "-" } else { text });
        if text == "unreadable" {
            route.selector = Some(Box::default());
        } else {
            route.when.push(crate::route::Condition::default());
        }
        Rule::new(&route, "v1").unwrap_err();
        Rule::broken(&route, "v1")
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{route, rule};
    use super::*;

    #[test]
    fn ties() {
        for (one, two, tie) in [
            ("-", "-", Some(Tie::Same)),
            ("-", "header a = 1", Some(Tie::Mixed)),
            ("header a = 1", "header A = 2", None),
            ("header a = x", "header A = X", Some(Tie::Value)),
            ("header a = 1", "query a = 2", Some(Tie::Scheme)),
            ("accept vnd.x = 1", "accept version = 2", Some(Tie::Scheme)),
            (
                "query a = 1 default",
                "query a = 2 default",
                Some(Tie::Defaults),
            ),
            ("query a = 1 default", "query a = 2", None),
            ("-", "-; header b present", None),
            (
                "-; header b present",
                "-; header c present",
                Some(Tie::Conditions),
            ),
            ("-; header b = 1", "-; header b = 2", None),
            ("-; method GET", "-; method POST", None),
            (
                "-; header b = 1; method GET",
                "-; header c = 2; method POST",
                None,
            ),
            (
                "-; header b = 1; method GET",
                "-; header c = 2; method GET",
                Some(Tie::Conditions),
            ),
            ("-; header b = 1; method GET", "-; header c = 2", None),
            (
                "query a = 1 default; header b present",
                "query a = 1 default",
                None,
            ),
            (
                "query a = 1; header b present",
                "query a = 2; header b present",
                None,
            ),
        ] {
            assert_eq!(rule(one).tie(&rule(two)), tie, "{one} and {two}");
            assert_eq!(rule(two).tie(&rule(one)), tie, "{two} and {one}");
        }
    }

    #[test]
    fn one_text_for_one_rule() {
        assert_eq!(rule("-").to_string(), "");
        let one = rule("header X = V2 default; method GET; cookie a present");
        let two = rule("header x = v2; cookie a present; method GET");
        let lines: Vec<_> = one.lines().collect();
        assert_eq!(lines, ["header x = v2", "cookie a present", "method GET"]);
        assert_eq!(one.to_string(), two.to_string());
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        let mut wrong = route("header a = 1; method GET; method GET");
        wrong.selector.as_mut().unwrap().header = None;
        wrong.when.push(super::super::Condition::default());
        let found = check(&wrong);
        let pointers: Vec<_> = found.iter().map(|one| one.pointer.as_str()).collect();
        assert_eq!(pointers, ["/selector", "/when/1", "/when/2"]);
    }
}
