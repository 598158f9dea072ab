//! YAML 1.2 (core schema) to a value, within the limits.
//!
//! Works on the parser's events with a stack of its own: a deserializer that calls itself at
//! each level takes more of a thread's stack than a hostile document should decide about. Keys
//! are taken as written, so `200:` is `"200"`; aliases and merge keys (`<<`) are unfolded and
//! charged like what they unfold to.

mod scalar;

use super::meter::{Excess, Tally, check_depth, too_deep, twice};
use super::refusal::{ParseError, ParseErrorCode};
use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle};
use scalar::scalar;
use serde_json::{Map, Value};
use std::collections::HashMap;

pub(super) fn read(text: &str) -> Result<Value, ParseError> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut reader = Reader::default();
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let place = error.marker();
            let (line, column) = (place.line() as u64, place.col() as u64 + 1);
            match error.kind() {
                ErrorKind::RecursionLimitExceeded => {
                    let excess = too_deep();
                    ParseError::at_text(excess.code, line, column, excess.message)
                }
                _ => ParseError::at_text(ParseErrorCode::Syntax, line, column, error.info()),
            }
        })?;
        reader.event(event).map_err(|excess| {
            let (line, column) = (span.start.line() as u64, span.start.col() as u64 + 1);
            ParseError::at_text(excess.code, line, column, excess.message)
        })?;
    }
    Ok(reader.root.unwrap_or(Value::Null))
}

/// Builds a value from events.
#[derive(Default)]
struct Reader {
    /// All values read or unfolded.
    tally: Tally,
    /// All values kept for aliases: nested anchors keep what is inside them again.
    kept: Tally,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    documents: usize,
    root: Option<Value>,
}

/// A sequence or mapping that has not ended.
struct Open {
    node: OpenNode,
    anchor: usize,
    /// The tally before it, so that its own cost is known at its end.
    before: Tally,
    /// Levels below it.
    height: usize,
}

enum OpenNode {
    Sequence(Vec<Value>),
    Mapping {
        object: Map<String, Value>,
        key: Option<Key>,
        merges: Vec<Value>,
    },
}

enum Key {
    Member(String),
    /// `<<`
    Merge,
}

/// A value that aliases can repeat.
struct Anchored {
    value: Value,
    cost: Tally,
    height: usize,
}

