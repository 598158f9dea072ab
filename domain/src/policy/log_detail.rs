//! `log_detail`: header fields and bodies beside the record of a request.

use serde::{Deserialize, Serialize};

use super::header::is_name;
use super::{Mode, Written, mode_and_name};
use crate::mask::{MOST_PATHS, Paths};
use crate::problem::Invalid;

/// Keeps header fields and bodies of requests and their answers for the request log, for a few days,
/// masked. Credentials are never kept.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct LogDetail {
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is kept of requests, as the client sent them; both unless set.
    #[serde(skip_serializing_if = "are_both")]
    #[schemars(title = "Of requests", !skip_serializing_if, extend("uniqueItems" = true))]
    pub request: Vec<Piece>,
    /// What is kept of answers, as the client got them, before they are encoded; both unless set.
    #[serde(skip_serializing_if = "are_both")]
    #[schemars(title = "Of answers", !skip_serializing_if, extend("uniqueItems" = true))]
    pub answer: Vec<Piece>,
    /// Bodies that are kept; of others type and length alone. JSON, forms and XML unless set: in
    /// other texts nothing can be masked but keys of the platform.
    #[serde(skip_serializing_if = "are_usual")]
    #[schemars(title = "Bodies of", !skip_serializing_if, extend("uniqueItems" = true))]
    pub types: Vec<Type>,
    /// Bytes that are kept of each body, 1 to 65536; 8192 unless set.
    #[serde(skip_serializing_if = "is_usual")]
    #[schemars(title = "Of each body", range(min = 1, max = 65536), extend("x-unit" = "bytes"), !skip_serializing_if)]
    pub max_bytes: u32,
    /// Values in bodies that are masked: JSON paths (RFC 9535) of names, indices and wildcards, also
    /// at any depth: `$.user.pin`, `$.cards[*].number`, `$..password`; at most 50. Unless set, those
    /// that are usual for passwords, tokens, codes and keys; a list of one's own takes their place.
    /// Names are compared without regard to case and punctuation.
    #[serde(skip_serializing_if = "are_secrets")]
    #[schemars(title = "Mask in bodies", length(max = 50), !skip_serializing_if)]
    pub mask: Vec<String>,
    /// Header fields that are masked beside those that carry credentials, at most 50.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Mask header fields", length(max = 50))]
    pub mask_headers: Vec<String>,
    /// Percentage of the requests, 1 to 100; 100 unless set.
    #[serde(skip_serializing_if = "is_all")]
    #[schemars(title = "Sample", range(min = 1, max = 100), extend("x-unit" = "%"), !skip_serializing_if)]
    pub sample: u8,
    /// Answers of which it is kept; all unless set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Only with", extend("uniqueItems" = true))]
    pub only: Vec<Class>,
}

/// A part of a message.
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
#[schema(as = LogDetailPiece)]
#[schemars(rename = "LogDetailPiece")]
pub enum Piece {
    Headers,
    Body,
}

/// What a body is written in.
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
#[schema(as = LogDetailType)]
#[schemars(rename = "LogDetailType")]
pub enum Type {
    /// `application/json`, its kinds (`+json`) and NDJSON.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `application/xml`, `text/xml` and its kinds (`+xml`).
    Xml,
    /// Any other `text/*`.
    Text,
}

/// A class of statuses.
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
#[schema(as = LogDetailClass)]
#[schemars(rename = "LogDetailClass")]
pub enum Class {
    #[serde(rename = "2xx")]
    Success,
    #[serde(rename = "3xx")]
    Redirection,
    #[serde(rename = "4xx")]
    ClientError,
    #[serde(rename = "5xx")]
    ServerError,
}

impl Class {
    /// Whether a status is of it.
    pub const fn holds(self, status: u16) -> bool {
        let class = match self {
            Self::Success => 2,
            Self::Redirection => 3,
            Self::ClientError => 4,
            Self::ServerError => 5,
        };
        status / 100 == class
    }
}

const BOTH: [Piece; 2] = [Piece::Headers, Piece::Body];
const USUAL: [Type; 3] = [Type::Json, Type::Form, Type::Xml];
const USUAL_BYTES: u32 = 8192;
const MOST_BYTES: u32 = 64 * 1024;
const MOST_HEADERS: usize = 50;
/// What is masked unless it is set otherwise.
const SECRETS: [&str; 34] = [
    "$..password",
    "$..passwd",
    "$..pwd",
    "$..new_password",
    "$..old_password",
    "$..current_password",
    "$..password_confirmation",
    "$..passphrase",
    "$..pin",
    "$..otp",
    "$..secret",
    "$..client_secret",
    "$..secret_key",
    "$..secret_access_key",
    "$..token",
    "$..access_token",
    "$..refresh_token",
    "$..id_token",
    "$..binary_security_token",
    "$..session_id",
    "$..jwt",
    "$..assertion",
    "$..client_assertion",
    "$..code",
    "$..code_verifier",
    "$..device_code",
    "$..api_key",
    "$..private_key",
    "$..authorization",
    "$..credentials",
    "$..card_number",
    "$..pan",
    "$..cvv",
    "$..cvc",
];

fn are_both(pieces: &[Piece]) -> bool {
    *pieces == BOTH
}

fn are_usual(types: &[Type]) -> bool {
    *types == USUAL
}

const fn is_usual(bytes: &u32) -> bool {
    *bytes == USUAL_BYTES
}

fn are_secrets(paths: &[String]) -> bool {
    *paths == SECRETS
}

const fn is_all(percent: &u8) -> bool {
    *percent == 100
}

