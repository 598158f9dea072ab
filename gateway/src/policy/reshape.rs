//! The bodies of `transform`: what becomes of one of JSON or XML.

mod answer;
mod facts;
mod request;
mod xml;

use std::collections::HashSet;

use domain::contract::{self, essence};
use domain::expression::Expression;
use domain::policy::transform::{Body, Format, Way};
use serde_json::Value;

use crate::call::Call;
use crate::fields::{Fields, Name};
use crate::text::Text;
pub(crate) use answer::{answer, answer_facts, expect_answer, remade};
pub(super) use answer::{settle, weaken};
pub(crate) use facts::Facts;
use facts::Scope;
pub(crate) use request::request;

/// Steps that every change may take, and those that each byte of the body adds.
const STEPS: u32 = 20_000;
const STEPS_OF_BYTE: u32 = 4;
/// Most memory that the value of an expression may take, roughly, in bytes.
const MOST_MADE: usize = 16 * 1024 * 1024;
/// Longest body that is written, in bytes.
const MOST_WRITTEN: usize = 4 * 1024 * 1024;

/// The running form of one way.
#[derive(Debug)]
pub(crate) struct Reshape {
    remove: Box<[Box<[Box<str>]>]>,
    becomes: Option<Expression>,
    to: Option<Format>,
    root: Box<str>,
    arrays: HashSet<Box<str>>,
    max_bytes: u64,
}

impl Reshape {
    /// `None` when it does not check.
    pub(crate) fn compile(body: &Body, way: Way) -> Option<Self> {
        let names = |pointer: &String| {
            let names = pointer.split('/').skip(1);
            names
                .map(|name| name.replace("~1", "/").replace("~0", "~").into())
                .collect()
        };
        Some(Self {
            remove: body.remove.iter().map(names).collect(),
            becomes: body.read(way).ok()?,
            to: body.to,
            root: body.root.as_deref().unwrap_or("root").into(),
            arrays: body
                .arrays
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
            max_bytes: body.max_bytes,
        })
    }

    /// The body that comes of another, and how it is written; the error is a sentence.
    fn change(
        &self,
        from: Format,
        body: &[u8],
        facts: Option<&Facts>,
    ) -> Result<(Vec<u8>, Format), String> {
        let mut value = match from {
            Format::Json => contract::read_json(body)?,
            Format::Xml => xml::read(body, &self.arrays)?,
        };
        for names in &self.remove {
            remove(&mut value, names);
        }
        if let (Some(becomes), Some(facts)) = (&self.becomes, facts) {
            let scope = Scope {
                facts,
                body: &value,
            };
            let bytes = u32::try_from(body.len()).unwrap_or(u32::MAX);
            let steps = bytes.saturating_mul(STEPS_OF_BYTE).saturating_add(STEPS);
            let made = becomes.json(&scope, steps, MOST_MADE);
            value = made.map_err(|failure| format!("The body cannot be made: {failure}."))?;
        }
        let to = self.to.unwrap_or(from);
        let written = match to {
            Format::Json => json(&value)?,
            Format::Xml => xml::write(&value, &self.root)?,
        };
        Ok((written, to))
    }

    fn facts(&self, call: &Call<'_>) -> Option<Facts> {
        self.becomes.is_some().then(|| Facts::of(call))
    }
}

