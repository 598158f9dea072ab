//! How to ask for a version: what its callers add to each request.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Selector;
use crate::openapi::{HeaderValue, SampleRequest};

/// What a request for a version must have, where several share an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AskForVersion)]
pub enum Ask {
    Header { name: String, value: String },
    Query { name: String, value: String },
}

impl Selector {
    /// For the version of this name.
    pub fn ask(&self, version: &str) -> Option<Ask> {
        let value = self.value.as_deref().unwrap_or(version).to_owned();
        let accept = |value: String| Ask::Header {
            name: "Accept".to_owned(),
            value,
        };
        if let Some(name) = self.header.clone() {
            return Some(Ask::Header { name, value });
        }
        if let Some(name) = self.query.clone() {
            return Some(Ask::Query { name, value });
        }
        let name = self.accept.as_deref()?;
        Some(accept(if name.starts_with("vnd.") {
            format!("application/{name}.{value}+json")
        } else {
            format!("application/json; {name}={value}")
        }))
    }
}

impl Ask {
    /// Adds it to an example.
    pub fn add_to(&self, request: &mut SampleRequest) {
        match self {
            Self::Header { name, value } => {
                let same = |known: &str| known.eq_ignore_ascii_case(name);
                request.headers.retain(|(known, _)| !same(known));
                request
                    .headers
                    .push((name.clone(), HeaderValue::text(value.as_str())));
            }
            Self::Query { name, value } => {
                let mark = if request.url.contains('?') { '&' } else { '?' };
                let plain = percent_encoding::NON_ALPHANUMERIC;
                let name = percent_encoding::utf8_percent_encode(name, plain);
                request.url.push_str(&format!("{mark}{name}={value}"));
            }
        }
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header { name, value } => write!(f, "{name}: {value}"),
            Self::Query { name, value } => write!(f, "?{name}={value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::Method;

    #[test]
    fn an_example_asks() {
        for (json, shown, url, headers) in [
            (
                r#"{"header":"X-V","value":"2"}"#,
                "X-V: 2",
                "http://h/a?b=c",
                &["Accept", "X-V"][..],
            ),
            (
                r#"{"query":"v"}"#,
                "?v=v1",
                "http://h/a?b=c&v=v1",
                &["Accept"],
            ),
            (
                r#"{"accept":"vnd.shop"}"#,
                "Accept: application/vnd.shop.v1+json",
                "http://h/a?b=c",
                &["Accept"],
            ),
            (
                r#"{"accept":"version","value":"2"}"#,
                "Accept: application/json; version=2",
                "http://h/a?b=c",
                &["Accept"],
            ),
        ] {
            let selector: Selector = serde_json::from_str(json).unwrap();
            let ask = selector.ask("v1").unwrap();
            assert_eq!(ask.to_string(), shown);
            let mut request = SampleRequest {
                method: Method::Get,
                url: "http://h/a?b=c".to_owned(),
                headers: vec![("Accept".to_owned(), HeaderValue::text("text/html"))],
                body: None,
            };
            ask.add_to(&mut request);
            assert_eq!(request.url, url);
            let names: Vec<_> = request.headers.iter().map(|(name, _)| &**name).collect();
            assert_eq!(names, headers, "{json}");
            if let Ask::Header { value, .. } = &ask {
                let last = request.headers.last().unwrap();
                assert_eq!(last.1, HeaderValue::text(value.as_str()));
            }
        }
    }
}
