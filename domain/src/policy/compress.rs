//! `compress`: smaller answers for clients that take them (RFC 9110 §8.4).

use serde::{Deserialize, Serialize};

use super::{Mode, Written, mode_and_name};
use crate::problem::Invalid;

/// Encodes answers on their way to the client, as `Accept-Encoding` allows.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct Compress {
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of those that a client likes the same the first.
    #[serde(skip_serializing_if = "is_all")]
    #[schemars(length(min = 1), !skip_serializing_if)]
    pub encodings: Vec<Coding>,
    /// Media types, `text/*` for all of a kind, `*/*+json` for a suffix; texts, JSON, XML,
    /// JavaScript and SVG unless set. At most 50.
    #[serde(skip_serializing_if = "is_usual")]
    #[schemars(
        title = "Media types",
        length(min = 1, max = 50),
        !skip_serializing_if
    )]
    pub types: Vec<String>,
    /// Answers that say they are shorter stay as they are, up to 1 MiB; 1,024 unless set.
    #[serde(skip_serializing_if = "is_kib")]
    #[schemars(title = "From a size of", range(max = 1_048_576), extend("x-unit" = "bytes"), !skip_serializing_if)]
    pub min_bytes: u32,
}

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
pub enum Coding {
    Br,
    /// RFC 8878, with a window that every client takes (RFC 9659).
    Zstd,
    Gzip,
}

impl Coding {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Br => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}

const ALL: [Coding; 3] = [Coding::Br, Coding::Zstd, Coding::Gzip];

const USUAL: [&str; 8] = [
    "text/*",
    "application/json",
    "*/*+json",
    "application/xml",
    "*/*+xml",
    "application/javascript",
    "application/x-ndjson",
    "application/wasm",
];

fn is_all(codings: &[Coding]) -> bool {
    *codings == ALL
}

fn is_usual(types: &[String]) -> bool {
    *types == USUAL
}

const fn is_kib(bytes: &u32) -> bool {
    *bytes == 1024
}

impl Default for Compress {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            name: None,
            encodings: ALL.to_vec(),
            types: USUAL.map(str::to_owned).to_vec(),
            min_bytes: 1024,
        }
    }
}

const MAX_TYPES: usize = 50;

fn is_type(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$&-^_.+".contains(&b))
    };
    let is_sub = |part: &str| part == "*" || plain(part);
    text.len() <= 100
        && text.split_once('/').is_some_and(|(kind, sub)| match kind {
            "*" => sub.strip_prefix("*+").is_some_and(plain),
            kind => plain(kind) && is_sub(sub),
        })
}

impl Written for Compress {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        if self.encodings.is_empty() {
            found.push(Invalid::new("/encodings", "Name br, zstd or gzip."));
        }
        for (index, coding) in self.encodings.iter().enumerate() {
            if self.encodings[..index].contains(coding) {
                found.push(Invalid::new(
                    format!("/encodings/{index}"),
                    "Name each once.",
                ));
            }
        }
        if self.types.is_empty() || self.types.len() > MAX_TYPES {
            found.push(Invalid::new("/types", "List 1 to 50 media types."));
        }
        for (index, text) in self.types.iter().take(MAX_TYPES).enumerate() {
            if !is_type(text) {
                let message =
                    "Write a media type in small letters: application/json, text/* or */*+json.";
                found.push(Invalid::new(format!("/types/{index}"), message));
            }
        }
        if self.min_bytes > 1024 * 1024 {
            found.push(Invalid::new("/min_bytes", "Use at most 1,048,576 bytes."));
        }
        found
    }

    fn words(&self) -> String {
        let names: Vec<&str> = self
            .encodings
            .iter()
            .map(|coding| coding.as_str())
            .collect();
        format!("{} from {} bytes", names.join(", "), self.min_bytes)
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
                r#"{"encodings":["gzip"],"types":["text/*","*/*+json","application/vnd.a+json"],"min_bytes":0}"#,
                &[],
            ),
            (r#"{"encodings":["zstd","gzip","br"],"min_bytes":1}"#, &[]),
            (
                r#"{"encodings":["br","br"],"types":["json","*/*","Text/plain","a/b; c=d"],"min_bytes":1048577}"#,
                &[
                    "/encodings/1",
                    "/types/0",
                    "/types/1",
                    "/types/2",
                    "/types/3",
                    "/min_bytes",
                ],
            ),
            (r#"{"encodings":[],"types":[]}"#, &["/encodings", "/types"]),
        ] {
            let policy: Compress = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
        assert!(serde_json::from_str::<Compress>(r#"{"encodings":["deflate"]}"#).is_err());
    }
}
