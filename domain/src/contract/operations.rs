//! The operations of a document: parameters and bodies, with their schemas.

mod encoding;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::answers::{self, Answers, MOST_NAMED};
use super::build::{Build, escaped};
use super::media::{Media, essence};
use super::schema::{Index, short};
use super::{Operation, Place, Violation};
use crate::openapi::{At, Method, Style};

/// Parameters of one operation.
const MOST_PARAMETERS: usize = 500;

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
    pub(super) fn of(&self, media_type: Option<&str>) -> Option<&Media> {
        Media::nearest(&self.content, media_type)
    }

    pub(super) fn names(&self) -> String {
        let names = self.content.iter().map(|media| short(&media.range));
        let names: Vec<&str> = names.take(MOST_NAMED).collect();
        names.join(", ")
    }
}

/// Those under `paths`.
pub(super) fn read<'d>(build: &mut Build<'d>, document: &'d Value) -> Vec<Operation> {
    let keys: Arc<[String]> = key_names(document).into();
    let paths = document.get("paths").and_then(Value::as_object);
    let mut found = Vec::new();
    for (template, item) in paths.into_iter().flatten() {
        let (root, paths) = (At::base(""), "paths");
        let paths = root.key(paths);
        let written_at = paths.key(template);
        let (fragment, item) = build.resolve(written_at, item);
        let at = fragment.as_deref().map_or(written_at, At::base);
        for method in Method::ALL {
            let Some(written) = item.get(method.as_key()) else {
                continue;
            };
            let at_method = at.key(method.as_key());
            let mut parameters = Parameters::default();
            for (at, from) in [(at, item), (at_method, written)] {
                read_parameters(build, at, from, &mut parameters);
            }
            let body = written.get("requestBody");
            let body = body.and_then(|body| read_body(build, at_method.key("requestBody"), body));
            found.push(Operation {
                method: method.as_str().to_owned(),
                template: template.clone(),
                parameters: parameters.list,
                keys: keys.clone(),
                body,
                answers: Answers::default(),
            });
        }
    }
    found
}

/// What they say of their answers, in the same order.
pub(super) fn read_answers<'d>(build: &mut Build<'d>, document: &'d Value) -> Vec<Answers> {
    let paths = document.get("paths").and_then(Value::as_object);
    let mut found = Vec::new();
    for (template, item) in paths.into_iter().flatten() {
        let (root, paths) = (At::base(""), "paths");
        let paths = root.key(paths);
        let written_at = paths.key(template);
        let (fragment, item) = build.resolve(written_at, item);
        let at = fragment.as_deref().map_or(written_at, At::base);
        for method in Method::ALL {
            if let Some(written) = item.get(method.as_key()) {
                let at = at.key(method.as_key());
                found.push(answers::read(build, at, written));
            }
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

/// Those of one operation, each once.
#[derive(Default)]
struct Parameters {
    list: Vec<Parameter>,
    known: HashMap<(Place, String), usize>,
}

/// Adds those of a path or an operation; the later one wins.
fn read_parameters<'d>(build: &mut Build<'d>, at: At<'_>, from: &'d Value, found: &mut Parameters) {
    let list = from.get("parameters").and_then(Value::as_array);
    let list_at = at.key("parameters");
    for (index, value) in list.into_iter().flatten().enumerate() {
        let at = list_at.index(index);
        let Some(parameter) = read_parameter(build, at, value) else {
            continue;
        };
        let key = (parameter.place, parameter.name.clone());
        if let Some(known) = found.known.get(&key) {
            found.list[*known] = parameter;
            continue;
        }
        if found.list.len() == MOST_PARAMETERS {
            build.refuse(at, "The operation has more parameters than can be checked.");
            return;
        }
        found.known.insert(key, found.list.len());
        found.list.push(parameter);
    }
}

fn read_parameter<'d>(build: &mut Build<'d>, at: At<'_>, value: &'d Value) -> Option<Parameter> {
    let (fragment, value) = build.resolve(at, value);
    let at = fragment.as_deref().map_or(at, At::base);
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
    if place == Place::Header && ruled.iter().any(is_ruled) {
        return None;
    }
    let style = text("style").and_then(style_of);
    let style = style.unwrap_or(match place {
        Place::Path | Place::Header => Style::Simple,
        Place::Query | Place::Cookie | Place::Body => Style::Form,
    });
    let (schema, is_json) = carried_schema(build, at, written)?;
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

fn style_of(written: &str) -> Option<Style> {
    Some(match written {
        "matrix" => Style::Matrix,
        "label" => Style::Label,
        "spaceDelimited" => Style::SpaceDelimited,
        "pipeDelimited" => Style::PipeDelimited,
        "deepObject" => Style::DeepObject,
        "form" => Style::Form,
        "simple" => Style::Simple,
        _ => return None,
    })
}

/// Of `schema`, or of the only entry of `content`.
fn carried_schema<'d>(
    build: &mut Build<'d>,
    at: At<'_>,
    written: &'d Map<String, Value>,
) -> Option<(Index, bool)> {
    if let Some(schema) = written.get("schema") {
        return Some((build.schema(at.key("schema"), schema), false));
    }
    let content = written.get("content").and_then(Value::as_object)?;
    let (media_type, media) = content.iter().next()?;
    let content_at = at.key("content");
    let media_at = content_at.key(media_type);
    let index = build.schema(media_at.key("schema"), media.get("schema")?);
    Some((index, essence(media_type).ends_with("json")))
}

fn read_body<'d>(build: &mut Build<'d>, at: At<'_>, value: &'d Value) -> Option<Body> {
    let (fragment, value) = build.resolve(at, value);
    let at = fragment.as_deref().map_or(at, At::base);
    let content = read_content(build, at, value);
    let required = value.get("required") == Some(&Value::Bool(true));
    (!content.is_empty()).then_some(Body { required, content })
}

/// The media types of a request or an answer.
pub(super) fn read_content<'d>(build: &mut Build<'d>, at: At<'_>, of: &'d Value) -> Vec<Media> {
    let content = of.get("content").and_then(Value::as_object);
    let content_at = at.key("content");
    let content = content.into_iter().flatten().map(|(media_type, media)| {
        let at = content_at.key(media_type);
        let schema = media.get("schema");
        Media {
            range: essence(media_type).into(),
            schema: schema.map(|schema| build.schema(at.key("schema"), schema)),
            encodings: encoding::read(build, at, &essence(media_type), media),
        }
    });
    content.collect()
}
