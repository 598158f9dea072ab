//! Paths, webhooks and their operations.

use super::super::finding::FindingCode;
use super::super::operation::{Location, Method, Operation, Parameter, Style};
use super::super::pointer::At;
use super::super::refusal::{ParseError, ParseErrorCode};
use super::super::schema::{Kind, Schema};
use super::super::template::PathTemplate;
use super::super::{SecurityRequirement, lint};
use super::Builder;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Bytes that one operation or parameter takes beside its parts, roughly.
const OPERATION: usize = 400;

/// What the operations of one document have in common.
struct Shared {
    security: Vec<SecurityRequirement>,
    webhooks: bool,
}

impl<'d> Builder<'d> {
    /// Reads `paths`. Only here a wrong shape refuses the document: without paths there is
    /// nothing to import.
    pub(super) fn operations(
        &mut self,
        root: &'d Map<String, Value>,
    ) -> Result<Vec<Operation>, ParseError> {
        let paths = match root.get("paths") {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Object(paths)) => paths,
            Some(_) => {
                let message = "\"paths\" is an object with a member for each path";
                return Err(ParseError::at(ParseErrorCode::Structure, "/paths", message));
            }
        };
        Ok(self.items_of_paths(root, paths, "paths"))
    }

    /// Reads `webhooks` (3.1).
    pub(super) fn webhooks(&mut self, root: &'d Map<String, Value>) -> Vec<Operation> {
        match self.member(root, "webhooks", At::base("")) {
            Some(webhooks) => self.items_of_paths(root, webhooks, "webhooks"),
            None => Vec::new(),
        }
    }

    fn items_of_paths(
        &mut self,
        root: &'d Map<String, Value>,
        paths: &'d Map<String, Value>,
        key: &str,
    ) -> Vec<Operation> {
        let root_at = At::base("");
        let list_at = root_at.key(key);
        let shared = Shared {
            security: self.requirements(root, root_at).unwrap_or_default(),
            webhooks: key == "webhooks",
        };
        let mut operations = Vec::new();
        for (path, value) in paths {
            let at = list_at.key(path);
            if path.starts_with("x-") {
                continue;
            }
            let Some((item, base)) = self.resolve(value, at) else {
                continue;
            };
            let at = base.as_deref().map_or(at, At::base);
            for (key, value) in item {
                let method = Method::ALL
                    .into_iter()
                    .find(|method| method.as_key() == key);
                let Some(method) = method else { continue };
                let at = at.key(key);
                let Some(written) = self.object(value, at) else {
                    continue;
                };
                if !self.spend(OPERATION + path.len() + shared.security.len() * 100, at) {
                    return operations;
                }
                let operation = self.operation(method, path, (item, written), &shared, at);
                if !shared.webhooks {
                    lint::operation(&operation, &mut self.findings, at);
                }
                operations.push(operation);
            }
        }
        operations
    }

    fn operation(
        &mut self,
        method: Method,
        path: &str,
        (item, written): (&'d Map<String, Value>, &'d Map<String, Value>),
        shared: &Shared,
        at: At<'_>,
    ) -> Operation {
        let operation_id = self.text(written, "operationId", at);
        let slug = match &operation_id {
            Some(id) => self.slugs.take(id),
            None => self.slugs.take(&format!("{} {path}", method.as_key())),
        };
        let mut summary = self.prose(written, "summary", at);
        if summary.is_empty() {
            summary = self.prose(item, "summary", at);
        }
        let mut description = self.prose(written, "description", at);
        if description.is_empty() {
            description = self.prose(item, "description", at);
        }
        let mut servers = self.servers(written, at);
        if servers.is_empty() {
            servers = self.servers(item, at);
        }
        let security = self.requirements(written, at);
        Operation {
            operation_id,
            slug,
            method,
            path: path.to_owned(),
            summary,
            description,
            tags: self.texts(written, "tags", at),
            deprecated: self.flag(written, "deprecated", at).unwrap_or(false),
            parameters: self.parameters(path, item, written, at),
            request_body: self.request_body(written, at),
            responses: self.responses(written, at),
            security: security.unwrap_or_else(|| shared.security.clone()),
            servers,
        }
    }

    /// The parameters of path and operation; of two with the same name and place the
    /// operation's counts.
    fn parameters(
        &mut self,
        path: &str,
        item: &'d Map<String, Value>,
        written: &'d Map<String, Value>,
        at: At<'_>,
    ) -> Vec<Parameter> {
        let mut parameters: Vec<Parameter> = Vec::new();
        let mut places: HashMap<(Location, String), (usize, bool)> = HashMap::new();
        for (object, own) in [(item, false), (written, true)] {
            let list_at = at.key("parameters");
            for (index, value) in self.items(object, "parameters", at).iter().enumerate() {
                let at = list_at.index(index);
                let Some(parameter) = self.parameter(value, at) else {
                    continue;
                };
                let key = (parameter.location, parameter.name.clone());
                match places.get(&key) {
                    Some(&(_, from)) if from == own => {
                        let place = parameter.location.as_str();
                        let message = format!("the {place} parameter {:?} is there twice", key.1);
                        self.findings
                            .add(FindingCode::DuplicateParameter, at, message);
                    }
                    Some(&(place, _)) => {
                        parameters[place] = parameter;
                        places.insert(key, (place, own));
                    }
                    None => {
                        places.insert(key, (parameters.len(), own));
                        parameters.push(parameter);
                    }
                }
            }
        }
        if let Ok(template) = PathTemplate::parse(path) {
            for name in template.names() {
                if places.contains_key(&(Location::Path, name.to_owned())) {
                    continue;
                }
                let message = format!("{{{name}}} is in the path but not among the parameters");
                self.findings
                    .add(FindingCode::UndeclaredPathParameter, at, message);
                parameters.push(undeclared(name));
            }
        }
        parameters
    }

    fn parameter(&mut self, value: &'d Value, at: At<'_>) -> Option<Parameter> {
        let (written, base) = self.resolve(value, at)?;
        let at = base.as_deref().map_or(at, At::base);
        if !self.spend(OPERATION, at) {
            return None;
        }
        let Some(name) = self.text(written, "name", at) else {
            self.strange(at, "a parameter with a name");
            return None;
        };
        let location = match self.prose(written, "in", at).as_str() {
            "path" => Location::Path,
            "query" => Location::Query,
            "header" => Location::Header,
            "cookie" => Location::Cookie,
            _ => {
                self.strange(at.key("in"), "path, query, header or cookie");
                return None;
            }
        };
        // The standard says that these are ruled elsewhere and ignored here.
        let ruled = ["accept", "content-type", "authorization"];
        if location == Location::Header && ruled.contains(&name.to_ascii_lowercase().as_str()) {
            return None;
        }
        let required = self.flag(written, "required", at).unwrap_or(false);
        let style = self.style(written, location, at);
        let (schema, media_type) = self.carried_schema(written, at);
        let examples = self.examples(written, at);
        Some(Parameter {
            name,
            location,
            required: required || location == Location::Path,
            deprecated: self.flag(written, "deprecated", at).unwrap_or(false),
            description: self.prose(written, "description", at),
            schema,
            examples: examples.into_iter().map(|example| example.value).collect(),
            style,
            explode: self
                .flag(written, "explode", at)
                .unwrap_or(style == Style::Form),
            media_type,
        })
    }

    fn style(&mut self, written: &Map<String, Value>, location: Location, at: At<'_>) -> Style {
        let default = match location {
            Location::Path | Location::Header => Style::Simple,
            Location::Query | Location::Cookie => Style::Form,
        };
        match self.prose(written, "style", at).as_str() {
            "" => default,
            "matrix" => Style::Matrix,
            "label" => Style::Label,
            "simple" => Style::Simple,
            "form" => Style::Form,
            "spaceDelimited" => Style::SpaceDelimited,
            "pipeDelimited" => Style::PipeDelimited,
            "deepObject" => Style::DeepObject,
            _ => {
                self.strange(at.key("style"), "a style of parameters");
                default
            }
        }
    }
}

/// A parameter that only the template knows.
fn undeclared(name: &str) -> Parameter {
    Parameter {
        name: name.to_owned(),
        location: Location::Path,
        required: true,
        deprecated: false,
        description: String::new(),
        schema: Schema::of(Kind::String),
        examples: Vec::new(),
        style: Style::Simple,
        explode: false,
        media_type: None,
    }
}
