//! Whether a value has the shape that a form's parts describe. All that is wrong is told at once,
//! and put right in a copy, so that the rules of a policy can still look at the rest.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::words::count;
use super::{Choice, Control, Line, Part, Sort};
use crate::duration::Span;
use crate::manifest::read::token;
use crate::problem::Invalid;

/// Most problems that are told at once.
pub(super) const MOST_PROBLEMS: usize = 100;

const MISSING: &str = "Fill this in.";

/// Checks the members of an object, and puts right what is wrong.
pub(super) fn group(
    parts: &[Part],
    members: &mut Map<String, Value>,
    at: &str,
    found: &mut Vec<Invalid>,
) {
    unknown(parts, members, at, found);
    members.retain(|name, _| parts.iter().any(|part| part.name == *name));
    for part in parts {
        let pointer = format!("{at}/{}", part.name);
        let is_said = members
            .get(&part.name)
            .is_some_and(|value| !(part.nullable && value.is_null()));
        match members.get_mut(&part.name) {
            Some(value) if is_said => self::value(&part.control, value, &pointer, found),
            _ if part.required => {
                tell(found, pointer, missing(&part.control));
                members.insert(part.name.clone(), stand_in(&part.control));
            }
            _ => {}
        }
    }
}

/// Members that are no part.
pub(super) fn unknown(
    parts: &[Part],
    members: &Map<String, Value>,
    at: &str,
    found: &mut Vec<Invalid>,
) {
    let is_known = |name: &String| parts.iter().any(|part| part.name == *name);
    for name in members.keys().filter(|name| !is_known(name)) {
        if found.len() > MOST_PROBLEMS {
            return;
        }
        let names: Vec<String> = parts
            .iter()
            .map(|part| format!("`{}`", part.name))
            .collect();
        let message = format!("There is no such field. There are {}.", names.join(", "));
        tell(found, format!("{at}/{}", token(name)), message);
    }
}

/// Notes a problem, as far as they are told: behind them is one more, which says that there are.
fn tell(found: &mut Vec<Invalid>, at: impl Into<String>, message: impl Into<String>) {
    if found.len() <= MOST_PROBLEMS {
        found.push(Invalid::new(at, message));
    }
}

fn missing(control: &Control) -> &'static str {
    match control {
        Control::Choice(_) | Control::Ways(_) => "Choose one.",
        _ => MISSING,
    }
}

fn value(control: &Control, value: &mut Value, at: &str, found: &mut Vec<Invalid>) {
    let message = match (control, &mut *value) {
        (Control::Group(parts), Value::Object(members)) => {
            return group(parts, members, at, found);
        }
        (Control::Rows(rows), Value::Array(items)) => {
            for (index, item) in items.iter_mut().enumerate() {
                self::value(&rows.item, item, &format!("{at}/{index}"), found);
            }
            return;
        }
        (Control::Lines(line), Value::Array(items)) => {
            for (index, item) in items.iter_mut().enumerate() {
                self::line(line, item, &format!("{at}/{index}"), found);
            }
            return;
        }
        (Control::Set(choices), Value::Array(items)) => {
            for (index, item) in items.iter_mut().enumerate() {
                one_of(choices, item, &format!("{at}/{index}"), found);
            }
            return;
        }
        (Control::Pairs { .. }, Value::Object(members)) => {
            for (name, value) in members.iter_mut().filter(|(_, value)| !value.is_string()) {
                let at = format!("{at}/{}", token(name));
                tell(found, at, "Write a text.");
                *value = json!("x");
            }
            return;
        }
        (Control::Ways(ways), Value::Object(members)) => {
            let is_one = members.len() == 1;
            let only = members.iter_mut().next().filter(|_| is_one);
            let known = only.and_then(|(name, inner)| {
                let way = ways.iter().find(|way| way.name == *name)?;
                Some((way, inner.as_object_mut()?))
            });
            if let Some((way, inner)) = known {
                return group(&way.parts, inner, &format!("{at}/{}", way.name), found);
            }
            let names: Vec<String> = ways.iter().map(|way| format!("`{}`", way.name)).collect();
            format!("Choose one of {}.", names.join(", "))
        }
        (Control::Choice(choices), _) => return one_of(choices, value, at, found),
        (Control::Free, _) | (Control::Flag, Value::Bool(_)) => return,
        (Control::Text { sort, .. }, Value::String(text)) => match text_wrong(*sort, text) {
            Some(message) => message,
            None => return,
        },
        (Control::Number { least, most, .. }, Value::Number(number)) => {
            let signed = number.as_i64().map(i128::from);
            let whole = signed.or_else(|| number.as_u64().map(i128::from));
            if whole.is_some_and(|whole| (*least..=*most).contains(&whole)) {
                return;
            }
            bounds(*least, *most)
        }
        (Control::Number { least, most, .. }, _) => bounds(*least, *most),
        (Control::Text { .. }, _) => "Write a text.".to_owned(),
        (Control::Flag, _) => "Write true or false.".to_owned(),
        (Control::Lines(_) | Control::Set(_) | Control::Rows(_), _) => "Write a list.".to_owned(),
        (Control::Pairs { .. } | Control::Group(_) | Control::Ways(_), _) => {
            "Write names with values.".to_owned()
        }
    };
    tell(found, at, message);
    *value = stand_in(control);
}

