//! What the lint of a document found: each finding with its severity, its place and one
//! sentence. Findings never stop an import.

use serde::{Deserialize, Serialize};

/// Most findings kept for one document: a list that nobody reads to its end helps nobody.
pub const MAX_FINDINGS: usize = 500;

/// One thing in a document that deserves a look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub severity: Severity,
    pub code: FindingCode,
    /// JSON pointer (RFC 6901) to the place.
    pub pointer: String,
    /// One sentence for the owner of the document, without a full stop.
    pub message: String,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something that could be better for readers.
    Hint,
    /// Something was ignored or guessed.
    Warning,
    /// The document contradicts itself or the standard; part of it cannot work.
    Error,
}

impl Severity {
    /// The word shown beside the finding.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hint => "hint",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The closed list of what the lint looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingCode {
    MissingTitle,
    MissingVersion,
    NoServer,
    NoOperations,
    MissingOperationId,
    DuplicateOperationId,
    MissingSummary,
    InvalidPath,
    DuplicatePath,
    PartialSegment,
    UndeclaredPathParameter,
    UnusedPathParameter,
    DuplicateParameter,
    NoResponses,
    BodyNotExpected,
    UnknownSecurityScheme,
    UndeclaredTag,
    UnresolvedRef,
    ExternalRef,
    CyclicRef,
    StrangeSchema,
    /// A value of an unexpected kind, ignored.
    StrangeValue,
    /// There were more findings than are kept.
    More,
}

impl FindingCode {
    /// How much this kind of finding matters.
    pub fn severity(self) -> Severity {
        match self {
            Self::InvalidPath
            | Self::DuplicatePath
            | Self::DuplicateOperationId
            | Self::UndeclaredPathParameter
            | Self::DuplicateParameter
            | Self::UnknownSecurityScheme
            | Self::UnresolvedRef
            | Self::CyclicRef => Severity::Error,
            Self::MissingTitle
            | Self::MissingVersion
            | Self::NoOperations
            | Self::PartialSegment
            | Self::UnusedPathParameter
            | Self::NoResponses
            | Self::BodyNotExpected
            | Self::ExternalRef
            | Self::StrangeSchema
            | Self::StrangeValue => Severity::Warning,
            Self::NoServer
            | Self::MissingOperationId
            | Self::MissingSummary
            | Self::UndeclaredTag
            | Self::More => Severity::Hint,
        }
    }
}

/// Collects findings, up to [`MAX_FINDINGS`].
#[derive(Debug, Default)]
pub(crate) struct Findings {
    kept: Vec<Finding>,
    dropped: usize,
}

impl Findings {
    pub(crate) fn add(
        &mut self,
        code: FindingCode,
        pointer: impl Into<String>,
        message: impl Into<String>,
    ) {
        if self.kept.len() == MAX_FINDINGS {
            self.dropped += 1;
            return;
        }
        self.kept.push(Finding {
            severity: code.severity(),
            code,
            pointer: clipped(pointer.into()),
            message: clipped(message.into()),
        });
    }

    /// The findings, worst first, otherwise in the order in which they were found.
    pub(crate) fn into_sorted(mut self) -> Vec<Finding> {
        self.kept
            .sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        if self.dropped > 0 {
            self.kept.push(Finding {
                severity: FindingCode::More.severity(),
                code: FindingCode::More,
                pointer: String::new(),
                message: format!("{} more findings are not shown", self.dropped),
            });
        }
        self.kept
    }
}

/// Names in a document may be megabytes long; what is told of them is not.
fn clipped(text: String) -> String {
    const MOST: usize = 500;
    match text.char_indices().nth(MOST) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
