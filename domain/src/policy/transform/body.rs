//! What becomes of a body: parts taken out, a value in CEL in its place, another format.

use serde::{Deserialize, Serialize};

use super::Way;
use crate::expression::{self, Expression};
use crate::problem::Invalid;

/// What becomes of a body of JSON or XML, in this order: `remove`, `becomes`, `to`.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct Body {
    /// JSON Pointers (RFC 6901) of members that are taken out, at most 50; `*` is each item or
    /// member: `/orders/*/cost`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Take out", length(max = 50))]
    pub remove: Vec<String>,
    /// The new body, as an expression in CEL over `body`, `request`, `caller`, `claims` and `now`,
    /// for answers also `status`: `{"id": body.order.id, "items": body.items.map(i, i.sku)}`. At
    /// most 8192 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "New body", length(min = 1, max = 8192), extend("x-lines" = 6))]
    pub becomes: Option<String>,
    /// What it is written as; as it came unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Written as")]
    pub to: Option<Format>,
    /// Name of the root element where XML is written and the value has not one member alone; `root`
    /// unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Root element", length(min = 1, max = 100))]
    pub root: Option<String>,
    /// Elements that are read as lists, also where there is one; at most 50.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Elements that are lists", length(max = 50))]
    pub arrays: Vec<String>,
    /// Bytes of the longest body that is changed, 1 to 1048576; 262144 unless set. Longer requests
    /// are refused with 413, longer answers with 502.
    #[serde(skip_serializing_if = "is_usual")]
    #[schemars(title = "Longest body", range(min = 1, max = 1_048_576), extend("x-unit" = "bytes"), !skip_serializing_if)]
    pub max_bytes: u64,
}

/// How a body is written.
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
pub enum Format {
    Json,
    Xml,
}

const USUAL: u64 = 256 * 1024;
const MOST: u64 = 1024 * 1024;
const MOST_ENTRIES: usize = 50;
const LONGEST: usize = 8192;

const fn is_usual(bytes: &u64) -> bool {
    *bytes == USUAL
}

impl Default for Body {
    fn default() -> Self {
        Self {
            remove: Vec::new(),
            becomes: None,
            to: None,
            root: None,
            arrays: Vec::new(),
            max_bytes: USUAL,
        }
    }
}

/// Whether it is a name in XML that no reader takes for anything else: of ASCII, without a
/// namespace of its own.
fn is_element(name: &str) -> bool {
    let mut bytes = name.bytes();
    let begins = bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    begins && name.len() <= 100 && bytes.all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}

impl Body {
    /// The expression of `becomes`, read.
    pub fn read(&self, way: Way) -> Result<Option<Expression>, expression::Wrong> {
        const VARIABLES: [&str; 7] = [
            "body", "request", "caller", "claims", "api", "now", "status",
        ];
        let known = match way {
            Way::Request => &VARIABLES[..6],
            Way::Response => &VARIABLES[..],
        };
        let read = |text: &String| Expression::read_up_to(text, known, LONGEST);
        self.becomes.as_ref().map(read).transpose()
    }

    pub(super) fn check(&self, way: Way) -> Vec<Invalid> {
        let mut found = Vec::new();
        if self.remove.is_empty() && self.becomes.is_none() && self.to.is_none() {
            found.push(Invalid::new("", "Set remove, becomes or to."));
        }
        for (list, count) in [("remove", self.remove.len()), ("arrays", self.arrays.len())] {
            if count > MOST_ENTRIES {
                found.push(Invalid::new(format!("/{list}"), "List at most 50."));
            }
        }
        for (index, pointer) in self.remove.iter().take(MOST_ENTRIES).enumerate() {
            if !pointer.starts_with('/') || pointer.len() > 500 {
                let message = "Write a JSON Pointer like /orders/*/cost.";
                found.push(Invalid::new(format!("/remove/{index}"), message));
            }
        }
        if let Err(wrong) = self.read(way) {
            found.push(Invalid::new("/becomes", wrong.to_string()));
        }
        const NAME: &str = "Write the name of an element: letters, digits, _, - and dots.";
        if self.root.as_deref().is_some_and(|name| !is_element(name)) {
            found.push(Invalid::new("/root", NAME));
        }
        for (index, name) in self.arrays.iter().take(MOST_ENTRIES).enumerate() {
            if !is_element(name) {
                found.push(Invalid::new(format!("/arrays/{index}"), NAME));
            }
        }
        if !(1..=MOST).contains(&self.max_bytes) {
            found.push(Invalid::new("/max_bytes", "Use 1 to 1048576 bytes."));
        }
        found
    }
}
