//! Media types of bodies (RFC 9110 §8.3.1): which of a document's fits, and how it is read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::operations::Parameter;
use super::schema::Index;
use crate::openapi::Style;

/// One entry of `content`.
#[derive(Debug)]
pub(super) struct Media {
    /// In lower case, without parameters: `application/json`, `text/*`, `*/*`.
    pub(super) range: Box<str>,
    pub(super) schema: Option<Index>,
    pub(super) encodings: Encodings,
}

/// By the names of parts, or of a form's fields.
pub(super) type Encodings = BTreeMap<Box<str>, Encoding>;

/// How a part or a field is written (OpenAPI "Encoding Object").
#[derive(Debug, Default)]
pub(super) struct Encoding {
    /// Ranges of media types; none: what its schema says.
    pub(super) ranges: Box<[Box<str>]>,
    /// Of a part.
    pub(super) headers: Box<[Parameter]>,
    /// As parameters of a query are written, and whether exploded, where that is said: then no
    /// media type counts.
    pub(super) style: Option<(Style, bool)>,
}

/// How a body becomes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Json,
    /// `application/x-www-form-urlencoded`
    Form,
    /// `multipart/form-data`, and others whose parts a schema may describe.
    Parts,
    /// With what a schema says of members; else it is opaque.
    Xml,
    Text,
    /// Its media type is all that is known of it.
    Opaque,
}

/// Without its parameters, in lower case.
pub fn essence(media_type: &str) -> String {
    let name = media_type.split(';').next().unwrap_or_default();
    name.trim().to_ascii_lowercase()
}

const NO_UTF8: &str = "The text is not UTF-8.";
pub(super) const OTHER_CHARSET: &str = "The text is in a charset that is not read here.";

/// How the bytes of a text stand for characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    /// UTF-8; also US-ASCII, which is a part of it.
    Utf8,
    /// ISO-8859-1: each byte is a character.
    Latin1,
    /// Nothing says.
    Untold,
    /// One that is not read.
    Other,
}

impl Charset {
    /// By the parameter `charset` (RFC 9110 §8.3.2).
    pub(super) fn of(media_type: Option<&str>) -> Self {
        let parameters = media_type.unwrap_or_default().split(';').skip(1);
        let mut charsets = parameters.filter_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let is_charset = name.trim().eq_ignore_ascii_case("charset");
            is_charset.then(|| value.trim().trim_matches('"'))
        });
        match (charsets.next(), charsets.next()) {
            (None, _) => Self::Untold,
            (Some(charset), None) => Self::named(charset),
            // One reader takes the first, another the last.
            (Some(_), Some(_)) => Self::Other,
        }
    }

    pub(super) fn named(charset: &str) -> Self {
        match charset.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" | "us-ascii" | "ascii" => Self::Utf8,
            "iso-8859-1" | "iso_8859-1" | "iso8859-1" | "latin1" | "latin-1" | "l1" => Self::Latin1,
            _ => Self::Other,
        }
    }

    /// Whether bytes that are read as UTF-8 are the same to whoever goes by the charset.
    pub(super) fn suits(self, body: &[u8]) -> bool {
        match self {
            Self::Utf8 | Self::Untold => true,
            Self::Latin1 => body.is_ascii(),
            Self::Other => false,
        }
    }

    /// The text that it is to everybody.
    pub(super) fn text(self, body: &[u8]) -> Result<&str, &'static str> {
        match self.suits(body) {
            true => std::str::from_utf8(body).map_err(|_| NO_UTF8),
            false => Err(OTHER_CHARSET),
        }
    }

    /// The text, if it is one. `lenient`: where nothing says how it is written, and it is no UTF-8,
    /// it is read as HTTP once had it (RFC 2616 §3.7.1).
    pub(super) fn read(self, body: &[u8], lenient: bool) -> Result<Cow<'_, str>, &'static str> {
        let latin1 = || body.iter().copied().map(char::from).collect();
        let utf8 = std::str::from_utf8(body).map(Cow::Borrowed);
        match self {
            Self::Latin1 => Ok(Cow::Owned(latin1())),
            Self::Untold if lenient => Ok(utf8.unwrap_or_else(|_| Cow::Owned(latin1()))),
            Self::Untold | Self::Utf8 => utf8.map_err(|_| NO_UTF8),
            Self::Other => Err(OTHER_CHARSET),
        }
    }
}

/// JSON itself, or by its suffix (RFC 6839 §3.1).
pub(super) fn is_json(essence: &str) -> bool {
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

/// XML itself, or by its suffix (RFC 7303 §9).
pub(super) fn is_xml(essence: &str) -> bool {
    essence == "application/xml" || essence == "text/xml" || essence.ends_with("+xml")
}

/// How well a media type fits a range; larger is nearer.
pub(super) fn nearness(range: &str, essence: &str) -> Option<u8> {
    match range {
        range if range == essence => Some(3),
        "*/*" => Some(1),
        range => {
            let kind = range.strip_suffix("/*")?;
            let is_of = essence.split_once('/').is_some_and(|(one, _)| one == kind);
            is_of.then_some(2)
        }
    }
}

impl Media {
    /// The nearest of them. Without a media type the only one counts.
    pub(super) fn nearest<'m>(all: &'m [Self], media_type: Option<&str>) -> Option<&'m Self> {
        let Some(media_type) = media_type else {
            return match all {
                [only] => Some(only),
                _ => None,
            };
        };
        let essence = essence(media_type);
        let near = all.iter();
        let near = near.filter_map(|media| Some((nearness(&media.range, &essence)?, media)));
        near.max_by_key(|(fit, _)| *fit).map(|(_, media)| media)
    }

    pub(super) fn shape(&self, media_type: Option<&str>) -> Shape {
        let sent = media_type.map_or_else(|| self.range.to_string(), essence);
        match sent.as_str() {
            // Without a media type it is what most would take it for.
            range if range.ends_with("/*") => Shape::Json,
            json if is_json(json) => Shape::Json,
            "application/x-www-form-urlencoded" => Shape::Form,
            "multipart/form-data" | "multipart/mixed" | "multipart/related" => Shape::Parts,
            xml if is_xml(xml) => Shape::Xml,
            text if text.starts_with("text/") && text != "text/event-stream" => Shape::Text,
            _ => Shape::Opaque,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_they_are_written() {
        let (not, other) = (
            "The text is not UTF-8.",
            "The text is in a charset that is not read here.",
        );
        for (media_type, strict, lenient) in [
            (None, Err(not), Ok("\u{e4}")),
            (Some("text/plain"), Err(not), Ok("\u{e4}")),
            (Some("text/plain; charset=utf-8"), Err(not), Err(not)),
            (
                Some("text/plain;a=b; Charset=\"ISO-8859-1\""),
                Ok("\u{e4}"),
                Ok("\u{e4}"),
            ),
            (
                Some("text/plain; charset=latin1"),
                Ok("\u{e4}"),
                Ok("\u{e4}"),
            ),
            (Some("text/plain; charset=utf-16"), Err(other), Err(other)),
        ] {
            let charset = Charset::of(media_type);
            for (is_lenient, is) in [(false, strict), (true, lenient)] {
                let read = charset.read(b"\xe4", is_lenient);
                assert_eq!(
                    read.as_deref(),
                    is.as_ref().map(|text| *text),
                    "{media_type:?}"
                );
            }
            if charset != Charset::Latin1 && charset != Charset::Other {
                assert_eq!(charset.read("\u{e4}".as_bytes(), true).unwrap(), "\u{e4}");
            }
        }
    }
}