impl Default for LogDetail {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            name: None,
            request: BOTH.to_vec(),
            answer: BOTH.to_vec(),
            types: USUAL.to_vec(),
            max_bytes: USUAL_BYTES,
            mask: SECRETS.map(str::to_owned).to_vec(),
            mask_headers: Vec::new(),
            sample: 100,
            only: Vec::new(),
        }
    }
}

/// Where in a list something stands again.
fn again<T: PartialEq>(list: &[T], name: &str) -> Vec<Invalid> {
    let twice = list.iter().enumerate();
    let twice = twice.filter(|(index, one)| list[..*index].contains(one));
    twice
        .map(|(index, _)| Invalid::new(format!("/{name}/{index}"), "Name each once."))
        .collect()
}

impl Written for LogDetail {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        if self.mode == Mode::Observe {
            let message = "It only watches anyway, and refuses nothing: leave the mode at enforce.";
            found.push(Invalid::new("/mode", message));
        }
        if self.request.is_empty() && self.answer.is_empty() {
            let message = "Keep something of requests or of answers.";
            found.push(Invalid::new("", message));
        }
        found.extend(again(&self.request, "request"));
        found.extend(again(&self.answer, "answer"));
        found.extend(again(&self.types, "types"));
        if !(1..=MOST_BYTES).contains(&self.max_bytes) {
            found.push(Invalid::new("/max_bytes", "Use 1 to 65536 bytes."));
        }
        if self.mask.len() > MOST_PATHS {
            found.push(Invalid::new("/mask", "List at most 50."));
        }
        for (index, path) in self.mask.iter().take(MOST_PATHS).enumerate() {
            if !Paths::is_path(path) {
                let message = "Write a JSON path of 1 to 8 names, indices and wildcards: \
                               $.user.pin, $.cards[*].number, $..password, $['a b'].";
                found.push(Invalid::new(format!("/mask/{index}"), message));
            }
        }
        if self.mask_headers.len() > MOST_HEADERS {
            found.push(Invalid::new("/mask_headers", "List at most 50."));
        }
        let headers = self.mask_headers.iter().take(MOST_HEADERS).enumerate();
        for (index, _) in headers.filter(|(_, name)| !is_name(name)) {
            let pointer = format!("/mask_headers/{index}");
            found.push(Invalid::new(pointer, "Name a header field."));
        }
        if !(1..=100).contains(&self.sample) {
            found.push(Invalid::new("/sample", "Use 1 to 100 percent."));
        }
        found.extend(again(&self.only, "only"));
        found
    }

    fn words(&self) -> String {
        let side = |pieces: &[Piece], of: &str| {
            let names: Vec<&str> = pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Headers => "header fields",
                    Piece::Body => "bodies",
                })
                .collect();
            (!names.is_empty()).then(|| format!("{} of {of}", names.join(" and ")))
        };
        let sides = [
            side(&self.request, "requests"),
            side(&self.answer, "answers"),
        ];
        let sides: Vec<String> = sides.into_iter().flatten().collect();
        match self.sample {
            100 => sides.join(", "),
            percent => format!("{}, {percent} % of them", sides.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::{Child, Walk};

    #[test]
    fn everything_wrong_is_named() {
        for (json, pointers) in [
            (r"{}", &[][..]),
            (
                r#"{"request":["body"],"answer":[],"types":["json","text"],"max_bytes":65536,"mask":["$.a[*].b","$..c","$['d e']"],"mask_headers":["X-A"],"sample":1,"only":["4xx","5xx"]}"#,
                &[],
            ),
            (r#"{"types":[],"mask":[]}"#, &[]),
            (
                r#"{"mode":"observe","request":[],"answer":[]}"#,
                &["/mode", ""],
            ),
            (
                r#"{"request":["body","body"],"types":["json","json"],"max_bytes":65537,"mask":["a","$.a"],"mask_headers":["a b"],"sample":101,"only":["4xx","4xx"]}"#,
                &[
                    "/request/1",
                    "/types/1",
                    "/max_bytes",
                    "/mask/0",
                    "/mask_headers/0",
                    "/sample",
                    "/only/1",
                ],
            ),
            (r#"{"max_bytes":0,"sample":0}"#, &["/max_bytes", "/sample"]),
        ] {
            let policy: LogDetail = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
        let many = LogDetail {
            mask: vec!["$.a".to_owned(); MOST_PATHS + 1],
            mask_headers: vec!["X-A".to_owned(); 51],
            ..LogDetail::default()
        };
        let found: Vec<_> = many.check().into_iter().map(|one| one.pointer).collect();
        assert_eq!(found, ["/mask", "/mask_headers"]);
        assert!(serde_json::from_str::<LogDetail>(r#"{"only":["1xx"]}"#).is_err());
    }

    #[test]
    fn what_is_usual_is_masked() {
        let paths = Paths::read(&SECRETS).unwrap();
        assert!(SECRETS.len() <= MOST_PATHS);
        for (name, is) in [
            ("newPassword", true),
            ("PASSWORD_CONFIRMATION", true),
            ("secretAccessKey", true),
            ("sessionId", true),
            ("BinarySecurityToken", true),
            ("client-assertion", true),
            ("pan", true),
            ("name", false),
            ("company", false),
            ("status_code", false),
        ] {
            let mut walk = Walk::new(&paths);
            walk.enter(Child::Name("a"));
            assert_eq!(walk.enter(Child::Name(name)), is, "{name}");
        }
    }

    #[test]
    fn classes_hold_statuses() {
        for (class, status, holds) in [
            (Class::Success, 204, true),
            (Class::Success, 300, false),
            (Class::ClientError, 499, true),
            (Class::ServerError, 500, true),
            (Class::Redirection, 200, false),
        ] {
            assert_eq!(class.holds(status), holds, "{status}");
        }
    }
}
