//! `threat_patterns`: requests that look like attacks.

use serde::{Deserialize, Serialize};

use super::header::is_name;
use super::validate::{USUAL, check_bytes, is_usual};
use super::{Mode, Written, mode_and_name};
use crate::problem::Invalid;
use crate::threat::{Group, are_patterns};

/// Looks for injections and ways out of a folder in what a request carries. It observes unless set:
/// what looks like an attack may be somebody's text. With `mode: enforce` it refuses: 403
/// `threat_detected`, with the place.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct ThreatPatterns {
    #[serde(skip_serializing_if = "is_observe")]
    #[schemars(!skip_serializing_if)]
    pub mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is looked for; all unless set.
    #[serde(skip_serializing_if = "is_all")]
    #[schemars(title = "Look for", !skip_serializing_if)]
    pub groups: Vec<Group>,
    /// Names and values of the query.
    #[serde(skip_serializing_if = "is_true")]
    #[schemars(title = "In the query", !skip_serializing_if)]
    pub query: bool,
    /// Header fields whose values are looked at, at most 20; User-Agent and Referer unless set.
    #[serde(skip_serializing_if = "are_usual")]
    #[schemars(title = "In header fields", length(max = 20), !skip_serializing_if)]
    pub headers: Vec<String>,
    /// Texts and names of members in bodies of JSON, and fields of forms.
    #[serde(skip_serializing_if = "is_true")]
    #[schemars(title = "In the body", !skip_serializing_if)]
    pub body: bool,
    /// What is not looked at, at most 50: names of parameters and fields of forms, and JSON Pointers
    /// (RFC 6901) of members with all that is in them, `*` for each item or member: `/items/*/html`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Leave out", length(max = 50))]
    pub exclude: Vec<String>,
    /// Own patterns, at most 20 of up to 500 bytes: regular expressions of the `regex` crate, without
    /// lookaround and back references. They are looked for everywhere, after decoding.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Own patterns", length(max = 20))]
    pub patterns: Vec<String>,
    /// Bytes of the longest body that is looked into, 1 to 8388608; 1048576 unless set. Longer ones
    /// are refused with 413, or pass where it observes.
    #[serde(skip_serializing_if = "is_usual")]
    #[schemars(title = "Longest body", range(min = 1, max = 8_388_608), extend("x-unit" = "bytes"), !skip_serializing_if)]
    pub max_bytes: u64,
}

const HEADERS: [&str; 2] = ["User-Agent", "Referer"];
const MOST_HEADERS: usize = 20;
const MOST_EXCLUDED: usize = 50;
const LONGEST_EXCLUDED: usize = 200;
const MOST_PATTERNS: usize = 20;
const LONGEST_PATTERN: usize = 500;

fn is_observe(mode: &Mode) -> bool {
    *mode == Mode::Observe
}

fn is_all(groups: &[Group]) -> bool {
    *groups == Group::ALL
}

fn are_usual(headers: &[String]) -> bool {
    *headers == HEADERS
}

const fn is_true(flag: &bool) -> bool {
    *flag
}

impl Default for ThreatPatterns {
    fn default() -> Self {
        Self {
            mode: Mode::Observe,
            name: None,
            groups: Group::ALL.to_vec(),
            query: true,
            headers: HEADERS.map(str::to_owned).to_vec(),
            body: true,
            exclude: Vec::new(),
            patterns: Vec::new(),
            max_bytes: USUAL,
        }
    }
}

