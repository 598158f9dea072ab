//! Why a document was refused, and where: the only errors that an import ends with. Everything
//! less than these becomes a finding.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A document that could not be imported. Nothing of it was kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message} ({place})")]
pub struct ParseError {
    /// What is wrong, for programs.
    pub code: ParseErrorCode,
    /// Where it is wrong.
    pub place: Place,
    /// What is wrong, one sentence without a full stop, for the person who sent the document.
    pub message: String,
}

/// The closed list of reasons to refuse a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParseErrorCode {
    /// More bytes than [`super::MAX_BYTES`], or it would unfold to far more than was sent.
    TooLarge,
    /// Not UTF-8.
    NotUtf8,
    /// Neither JSON nor YAML.
    Syntax,
    /// One object has the same key twice; readers would disagree on which counts.
    DuplicateKey,
    /// Nested deeper than [`super::MAX_DEPTH`].
    TooDeep,
    /// More `$ref` than [`super::MAX_REFS`].
    TooManyRefs,
    /// YAML aliases that unfold beyond reason.
    AliasBomb,
    /// Well-formed, but no OpenAPI document.
    NotOpenapi,
    /// OpenAPI, but of a version that this release does not read.
    UnsupportedVersion,
    /// OpenAPI, but a part without which nothing can be read has the wrong shape.
    Structure,
}

impl ParseErrorCode {
    /// The stable name, as in problems of the management API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::NotUtf8 => "not_utf8",
            Self::Syntax => "syntax",
            Self::DuplicateKey => "duplicate_key",
            Self::TooDeep => "too_deep",
            Self::TooManyRefs => "too_many_refs",
            Self::AliasBomb => "alias_bomb",
            Self::NotOpenapi => "not_openapi",
            Self::UnsupportedVersion => "unsupported_version",
            Self::Structure => "structure",
        }
    }
}

/// Where in a document something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Line and column in the text, both from 1; columns count characters as the reader of
    /// that syntax does.
    Text { line: u64, column: u64 },
    /// JSON pointer (RFC 6901) into the structure; empty for the whole document.
    Pointer(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { line, column } => write!(f, "line {line}, column {column}"),
            Self::Pointer(pointer) if pointer.is_empty() => f.write_str("the whole document"),
            Self::Pointer(pointer) => write!(f, "at {pointer}"),
        }
    }
}

impl ParseError {
    pub(crate) fn at_text(
        code: ParseErrorCode,
        line: u64,
        column: u64,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            place: Place::Text { line, column },
            message: message.into(),
        }
    }

    pub(crate) fn at(
        code: ParseErrorCode,
        pointer: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            place: Place::Pointer(pointer.into()),
            message: message.into(),
        }
    }
}
