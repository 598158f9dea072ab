//! XML as JSON and back. An element is a member; its attributes are members that begin with `@`,
//! its text beside others is `#text`; elements of one name are a list. Neither a DTD nor an entity
//! of its own is read, so nothing can grow or be fetched.

use std::collections::HashSet;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use serde_json::{Map, Value};

const DEEPEST: usize = 100;
/// Most elements and attributes.
const MOST: usize = 300_000;

const TEXT: &str = "#text";
/// Longest XML that is written, in bytes: a name is written for each item of its list.
const LONGEST: usize = 4 * 1024 * 1024;
/// Longest name that is written.
const LONGEST_NAME: usize = 200;

/// What items are called that have no name.
const ITEM: &str = "item";

struct Element {
    name: String,
    members: Map<String, Value>,
    text: String,
}

/// The error is a sentence.
pub(super) fn read(bytes: &[u8], arrays: &HashSet<Box<str>>) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "The XML is not UTF-8.".to_owned())?;
    // A mark of the byte order is no text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root: Option<Map<String, Value>> = None;
    let mut left = MOST;
    loop {
        let event = reader.read_event().map_err(|_| {
            let at = reader.error_position();
            format!("The body is no XML: at byte {at}.")
        })?;
        let is_outside = open.is_empty();
        match event {
            Event::Start(start) => {
                if open.len() >= DEEPEST {
                    return Err("The XML is nested too deep.".to_owned());
                }
                open.push(element(&start, root.is_some() && is_outside, &mut left)?);
            }
            Event::Empty(start) => {
                let element = element(&start, root.is_some() && is_outside, &mut left)?;
                close(element, open.last_mut(), &mut root, arrays);
            }
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    close(element, open.last_mut(), &mut root, arrays);
                }
            }
            Event::Text(text) => match open.last_mut() {
                Some(element) => element.text.push_str(&text.xml10_content()),
                None if text.trim().is_empty() => {}
                None => return Err("Text stands outside of the XML's root.".to_owned()),
            },
            Event::CData(text) => match open.last_mut() {
                Some(element) => element.text.push_str(&text.xml10_content()),
                None => return Err("Text stands outside of the XML's root.".to_owned()),
            },
            Event::GeneralRef(reference) => {
                let unknown = || "The XML has an entity that is not known.".to_owned();
                let element = open.last_mut().ok_or_else(unknown)?;
                match reference.resolve_char_ref() {
                    Ok(Some(char)) if is_char(char) => element.text.push(char),
                    Ok(None) => {
                        let text = resolve_predefined_entity(&reference).ok_or_else(unknown)?;
                        element.text.push_str(text);
                    }
                    Ok(Some(_)) | Err(_) => return Err(unknown()),
                }
            }
            Event::DocType(_) => return Err("XML with a DTD is not read.".to_owned()),
            Event::Decl(declared) => match declared.encoding() {
                Some(Ok(name)) if !name.eq_ignore_ascii_case("utf-8") => {
                    return Err("The XML says that it is not UTF-8.".to_owned());
                }
                Some(Err(_)) => return Err("The body is no XML.".to_owned()),
                Some(Ok(_)) | None => {}
            },
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof if is_outside => {
                let root = root.ok_or_else(|| "The XML has no root.".to_owned())?;
                return Ok(Value::Object(root));
            }
            Event::Eof => return Err("The XML ends before its root does.".to_owned()),
        }
    }
}

fn element(start: &BytesStart<'_>, is_second: bool, left: &mut usize) -> Result<Element, String> {
    if is_second {
        return Err("The XML has two roots.".to_owned());
    }
    let mut spend = || {
        *left = left.checked_sub(1)?;
        Some(())
    };
    let many = || "The XML has too many elements.".to_owned();
    spend().ok_or_else(many)?;
    let name = start.name();
    let name = named(name.as_ref())?;
    let mut members = Map::new();
    for attribute in start.attributes() {
        let wrong = || format!("An attribute of {name} cannot be read.");
        let attribute = attribute.map_err(|_| wrong())?;
        spend().ok_or_else(many)?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|_| wrong())?;
        let attribute = named(attribute.key.as_ref())?;
        members.insert(format!("@{attribute}"), value.into_owned().into());
    }
    Ok(Element {
        name,
        members,
        text: String::new(),
    })
}

fn named(name: &str) -> Result<String, String> {
    match is_name(name) {
        true => Ok(name.to_owned()),
        false => Err("The XML has a name that is none.".to_owned()),
    }
}

/// Ends an element: it is a member of the one around it, or the root.
fn close(
    element: Element,
    around: Option<&mut Element>,
    root: &mut Option<Map<String, Value>>,
    arrays: &HashSet<Box<str>>,
) {
    let Element {
        name,
        mut members,
        text,
    } = element;
    let text = text.trim();
    let value = if members.is_empty() {
        Value::from(text)
    } else {
        if !text.is_empty() {
            members.insert(TEXT.to_owned(), text.into());
        }
        Value::Object(members)
    };
    let members = match around {
        Some(around) => &mut around.members,
        None => root.get_or_insert_default(),
    };
    match members.get_mut(&name) {
        Some(Value::Array(items)) => items.push(value),
        Some(first) => {
            let first = std::mem::take(first);
            members.insert(name, Value::Array(vec![first, value]));
        }
        None if arrays.contains(&*name) => {
            members.insert(name, Value::Array(vec![value]));
        }
        None => {
            members.insert(name, value);
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

/// XML 1.0 §2.2.
const fn is_char(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// XML 1.0 §2.3, but for a few characters that nobody uses.
fn is_name(name: &str) -> bool {
    let letter = |char: char| char.is_alphabetic() || matches!(char, '_' | ':');
    let mut chars = name.chars();
    name.len() <= LONGEST_NAME
        && chars.next().is_some_and(letter)
        && chars.all(|char| letter(char) || char.is_numeric() || matches!(char, '-' | '.'))
}

#[cfg(test)]
mod tests;