impl Written for ThreatPatterns {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let mut that = |holds: bool, pointer: String, message: &str| {
            if !holds {
                found.push(Invalid::new(pointer, message));
            }
        };
        let looks = self.query || self.body || !self.headers.is_empty();
        let message = "Look at the query, header fields or the body.";
        that(looks, String::new(), message);
        let seeks = !self.groups.is_empty() || !self.patterns.is_empty();
        let message = "Name at least one group, or a pattern of your own.";
        that(seeks, "/groups".into(), message);
        for (index, group) in self.groups.iter().enumerate() {
            let is_new = !self.groups[..index].contains(group);
            that(is_new, format!("/groups/{index}"), "Name each once.");
        }
        for (list, count, most) in [
            ("/headers", self.headers.len(), MOST_HEADERS),
            ("/exclude", self.exclude.len(), MOST_EXCLUDED),
            ("/patterns", self.patterns.len(), MOST_PATTERNS),
        ] {
            that(count <= most, list.into(), &format!("List at most {most}."));
        }
        for (index, name) in self.headers.iter().take(MOST_HEADERS).enumerate() {
            let message = "Name a header field.";
            that(is_name(name), format!("/headers/{index}"), message);
        }
        for (index, one) in self.exclude.iter().take(MOST_EXCLUDED).enumerate() {
            let fits = (1..=LONGEST_EXCLUDED).contains(&one.len());
            let message = "Write a name or a JSON Pointer of 1 to 200 bytes.";
            that(fits, format!("/exclude/{index}"), message);
        }
        let patterns = &self.patterns[..self.patterns.len().min(MOST_PATTERNS)];
        let is_short = |pattern: &String| (1..=LONGEST_PATTERN).contains(&pattern.len());
        let all_short = patterns.iter().all(is_short);
        let fit_together = all_short && are_patterns(patterns);
        let mut each_fits = all_short;
        let message = "Write a regular expression of 1 to 500 bytes, without lookaround and \
                       back references, that is not too large.";
        for (index, pattern) in patterns.iter().enumerate() {
            let one = std::slice::from_ref(pattern);
            let fits = fit_together || is_short(pattern) && are_patterns(one);
            each_fits &= fits;
            that(fits, format!("/patterns/{index}"), message);
        }
        let fit = fit_together || !each_fits;
        that(fit, "/patterns".into(), message);
        found.extend(check_bytes(self.max_bytes));
        found
    }

    fn words(&self) -> String {
        let places = [
            self.query.then_some("query"),
            (!self.headers.is_empty()).then_some("header fields"),
            self.body.then_some("body"),
        ];
        let places: Vec<&str> = places.into_iter().flatten().collect();
        format!("attacks in {}", places.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_named() {
        for (json, pointers) in [
            (r"{}", &[][..]),
            (
                r#"{"mode":"enforce","groups":["sql","xss"],"query":false,"headers":["X-A"],"exclude":["q","/a/*"],"patterns":["(?i)bad+"],"max_bytes":5}"#,
                &[],
            ),
            (r#"{"groups":[],"patterns":["a"]}"#, &[]),
            (r#"{"query":false,"headers":[],"body":false}"#, &[""]),
            (
                r#"{"groups":["sql","sql"],"headers":["a b"],"exclude":[""],"patterns":["(","(?=a)","a{1000}{1000}"],"max_bytes":0}"#,
                &[
                    "/groups/1",
                    "/headers/0",
                    "/exclude/0",
                    "/patterns/0",
                    "/patterns/1",
                    "/patterns/2",
                    "/max_bytes",
                ],
            ),
            (r#"{"groups":[]}"#, &["/groups"]),
        ] {
            let policy: ThreatPatterns = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
        let many = ThreatPatterns {
            headers: vec!["X-A".to_owned(); 21],
            exclude: vec!["a".to_owned(); 51],
            patterns: vec!["a".to_owned(); 21],
            ..ThreatPatterns::default()
        };
        let found: Vec<_> = many.check().into_iter().map(|one| one.pointer).collect();
        assert_eq!(found, ["/headers", "/exclude", "/patterns"]);
        let large = ThreatPatterns {
            patterns: vec!["a{200}".to_owned(); 20],
            ..ThreatPatterns::default()
        };
        let found: Vec<_> = large.check().into_iter().map(|one| one.pointer).collect();
        assert_eq!(found, ["/patterns"]);
        let long = ThreatPatterns {
            exclude: vec!["a".repeat(201)],
            patterns: vec!["a".repeat(501)],
            ..ThreatPatterns::default()
        };
        assert_eq!(long.check().len(), 2);
        assert!(serde_json::from_str::<ThreatPatterns>(r#"{"groups":["any"]}"#).is_err());
    }
}
