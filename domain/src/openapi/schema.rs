//! One schema, normalised: OpenAPI 3.0 and 3.1 say the same things in different words, and the
//! reader of the model should not have to know which document it came from.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A normalised schema. An empty one admits any value.
///
/// Where `reference` is set, the rest holds only what was written beside the `$ref`;
/// [`super::Document::expanded`] puts the two together. References are never followed while
/// reading, so cycles in the document are no cycles here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Schema {
    /// Key into [`super::Document::schemas`]. A reference that could not be resolved keeps its
    /// name and has no entry there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The kinds that a value may have; empty means any. `nullable` (3.0) and `"null"` (3.1)
    /// both give [`Kind::Null`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
    /// As written: `date-time`, `int64`, or a name that only the document's author knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The only values allowed, from `enum` or `const`; empty means no such rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
    #[serde(flatten)]
    pub notes: Notes,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Box<Limits>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<Box<ObjectShape>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub array: Option<Box<ArrayShape>>,
    /// Parts of `allOf` that could not be merged while reading: references, and parts with
    /// variants of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub all_of: Vec<Schema>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variants: Option<Box<Variants>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<Schema>>,
}

/// The kinds of JSON values (JSON Schema `type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    /// The word used in documents and shown to readers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    /// The kind that a document means by a word of `type`.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "string" => Self::String,
            "array" => Self::Array,
            "object" => Self::Object,
            _ => return None,
        })
    }
}

/// What a schema tells its readers without ruling anything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// From `example` (3.0) and `examples` (3.1).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Value>,
    #[serde(skip_serializing_if = "is_false")]
    pub deprecated: bool,
    /// Sent by the server only.
    #[serde(skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// Sent by the client only.
    #[serde(skip_serializing_if = "is_false")]
    pub write_only: bool,
}

/// Bounds on numbers, texts, arrays and objects.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    /// A value must be greater than this; 3.0's boolean form becomes this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclusive_minimum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclusive_maximum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multiple_of: Option<f64>,
    /// In characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u64>,
    /// A regular expression of ECMA-262, shown and never run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_items: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_items: Option<u64>,
    #[serde(skip_serializing_if = "is_false")]
    pub unique_items: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_properties: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_properties: Option<u64>,
}

/// What is said of a value that is an object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectShape {
    /// In the order of the document.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
    pub additional: Additional,
}

/// A named member of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Property {
    pub name: String,
    pub required: bool,
    pub schema: Schema,
}

/// Members beyond the named ones (`additionalProperties`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Additional {
    /// Nothing is said, so any are allowed.
    #[default]
    Unsaid,
    Forbidden,
    /// Allowed, each fitting this schema.
    Fitting(Box<Schema>),
}

/// What is said of a value that is an array.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ArrayShape {
    /// The first items one by one (`prefixItems`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prefix: Vec<Schema>,
    /// All items after those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Schema>,
}

/// Alternatives between which a value chooses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variants {
    pub rule: VariantRule,
    pub schemas: Vec<Schema>,
    /// The property whose value says which variant it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discriminator: Option<Discriminator>,
}

/// How many variants a value must fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VariantRule {
    /// Exactly one (`oneOf`).
    One,
    /// At least one (`anyOf`).
    Any,
}

/// Which property tells variants apart, and by which values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discriminator {
    pub property: String,
    /// (value, key into [`super::Document::schemas`]).
    pub mapping: Vec<(String, String)>,
}

impl Schema {
    /// A reference by key, as the model names it.
    pub fn to_reference(key: impl Into<String>) -> Self {
        Self {
            reference: Some(key.into()),
            ..Self::default()
        }
    }

    /// A schema of one kind and nothing else.
    pub fn of(kind: Kind) -> Self {
        Self {
            kinds: vec![kind],
            ..Self::default()
        }
    }

    /// Whether this says nothing at all, so that any value fits.
    pub fn is_any(&self) -> bool {
        *self == Self::default()
    }

    /// Whether `null` is among the kinds named.
    pub fn is_nullable(&self) -> bool {
        self.kinds.contains(&Kind::Null)
    }

    /// The kind to show and to make an example of: the first that is not null, else what the
    /// shape suggests.
    pub fn main_kind(&self) -> Option<Kind> {
        let named = self.kinds.iter().copied().find(|kind| *kind != Kind::Null);
        named.or(match () {
            () if self.object.is_some() => Some(Kind::Object),
            () if self.array.is_some() => Some(Kind::Array),
            () => self.kinds.first().copied(),
        })
    }

    /// The named members of an object; empty for everything else.
    pub fn properties(&self) -> &[Property] {
        self.object.as_ref().map_or(&[], |shape| &shape.properties)
    }
}

/// The name to show for a key of [`super::Document::schemas`]: keys are component names, or
/// whole references for schemas that lie elsewhere.
pub fn reference_name(key: &str) -> &str {
    let last = key.rsplit(['/', '#']).find(|part| !part.is_empty());
    last.unwrap_or(key)
}

fn is_false(value: &bool) -> bool {
    !value
}
