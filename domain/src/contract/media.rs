//! Media types of bodies (RFC 9110 §8.3.1): which of a document's fits, and how it is read.

use super::schema::Index;

/// One entry of `content`.
#[derive(Debug)]
pub(super) struct Media {
    /// In lower case, without parameters: `application/json`, `text/*`, `*/*`.
    pub(super) range: Box<str>,
    pub(super) schema: Option<Index>,
}

/// How a body becomes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Json,
    /// `application/x-www-form-urlencoded`
    Form,
    Text,
    /// Its media type is all that is known of it.
    Opaque,
}

/// Without its parameters, in lower case.
pub fn essence(media_type: &str) -> String {
    let name = media_type.split(';').next().unwrap_or_default();
    name.trim().to_ascii_lowercase()
}

/// JSON itself, or by its suffix (RFC 6839 §3.1).
pub(super) fn is_json(essence: &str) -> bool {
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
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
        let near = near.filter_map(|media| Some((media.fits(&essence)?, media)));
        near.max_by_key(|(fit, _)| *fit).map(|(_, media)| media)
    }

    /// How well it fits; larger is nearer.
    pub(super) fn fits(&self, essence: &str) -> Option<u8> {
        match &*self.range {
            range if range == essence => Some(3),
            "*/*" => Some(1),
            range => {
                let kind = range.strip_suffix("/*")?;
                let is_of = essence.split_once('/').is_some_and(|(one, _)| one == kind);
                is_of.then_some(2)
            }
        }
    }

    pub(super) fn shape(&self, media_type: Option<&str>) -> Shape {
        let sent = media_type.map_or_else(|| self.range.to_string(), essence);
        match sent.as_str() {
            // Without a media type it is what most would take it for.
            range if range.ends_with("/*") => Shape::Json,
            json if is_json(json) => Shape::Json,
            "application/x-www-form-urlencoded" => Shape::Form,
            text if text.starts_with("text/") && text != "text/event-stream" => Shape::Text,
            _ => Shape::Opaque,
        }
    }
}
