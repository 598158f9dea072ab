//! The document's frame: version of the standard, title, servers, tags.

use super::super::finding::FindingCode;
use super::super::operation::Server;
use super::super::pointer::At;
use super::super::refusal::{ParseError, ParseErrorCode};
use super::super::{Document, Tag};
use super::Builder;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};

/// Most variables replaced in the address of a server.
const MAX_VARIABLES: usize = 50;
/// Longest address, in bytes, in which variables are still replaced.
const MAX_URL: usize = 4_096;

/// The version of the standard as written, if it is one that we read.
pub(super) fn version(root: &Map<String, Value>) -> Result<String, ParseError> {
    let unsupported = |pointer: &str, told: &str| {
        let message = format!("{told} is not read; OpenAPI 3.0 and 3.1 are");
        Err(ParseError::at(
            ParseErrorCode::UnsupportedVersion,
            pointer,
            message,
        ))
    };
    let version = match (root.get("openapi"), root.get("swagger")) {
        (Some(Value::String(version)), _) => version.clone(),
        // `openapi: 3.1` without quotes is a number in YAML.
        (Some(Value::Number(version)), _) => version.to_string(),
        (None, Some(Value::String(version))) => {
            return unsupported("/swagger", &format!("Swagger {}", shortened(version)));
        }
        (None, Some(version @ Value::Number(_))) => {
            return unsupported("/swagger", &format!("Swagger {version}"));
        }
        (Some(_), _) => {
            let message = "the version of OpenAPI is a text like \"3.1.0\"";
            return Err(ParseError::at(
                ParseErrorCode::NotOpenapi,
                "/openapi",
                message,
            ));
        }
        (None, _) => {
            let message = "there is no \"openapi\" key, so this is no OpenAPI document";
            return Err(ParseError::at(ParseErrorCode::NotOpenapi, "", message));
        }
    };
    let mut numbers = version.trim().split('.');
    match (numbers.next(), numbers.next()) {
        (Some("3"), Some("0" | "1")) => Ok(version),
        _ => unsupported("/openapi", &format!("OpenAPI {}", shortened(&version))),
    }
}

/// At most 20 characters of a text that is repeated in a message.
fn shortened(text: &str) -> String {
    text.chars().take(20).collect()
}

impl Builder<'_> {
    pub(super) fn outline(&mut self, root: &Map<String, Value>, openapi: String) -> Document {
        let at = At::base("");
        let (title, version, description) = match self.member(root, "info", at) {
            Some(info) => {
                let at = at.key("info");
                (
                    self.prose(info, "title", at),
                    self.prose(info, "version", at),
                    self.prose(info, "description", at),
                )
            }
            None => Default::default(),
        };
        let title = title.trim().to_owned();
        Document {
            title,
            version,
            description,
            openapi,
            servers: self.servers(root, at),
            tags: self.tags(root),
            operations: Vec::new(),
            webhooks: Vec::new(),
            security_schemes: Vec::new(),
            schemas: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    /// Servers of a document, path or operation, with variables replaced by their defaults.
    pub(super) fn servers(&mut self, object: &Map<String, Value>, at: At<'_>) -> Vec<Server> {
        let mut servers = Vec::new();
        let list = at.key("servers");
        for (index, value) in self.items(object, "servers", at).iter().enumerate() {
            let at = list.index(index);
            let Some(server) = self.object(value, at) else {
                continue;
            };
            let Some(mut url) = self.text(server, "url", at) else {
                self.strange(at, "an object with a url");
                continue;
            };
            let variables = self.member(server, "variables", at);
            for (name, variable) in variables.into_iter().flatten().take(MAX_VARIABLES) {
                let default = variable.get("default").and_then(Value::as_str);
                if let Some(default) = default.filter(|_| url.len() <= MAX_URL) {
                    url = url.replacen(&format!("{{{name}}}"), default, 1);
                }
            }
            servers.push(Server {
                url,
                description: self.prose(server, "description", at),
            });
        }
        servers
    }

    fn tags(&mut self, root: &Map<String, Value>) -> Vec<Tag> {
        let root_at = At::base("");
        let list = root_at.key("tags");
        let mut tags = Vec::new();
        let mut seen = HashSet::new();
        for (index, value) in self.items(root, "tags", root_at).iter().enumerate() {
            let at = list.index(index);
            let Some(tag) = self.object(value, at) else {
                continue;
            };
            let Some(name) = self.text(tag, "name", at) else {
                self.strange(at, "an object with a name");
                continue;
            };
            if seen.insert(name.clone()) {
                let description = self.prose(tag, "description", at);
                tags.push(Tag { name, description });
            }
        }
        tags
    }

    /// Adds the tags that an operation uses and nobody declared.
    pub(super) fn complete_tags(&mut self, document: &mut Document) {
        let declared = !document.tags.is_empty();
        let mut seen: HashSet<String> = document.tags.iter().map(|tag| tag.name.clone()).collect();
        let used = document.operations.iter().flat_map(|op| &op.tags);
        for name in used {
            if !seen.insert(name.clone()) {
                continue;
            }
            if declared {
                let message = format!("the tag {name:?} is used by operations but not declared");
                self.findings
                    .add(FindingCode::UndeclaredTag, At::base("/tags"), message);
            }
            document.tags.push(Tag {
                name: name.clone(),
                description: String::new(),
            });
        }
    }
}
