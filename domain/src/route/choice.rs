//! Several versions at one host and path: the one that a request asks for, and of those the one
//! with the most conditions that hold.

use std::sync::Arc;

use super::asked::Asked;
use super::rule::Rule;
use super::selector::{Scheme, Wanted};

/// What stands at a host and path.
#[derive(Debug, Clone)]
pub enum Spot<T> {
    /// One, whatever else is in the request.
    Only(T),
    Choice(Arc<Choice<T>>),
}

/// Versions that ask for something of a request.
#[derive(Debug)]
pub struct Choice<T> {
    scheme: Option<Scheme>,
    /// By what is asked for, in order; one with no value where nothing is asked.
    groups: Vec<Group<T>>,
    /// Those of which nobody knows what asks for them, as that cannot be read: they are met by what
    /// goes to none of the groups.
    unnamed: Vec<(Arc<Rule>, T)>,
    default: Option<usize>,
    vary: String,
}

#[derive(Debug)]
struct Group<T> {
    value: Box<str>,
    /// The most conditions first.
    rules: Vec<(Arc<Rule>, T)>,
}

/// Why none was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotChosen {
    /// None is asked for, and none is the default.
    Required,
    Unknown,
    /// More than one is asked for.
    Several,
    /// No version's conditions hold.
    Conditions,
}

/// Why a version at the place was not chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// Another is asked for.
    Version,
    Condition,
    /// More conditions of another hold.
    Fewer,
}

impl<T> Spot<T> {
    /// `all` in any order; those that tie stay in the order in which they come. `None` of nothing.
    pub fn new(mut all: Vec<(Arc<Rule>, T)>) -> Option<Self> {
        if let [(rule, _)] = all.as_slice()
            && rule.is_plain()
        {
            return all.pop().map(|(_, value)| Self::Only(value));
        }
        (!all.is_empty()).then(|| Self::Choice(Arc::new(Choice::new(all))))
    }

    /// The values, with their rules.
    pub fn into_parts(self) -> Vec<(Arc<Rule>, T)>
    where
        T: Clone,
    {
        match self {
            Self::Only(value) => vec![(Arc::default(), value)],
            Self::Choice(choice) => choice.all().cloned().collect(),
        }
    }

    pub fn values(&self) -> Vec<&T> {
        match self {
            Self::Only(value) => vec![value],
            Self::Choice(choice) => choice.all().map(|(_, value)| value).collect(),
        }
    }
}

