//! What reading a document has cost so far, and the limits that end it: counted while values
//! come in, so that nothing is built beyond them.

use super::refusal::ParseErrorCode;

/// Largest document that is read, in bytes (5 MiB).
pub const MAX_BYTES: usize = 5 * 1024 * 1024;
/// Deepest nesting of objects and arrays.
pub const MAX_DEPTH: usize = 100;
/// Most `$ref` in one document.
pub const MAX_REFS: usize = 10_000;
/// Most values in one document, YAML aliases unfolded.
const MAX_NODES: usize = 700_000;
/// Most bytes of text in one document, YAML aliases unfolded. Without aliases text cannot
/// outgrow the document, so only an alias bomb reaches this.
const MAX_TEXT: usize = 2 * MAX_BYTES;

/// What is said of U+0000: PostgreSQL cannot store it in a text.
pub(super) const NUL: &str = "a text cannot hold the character U+0000";

/// How much of something: a document so far, or one value in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) nodes: usize,
    /// In bytes.
    pub(super) text: usize,
    pub(super) refs: usize,
}

/// A limit was passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excess {
    pub(super) code: ParseErrorCode,
    pub(super) message: String,
}

impl Tally {
    pub(super) fn node(&mut self) -> Result<(), Excess> {
        self.add(Self {
            nodes: 1,
            ..Self::default()
        })
    }

    /// Every key and every value that is a text passes here, whatever the syntax.
    pub(super) fn text(&mut self, text: &str) -> Result<(), Excess> {
        if text.contains('\0') {
            return Err(Excess {
                code: ParseErrorCode::Syntax,
                message: NUL.to_owned(),
            });
        }
        self.add(Self {
            text: text.len(),
            ..Self::default()
        })
    }

    pub(super) fn reference(&mut self) -> Result<(), Excess> {
        self.add(Self {
            refs: 1,
            ..Self::default()
        })
    }

    /// Adds what something else cost.
    pub(super) fn add(&mut self, other: Self) -> Result<(), Excess> {
        self.nodes += other.nodes;
        self.text += other.text;
        self.refs += other.refs;
        let (code, message) = match () {
            () if self.text > MAX_TEXT => {
                let message = "the document unfolds to far more text than it has".to_owned();
                (ParseErrorCode::AliasBomb, message)
            }
            () if self.nodes > MAX_NODES => {
                let message = format!("the document has more than {MAX_NODES} values");
                (ParseErrorCode::TooLarge, message)
            }
            () if self.refs > MAX_REFS => {
                let message = format!("the document has more than {MAX_REFS} $ref");
                (ParseErrorCode::TooManyRefs, message)
            }
            () => return Ok(()),
        };
        Err(Excess { code, message })
    }

    /// What was added since an earlier state of the same tally.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            nodes: self.nodes - earlier.nodes,
            text: self.text - earlier.text,
            refs: self.refs - earlier.refs,
        }
    }
}

/// Refuses a nesting that is deeper than [`MAX_DEPTH`].
pub(super) fn check_depth(depth: usize) -> Result<(), Excess> {
    match depth <= MAX_DEPTH {
        true => Ok(()),
        false => Err(too_deep()),
    }
}

pub(super) fn too_deep() -> Excess {
    Excess {
        code: ParseErrorCode::TooDeep,
        message: format!("the document is nested deeper than {MAX_DEPTH}"),
    }
}

/// Refuses a key that an object has already.
pub(super) fn twice(key: &str) -> Excess {
    let key: String = key.chars().take(60).collect();
    Excess {
        code: ParseErrorCode::DuplicateKey,
        message: format!("the key {key:?} is there twice"),
    }
}
