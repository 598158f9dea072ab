//! What a document says of parts and fields beside their schema (OpenAPI "Encoding Object").

use serde_json::Value;

use super::super::build::Build;
use super::super::media::{Encoding, Encodings, essence};
use super::{Parameter, Place, carried_schema, style_of};
use crate::openapi::{At, Style};

/// Parts or fields of a body of which more is said than their schema.
const MOST_ENCODED: usize = 200;
/// Media types that a part may have: those of each part are compared with all of them.
const MOST_RANGES: usize = 100;
/// Header fields of a part.
const MOST_HEADERS: usize = 50;

/// Those of one media type.
pub(super) fn read<'d>(
    build: &mut Build<'d>,
    at: At<'_>,
    media_type: &str,
    media: &'d Value,
) -> Encodings {
    let is_fields = media_type == "application/x-www-form-urlencoded";
    // OpenAPI 3.0 has styles in no other bodies.
    let has_styles = is_fields || (media_type == "multipart/form-data" && !build.is_old());
    let all = media.get("encoding").and_then(Value::as_object);
    let all_at = at.key("encoding");
    if all.is_some_and(|all| all.len() > MOST_ENCODED) {
        build.refuse(all_at, "There are more of these than can be checked.");
    }
    let all = all.into_iter().flatten().take(MOST_ENCODED);
    let all = all.map(|(name, told)| {
        let at = all_at.key(name);
        let style = style(told).filter(|_| has_styles);
        let encoding = Encoding {
            ranges: match style {
                Some(_) => Box::default(),
                None => ranges(build, at, told),
            },
            headers: match is_fields {
                true => Box::default(),
                false => headers(build, at, told),
            },
            style,
        };
        (name.as_str().into(), encoding)
    });
    all.collect()
}

fn style(told: &Value) -> Option<(Style, bool)> {
    let style = told.get("style").and_then(Value::as_str);
    let explode = told.get("explode").and_then(Value::as_bool);
    let is_told = style.is_some() || explode.is_some() || told.get("allowReserved").is_some();
    let style = style.and_then(style_of).unwrap_or(Style::Form);
    is_told.then(|| (style, explode.unwrap_or(style == Style::Form)))
}

fn ranges(build: &mut Build<'_>, at: At<'_>, told: &Value) -> Box<[Box<str>]> {
    let written = told.get("contentType").and_then(Value::as_str);
    let ranges = written.unwrap_or_default().split(',').map(essence);
    let ranges = ranges.filter(|range| !range.is_empty());
    let ranges: Vec<Box<str>> = ranges.map(Box::from).take(MOST_RANGES + 1).collect();
    if ranges.len() > MOST_RANGES {
        let message = "There are more media types than can be checked.";
        build.refuse(at.key("contentType"), message);
    }
    ranges.into()
}

/// As `content` or `schema` of each says. The media type is told elsewhere.
fn headers<'d>(build: &mut Build<'d>, at: At<'_>, told: &'d Value) -> Box<[Parameter]> {
    let all = told.get("headers").and_then(Value::as_object);
    let all_at = at.key("headers");
    let mut found = Vec::new();
    for (name, written) in all.into_iter().flatten() {
        if name.eq_ignore_ascii_case("content-type") {
            continue;
        }
        if found.len() == MOST_HEADERS {
            build.refuse(all_at, "There are more headers than can be checked.");
            break;
        }
        let written_at = all_at.key(name);
        let (fragment, header) = build.resolve(written_at, written);
        let at = fragment.as_deref().map_or(written_at, At::base);
        let Some(header) = header.as_object() else {
            continue;
        };
        let flag = |key: &str| header.get(key).and_then(Value::as_bool);
        let (schema, is_json) = carried_schema(build, at, header).unwrap_or_default();
        found.push(Parameter {
            name: name.clone(),
            place: Place::Header,
            required: flag("required") == Some(true),
            style: Style::Simple,
            explode: flag("explode") == Some(true),
            is_json,
            schema,
        });
    }
    found.into()
}
