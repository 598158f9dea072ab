//! Expressions in the Common Expression Language (CEL), for conditions that no policy has a field
//! for.
//!
//! The language's own subset that conditions need: literals, lists and maps, operators, fields,
//! `has`, the macros `all`, `exists`, `exists_one`, `filter` and `map`, texts, bytes, patterns, times,
//! types. An expression is read once; its length, nesting and size have bounds, and so has every
//! evaluation.
//! The parsers that are to be had overflow the stack on hostile texts, so this one is our own.

mod calls;
mod evaluate;
mod function;
mod kind;
mod lexer;
mod node;
mod parser;
mod pattern;
mod time;
mod value;
mod written;

use std::fmt;

pub use kind::Kind;
pub use value::{Object, Value};

use evaluate::Evaluation;
use node::Node;

/// Longest expression, in bytes.
pub const LONGEST: usize = 2048;

/// Steps that one evaluation may take.
const STEPS: u32 = 10_000;

/// An expression that was read.
#[derive(Debug)]
pub struct Expression {
    root: Node,
}

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at character {at})")]
pub struct Wrong {
    /// The character, counted from 1.
    pub at: usize,
    pub message: String,
}

/// Why an evaluation came to no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Something is asked for that is not there.
    Missing(String),
    /// An operator or function does not take what it gets.
    Kind(&'static str),
    /// A number that is too large, or a division by zero.
    Number,
    /// It takes more steps than it may.
    Costly,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "there is no {name}"),
            Self::Kind(what) => write!(f, "{what} does not take values of this kind"),
            Self::Number => f.write_str("a number is too large, or divided by zero"),
            Self::Costly => f.write_str("it takes too many steps"),
        }
    }
}

impl Expression {
    /// Reads one that may use these variables.
    pub fn read(text: &str, variables: &[&str]) -> Result<Self, Wrong> {
        Self::read_up_to(text, variables, LONGEST)
    }

    /// The same for one of up to `longest` bytes.
    pub fn read_up_to(text: &str, variables: &[&str], longest: usize) -> Result<Self, Wrong> {
        let root = parser::read(text, variables, longest)?;
        Ok(Self { root })
    }

    /// Its value, where the variables are fields of `scope`.
    pub fn evaluate<'e>(&'e self, scope: &'e dyn Object) -> Result<Value<'e>, Failure> {
        Evaluation::new(scope, STEPS).value(&self.root)
    }

    /// Its value as JSON, in so many steps; what is written costs steps, too. It takes about
    /// `longest` bytes of memory at most.
    pub fn json(
        &self,
        scope: &dyn Object,
        steps: u32,
        longest: usize,
    ) -> Result<serde_json::Value, Failure> {
        let mut evaluation = Evaluation::new(scope, steps);
        let value = evaluation.value(&self.root)?;
        evaluation.json(&value, &mut { longest })
    }

    /// Whether it is `true`; any other value is a failure.
    pub fn holds(&self, scope: &dyn Object) -> Result<bool, Failure> {
        match self.evaluate(scope)? {
            Value::Bool(holds) => Ok(holds),
            _ => Err(Failure::Kind("a condition")),
        }
    }
}

#[cfg(test)]
mod tests;
