//! From a value to the fields that show it.

use serde_json::{Map, Value};

use super::{AS_JSON, Control, Line, MOST_ROWS, Part, Way, inside, is_line, text_of};

pub(super) type Pairs = Vec<(String, String)>;

/// What a box that is ticked sends.
pub(super) const TICKED: &str = "on";

/// The fields of an object's parts, below the field `at`.
pub(super) fn group(parts: &[Part], value: &Map<String, Value>, at: &str, out: &mut Pairs) {
    for part in parts {
        self::part(part, value.get(&part.name), &inside(at, &part.name), out);
    }
}

fn part(part: &Part, value: Option<&Value>, at: &str, out: &mut Pairs) {
    let value = value.filter(|value| !value.is_null());
    let value = match &part.control {
        // What is usual stands there; in the other fields it is a hint.
        Control::Choice(choices) => value.or(part.default.as_ref()).or_else(|| {
            choices
                .first()
                .map(|first| &first.value)
                .filter(|_| part.required)
        }),
        Control::Flag | Control::Set(_) | Control::Lines(_) | Control::Pairs { .. } => {
            value.or(part.default.as_ref())
        }
        Control::Text { .. }
        | Control::Number { .. }
        | Control::Group(_)
        | Control::Rows(_)
        | Control::Ways(_)
        | Control::Free => value,
    };
    match (value, &part.control) {
        (Some(value), control) => {
            let mut fields = Vec::new();
            if shown(control, value, at, part.required, &mut fields).is_some() {
                out.append(&mut fields);
            } else {
                out.push((format!("{at}{AS_JSON}"), json(value)));
            }
        }
        (None, control) => blank(control, at, part.required, out),
    }
}

/// The fields of a value that is not there yet.
fn blank(control: &Control, at: &str, required: bool, out: &mut Pairs) {
    match control {
        Control::Rows(rows) => {
            out.push((at.to_owned(), rows.least.to_string()));
            for index in 0..rows.least {
                row(&rows.item, index, &inside(at, &index.to_string()), out);
            }
        }
        Control::Group(parts) if required => group(parts, &Map::new(), at, out),
        Control::Ways(ways) if required => way(ways.first(), &Map::new(), at, out),
        Control::Pairs { .. } => out.push((at.to_owned(), "1".to_owned())),
        Control::Group(_)
        | Control::Ways(_)
        | Control::Text { .. }
        | Control::Number { .. }
        | Control::Flag
        | Control::Choice(_)
        | Control::Set(_)
        | Control::Lines(_)
        | Control::Free => {}
    }
}

/// The fields of a new row; rows of ways begin with one way each.
pub(super) fn row(item: &Control, index: usize, at: &str, out: &mut Pairs) {
    match item {
        Control::Group(parts) => group(parts, &Map::new(), at, out),
        Control::Ways(ways) if !ways.is_empty() => {
            way(ways.get(index % ways.len()), &Map::new(), at, out);
        }
        _ => {}
    }
}

fn way(way: Option<&Way>, value: &Map<String, Value>, at: &str, out: &mut Pairs) {
    if let Some(way) = way {
        out.push((at.to_owned(), way.name.clone()));
        group(&way.parts, value, &inside(at, &way.name), out);
    }
}

/// The fields of a value, or `None` if its control cannot show it as it is.
fn shown(
    control: &Control,
    value: &Value,
    at: &str,
    required: bool,
    out: &mut Pairs,
) -> Option<()> {
    let mut one = |text: String| out.push((at.to_owned(), text));
    match (control, value) {
        (Control::Text { lines, .. }, Value::String(text)) => {
            let is_whole = match lines {
                1 => text.is_empty() || is_line(text),
                _ => text.is_empty() || !(text.trim().is_empty() || text.contains('\r')),
            };
            one(is_whole.then(|| text.clone())?);
        }
        (Control::Number { .. }, Value::String(text)) => one(is_line(text).then(|| text.clone())?),
        (Control::Choice(_), Value::String(_) | Value::Number(_))
        | (Control::Text { .. } | Control::Number { .. }, Value::Number(_) | Value::Bool(_)) => {
            one(text_of(value));
        }
        (Control::Flag, Value::Bool(true)) => one(TICKED.to_owned()),
        (Control::Flag, Value::Bool(false)) => {}
        (Control::Set(choices), Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                let is_known = choices.iter().any(|choice| choice.value == *item);
                if !is_known || items[..index].contains(item) {
                    return None;
                }
                one(text_of(item));
            }
        }
        (Control::Lines(line), Value::Array(items)) => {
            let lines: Option<Vec<String>> = items.iter().map(|item| line_of(line, item)).collect();
            one(lines?.join("\n"));
        }
        (Control::Pairs { .. }, Value::Object(members)) => pairs(members, at, out)?,
        (Control::Group(parts), Value::Object(members)) => {
            if members
                .keys()
                .any(|name| parts.iter().all(|part| part.name != *name))
            {
                return None;
            }
            if !required {
                one(TICKED.to_owned());
            }
            group(parts, members, at, out);
        }
        (Control::Ways(ways), Value::Object(members)) => {
            let (name, inner) = members.iter().next().filter(|_| members.len() == 1)?;
            let known = ways.iter().find(|way| way.name == *name)?;
            let inner = inner.as_object()?;
            if inner
                .keys()
                .any(|name| known.parts.iter().all(|part| part.name != *name))
            {
                return None;
            }
            way(Some(known), inner, at, out);
        }
        (Control::Rows(rows), Value::Array(items)) if items.len() <= MOST_ROWS => {
            one(items.len().to_string());
            for (index, item) in items.iter().enumerate() {
                shown(&rows.item, item, &inside(at, &index.to_string()), true, out)?;
            }
        }
        (Control::Free, value) => one(json(value)),
        _ => return None,
    }
    Some(())
}

fn pairs(members: &Map<String, Value>, at: &str, out: &mut Pairs) -> Option<()> {
    if members.len() > MOST_ROWS {
        return None;
    }
    out.push((at.to_owned(), members.len().max(1).to_string()));
    for (index, (name, value)) in members.iter().enumerate() {
        let text = value.as_str()?;
        if !is_line(name) || !(text.is_empty() || is_line(text)) {
            return None;
        }
        out.push((format!("{at}/{index}/name"), name.clone()));
        out.push((format!("{at}/{index}/value"), text.to_owned()));
    }
    Some(())
}

/// The line of a list that stands for an entry.
fn line_of(line: &Line, item: &Value) -> Option<String> {
    match (line, item) {
        (Line::Text | Line::Of(_), Value::String(text)) => is_line(text).then(|| text.clone()),
        (Line::Short(_), Value::String(text)) => is_word(text).then(|| text.clone()),
        (Line::Short(parts), Value::Object(members)) => {
            let mut words = Vec::new();
            // The text of the first alone would be read as a text, not as an object.
            let known = members
                .keys()
                .all(|name| parts.iter().any(|part| part.name == *name));
            if !known || members.len() < 2 {
                return None;
            }
            for (index, part) in parts.iter().enumerate() {
                let Some(value) = members.get(&part.name) else {
                    continue;
                };
                if index > 0 {
                    words.push(part.name.as_str());
                }
                words.push(value.as_str().filter(|text| is_word(text))?);
            }
            members
                .contains_key(&parts.first()?.name)
                .then(|| words.join(" "))
        }
        _ => None,
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace)
}

fn json(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
