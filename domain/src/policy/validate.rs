//! `validate`: requests and answers as the version's document has them.

use serde::{Deserialize, Serialize};

use super::{Mode, Written, mode_and_name};
use crate::contract::Rules;
use crate::problem::Invalid;

/// Refuses requests that do not fit the version's OpenAPI document: 422 `validation_failed`, with
/// all that is wrong. Looks at answers as well, where that is asked for.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct Validate {
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Path, query, headers and cookies.
    #[serde(skip_serializing_if = "is_true")]
    #[schemars(title = "Check parameters", !skip_serializing_if)]
    pub parameters: bool,
    /// Bodies and their media types.
    #[serde(skip_serializing_if = "is_true")]
    #[schemars(title = "Check the body", !skip_serializing_if)]
    pub body: bool,
    /// Refuse parameters of the query that the document does not declare.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Declared query parameters only")]
    pub declared_query: bool,
    /// Check `format` where it is known: date, date-time, uuid, ipv4, ipv6, email, uri, byte,
    /// int32, int64. JSON Schema has it as a note.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Check formats")]
    pub formats: bool,
    /// What becomes of answers that do not fit: `observe` counts them, `strip_undeclared` takes out
    /// members of JSON that the document does not declare, `block` keeps the answer back. Answers are
    /// not looked at unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Answers")]
    pub responses: Option<Responses>,
    /// Bytes of the longest body that is checked, 1 to 8388608; 1048576 unless set. Longer requests
    /// are refused with 413; longer answers are kept back, or pass where they are only observed.
    #[serde(skip_serializing_if = "is_usual")]
    #[schemars(title = "Longest body", range(min = 1, max = 8_388_608), extend("x-unit" = "bytes"), !skip_serializing_if)]
    pub max_bytes: u64,
}

/// What becomes of answers that do not fit.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Responses {
    /// They are counted, and pass unchanged.
    Observe,
    /// Members of JSON that no schema declares are taken out; what is wrong otherwise is counted.
    StripUndeclared,
    /// They are kept back: 502 `response_invalid`.
    Block,
}

impl Responses {
    /// Whether what does not fit is noted, and passes.
    pub const fn watches(self) -> bool {
        match self {
            Self::Observe | Self::StripUndeclared => true,
            Self::Block => false,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Observe => "answers observed",
            Self::StripUndeclared => "answers without undeclared members",
            Self::Block => "answers that fit",
        }
    }
}

/// Of `max_bytes` of the policies that look into bodies: what is usual, and the most.
pub(super) const USUAL: u64 = 1024 * 1024;
pub(super) const MOST: u64 = 8 * 1024 * 1024;

pub(super) const fn is_usual(bytes: &u64) -> bool {
    *bytes == USUAL
}

pub(super) fn check_bytes(bytes: u64) -> Option<Invalid> {
    let message = "Use 1 to 8388608 bytes.";
    (!(1..=MOST).contains(&bytes)).then(|| Invalid::new("/max_bytes", message))
}

const fn is_true(flag: &bool) -> bool {
    *flag
}

impl Default for Validate {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            name: None,
            parameters: true,
            body: true,
            declared_query: false,
            formats: false,
            responses: None,
            max_bytes: USUAL,
        }
    }
}

impl Validate {
    pub const fn rules(&self) -> Rules {
        Rules {
            declared_query: self.declared_query,
            formats: self.formats,
        }
    }
}

impl Written for Validate {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        if !self.parameters && !self.body && self.responses.is_none() {
            let message = "Check at least one of parameters, body and responses.";
            found.push(Invalid::new("", message));
        }
        if self.declared_query && !self.parameters {
            let message = "This goes with parameters.";
            found.push(Invalid::new("/declared_query", message));
        }
        found.extend(check_bytes(self.max_bytes));
        found
    }

    fn words(&self) -> String {
        let sent = match (self.parameters, self.body) {
            (true, true) => Some("parameters and body"),
            (true, false) => Some("parameters"),
            (false, true) => Some("body"),
            (false, false) => None,
        };
        let answers = self.responses.map(Responses::words);
        let all: Vec<&str> = sent.into_iter().chain(answers).collect();
        all.join(", ")
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
                r#"{"body":false,"declared_query":true,"formats":true}"#,
                &[],
            ),
            (r#"{"parameters":false,"body":false}"#, &[""]),
            (
                r#"{"parameters":false,"body":false,"responses":"strip_undeclared"}"#,
                &[],
            ),
            (
                r#"{"parameters":false,"declared_query":true,"max_bytes":0}"#,
                &["/declared_query", "/max_bytes"],
            ),
            (r#"{"max_bytes":8388609}"#, &["/max_bytes"]),
        ] {
            let policy: Validate = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
        assert!(serde_json::from_str::<Validate>(r#"{"responses":"enforce"}"#).is_err());
    }
}
