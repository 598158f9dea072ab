//! XML as JSON and back. An element is a member; its attributes are members that begin with `@`,
//! its text beside others is `#text`; elements of one name are a list. Neither a DTD nor an entity
//! of its own is read, so nothing can grow or be fetched.

use std::collections::HashSet;

use domain::xml::{self, Element, is_char, is_name};
use serde_json::{Map, Value};

const DEEPEST: usize = 100;

const TEXT: &str = "#text";
/// Longest XML that is written, in bytes: a name is written for each item of its list.
const LONGEST: usize = 4 * 1024 * 1024;

/// What items are called that have no name.
const ITEM: &str = "item";

/// The error is a sentence.
pub(super) fn read(bytes: &[u8], arrays: &HashSet<Box<str>>) -> Result<Value, String> {
    let mut root = Map::new();
    add(xml::read(bytes)?, &mut root, arrays);
    Ok(Value::Object(root))
}

/// Makes an element a member of the one around it.
fn add(element: Element, around: &mut Map<String, Value>, arrays: &HashSet<Box<str>>) {
    let Element {
        name,
        attributes,
        children,
        text,
    } = element;
    let mut members = Map::new();
    for (attribute, value) in attributes {
        members.insert(format!("@{attribute}"), value.into());
    }
    for child in children {
        add(child, &mut members, arrays);
    }
    let text = text.trim();
    let value = if members.is_empty() {
        Value::from(text)
    } else {
        if !text.is_empty() {
            members.insert(TEXT.to_owned(), text.into());
        }
        Value::Object(members)
    };
    match around.get_mut(&name) {
        Some(Value::Array(items)) => items.push(value),
        Some(first) => {
            let first = std::mem::take(first);
            around.insert(name, Value::Array(vec![first, value]));
        }
        None if arrays.contains(&*name) => {
            around.insert(name, Value::Array(vec![value]));
        }
        None => {
            around.insert(name, value);
        }
    }
}

/// The error is a sentence.
pub(super) fn write(value: &Value, root: &str) -> Result<Vec<u8>, String> {
    let mut out = r#"<?xml version="1.0" encoding="UTF-8"?>"#.to_owned();
    let only = value.as_object().filter(|members| members.len() == 1);
    match only.and_then(|members| members.iter().next()) {
        Some((name, value)) if !value.is_array() && is_name(name) => {
            write_element(&mut out, name, value, 0)?;
        }
        Some(_) | None => write_element(&mut out, root, value, 0)?,
    }
    // The ends of what was open when all but these fitted.
    spend(&out, 0)?;
    Ok(out.into_bytes())
}

fn write_element(out: &mut String, name: &str, value: &Value, depth: usize) -> Result<(), String> {
    if depth > DEEPEST {
        return Err("The value is nested too deep.".to_owned());
    }
    spend(out, 2 * name.len() + 5)?;
    out.push('<');
    out.push_str(name);
    let begun = out.len();
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => {
            out.push('>');
            out.push_str(&value.to_string());
        }
        Value::String(text) => {
            out.push('>');
            escape(out, text, false)?;
        }
        Value::Array(items) => {
            out.push('>');
            for item in items {
                write_element(out, ITEM, item, depth + 1)?;
            }
        }
        Value::Object(members) => write_members(out, members, depth)?,
    }
    if out.len() == begun {
        out.push_str("/>");
    } else if out[begun..].contains('>') {
        out.push_str("</");
        out.push_str(name);
        out.push('>');
    } else {
        // Attributes alone.
        out.push_str("/>");
    }
    Ok(())
}

fn write_members(
    out: &mut String,
    members: &Map<String, Value>,
    depth: usize,
) -> Result<(), String> {
    let attributes = members.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix('@')?;
        Some((name, value))
    });
    for (name, value) in attributes {
        if !is_name(name) {
            return Err("A member has no name that an attribute may have.".to_owned());
        }
        spend(out, name.len() + 4)?;
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        escape(out, &scalar(value)?, true)?;
        out.push('"');
    }
    let mut is_open = false;
    let mut inside = |out: &mut String| {
        if !is_open {
            out.push('>');
            is_open = true;
        }
    };
    if let Some(text) = members.get(TEXT) {
        inside(out);
        escape(out, &scalar(text)?, false)?;
    }
    for (name, value) in members {
        if name == TEXT || name.starts_with('@') {
            continue;
        }
        if !is_name(name) {
            return Err("A member has no name that an element may have.".to_owned());
        }
        match value {
            Value::Array(items) => {
                for item in items {
                    inside(out);
                    write_element(out, name, item, depth + 1)?;
                }
            }
            one => {
                inside(out);
                write_element(out, name, one, depth + 1)?;
            }
        }
    }
    Ok(())
}

/// Whether so much more may be written.
fn spend(out: &str, more: usize) -> Result<(), String> {
    match out.len().saturating_add(more) <= LONGEST {
        true => Ok(()),
        false => Err("The XML would be longer than 4 MiB.".to_owned()),
    }
}

fn scalar(value: &Value) -> Result<String, String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::String(text) => Ok(text.clone()),
        Value::Array(_) | Value::Object(_) => {
            Err("An attribute or a text has no members.".to_owned())
        }
    }
}

fn escape(out: &mut String, text: &str, in_attribute: bool) -> Result<(), String> {
    for char in text.chars() {
        let mut bytes = [0; 4];
        let written = match char {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            // A reader would make a space or a line feed of these.
            '\r' => "&#13;",
            '\n' if in_attribute => "&#10;",
            '\t' if in_attribute => "&#9;",
            char if is_char(char) => &*char.encode_utf8(&mut bytes),
            _ => return Err("A text has a character that XML cannot hold.".to_owned()),
        };
        spend(out, written.len())?;
        out.push_str(written);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