fn text_wrong(sort: Sort, text: &str) -> Option<String> {
    if text.contains('\0') {
        return Some("A text cannot hold the character U+0000.".to_owned());
    }
    match sort {
        Sort::Plain => None,
        Sort::Span => Span::from_str(text).err().map(|error| error.to_string()),
        Sort::Time => {
            let wrong = text.parse::<DateTime<Utc>>().is_err();
            wrong.then(|| "Write a time like 2026-12-31T00:00:00Z.".to_owned())
        }
    }
}

fn line(line: &Line, item: &mut Value, at: &str, found: &mut Vec<Invalid>) {
    match (line, &mut *item) {
        (Line::Of(choices), _) => one_of(choices, item, at, found),
        (Line::Short(parts), Value::Object(members)) => group(parts, members, at, found),
        (Line::Text | Line::Short(_), Value::String(text)) if !text.contains('\0') => {}
        (Line::Text | Line::Short(_), _) => {
            tell(found, at, "Write a text.");
            *item = json!("x");
        }
    }
}

fn one_of(choices: &[Choice], value: &mut Value, at: &str, found: &mut Vec<Invalid>) {
    if choices.iter().any(|choice| choice.value == *value) {
        return;
    }
    let names: Vec<String> = choices
        .iter()
        .map(|one| format!("`{}`", one.text()))
        .collect();
    let message = format!("Choose one of {}.", names.join(", "));
    tell(found, at, message);
    if let Some(first) = choices.first() {
        *value = first.value.clone();
    }
}

fn bounds(least: i128, most: i128) -> String {
    // The end of a type is no bound that anybody would choose.
    match (least, most) {
        (0, most) if most >= i128::from(u32::MAX) => "Write a whole number, 0 or more.".to_owned(),
        (least, most) if most >= i128::from(u32::MAX) && least > 0 => {
            format!("Write a whole number, {} or more.", count(least))
        }
        (least, most) => format!(
            "Write a whole number from {} to {}.",
            count(least),
            count(most)
        ),
    }
}

/// Something that fits, in the place of what does not.
fn stand_in(control: &Control) -> Value {
    match control {
        Control::Text {
            sort: Sort::Span, ..
        } => json!("60s"),
        Control::Text {
            sort: Sort::Time, ..
        } => json!("2000-01-01T00:00:00Z"),
        Control::Text { .. } => json!("x"),
        Control::Number { least, .. } => json!(i64::try_from((*least).max(1)).unwrap_or(1)),
        Control::Flag => json!(false),
        Control::Choice(choices) => choices.first().map_or(Value::Null, |one| one.value.clone()),
        Control::Set(_) | Control::Lines(_) | Control::Rows(_) => json!([]),
        Control::Pairs { .. } => json!({}),
        Control::Free => Value::Null,
        Control::Group(parts) => Value::Object(whole(parts)),
        Control::Ways(ways) => match ways.first() {
            Some(way) => {
                let inner = Value::Object(whole(&way.parts));
                Value::Object(Map::from_iter([(way.name.clone(), inner)]))
            }
            None => Value::Null,
        },
    }
}

fn whole(parts: &[Part]) -> Map<String, Value> {
    let needed = parts.iter().filter(|part| part.required);
    needed
        .map(|part| (part.name.clone(), stand_in(&part.control)))
        .collect()
}
