//! From fields back to the value. What cannot be read stays in it as it was typed, as a text, for
//! [`super::shape`] to point at; nothing of it is lost on the way to another form of the value.

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::places::Places;
use super::{
    AS_JSON, Choice, Control, Line, MOST_LINES, MOST_ROWS, Part, Rows, Way, inside, is_line,
};
use crate::manifest;
use crate::problem::Invalid;

/// Longest part that is edited as JSON, in bytes.
const MOST_JSON: usize = 256 * 1024;

pub(super) struct Reader {
    pub(super) fields: Fields,
    /// What is wrong with fields, whatever the value says.
    pub(super) wrong: Vec<Invalid>,
    pub(super) places: Places,
}

impl Reader {
    pub(super) fn group(&mut self, parts: &[Part], at: &str, pointer: &str) -> Map<String, Value> {
        let mut members = Map::new();
        for part in parts {
            let (at, pointer) = (inside(at, &part.name), format!("{pointer}/{}", part.name));
            self.places.put(&pointer, &at);
            if let Some(value) = self.part(part, &at, &pointer) {
                members.insert(part.name.clone(), value);
            }
        }
        members
    }

    fn part(&mut self, part: &Part, at: &str, pointer: &str) -> Option<Value> {
        if let Some(said) = self.as_json(at, pointer) {
            return said;
        }
        let fixed = part.default.as_ref();
        // An empty list is something else than none where none means a default.
        let says = |is_empty: bool| part.required || !is_empty || fixed.is_some();
        let value = match &part.control {
            Control::Text { lines: 1, .. } => self.fields.line(at).map(Value::String)?,
            Control::Text { .. } => {
                let text = self.fields.text(at)?;
                Some(Value::String(text)).filter(|text| !is_blank(text))?
            }
            Control::Number { .. } => number(self.fields.line(at)?),
            Control::Flag => Value::Bool(self.fields.text(at).is_some()),
            Control::Choice(choices) => choice(choices, &self.fields.line(at)?),
            Control::Set(choices) => {
                let texts = self.fields.all(at);
                let texts = texts.iter().filter(|text| !text.is_empty());
                let items: Vec<Value> = texts.map(|text| choice(choices, text)).collect();
                self.put_all(pointer, at, items.len());
                says(items.is_empty()).then_some(Value::Array(items))?
            }
            Control::Lines(line) => {
                let items = self.lines(line, at, pointer);
                says(items.is_empty()).then_some(Value::Array(items))?
            }
            Control::Pairs { .. } => {
                let members = self.pairs(at, pointer);
                says(members.is_empty()).then_some(Value::Object(members))?
            }
            Control::Group(parts) => {
                if !part.required && self.fields.all(at).is_empty() {
                    self.fields.forget(at);
                    return None;
                }
                Value::Object(self.group(parts, at, pointer))
            }
            Control::Rows(rows) => {
                let items = self.rows(rows, at, pointer);
                says(items.is_empty()).then_some(Value::Array(items))?
            }
            Control::Ways(ways) => self.way(ways, at, pointer, part.required)?,
            Control::Free => {
                let text = self.fields.text(at)?;
                self.free(&text, at)?
            }
        };
        let usual = match &part.control {
            Control::Flag => fixed.or(Some(&Value::Bool(false))),
            _ => fixed,
        };
        (part.required || usual != Some(&value)).then_some(value)
    }

    /// A part that is edited as JSON because its control could not show it. Emptied it says
    /// nothing: no `false`, and no empty list.
    fn as_json(&mut self, at: &str, pointer: &str) -> Option<Option<Value>> {
        let name = format!("{at}{AS_JSON}");
        let text = self.fields.text(&name)?;
        self.places.put(pointer, &name);
        self.fields.all(at);
        self.fields.forget(at);
        Some(self.free(&text, &name))
    }

    /// JSON, or YAML. A text that is neither stays a text.
    fn free(&mut self, text: &str, at: &str) -> Option<Value> {
        if text.trim().is_empty() {
            return None;
        }
        let read = match serde_json::from_str(text) {
            Ok(value) => Ok(value),
            Err(error) if text.trim_start().starts_with(['{', '[', '"']) => {
                Err(format!("It cannot be read as JSON: {error}."))
            }
            Err(_) => manifest::read::value(text, MOST_JSON).map_err(|wrong| wrong.message),
        };
        let value = read.unwrap_or_else(|message| {
            self.wrong.push(Invalid::new(format!("/{at}"), message));
            json!(text)
        });
        Some(value)
    }

    fn put_all(&mut self, pointer: &str, at: &str, count: usize) {
        for index in 0..count {
            self.places.put(&format!("{pointer}/{index}"), at);
        }
    }

    fn lines(&mut self, line: &Line, at: &str, pointer: &str) -> Vec<Value> {
        let text = self.fields.text(at).unwrap_or_default();
        let lines = text.lines().map(str::trim).enumerate();
        let mut items = Vec::new();
        for (index, text) in lines.filter(|(_, text)| !text.is_empty()) {
            if items.len() == MOST_LINES {
                let message = "Write at most 5,000 lines.";
                self.wrong.push(Invalid::new(format!("/{at}"), message));
                break;
            }
            let place = format!("{pointer}/{}", items.len());
            self.places.put_line(place, at, index + 1);
            items.push(match line {
                Line::Text => json!(text),
                Line::Of(choices) => choice(choices, text),
                Line::Short(parts) => short(parts, text),
            });
        }
        items
    }

