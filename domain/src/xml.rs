//! XML 1.0 as a tree of elements. Neither a DTD nor an entity of its own is read, so nothing can grow
//! or be fetched.

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// Elements inside each other.
const DEEPEST: usize = 100;
/// Most elements and attributes.
pub const MOST: usize = 300_000;
/// Most attributes of one element: each is compared with those before it.
const MOST_ATTRIBUTES: usize = 1000;
/// Longest name, in bytes.
const LONGEST_NAME: usize = 200;

/// An element with all that is in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// As written, with its prefix.
    pub name: String,
    /// Those that declare namespaces, too.
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Self>,
    /// All of its own text, whatever stands between.
    pub text: String,
}

/// Reads a body of XML: its root. The error is a sentence.
pub fn read(bytes: &[u8]) -> Result<Element, String> {
    read_within(bytes, &mut { MOST })
}

/// The same, of so many elements and attributes as are left for several bodies.
pub fn read_within(bytes: &[u8], left: &mut usize) -> Result<Element, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "The XML is not UTF-8.".to_owned())?;
    // A mark of the byte order is no text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.chars().all(is_char) {
        return Err("The XML has a character that may not be in it.".to_owned());
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut open: Vec<Element> = Vec::new();
    let mut root: Option<Element> = None;
    let mut is_first = true;
    loop {
        let event = reader.read_event().map_err(|_| {
            let at = reader.error_position();
            format!("The body is no XML: at byte {at}.")
        })?;
        let is_outside = open.is_empty();
        let is_begin = std::mem::replace(&mut is_first, false);
        match event {
            Event::Start(start) => {
                if open.len() >= DEEPEST {
                    return Err("The XML is nested too deep.".to_owned());
                }
                open.push(element(&start, root.is_some() && is_outside, left)?);
            }
            Event::Empty(start) => {
                let element = element(&start, root.is_some() && is_outside, left)?;
                close(element, open.last_mut(), &mut root);
            }
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    close(element, open.last_mut(), &mut root);
                }
            }
            Event::Text(text) => match open.last_mut() {
                Some(element) => element.text.push_str(&text.xml10_content()),
                None if is_blank(&text) => {}
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
            Event::Decl(_) if !is_begin => {
                return Err("The XML is declared behind its beginning.".to_owned());
            }
            Event::Decl(declared) if !declared.version().is_ok_and(|is| is == "1.0") => {
                return Err("The XML is of another version than 1.0.".to_owned());
            }
            Event::Decl(declared) => match declared.encoding() {
                Some(Ok(name)) if !name.eq_ignore_ascii_case("utf-8") => {
                    return Err("The XML says that it is not UTF-8.".to_owned());
                }
                Some(Err(_)) => return Err("The body is no XML.".to_owned()),
                Some(Ok(_)) | None => {}
            },
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof if is_outside => {
                return root.ok_or_else(|| "The XML has no root.".to_owned());
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
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let wrong = || "An attribute of the XML cannot be read.".to_owned();
        let attribute = attribute.map_err(|_| wrong())?;
        spend().ok_or_else(many)?;
        if attributes.len() == MOST_ATTRIBUTES {
            return Err("An element of the XML has too many attributes.".to_owned());
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|_| wrong())?;
        // XML 1.0 §3.1: neither this sign, nor by a reference what may not be in XML.
        if attribute.value.contains('<') || !value.chars().all(is_char) {
            return Err(wrong());
        }
        let attribute = named(attribute.key.as_ref())?;
        attributes.push((attribute, value.into_owned()));
    }
    Ok(Element {
        name,
        attributes,
        ..Element::default()
    })
}

fn named(name: &str) -> Result<String, String> {
    match is_name(name) {
        true => Ok(name.to_owned()),
        false => Err("The XML has a name that is none.".to_owned()),
    }
}

/// Ends an element: it is a child of the one around it, or the root.
fn close(element: Element, around: Option<&mut Element>, root: &mut Option<Element>) {
    match around {
        Some(around) => around.children.push(element),
        None => *root = Some(element),
    }
}

/// Whether there is nothing but space (XML 1.0 §2.3): to others more signs are space.
pub fn is_blank(text: &str) -> bool {
    trim(text).is_empty()
}

/// A text without the space around it.
pub fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// XML 1.0 §2.2.
pub const fn is_char(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// XML 1.0 §2.3, but for a few characters that nobody uses.
pub fn is_name(name: &str) -> bool {
    let letter = |char: char| char.is_alphabetic() || matches!(char, '_' | ':');
    let mut chars = name.chars();
    name.len() <= LONGEST_NAME
        && chars.next().is_some_and(letter)
        && chars.all(|char| letter(char) || char.is_numeric() || matches!(char, '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_has_what_is_in_it() {
        let text = "<?xml version='1.0'?><a:b xmlns:a='u' c='1&amp;'>x<d/>y<d>&lt;</d></a:b>";
        let child = |text: &str| Element {
            name: "d".to_owned(),
            text: text.to_owned(),
            ..Element::default()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let root = Element {
            name: "a:b".to_owned(),
            attributes: vec![pair("xmlns:a", "u"), pair("c", "1&")],
            children: vec![child(""), child("<")],
            text: "xy".to_owned(),
        };
        assert_eq!(read(text.as_bytes()), Ok(root));
    }

    #[test]
    fn what_is_no_xml_1_0_is_refused() {
        for text in [
            "<a>\u{1}</a>",
            "<a>\u{ffff}</a>",
            "<a b='\u{1}'/>",
            "<a b='&#1;'/>",
            "<a b='<'/>",
            "<!-- a -- b --><a/>",
            " <?xml version='1.0'?><a/>",
            "<a><?xml version='1.0'?></a>",
            "<a/><?xml version='1.0'?>",
            "<?xml version='1.1'?><a/>",
            "<?xml encoding='utf-8'?><a/>",
            "<a/>\u{a0}",
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        for text in [
            "<?xml version=\"1.0\" encoding='Utf-8' standalone='yes'?>\n<!-- a - b --><a/>\r\n\t ",
            "\u{feff}<?xml version='1.0'?><a b='&lt;>'>&#9;\u{10000}</a>",
        ] {
            assert!(read(text.as_bytes()).is_ok(), "{text}");
        }
    }

    /// Which of two attributes counts is asked of all that came before.
    #[test]
    fn an_element_has_so_many_attributes() {
        let of = |count: usize| {
            let all: String = (0..count).map(|n| format!(" a{n}=''")).collect();
            read(format!("<a{all}/>").as_bytes())
        };
        assert!(of(MOST_ATTRIBUTES).is_ok());
        let began = std::time::Instant::now();
        assert!(of(MOST - 1).is_err());
        assert!(began.elapsed().as_millis() < 3000, "{:?}", began.elapsed());
    }
}
