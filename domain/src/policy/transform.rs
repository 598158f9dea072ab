//! `transform`: header fields and bodies of requests and answers, made from the facts of the
//! request.

mod body;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::header::{MAX_VALUE, is_name, is_reserved, is_value};
use super::template::{ALL_FIELDS, Fact, Template};
use super::{Mode, Written, mode_and_name};
use crate::problem::Invalid;

pub use body::{Body, Format};

/// Changes header fields and bodies. In each part: first `rename`, then `remove`, `set` and `add`.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct Transform {
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What goes to the upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Request")]
    pub request: Option<Message>,
    /// What is answered; header fields of refusals, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Answer")]
    pub response: Option<Message>,
}

/// Changes of a message: of header fields, at most 50 of each kind, whose values are templates, of
/// an answer's status, and of its body.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct Message {
    /// Old name to new name; values stay, those of the new name go.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("x-pair" = ["Old name", "New name"], "maxProperties" = 50))]
    pub rename: BTreeMap<String, String>,
    /// Names of fields that are taken out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub remove: Vec<String>,
    /// In place of all of that name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("x-pair" = ["Header field", "Value"], "maxProperties" = 50))]
    pub set: BTreeMap<String, String>,
    /// Beside those that are there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("x-pair" = ["Header field", "Value"], "maxProperties" = 50))]
    pub add: BTreeMap<String, String>,
    /// Of an answer: its status, 200 to 599, in the place of the upstream's. With 204, 205 and 304
    /// it has no body. Answers with 206 and 304 stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 200, max = 599))]
    pub status: Option<u16>,
    /// What becomes of a body of JSON or XML; others stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Box<Body>>,
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Request,
    Response,
}

impl Way {
    /// A value, read. Fields of the request are only at hand on its own way: behind it they hold
    /// the upstream's credential.
    pub fn template(self, value: &str) -> Result<Template, String> {
        if !is_value(value) {
            return Err(format!(
                "Write one line of at most {MAX_VALUE} visible ASCII characters."
            ));
        }
        Template::read(value, |name| Fact::read(name, self == Self::Request))
    }

    /// Whether it may set a field, and not only take it out. The portal may share the host: its
    /// session must not be anybody's to set.
    fn may_set(self, name: &str) -> bool {
        self == Self::Request || !name.eq_ignore_ascii_case("set-cookie")
    }
}

const MAX_ENTRIES: usize = 50;

impl Message {
    fn check(&self, way: Way) -> Vec<Invalid> {
        let mut found = Vec::new();
        let free = |name: &str| is_name(name) && !is_reserved(name);
        const NAME: &str = "Name a field that is not of one hop, of framing, Host, X-Forwarded-*, X-Portunus-* or X-Request-Id, and without _.";
        const COOKIE: &str = "Cookies are the upstream's to set.";
        let pointer = |list: &str, name: &str| {
            format!("/{list}/{}", name.replace('~', "~0").replace('/', "~1"))
        };
        for (list, count) in [
            ("rename", self.rename.len()),
            ("remove", self.remove.len()),
            ("set", self.set.len()),
            ("add", self.add.len()),
        ] {
            if count > MAX_ENTRIES {
                found.push(Invalid::new(format!("/{list}"), "List at most 50."));
            }
        }
        if self == &Self::default() {
            found.push(Invalid::new(
                "",
                "Set rename, remove, set, add, status or body.",
            ));
        }
        for (old, new) in self.rename.iter().take(MAX_ENTRIES) {
            if !free(old) || !free(new) {
                found.push(Invalid::new(pointer("rename", old), NAME));
            } else if !way.may_set(new) {
                found.push(Invalid::new(pointer("rename", old), COOKIE));
            }
        }
        for (index, name) in self.remove.iter().take(MAX_ENTRIES).enumerate() {
            if !free(name) {
                found.push(Invalid::new(format!("/remove/{index}"), NAME));
            }
        }
        for (list, entries) in [("set", &self.set), ("add", &self.add)] {
            for (name, value) in entries.iter().take(MAX_ENTRIES) {
                if !free(name) {
                    found.push(Invalid::new(pointer(list, name), NAME));
                } else if !way.may_set(name) {
                    found.push(Invalid::new(pointer(list, name), COOKIE));
                }
                if let Err(message) = way.template(value) {
                    found.push(Invalid::new(pointer(list, name), message));
                }
            }
        }
        let written = self.set.iter().chain(&self.add);
        let written: usize = written.map(|(name, value)| name.len() + value.len()).sum();
        if written > ALL_FIELDS {
            let message = "Write at most 65,536 characters in the names and values of set and add.";
            found.push(Invalid::new("", message));
        }
        let wrong = match (self.status, way) {
            (None | Some(200..=599), Way::Response) | (None, Way::Request) => None,
            (Some(_), Way::Request) => Some("Only an answer has a status."),
            (Some(_), Way::Response) => Some("Use a status of 200 to 599."),
        };
        found.extend(wrong.map(|message| Invalid::new("/status", message)));
        let body = self.body.iter().flat_map(|body| body.check(way));
        found.extend(body.map(|invalid| invalid.under("/body")));
        found
    }

