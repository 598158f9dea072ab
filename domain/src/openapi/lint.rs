//! The lint: what a document says that contradicts itself, or leaves out and readers miss.
//! Shapes that could not be read are found while building; this looks at the model.

use super::finding::{FindingCode, Findings};
use super::operation::{Location, Operation};
use super::pointer::At;
use super::template::{PathTemplate, Segment};
use super::{Document, Schema};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Looks at one operation, standing at its place.
pub(super) fn operation(operation: &Operation, findings: &mut Findings, at: At<'_>) {
    let name = format!("{} {}", operation.method, operation.path);
    if operation.operation_id.is_none() {
        let message = format!("{name} has no operationId; its address is made from its path");
        findings.add(FindingCode::MissingOperationId, at, message);
    }
    if operation.summary.is_empty() && operation.description.is_empty() {
        let message = format!("{name} has neither summary nor description");
        findings.add(FindingCode::MissingSummary, at, message);
    }
    if operation.responses.is_empty() {
        let message = format!("{name} describes no answer");
        findings.add(FindingCode::NoResponses, at.key("responses"), message);
    }
    if operation.request_body.is_some() && !operation.method.takes_body() {
        let message = format!("a body of {} has no defined meaning", operation.method);
        findings.add(FindingCode::BodyNotExpected, at.key("requestBody"), message);
    }
    if let Ok(template) = PathTemplate::parse(&operation.path) {
        let names: HashSet<&str> = template.names().collect();
        for parameter in operation.parameters_in(Location::Path) {
            if !names.contains(parameter.name.as_str()) {
                let message = format!("{{{}}} is not in the path", parameter.name);
                findings.add(FindingCode::UnusedPathParameter, at, message);
            }
        }
    }
}

/// Looks at the document as a whole.
pub(super) fn document(document: &Document, findings: &mut Findings) {
    if document.title.is_empty() {
        findings.add(FindingCode::MissingTitle, "/info", "there is no title");
    }
    if document.version.is_empty() {
        findings.add(FindingCode::MissingVersion, "/info", "there is no version");
    }
    if document.operations.is_empty() {
        let message = "there is no operation, so there is nothing to call";
        findings.add(FindingCode::NoOperations, "/paths", message);
    }
    if document.first_absolute_server().is_none() {
        let message = "no server has an absolute address, so no upstream can be proposed";
        findings.add(FindingCode::NoServer, "/servers", message);
    }
    operation_ids(&document.operations, findings);
    paths(&document.operations, findings);
    cycles(&document.schemas, findings);
}

fn operation_ids(operations: &[Operation], findings: &mut Findings) {
    let mut seen: HashMap<&str, &Operation> = HashMap::new();
    for operation in operations {
        let Some(id) = operation.operation_id.as_deref() else {
            continue;
        };
        let Some(first) = seen.get(id) else {
            seen.insert(id, operation);
            continue;
        };
        let message = format!("{id:?} is also {} {}", first.method, first.path);
        let pointer = place(operation) + "/operationId";
        findings.add(FindingCode::DuplicateOperationId, pointer, message);
    }
}

fn paths(operations: &[Operation], findings: &mut Findings) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    let mut last = None;
    for operation in operations {
        let path = operation.path.as_str();
        if last.replace(path) == Some(path) {
            continue;
        }
        let paths = At::base("/paths");
        let at = paths.key(path);
        let template = match PathTemplate::parse(path) {
            Ok(template) => template,
            Err(error) => {
                findings.add(FindingCode::InvalidPath, at, error.to_string());
                continue;
            }
        };
        let is_mixed = |segment: &Segment| matches!(segment, Segment::Mixed { .. });
        if template.segments().iter().any(is_mixed) {
            let message = "a parameter is only a part of its segment; it is matched as the whole";
            findings.add(FindingCode::PartialSegment, at, message);
        }
        match seen.get(&template.form()) {
            Some(first) if *first != path => {
                let message = format!("{first} matches the same paths");
                findings.add(FindingCode::DuplicatePath, at, message);
            }
            Some(_) => {}
            None => {
                seen.insert(template.form(), path);
            }
        }
    }
}

/// Schemas that are nothing but a reference to one another.
fn cycles(schemas: &BTreeMap<String, Schema>, findings: &mut Findings) {
    let next = |key: &str| {
        schemas
            .get(key)
            .and_then(|schema| schema.reference.as_deref())
    };
    let mut done: HashSet<&str> = HashSet::new();
    for key in schemas.keys() {
        let mut walk: Vec<&str> = Vec::new();
        let mut on_walk: HashSet<&str> = HashSet::new();
        let mut step = Some(key.as_str());
        while let Some(at) = step {
            if !on_walk.insert(at) {
                let message = format!("{at:?} is only a reference that leads back to itself");
                let schemas = At::base("/components/schemas");
                findings.add(FindingCode::CyclicRef, schemas.key(at), message);
                break;
            }
            if done.contains(at) {
                break;
            }
            walk.push(at);
            step = next(at);
        }
        done.extend(walk);
    }
}