impl<T> Choice<T> {
    fn new(all: Vec<(Arc<Rule>, T)>) -> Self {
        let mut vary = Vec::new();
        let mut groups: Vec<Group<T>> = Vec::new();
        let mut scheme = None;
        let mut default = None;
        let (unnamed, all): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(rule, _)| rule.is_unnamed());
        for (rule, value) in all {
            let selected = rule.selected.as_ref();
            let fields = rule.tests.iter().filter_map(|test| test.field());
            let by = selected.and_then(|selected| selected.scheme.field());
            vary.extend(by.into_iter().chain(fields).map(str::to_owned));
            let name = selected.map_or("", |selected| &selected.value);
            let at = groups.iter().position(|group| *group.value == *name);
            let at = at.unwrap_or_else(|| {
                groups.push(Group {
                    value: name.into(),
                    rules: Vec::new(),
                });
                groups.len() - 1
            });
            if let Some(selected) = selected {
                if selected.default {
                    default = default.or_else(|| Some(selected.value.clone()));
                }
                scheme = scheme.or_else(|| Some(selected.scheme.clone()));
            }
            groups[at].rules.push((rule, value));
        }
        groups.sort_by(|one, two| one.value.cmp(&two.value));
        for group in &mut groups {
            let later = |(rule, _): &(Arc<Rule>, T)| {
                (rule.is_broken(), std::cmp::Reverse(rule.tests.len()))
            };
            group.rules.sort_by_key(later);
        }
        vary.sort_unstable();
        vary.dedup();
        Self {
            default: default.and_then(|name| groups.iter().position(|group| group.value == name)),
            scheme,
            groups,
            unnamed,
            vary: vary.join(", "),
        }
    }

    pub fn choose(&self, asked: &impl Asked) -> Result<&T, NotChosen> {
        let named = self.named(asked);
        match (named, self.unnamed.first()) {
            (Err(_), Some((_, value))) => Ok(value),
            (named, _) => named,
        }
    }

    fn named(&self, asked: &impl Asked) -> Result<&T, NotChosen> {
        let group = self.group(asked)?;
        let rules = self.groups.get(group).map_or(&[][..], |group| &group.rules);
        let found = rules.iter().find(|(rule, _)| rule.holds(asked));
        found.map(|(_, value)| value).ok_or(NotChosen::Conditions)
    }

    fn all(&self) -> impl Iterator<Item = &(Arc<Rule>, T)> {
        let groups = self.groups.iter().flat_map(|group| &group.rules);
        groups.chain(&self.unnamed)
    }

    fn group(&self, asked: &impl Asked) -> Result<usize, NotChosen> {
        let Some(scheme) = &self.scheme else {
            return Ok(0);
        };
        let find = |value: &[u8]| {
            let mut groups = self.groups.iter();
            groups.position(|group| value.eq_ignore_ascii_case(group.value.as_bytes()))
        };
        match scheme.wanted(asked, find) {
            Wanted::Known(index) => Ok(index),
            Wanted::Nothing => self.default.ok_or(NotChosen::Required),
            Wanted::Unknown => Err(NotChosen::Unknown),
            Wanted::Several => Err(NotChosen::Several),
        }
    }

    /// What can be asked for.
    pub fn versions(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(|group| &*group.value)
    }

    pub const fn scheme(&self) -> Option<&Scheme> {
        self.scheme.as_ref()
    }

    /// The fields that decided, whichever version was chosen, as `Vary` names them; may be empty.
    pub fn vary(&self) -> &str {
        &self.vary
    }

    /// All but the one that is chosen, and why: for explaining, never on a request's way.
    pub fn others(&self, asked: &impl Asked) -> Vec<(&T, Missed)> {
        let asked_for = self.group(asked).ok();
        let mut others = Vec::new();
        for (index, group) in self.groups.iter().enumerate() {
            let mut taken = false;
            for (rule, value) in &group.rules {
                let missed = match (asked_for == Some(index), rule.holds(asked)) {
                    (false, _) => Missed::Version,
                    (true, false) => Missed::Condition,
                    (true, true) if taken => Missed::Fewer,
                    (true, true) => {
                        taken = true;
                        continue;
                    }
                };
                others.push((value, missed));
            }
        }
        let taken = usize::from(self.named(asked).is_err());
        let unnamed = self.unnamed.iter().skip(taken);
        others.extend(unnamed.map(|(_, value)| (value, Missed::Condition)));
        others
    }
}

#[cfg(test)]
mod tests {
    use super::super::asked::testing::Written;
    use super::super::rule::testing::{broken, rule};
    use super::*;