    /// How many rows the form says that it has.
    fn count(&mut self, at: &str) -> usize {
        let Some(text) = self.fields.line(at) else {
            return 0;
        };
        match text.parse() {
            Ok(count) if count <= MOST_ROWS => count,
            _ => {
                self.fields.forget(at);
                let message = "A form has at most 100 rows. Edit a longer list as YAML.";
                self.wrong.push(Invalid::new(format!("/{at}"), message));
                0
            }
        }
    }

    fn pairs(&mut self, at: &str, pointer: &str) -> Map<String, Value> {
        let mut members = Map::new();
        for index in 0..self.count(at) {
            let row = format!("{at}/{index}");
            let name = self.fields.line(&format!("{row}/name"));
            let value = self.fields.line(&format!("{row}/value"));
            let Some(name) = name else {
                if value.is_some() {
                    let message = "This row has no name.";
                    self.wrong.push(Invalid::new(format!("/{row}"), message));
                }
                continue;
            };
            if members.contains_key(&name) {
                let message = "This name is listed already.";
                self.wrong.push(Invalid::new(format!("/{row}"), message));
                continue;
            }
            let token = manifest::read::token(&name);
            self.places.put(&format!("{pointer}/{token}"), &row);
            members.insert(name, Value::String(value.unwrap_or_default()));
        }
        members
    }

    fn rows(&mut self, rows: &Rows, at: &str, pointer: &str) -> Vec<Value> {
        let mut items = Vec::new();
        for index in 0..self.count(at) {
            let (at, pointer) = (format!("{at}/{index}"), format!("{pointer}/{index}"));
            self.places.put(&pointer, &at);
            items.push(match &rows.item {
                Control::Group(parts) => Value::Object(self.group(parts, &at, &pointer)),
                Control::Ways(ways) => self.way(ways, &at, &pointer, true).unwrap_or_default(),
                _ => Value::Null,
            });
        }
        items
    }

    fn way(&mut self, ways: &[Way], at: &str, pointer: &str, required: bool) -> Option<Value> {
        let chosen = self.fields.line(at);
        let known = ways.iter().find(|way| Some(&way.name) == chosen.as_ref());
        let value = known.map(|way| {
            let (inner, pointer) = (inside(at, &way.name), format!("{pointer}/{}", way.name));
            self.places.put(&pointer, at);
            let members = self.group(&way.parts, &inner, &pointer);
            Value::Object(Map::from_iter([(way.name.clone(), Value::Object(members))]))
        });
        // What stands in the ways that were not chosen.
        self.fields.forget(at);
        value.or_else(|| (required || chosen.is_some()).then(|| json!({})))
    }
}

fn is_blank(text: &Value) -> bool {
    text.as_str().is_some_and(|text| text.trim().is_empty())
}

/// Digits, with the separators that people write between them.
fn number(text: String) -> Value {
    const SEPARATORS: [char; 5] = [',', '_', ' ', '\u{2009}', '\u{202f}'];
    let plain = text.trim();
    // Between groups of three alone: `0,5` is no 5.
    let mut groups = plain.strip_prefix('-').unwrap_or(plain).split(SEPARATORS);
    let begins = groups
        .next()
        .is_some_and(|first| (1..=3).contains(&first.len()));
    let digits = match begins && groups.all(|group| group.len() == 3) {
        true => plain.replace(SEPARATORS, ""),
        false => plain.to_owned(),
    };
    let signed = digits.parse::<i64>().ok().map(Value::from);
    let number = signed.or_else(|| digits.parse::<u64>().ok().map(Value::from));
    number.unwrap_or(Value::String(text))
}

fn choice(choices: &[Choice], text: &str) -> Value {
    let known = choices.iter().find(|choice| choice.text() == text.trim());
    known.map_or_else(|| json!(text), |choice| choice.value.clone())
}

/// The entry that a line stands for: the text of the first part, then names and texts of others.
fn short(parts: &[Part], line: &str) -> Value {
    let mut words = line.split_whitespace();
    let (Some(first), Some(head)) = (words.next(), parts.first()) else {
        return json!(line);
    };
    let rest: Vec<&str> = words.collect();
    let is_named = |name: &str| parts.iter().skip(1).any(|part| part.name == name);
    let is_whole = rest.chunks(2).all(|two| two.len() == 2 && is_named(two[0]));
    if rest.is_empty() || !is_whole || !is_line(line) {
        return json!(line);
    }
    let mut members = Map::from_iter([(head.name.clone(), json!(first))]);
    for two in rest.chunks(2) {
        members.insert(two[0].to_owned(), json!(two[1]));
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, wanted) in [
            ("5", json!(5)),
            (" 1,000 ", json!(1000)),
            ("1 000 000", json!(1_000_000)),
            ("-12_000", json!(-12_000)),
            ("1000000", json!(1_000_000)),
            ("18446744073709551615", json!(u64::MAX)),
            ("0,5", json!("0,5")),
            ("1,5", json!("1,5")),
            ("12_", json!("12_")),
            ("1 2", json!("1 2")),
            ("1,0000", json!("1,0000")),
            ("", json!("")),
        ] {
            assert_eq!(number(text.to_owned()), wanted, "{text}");
        }
    }
}
