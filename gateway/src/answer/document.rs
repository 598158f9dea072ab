//! The usual problem document (RFC 9457 §3), written straight into the answer's bytes: refusing is
//! what a gateway does most under attack.

use domain::contract::Violation;
use domain::problem::{Code, Problem};
use serde::Serialize;

/// What serde writes of [`domain::problem::Problem::new`], which is the form that counts.
pub(super) fn document(
    code: Code,
    detail: &str,
    portal_url: Option<&str>,
    request_id: &str,
) -> Vec<u8> {
    let entry = code.entry();
    let mut out = Vec::with_capacity(448 + detail.len());
    out.extend_from_slice(b"{\"type\":\"");
    match portal_url {
        Some(base) => {
            escape(&mut out, base.trim_end_matches('/'));
            out.extend_from_slice(b"/docs/errors/");
        }
        None => out.extend_from_slice(b"urn:portunus:error:"),
    }
    out.extend_from_slice(entry.code.as_bytes());
    out.extend_from_slice(b"\",\"title\":\"");
    escape(&mut out, entry.title);
    out.extend_from_slice(b"\",\"status\":");
    out.extend_from_slice(
        crate::text::Text::<20>::new()
            .number(entry.status.into())
            .as_bytes(),
    );
    if !detail.is_empty() {
        out.extend_from_slice(b",\"detail\":\"");
        escape(&mut out, detail);
        out.push(b'"');
    }
    out.extend_from_slice(b",\"code\":\"");
    out.extend_from_slice(entry.code.as_bytes());
    out.push(b'"');
    if !request_id.is_empty() {
        out.extend_from_slice(b",\"request_id\":\"");
        escape(&mut out, request_id);
        out.push(b'"');
    }
    out.push(b'}');
    out
}

/// One entry of `errors`, as gateway.md §2 has it.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(rename = "in")]
    place: &'static str,
    pointer: &'a str,
    message: &'a str,
}

impl<'a> Told<'a> {
    fn of(one: &'a Violation) -> Self {
        Self {
            place: one.place.as_str(),
            pointer: &one.pointer,
            message: &one.message,
        }
    }
}

/// A problem with all that does not fit.
pub(super) fn violations(
    code: Code,
    detail: &str,
    found: &[Violation],
    portal_url: Option<&str>,
    request_id: &str,
) -> Vec<u8> {
    #[derive(Serialize)]
    struct Whole<'a> {
        #[serde(flatten)]
        problem: Problem,
        errors: Vec<Told<'a>>,
    }
    let whole = Whole {
        problem: Problem::new(code, detail, portal_url, request_id),
        errors: found.iter().map(Told::of).collect(),
    };
    serde_json::to_vec(&whole).unwrap_or_default()
}

/// The first of them as a sentence.
pub(super) fn first(found: &[Violation]) -> String {
    let Some(first) = found.first() else {
        return String::new();
    };
    let place = first.place.as_str();
    let at = match first.pointer.as_str() {
        "" => format!("In the {place}"),
        pointer => format!("In the {place}, at {pointer}"),
    };
    match found.len() {
        1 => format!("{at}: {}", first.message),
        count => format!("{at}: {} And {} more.", first.message, count - 1),
    }
}

/// The inside of a JSON string. Nearly no text of ours has anything to escape (RFC 8259 §7).
fn escape(out: &mut Vec<u8>, text: &str) {
    // Without a branch for each byte, so that many are looked at at a time.
    let is_odd = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    let odd = text.bytes().fold(false, |odd, byte| odd | is_odd(byte));
    if !odd {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let quoted = serde_json::to_string(text).unwrap_or_default();
    let inside = quoted.get(1..quoted.len().saturating_sub(1));
    out.extend_from_slice(inside.unwrap_or_default().as_bytes());
}

#[cfg(test)]
mod tests {
    use domain::problem::Problem;

    use super::*;

    #[test]
    fn it_is_what_serde_writes() {
        let details = [
            "",
            "One sentence.",
            "\"a\\b\"\n\u{1}\u{7f}é😀</script>",
            "tab\there",
        ];
        let portals = [
            None,
            Some("https://portal.example.org/"),
            Some("https://a/\"b"),
        ];
        for code in Code::ALL {
            for detail in details {
                for portal_url in portals {
                    for id in ["", "0199-abc"] {
                        let problem = Problem::new(*code, detail, portal_url, id);
                        let expected = serde_json::to_string(&problem).unwrap();
                        let written = document(*code, detail, portal_url, id);
                        assert_eq!(String::from_utf8(written).unwrap(), expected);
                    }
                }
            }
        }
    }
}