    fn choice(rules: &[&'static str]) -> Arc<Choice<&'static str>> {
        let all = rules.iter().map(|text| (Arc::new(rule(text)), *text));
        match Spot::new(all.collect()) {
            Some(Spot::Choice(choice)) => choice,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_without_a_rule_is_alone() {
        assert!(Spot::<u8>::new(Vec::new()).is_none());
        let spot = Spot::new(vec![(Arc::new(rule("-")), 1)]).unwrap();
        assert!(matches!(spot, Spot::Only(1)));
        let again = Spot::new(spot.into_parts()).unwrap();
        assert_eq!(again.values(), [&1]);
        let spot = Spot::new(vec![(Arc::new(rule("query v = 1")), 1)]).unwrap();
        assert!(matches!(spot, Spot::Choice(_)));
    }

    #[test]
    fn by_selector() {
        let some = choice(&["header v = 1", "header v = 2 default"]);
        let strict = choice(&["header v = 1", "header v = 2"]);
        for (asked, found, strictly) in [
            (Written("GET /", &[("v", "1")]), Ok("header v = 1"), None),
            (
                Written("GET /", &[("v", "2")]),
                Ok("header v = 2 default"),
                Some(Ok("header v = 2")),
            ),
            (
                Written("GET /", &[]),
                Ok("header v = 2 default"),
                Some(Err(NotChosen::Required)),
            ),
            (
                Written("GET /", &[("v", "3")]),
                Err(NotChosen::Unknown),
                None,
            ),
            (
                Written("GET /", &[("v", "1"), ("v", "2")]),
                Err(NotChosen::Several),
                None,
            ),
        ] {
            assert_eq!(some.choose(&asked).copied(), found, "{:?}", asked.1);
            let strictly = strictly.unwrap_or(found);
            assert_eq!(strict.choose(&asked).copied(), strictly, "{:?}", asked.1);
        }
        assert_eq!(some.versions().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(some.vary(), "v");
    }

    #[test]
    fn more_conditions_win() {
        let rules = [
            "-; method GET",
            "-; method GET; header beta present",
            "-; method GET; header beta = 2; cookie c present",
            "-; method POST",
        ];
        let mut shuffled = rules;
        shuffled.reverse();
        for choice in [choice(&rules), choice(&shuffled)] {
            for (asked, found) in [
                (Written("GET /", &[]), Ok(rules[0])),
                (Written("POST /", &[("beta", "1")]), Ok(rules[3])),
                (Written("GET /", &[("beta", "1")]), Ok(rules[1])),
                (Written("GET /", &[("beta", "2")]), Ok(rules[1])),
                (
                    Written("GET /", &[("beta", "2"), ("cookie", "c=")]),
                    Ok(rules[2]),
                ),
                (
                    Written("PUT /", &[("beta", "2")]),
                    Err(NotChosen::Conditions),
                ),
            ] {
                assert_eq!(
                    choice.choose(&asked).copied(),
                    found,
                    "{} {:?}",
                    asked.0,
                    asked.1
                );
            }
            assert_eq!(choice.vary(), "beta, cookie");
        }
    }

    #[test]
    fn what_cannot_be_read_comes_last() {
        let choice = |rules: &[&'static str]| {
            let all = rules.iter().map(|text| match text.strip_suffix(" BROKEN") {
                Some(text) => (Arc::new(broken(text)), "broken"),
                None => (Arc::new(rule(text)), *text),
            });
            match Spot::new(all.collect()) {
                Some(Spot::Choice(choice)) => choice,
                other => panic!("{other:?}"),
            }
        };
        let asked = |v: &'static str| match v {
            "1" => Written("GET /?v=1", &[("beta", "1")]),
            "2" => Written("GET /?v=2", &[("beta", "1")]),
            _ => Written("GET /", &[("beta", "1")]),
        };
        for (rules, v, found) in [
            // Alone, it is all that there is.
            (&["- BROKEN"][..], "", Ok("broken")),
            (
                &["-; header beta = 2 BROKEN"],
                "",
                Err(NotChosen::Conditions),
            ),
            (&["unreadable BROKEN"], "", Ok("broken")),
            // However many conditions it has: others get what they had.
            (&["-; method GET; header beta = 1 BROKEN", "-"], "", Ok("-")),
            (&["- BROKEN", "-; header beta = 2"], "", Ok("broken")),
            (
                &["query v = 1 BROKEN", "query v = 2"],
                "2",
                Ok("query v = 2"),
            ),
            (&["query v = 1 BROKEN", "query v = 2"], "1", Ok("broken")),
            (
                &["query v = 1 BROKEN", "query v = 2"],
                "",
                Err(NotChosen::Required),
            ),
            // Nobody knows what asks for it: what asks for no other.
            (
                &["unreadable BROKEN", "query v = 2"],
                "2",
                Ok("query v = 2"),
            ),
            (&["unreadable BROKEN", "query v = 2"], "1", Ok("broken")),
            (&["unreadable BROKEN", "query v = 2"], "", Ok("broken")),
            (
                &["unreadable BROKEN", "query v = 2 default"],
                "",
                Ok("query v = 2 default"),
            ),
        ] {
            let choice = choice(rules);
            let told = choice.choose(&asked(v)).copied();
            assert_eq!(told, found, "{rules:?} {v}");
            let others = choice.others(&asked(v)).len();
            assert_eq!(
                others,
                rules.len() - usize::from(found.is_ok()),
                "{rules:?}"
            );
            let parts = Spot::Choice(choice).into_parts().len();
            assert_eq!(parts, rules.len());
        }
    }

    #[test]
    fn why_the_others_are_not_chosen() {
        let rules = [
            "query v = 1",
            "query v = 2; method GET; header beta present",
            "query v = 2; method GET",
            "query v = 2",
        ];
        let choice = choice(&rules);
        let told = |asked: Written| choice.others(&asked);
        assert_eq!(
            told(Written("GET /?v=2", &[])),
            [
                (&rules[0], Missed::Version),
                (&rules[1], Missed::Condition),
                (&rules[3], Missed::Fewer),
            ]
        );
        assert_eq!(told(Written("GET /?v=9", &[])).len(), 4);
        assert_eq!(choice.vary(), "beta");
    }
}