    fn count(&self) -> usize {
        let fields = self.rename.len() + self.remove.len() + self.set.len() + self.add.len();
        fields + usize::from(self.status.is_some()) + usize::from(self.body.is_some())
    }
}

impl Written for Transform {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        if self.request.is_none() && self.response.is_none() {
            found.push(Invalid::new("", "Set request, response or both."));
        }
        for (part, message, way) in [
            ("/request", &self.request, Way::Request),
            ("/response", &self.response, Way::Response),
        ] {
            let wrong = message.iter().flat_map(|message| message.check(way));
            found.extend(wrong.map(|invalid| invalid.under(part)));
        }
        found
    }

    fn words(&self) -> String {
        let count = |message: &Option<Message>| message.as_ref().map_or(0, Message::count);
        format!(
            "{} changes of the request, {} of the answer",
            count(&self.request),
            count(&self.response)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_policy_writes_more_than_a_message_takes() {
        for (count, wrong) in [(16, &[][..]), (17, &["/response"])] {
            let value = "x".repeat(4000);
            let fields = (0..count).map(|index| (format!("X-{index}"), value.clone()));
            let policy = Transform {
                response: Some(Message {
                    set: fields.collect(),
                    ..Message::default()
                }),
                ..Transform::default()
            };
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, wrong, "{count}");
        }
    }

    #[test]
    fn everything_wrong_is_named() {
        for (json, pointers) in [
            (
                r#"{"request":{"rename":{"X-Old":"X-New"},"remove":["Origin"],"set":{"X-Tenant":"{header.x-t}-{plan}"},"add":{"Via":"p"}},"response":{"remove":["Set-Cookie"],"set":{"X-Id":"{request_id}"}}}"#,
                &[][..],
            ),
            (r"{}", &[""]),
            (r#"{"request":{}}"#, &["/request"]),
            (r#"{"response":{"status":204}}"#, &[]),
            (
                r#"{"request":{"status":204},"response":{"status":199}}"#,
                &["/request/status", "/response/status"],
            ),
            (r#"{"response":{"status":600}}"#, &["/response/status"]),
            (
                r#"{"request":{"body":{"remove":["/a","/b/*/c~1d"],"becomes":"{'x': body.y}","to":"xml","root":"order","arrays":["item"]}},"response":{"body":{"becomes":"status == 200 ? body : {}","max_bytes":10}}}"#,
                &[],
            ),
            (
                r#"{"request":{"body":{}},"response":{"body":{"remove":["a",""],"becomes":"bodies","root":"1x","arrays":["a b"],"max_bytes":1048577}}}"#,
                &[
                    "/request/body",
                    "/response/body/remove/0",
                    "/response/body/remove/1",
                    "/response/body/becomes",
                    "/response/body/root",
                    "/response/body/arrays/0",
                    "/response/body/max_bytes",
                ],
            ),
            (
                r#"{"request":{"body":{"becomes":"status"}}}"#,
                &["/request/body/becomes"],
            ),
            (
                r#"{"request":{"rename":{"X-A":"Host"},"remove":["Content-Length","a_b"],"set":{"X-B":"{x}","X-C":"a\r\nb","X-Forwarded-For":"1"},"add":{"X-Portunus-Plan":"gold"}}}"#,
                &[
                    "/request/rename/X-A",
                    "/request/remove/0",
                    "/request/remove/1",
                    "/request/set/X-B",
                    "/request/set/X-C",
                    "/request/set/X-Forwarded-For",
                    "/request/add/X-Portunus-Plan",
                ],
            ),
            (
                r#"{"response":{"rename":{"X-A":"Set-Cookie"},"set":{"Set-Cookie":"a=b","X-H":"{header.authorization}"}}}"#,
                &[
                    "/response/rename/X-A",
                    "/response/set/Set-Cookie",
                    "/response/set/X-H",
                ],
            ),
        ] {
            let policy: Transform = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
    }
}