impl Reader {
    fn event(&mut self, event: Event<'_>) -> Result<(), Excess> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                match self.documents {
                    1 => Ok(()),
                    _ => Err(syntax("there is more than one YAML document")),
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain;
                if is_plain && tag.is_none() && text == "<<" && self.wants_key() {
                    return self.key(Key::Merge);
                }
                if self.wants_key() && anchor == 0 {
                    self.tally.text(&text)?;
                    return self.key(Key::Member(text.into_owned()));
                }
                let before = self.tally;
                self.tally.node()?;
                self.tally.text(&text)?;
                let value = scalar(&text, is_plain, tag.as_deref());
                self.keep(anchor, &value, before, 0)?;
                if self.wants_key() {
                    return self.key(Key::Member(text.into_owned()));
                }
                self.value(value, 0)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.start(OpenNode::Sequence(Vec::new()), anchor)
            }
            Event::MappingStart(_, anchor, _) => {
                let node = OpenNode::Mapping {
                    object: Map::new(),
                    key: None,
                    merges: Vec::new(),
                };
                self.start(node, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor),
            Event::UnresolvedAlias(name) => {
                Err(syntax(format!("there is no anchor {name:.60} before this")))
            }
            // The parser may grow events about presentation; none of them is a value.
            _ => Ok(()),
        }
    }

    fn wants_key(&self) -> bool {
        let node = self.open.last().map(|open| &open.node);
        matches!(node, Some(OpenNode::Mapping { key: None, .. }))
    }

    fn key(&mut self, new: Key) -> Result<(), Excess> {
        if let Some(OpenNode::Mapping { object, key, .. }) =
            self.open.last_mut().map(|open| &mut open.node)
        {
            if let Key::Member(name) = &new
                && object.contains_key(name)
            {
                return Err(twice(name));
            }
            *key = Some(new);
        }
        Ok(())
    }

    fn start(&mut self, node: OpenNode, anchor: usize) -> Result<(), Excess> {
        if self.wants_key() {
            return Err(syntax("a key is a text, not a list or an object"));
        }
        check_depth(self.open.len() + 1)?;
        let before = self.tally;
        self.tally.node()?;
        self.open.push(Open {
            node,
            anchor,
            before,
            height: 0,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Excess> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.node {
            OpenNode::Sequence(items) => Value::Array(items),
            OpenNode::Mapping { object, merges, .. } => Value::Object(merged(object, merges)?),
        };
        let height = open.height + 1;
        self.keep(open.anchor, &value, open.before, height)?;
        self.value(value, height)
    }

    /// Keeps a copy of an anchored value.
    fn keep(
        &mut self,
        anchor: usize,
        value: &Value,
        before: Tally,
        height: usize,
    ) -> Result<(), Excess> {
        // The parser numbers anchors from 1.
        if anchor == 0 {
            return Ok(());
        }
        let cost = self.tally.since(before);
        self.kept.add(cost).map_err(as_bomb)?;
        let anchored = Anchored {
            value: value.clone(),
            cost,
            height,
        };
        self.anchors.insert(anchor, anchored);
        Ok(())
    }

    fn alias(&mut self, anchor: usize) -> Result<(), Excess> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(syntax("an alias stands inside the value that it repeats"));
        };
        check_depth(self.open.len() + anchored.height)?;
        self.tally.add(anchored.cost).map_err(as_bomb)?;
        let (value, height) = (anchored.value.clone(), anchored.height);
        if !self.wants_key() {
            return self.value(value, height);
        }
        match value {
            Value::String(name) => self.key(Key::Member(name)),
            Value::Bool(_) | Value::Number(_) => self.key(Key::Member(value.to_string())),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                Err(syntax("a key is a text, not a list or an object"))
            }
        }
    }

    /// Puts a whole value where it belongs.
    fn value(&mut self, value: Value, height: usize) -> Result<(), Excess> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(value);
            return Ok(());
        };
        open.height = open.height.max(height);
        match &mut open.node {
            OpenNode::Sequence(items) => items.push(value),
            OpenNode::Mapping {
                object,
                key,
                merges,
            } => match key.take() {
                Some(Key::Merge) => merges.push(value),
                Some(Key::Member(name)) => {
                    if name == "$ref" && value.is_string() {
                        self.tally.reference()?;
                    }
                    object.insert(name, value);
                }
                None => {}
            },
        }
        Ok(())
    }
}

/// An object with what its merge keys bring: its own members win, then the first to bring one.
fn merged(
    mut object: Map<String, Value>,
    merges: Vec<Value>,
) -> Result<Map<String, Value>, Excess> {
    let sources = merges.into_iter().flat_map(|merge| match merge {
        Value::Array(sources) => sources,
        source => vec![source],
    });
    for source in sources {
        let Value::Object(members) = source else {
            return Err(syntax("what is merged by << is no object"));
        };
        for (name, value) in members {
            object.entry(name).or_insert(value);
        }
    }
    Ok(object)
}

fn syntax(message: impl Into<String>) -> Excess {
    Excess {
        code: ParseErrorCode::Syntax,
        message: message.into(),
    }
}

/// A limit that aliases have passed, whichever it was.
fn as_bomb(excess: Excess) -> Excess {
    Excess {
        code: ParseErrorCode::AliasBomb,
        ..excess
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn merges_and_aliases_unfold() {
        let text = "a: &a {x: 1, y: {z: 2}}\nb: &b {x: 3}\n&k key: v\n*k : w\n";
        assert_eq!(read(text).unwrap_err().code, ParseErrorCode::DuplicateKey);
        let text = "a: &a {x: 1, y: {z: 2}}\nb: &b {x: 3}\nc:\n  <<: [*b, *a]\n  w: 4\n*a : 5\n";
        assert_eq!(
            read(text).unwrap_err().message,
            "a key is a text, not a list or an object"
        );
        let text = "a: &a {x: 1, y: {z: 2}}\nb: &b {x: 3}\nc:\n  <<: [*b, *a]\n  w: 4\n";
        assert_eq!(
            read(text).unwrap()["c"],
            json!({"w": 4, "x": 3, "y": {"z": 2}})
        );
        for text in [
            "<<: 1",
            "a: *none",
            "a: &a [*a]",
            "? [1]\n: 2",
            "--- 1\n--- 2",
            "a: 'b",
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.code, ParseErrorCode::Syntax, "{text}: {error}");
        }
    }
}
