//! The operations of a document: parameters and bodies, with their schemas.

use serde_json::{Map, Value};

use super::build::{Build, escaped};
use super::media::{Media, essence};
use super::schema::Index;
use super::{Operation, Place, Violation};
use crate::openapi::{Method, Style};

#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) required: bool,
    pub(super) style: Style,
    pub(super) explode: bool,
    /// The value is a text of JSON (`content`).
    pub(super) is_json: bool,
    pub(super) schema: Index,
}

impl Parameter {
    pub(super) fn violation(&self, inside: &str, message: String) -> Violation {
        let pointer = format!("/{}{inside}", escaped(&self.name));
        super::violation(self.place, &pointer, message)
    }
}

#[derive(Debug)]
pub(super) struct Body {
    pub(super) required: bool,
    pub(super) content: Vec<Media>,
}

impl Body {
    /// The nearest entry. Without a media type the only one counts.
    pub(super) fn of(&self, media_type: Option<&str>) -> Option<&Media> {
        let Some(media_type) = media_type else {
            return match &*self.content {
                [only] => Some(only),
                _ => None,
            };
        };
        let essence = essence(media_type);
        let near = self.content.iter();
        let near = near.filter_map(|media| Some((media.fits(&essence)?, media)));
        near.max_by_key(|(fit, _)| *fit).map(|(_, media)| media)
    }

    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.content.iter().map(|media| &*media.range).collect();
        names.join(", ")
    }
}

/// Those under `paths`.
pub(super) fn read<'d>(build: &mut Build<'d>, root: &'d Value) -> Vec<Operation> {
    let keys = key_names(root);
    let paths = root.get("paths").and_then(Value::as_object);
    let mut found = Vec::new();
    for (template, item) in paths.into_iter().flatten() {
        let at = format!("/paths/{}", escaped(template));
        let (at, item) = build.resolve(at, item);
        for method in Method::ALL {
            let Some(written) = item.get(method.as_key()) else {
                continue;
            };
            let at_method = format!("{at}/{}", method.as_key());
            let mut parameters = Vec::new();
            for (at, from) in [(&at, item), (&at_method, written)] {
                read_parameters(build, at, from, &mut parameters);
            }
            let body = written.get("requestBody").and_then(|body| {
                let at = format!("{at_method}/requestBody");
                read_body(build, at, body)
            });
            found.push(Operation {
                method: method.as_str().to_owned(),
                template: template.clone(),
                parameters,
                keys: keys.clone(),
                body,
            });
        }
    }
    found
}

/// Names under which a security scheme takes a key from the query.
fn key_names(root: &Value) -> Vec<String> {
    let schemes = root.pointer("/components/securitySchemes");
    let schemes = schemes.and_then(Value::as_object).into_iter().flatten();
    let in_query = schemes
        .filter(|(_, scheme)| scheme.get("in").and_then(Value::as_str) == Some("query"))
        .filter_map(|(_, scheme)| scheme.get("name")?.as_str());
    in_query.map(str::to_owned).collect()
}

/// Adds those of a path or an operation; the later one wins.
fn read_parameters<'d>(
    build: &mut Build<'d>,
    at: &str,
    from: &'d Value,
    found: &mut Vec<Parameter>,
) {
    let list = from.get("parameters").and_then(Value::as_array);
    for (index, value) in list.into_iter().flatten().enumerate() {
        let at = format!("{at}/parameters/{index}");
        if let Some(parameter) = read_parameter(build, at, value) {
            let place = parameter.place;
            found.retain(|known| known.place != place || known.name != parameter.name);
            found.push(parameter);
        }
    }
}

fn read_parameter<'d>(build: &mut Build<'d>, at: String, value: &'d Value) -> Option<Parameter> {
    let (at, value) = build.resolve(at, value);
    let written = value.as_object()?;
    let text = |key: &str| written.get(key).and_then(Value::as_str);
    let flag = |key: &str| written.get(key).and_then(Value::as_bool);
    let name = text("name")?;
    let place = match text("in")? {
        "path" => Place::Path,
        "query" => Place::Query,
        "header" => Place::Header,
        "cookie" => Place::Cookie,
        _ => return None,
    };
    // The standard says that these are ruled elsewhere and ignored here.
    let ruled = ["accept", "content-type", "authorization"];
    let is_ruled = |ruled: &&str| name.eq_ignore_ascii_case(ruled);
    if place == Place::Header && ruled.iter().any(|one| is_ruled(&one)) {
        return None;
    }
    let style = match text("style") {
        Some("matrix") => Style::Matrix,
        Some("label") => Style::Label,
        Some("spaceDelimited") => Style::SpaceDelimited,
        Some("pipeDelimited") => Style::PipeDelimited,
        Some("deepObject") => Style::DeepObject,
        Some("form") => Style::Form,
        Some("simple") => Style::Simple,
        _ if matches!(place, Place::Path | Place::Header) => Style::Simple,
        _ => Style::Form,
    };
    let (schema, is_json) = carried_schema(build, &at, written)?;
    Some(Parameter {
        name: name.to_owned(),
        place,
        required: place == Place::Path || flag("required") == Some(true),
        style,
        explode: flag("explode").unwrap_or(style == Style::Form),
        is_json,
        schema,
    })
}

/// Of `schema`, or of the only entry of `content`.
fn carried_schema<'d>(
    build: &mut Build<'d>,
    at: &str,
    written: &'d Map<String, Value>,
) -> Option<(Index, bool)> {
    if let Some(schema) = written.get("schema") {
        return Some((build.schema(&format!("{at}/schema"), schema), false));
    }
    let content = written.get("content").and_then(Value::as_object)?;
    let (media_type, media) = content.iter().next()?;
    let media_at = format!("{at}/content/{}", escaped(media_type));
    let schema = media.get("schema")?;
    let index = build.schema(&format!("{media_at}/schema"), schema);
    Some((index, essence(media_type).ends_with("json")))
}

fn read_body<'d>(build: &mut Build<'d>, at: String, value: &'d Value) -> Option<Body> {
    let (at, value) = build.resolve(at, value);
    let content = value.get("content").and_then(Value::as_object)?;
    let content = content.iter().map(|(media_type, media)| {
        let at = format!("{at}/content/{}/schema", escaped(media_type));
        Media {
            range: essence(media_type).into(),
            schema: media.get("schema").map(|schema| build.schema(&at, schema)),
        }
    });
    let content: Vec<Media> = content.collect();
    let required = value.get("required") == Some(&Value::Bool(true));
    (!content.is_empty()).then_some(Body { required, content })
}