/// The pointer to an operation, as written out where it was not reached by a reference.
fn place(operation: &Operation) -> String {
    let paths = At::base("/paths");
    let path = paths.key(&operation.path);
    path.key(operation.method.as_key()).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::{Severity, from_value};
    use serde_json::{Value, json};

    /// Codes and pointers of the findings, of a document that is well but for what is given.
    fn found(paths: Value, components: Value) -> Vec<(String, String)> {
        let root = json!({
            "openapi": "3.1.0",
            "info": {"title": "a", "version": "1"},
            "servers": [{"url": "https://a.example"}],
            "tags": [{"name": "t"}],
            "paths": paths,
            "components": components,
        });
        let document = from_value(&root).unwrap();
        let severities: Vec<Severity> = document.findings.iter().map(|f| f.severity).collect();
        assert!(severities.is_sorted_by(|a, b| a >= b), "{severities:?}");
        let findings = document.findings.into_iter();
        findings
            .map(|finding| {
                let code = serde_json::to_value(finding.code).unwrap();
                (code.as_str().unwrap().to_owned(), finding.pointer)
            })
            .collect()
    }

    fn operation(own: Value) -> Value {
        let mut operation =
            json!({"operationId": "a", "summary": "s", "responses": {"200": {"description": ""}}});
        let members = operation.as_object_mut().unwrap();
        members.extend(own.as_object().unwrap().clone());
        operation
    }

    fn check(paths: Value, components: Value, expected: &[(&str, &str)]) {
        let found = found(paths.clone(), components);
        let found: Vec<_> = found
            .iter()
            .map(|(c, p)| (c.as_str(), p.as_str()))
            .collect();
        assert_eq!(found, expected, "{paths}");
    }

    #[test]
    fn operations_are_looked_at() {
        for (path, own, expected) in [
            ("/a", json!({}), &[][..]),
            (
                "/a/{b}",
                json!({}),
                &[("undeclared_path_parameter", "/paths/~1a~1{b}/get")],
            ),
            (
                "/a",
                json!({"parameters": [{"name": "b", "in": "path", "schema": {}}]}),
                &[("unused_path_parameter", "/paths/~1a/get")],
            ),
            (
                "/a",
                json!({"parameters": [{"name": "b", "in": "query"}, {"name": "b", "in": "query"}]}),
                &[("duplicate_parameter", "/paths/~1a/get/parameters/1")],
            ),
            (
                "/a",
                json!({"responses": {}}),
                &[("no_responses", "/paths/~1a/get/responses")],
            ),
            (
                "/a",
                json!({"requestBody": {"content": {}}}),
                &[("body_not_expected", "/paths/~1a/get/requestBody")],
            ),
            (
                "/a",
                json!({"operationId": null, "summary": ""}),
                &[
                    ("missing_operation_id", "/paths/~1a/get"),
                    ("missing_summary", "/paths/~1a/get"),
                ],
            ),
            (
                "/a",
                json!({"security": [{"key": []}]}),
                &[("unknown_security_scheme", "/paths/~1a/get/security/0/key")],
            ),
            ("/a", json!({"tags": ["u"]}), &[("undeclared_tag", "/tags")]),
            ("/a b", json!({}), &[("invalid_path", "/paths/~1a b")]),
            (
                "/a.{b}",
                json!({"parameters": [{"name": "b", "in": "path"}]}),
                &[("partial_segment", "/paths/~1a.{b}")],
            ),
            (
                "/a",
                json!({"parameters": [{"$ref": "#/components/parameters/none"}]}),
                &[("unresolved_ref", "/paths/~1a/get/parameters/0")],
            ),
            (
                "/a",
                json!({"responses": {"200": {"$ref": "other.yaml#/a"}, "default": {}}}),
                &[("external_ref", "/paths/~1a/get/responses/200")],
            ),
            (
                "/a",
                json!({"responses": {"ok": {}, "200": 1, "2XX": {}}}),
                &[
                    ("strange_value", "/paths/~1a/get/responses/ok"),
                    ("strange_value", "/paths/~1a/get/responses/200"),
                ],
            ),
        ] {
            check(json!({path: {"get": operation(own)}}), json!({}), expected);
        }
    }

    #[test]
    fn the_whole_is_looked_at() {
        let of = |id: &str| json!({"get": operation(json!({"operationId": id}))});
        let twice = json!({"/a": of("a"), "/b": of("a")});
        check(
            twice,
            json!({}),
            &[("duplicate_operation_id", "/paths/~1b/get/operationId")],
        );
        let with = |name: &str, id: &str| {
            let parameters = json!([{"name": name, "in": "path"}]);
            json!({"get": operation(json!({"operationId": id, "parameters": parameters}))})
        };
        let same = json!({"/a/{x}": with("x", "a"), "/a/{y}": with("y", "b")});
        check(same, json!({}), &[("duplicate_path", "/paths/~1a~1{y}")]);
        let schemas = json!({"schemas": {
            "A": {"$ref": "#/components/schemas/B"},
            "B": {"$ref": "#/components/schemas/A"},
            "C": {"$ref": "#/components/schemas/A"},
            "D": 1,
            "E": {"type": "date", "minimum": "x"},
        }});
        check(
            json!({"/a": of("a")}),
            schemas,
            &[
                ("cyclic_ref", "/components/schemas/A"),
                ("strange_schema", "/components/schemas/D"),
                ("strange_value", "/components/schemas/E/minimum"),
                ("strange_schema", "/components/schemas/E/type"),
            ],
        );
        check(json!({}), json!({}), &[("no_operations", "/paths")]);
    }

    #[test]
    fn findings_are_bounded() {
        let mut paths = json!({});
        for n in 0..2_000 {
            paths[format!("/{n}")] = json!({"get": {}});
        }
        let found = found(paths, json!({}));
        assert_eq!(found.len(), super::super::MAX_FINDINGS + 1);
        assert_eq!(found.last().unwrap().0, "more");
    }
}
