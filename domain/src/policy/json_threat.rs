//! `json_threat`: how deep, wide and long a body of JSON may be.

use serde::{Deserialize, Serialize};

use super::validate::{USUAL, check_bytes, is_usual};
use super::{Mode, Written, mode_and_name};
use crate::problem::Invalid;

/// Refuses bodies of JSON that are built to hurt who reads them: 422 `validation_failed`. Bodies of
/// another media type pass; one without a media type is read as JSON.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct JsonThreat {
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Objects and arrays inside each other, 1 to 100; 20 unless set.
    #[schemars(range(min = 1, max = 100))]
    pub depth: u32,
    /// Members of one object; 1000 unless set.
    pub members: u32,
    /// Items of one array; 10000 unless set.
    pub items: u32,
    /// Bytes of one text; 65536 unless set.
    #[schemars(extend("x-unit" = "bytes"))]
    pub text: u32,
    /// Bytes of one member's name; 256 unless set.
    #[schemars(title = "Name of a member", extend("x-unit" = "bytes"))]
    pub member_name: u32,
    /// Whether an object may have a member twice, of which readers choose one or the other.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Allow duplicate members")]
    pub duplicates: bool,
    /// Bytes of the longest body, 1 to 8388608; 1048576 unless set. Longer ones are refused with
    /// 413.
    #[serde(skip_serializing_if = "is_usual")]
    #[schemars(title = "Longest body", range(min = 1, max = 8_388_608), extend("x-unit" = "bytes"), !skip_serializing_if)]
    pub max_bytes: u64,
}

impl Default for JsonThreat {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            name: None,
            depth: 20,
            members: 1000,
            items: 10_000,
            text: 65_536,
            member_name: 256,
            duplicates: false,
            max_bytes: USUAL,
        }
    }
}

impl Written for JsonThreat {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        if !(1..=100).contains(&self.depth) {
            found.push(Invalid::new("/depth", "Use a depth of 1 to 100."));
        }
        found.extend(check_bytes(self.max_bytes));
        found
    }

    fn words(&self) -> String {
        format!("JSON at most {} deep", self.depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_named() {
        for (json, pointers) in [
            (r"{}", &[][..]),
            (r#"{"depth":5,"text":0,"duplicates":true}"#, &[]),
            (r#"{"depth":0,"max_bytes":0}"#, &["/depth", "/max_bytes"]),
            (r#"{"depth":101}"#, &["/depth"]),
        ] {
            let policy: JsonThreat = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
        }
    }
}