/// Written as JSON, within bounds.
fn json(value: &Value) -> Result<Vec<u8>, String> {
    struct Bounded(Vec<u8>);
    impl std::io::Write for Bounded {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.0.len() + bytes.len() > MOST_WRITTEN {
                return Err(std::io::ErrorKind::FileTooLarge.into());
            }
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut out = Bounded(Vec::new());
    let written = serde_json::to_writer(&mut out, value);
    written.map_err(|_| "The body would be longer than 4 MiB.".to_owned())?;
    Ok(out.0)
}

/// Takes out what a pointer names, as far as it is there.
fn remove(value: &mut Value, names: &[Box<str>]) {
    let Some((name, rest)) = names.split_first() else {
        return;
    };
    let is_any = &**name == "*";
    let index = || name.parse::<usize>().ok();
    match value {
        Value::Object(members) if rest.is_empty() => match is_any {
            true => members.clear(),
            false => {
                // The others stay in their order.
                members.shift_remove(&**name);
            }
        },
        Value::Array(items) if rest.is_empty() => match (is_any, index()) {
            (true, _) => items.clear(),
            (false, Some(index)) if index < items.len() => {
                items.remove(index);
            }
            (false, _) => {}
        },
        Value::Object(members) if is_any => {
            members.values_mut().for_each(|one| remove(one, rest));
        }
        Value::Array(items) if is_any => items.iter_mut().for_each(|one| remove(one, rest)),
        Value::Object(members) => {
            if let Some(member) = members.get_mut(&**name) {
                remove(member, rest);
            }
        }
        Value::Array(items) => {
            if let Some(item) = index().and_then(|index| items.get_mut(index)) {
                remove(item, rest);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Which of the two a message is by its fields; none where it is neither, or says it twice.
fn format_of(fields: &Fields) -> Option<Format> {
    let mut lines = fields.all(Name::ContentType);
    let media_type = std::str::from_utf8(lines.next()?).ok()?;
    let essence = essence(media_type);
    // Its messages are framed, whatever they are written in.
    if lines.next().is_some() || essence.starts_with("application/grpc") {
        return None;
    }
    let is = |word: &str| {
        let kind = essence.strip_suffix(word);
        kind.is_some_and(|kind| matches!(kind, "application/" | "text/") || kind.ends_with('+'))
    };
    match () {
        () if is("json") => Some(Format::Json),
        () if is("xml") => Some(Format::Xml),
        () => None,
    }
}

/// Whether it is encoded on its way, so that nobody looks into it.
pub(super) fn is_coded(fields: &Fields) -> bool {
    let mut codings = fields.named("content-encoding");
    codings.any(|coding| !coding.eq_ignore_ascii_case(b"identity"))
}

/// Without what tells of the bytes of a body.
pub(super) fn undigested(fields: &mut Fields) {
    for name in ["content-md5", "content-digest", "repr-digest", "digest"] {
        fields.remove_named(name.as_bytes());
    }
}

/// Says what the body is now; `length` where it is known, and `to` where it is written as something
/// else. What told of the bytes before would be a lie, and so would another charset.
pub(super) fn mark(fields: &mut Fields, length: Option<usize>, to: Option<Format>) {
    undigested(fields);
    let was = fields.get(Name::ContentType).unwrap_or_default();
    let essence = essence(&String::from_utf8_lossy(was));
    let media_type = match (to, format_of(fields)) {
        (None, _) => essence.as_bytes(),
        (Some(to), Some(was)) if to == was => essence.as_bytes(),
        (Some(Format::Json), _) => b"application/json",
        (Some(Format::Xml), _) => b"application/xml",
    };
    let media_type = media_type.to_vec();
    if !media_type.is_empty() {
        fields.set("content-type", &media_type);
    }
    if let Some(length) = length {
        let mut text = Text::<20>::new();
        fields.set("content-length", text.number(length as u64).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reshape(json: &str) -> Reshape {
        Reshape::compile(&serde_json::from_str(json).unwrap(), Way::Request).unwrap()
    }

    #[test]
    fn members_are_taken_out_where_they_are() {
        for (pointers, wanted) in [
            (
                r#"["/a"]"#,
                json!({"b": [{"c": 1, "d": 2}, {"c": 3}], "e/f": {"~": 1}}),
            ),
            (
                r#"["/b/*/c"]"#,
                json!({"a": 1, "b": [{"d": 2}, {}], "e/f": {"~": 1}}),
            ),
            (
                r#"["/b/0"]"#,
                json!({"a": 1, "b": [{"c": 3}], "e/f": {"~": 1}}),
            ),
            (
                r#"["/b/7", "/x/y", "/a/b"]"#,
                json!({"a": 1, "b": [{"c": 1, "d": 2}, {"c": 3}], "e/f": {"~": 1}}),
            ),
            (
                r#"["/e~1f/~0", "/b/*"]"#,
                json!({"a": 1, "b": [], "e/f": {}}),
            ),
            (r#"["/*"]"#, json!({})),
        ] {
            let body = br#"{"a":1,"b":[{"c":1,"d":2},{"c":3}],"e/f":{"~":1}}"#;
            let reshape = reshape(&format!(r#"{{"remove":{pointers}}}"#));
            let (written, to) = reshape.change(Format::Json, body, None).unwrap();
            assert_eq!(
                serde_json::from_slice::<Value>(&written).unwrap(),
                wanted,
                "{pointers}"
            );
            assert_eq!(to, Format::Json);
        }
    }

    #[test]
    fn formats_are_told_by_their_media_type() {
        for (media_type, wanted) in [
            ("application/json; charset=utf-8", Some(Format::Json)),
            ("application/problem+JSON", Some(Format::Json)),
            ("text/xml", Some(Format::Xml)),
            ("application/soap+xml", Some(Format::Xml)),
            ("image/svg+xml", Some(Format::Xml)),
            ("application/jsonlines", None),
            ("application/grpc+json", None),
            ("application/grpc-web+json", None),
            ("text/plain", None),
            ("application/x-xml", None),
            ("", None),
        ] {
            let mut fields = Fields::new(b"");
            fields.push("content-type", media_type.as_bytes());
            assert_eq!(format_of(&fields), wanted, "{media_type}");
            fields.push("content-type", b"application/json");
            assert_eq!(format_of(&fields), None, "twice");
        }
    }

    #[test]
    fn what_said_nothing_of_its_type_still_says_nothing() {
        let mut fields = Fields::new(b"");
        mark(&mut fields, Some(2), None);
        assert_eq!(fields.get(Name::ContentType), None);
        mark(&mut fields, Some(2), Some(Format::Xml));
        assert_eq!(fields.get(Name::ContentType), Some(&b"application/xml"[..]));
    }

    #[test]
    fn what_cannot_be_changed_is_told() {
        let to_xml = reshape(r#"{"to":"xml"}"#);
        for (from, body) in [
            (Format::Json, &b"{"[..]),
            (Format::Json, br#"{"a":1,"a":2}"#),
            (Format::Json, br#"{"a b":1}"#),
            (Format::Xml, b"<a>"),
        ] {
            assert!(to_xml.change(from, body, None).is_err());
        }
        let (written, to) = to_xml
            .change(Format::Json, br#"{"a":{"b":[1,2]}}"#, None)
            .unwrap();
        assert!(written.ends_with(b"<a><b>1</b><b>2</b></a>"));
        assert_eq!(to, Format::Xml);
    }
}
