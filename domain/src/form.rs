//! Forms that a JSON Schema describes: which parts a value has, how each looks as fields of a page,
//! and the way between the two. Policies are edited in it ([`sheet`]).
//!
//! A field's name is the pointer of its value without the first slash: `issuers/0/audience`. A list
//! of objects, and a map, hold their number of rows in a field of their own name; a value that its
//! control cannot show is edited as JSON in a field with `:json` behind the name. So nothing that a
//! value says gets lost in a form, and no form needs a script.

mod fields;
mod places;
pub mod policies;
mod read;
mod rows;
mod schema;
mod shape;
pub mod sheet;
mod words;
mod write;

use serde_json::Value;

pub use self::fields::MOST_FIELDS;
pub use self::places::Places;
pub use self::rows::Act;

/// Most rows of a list of objects or of a map, each of which is fields of its own.
pub const MOST_ROWS: usize = 100;

/// Most lines of a list that is written one per line.
pub const MOST_LINES: usize = 5_000;

/// Behind the name of a field that holds a part of the value as JSON.
pub const AS_JSON: &str = ":json";

/// A member of an object, and how a form shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its name in the object.
    pub name: String,
    /// Its label.
    pub title: String,
    /// What there is to know about it; with code in backticks.
    pub help: String,
    /// Without it the object is not whole.
    pub required: bool,
    /// `null` says the same as nothing.
    pub nullable: bool,
    /// What holds where nothing is said; `None` where that is nothing.
    pub default: Option<Value>,
    pub control: Control,
}

/// How a value is shown and typed.
#[derive(Debug, Clone, PartialEq)]
pub enum Control {
    /// A text.
    Text {
        sort: Sort,
        /// More than one: a text area of so many.
        lines: u8,
        /// What stands in the empty field.
        example: Option<String>,
    },
    /// A whole number within bounds.
    Number {
        least: i128,
        most: i128,
        unit: Option<String>,
        example: Option<String>,
    },
    /// Yes or no.
    Flag,
    /// One of a few.
    Choice(Vec<Choice>),
    /// Several of a few, each once. What is chosen keeps its order.
    Set(Vec<Choice>),
    /// A list of texts, one per line.
    Lines(Line),
    /// Names with a text each: labels of the two.
    Pairs { name: String, value: String },
    /// An object.
    Group(Vec<Part>),
    /// A list of objects, or of ways.
    Rows(Box<Rows>),
    /// An object with one member, whose name says which of several kinds it is.
    Ways(Vec<Way>),
    /// Anything: edited as JSON.
    Free,
}

/// What a text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Plain,
    /// `60s`, as [`crate::duration::Span`] has it.
    Span,
    /// A point in time (RFC 3339).
    Time,
}

/// One of the values of a choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub value: Value,
    pub title: String,
    pub help: String,
}

/// What stands in a line of a list.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    Text,
    /// One of these.
    Of(Vec<Choice>),
    /// A text, or an object that is written as the text of its first member and then name and text
    /// of each other that it has: `192.0.2.0/24 until 2026-12-31T00:00:00Z`.
    Short(Vec<Part>),
}

/// A list whose entries are fields of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// What one of them is called.
    pub title: String,
    /// So many rows stand in an empty form.
    pub least: usize,
    /// [`Control::Group`] or [`Control::Ways`].
    pub item: Control,
}

/// One of several kinds of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    pub name: String,
    pub title: String,
    pub help: String,
    pub parts: Vec<Part>,
}

impl Part {
    /// Whether one may take back what was chosen: where nothing has to be said, and nothing else
    /// holds instead.
    #[must_use]
    pub const fn may_be_unset(&self) -> bool {
        !self.required && self.default.is_none()
    }
}

impl Choice {
    /// The value as a field holds it.
    #[must_use]
    pub fn text(&self) -> String {
        text_of(&self.value)
    }
}

impl Control {
    /// Whether a few of them fit side by side.
    #[must_use]
    pub const fn is_narrow(&self) -> bool {
        match self {
            Self::Number { .. }
            | Self::Text {
                sort: Sort::Span | Sort::Time,
                ..
            } => true,
            Self::Text { .. }
            | Self::Flag
            | Self::Choice(_)
            | Self::Set(_)
            | Self::Lines(_)
            | Self::Pairs { .. }
            | Self::Group(_)
            | Self::Rows(_)
            | Self::Ways(_)
            | Self::Free => false,
        }
    }
}

/// A scalar as a field holds it.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The name of a field inside of another: `issuers/0`.
#[must_use]
pub fn inside(at: &str, name: &str) -> String {
    if at.is_empty() {
        return name.to_owned();
    }
    format!("{at}/{name}")
}

/// Whether a text comes back from a field of one line as it went in.
fn is_line(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.contains(['\n', '\r'])
}
