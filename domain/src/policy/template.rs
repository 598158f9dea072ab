//! Templates: text with facts of the request in braces, such as `/v2{rest}`. `{{` and `}}` are
//! braces themselves.

/// Longest value of a header field that a template makes, in bytes.
pub const LONGEST_VALUE: usize = 16 * 1024;
/// What all fields that policies make of one message take together, names and values, in bytes.
pub const ALL_FIELDS: usize = 64 * 1024;
/// Longest path that a template makes, in bytes.
pub const LONGEST_PATH: usize = 8 * 1024;
/// What all facts of a request take in the query that a policy makes, encoded, in bytes.
pub const LONGEST_QUERY: usize = 8 * 1024;
/// Longest address to which a template sends a client, in bytes.
pub const LONGEST_LOCATION: usize = 8 * 1024;

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(String),
    Fact(Fact),
}

/// What is known of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The canonical path.
    Path,
    /// The path behind the version's prefix: nothing, or with a slash in front.
    Rest,
    /// Without its question mark.
    Query,
    Method,
    Host,
    Client,
    RequestId,
    Application,
    Subscription,
    Plan,
    Environment,
    /// A field of the request, by name: `{header.x-tenant}`.
    Header(String),
    /// A parameter of the path, by name.
    Parameter(String),
}

impl Fact {
    /// What templates of fields may name; `headers` only where the request's are at hand.
    pub(super) fn read(name: &str, headers: bool) -> Option<Self> {
        Some(match name {
            "path" => Self::Path,
            "rest" => Self::Rest,
            "method" => Self::Method,
            "host" => Self::Host,
            "client" => Self::Client,
            "request_id" => Self::RequestId,
            "application" => Self::Application,
            "subscription" => Self::Subscription,
            "plan" => Self::Plan,
            "environment" => Self::Environment,
            _ => {
                let field = name.strip_prefix("header.").filter(|_| headers)?;
                if !super::header::is_name(field) {
                    return None;
                }
                Self::Header(field.to_ascii_lowercase())
            }
        })
    }
}

/// A template, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(pub Vec<Part>);

impl Template {
    /// Reads a text; `fact` says what a name in braces is. The error is a sentence.
    pub(super) fn read(text: &str, fact: impl Fn(&str) -> Option<Fact>) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..];
            if let Some(behind) = brace
                .strip_prefix("{{")
                .or_else(|| brace.strip_prefix("}}"))
            {
                plain.push_str(&brace[..1]);
                rest = behind;
                continue;
            }
            let inside = brace.strip_prefix('{').and_then(|one| one.split_once('}'));
            let Some((name, behind)) = inside else {
                return Err("A brace stands alone; write {{ or }} for one.".to_owned());
            };
            let Some(found) = fact(name) else {
                return Err(format!("Nothing is known as {{{name}}} here."));
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Fact(found));
            rest = behind;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_their_parts() {
        let text = |text: &str| Part::Text(text.to_owned());
        let header = Part::Fact(Fact::Header("x-a".into()));
        for (written, parts) in [
            ("", Some(vec![])),
            ("a", Some(vec![text("a")])),
            ("a{{b}}", Some(vec![text("a{b}")])),
            ("{path}x", Some(vec![Part::Fact(Fact::Path), text("x")])),
            ("{header.X-A}", Some(vec![header])),
            ("{header.x a}", None),
            ("{nothing}", None),
            ("{path", None),
            ("path}", None),
            ("{}", None),
        ] {
            let read = Template::read(written, |name| Fact::read(name, true));
            assert_eq!(read.ok().map(|one| one.0), parts, "{written}");
        }
        assert_eq!(Fact::read("header.x", false), None);
    }
}
