//! The head of a request, neutral: the pipeline knows nothing of the protocol that it came by.

use std::ops::Range;

use domain::key::TOKEN_PREFIX;
use http::Method;

use crate::fields::Fields;

/// Everything of a request before its body. The target stands in front of the fields, as it was
/// sent.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) fields: Fields,
    target: Target,
    /// The query that goes on instead of the one sent: a key was cut out of it.
    pub(crate) cut_query: Option<Option<String>>,
    /// The path as it is matched, logged and forwarded, where that differs from the one sent.
    pub(crate) canonical: Option<String>,
    /// That form has `%2F` or `%5C`: not every version takes it.
    pub(crate) has_encoded_slash: bool,
    /// It asks for a WebSocket on its connection (RFC 6455 §4.1).
    pub(crate) asks_websocket: bool,
}

/// Where in a text the parts of a request target are (RFC 9112 §3.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Target {
    path: Range<usize>,
    /// Without its question mark.
    query: Option<Range<usize>>,
    authority: Option<Range<usize>>,
}

/// As which an absolute form without a path is read; it stands behind the method in each request.
const ROOT: &str = "/";

impl Target {
    /// Reads the target that is `text[at]`. `None` for what is none: origin-form, absolute-form,
    /// `*` and, for CONNECT alone, an authority are.
    pub(crate) fn read(text: &[u8], at: Range<usize>, method: &Method) -> Option<Self> {
        let target = text.get(at.clone())?;
        if method == Method::CONNECT || target == b"*" {
            return Some(Self {
                path: at,
                query: None,
                authority: None,
            });
        }
        let (path, authority) = if target.first() == Some(&b'/') {
            (at.clone(), None)
        } else {
            let scheme = [&b"http://"[..], b"https://"].into_iter().find(|scheme| {
                let start = target.get(..scheme.len());
                start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            })?;
            let start = at.start + scheme.len();
            let rest = &text[start..at.end];
            let ends = |byte: &u8| matches!(byte, b'/' | b'?');
            let length = rest.iter().position(ends).unwrap_or(rest.len());
            if length == 0 {
                return None;
            }
            (start + length..at.end, Some(start..start + length))
        };
        let question = memchr::memchr(b'?', &text[path.clone()]);
        let (path, query) = match question {
            None => (path, None),
            Some(length) => {
                let mark = path.start + length;
                (path.start..mark, Some(mark + 1..path.end))
            }
        };
        Some(Self {
            path,
            query,
            authority,
        })
    }
}

impl Head {
    pub(crate) const fn new(method: Method, target: Target, fields: Fields) -> Self {
        Self {
            method,
            fields,
            target,
            cut_query: None,
            canonical: None,
            has_encoded_slash: false,
            asks_websocket: false,
        }
    }

    /// One that was not read by our own reader. `target` is origin-form or absolute-form.
    pub(crate) fn of(method: Method, target: &str) -> Option<Self> {
        let read = Target::read(target.as_bytes(), 0..target.len(), &method)?;
        Some(Self::new(method, read, Fields::new(target.as_bytes())))
    }

    /// Another one of the same parts, for a copy of the request.
    pub(crate) fn twin(&self) -> Self {
        Self {
            method: self.method.clone(),
            fields: self.fields.twin(),
            target: self.target.clone(),
            cut_query: self.cut_query.clone(),
            canonical: self.canonical.clone(),
            has_encoded_slash: self.has_encoded_slash,
            asks_websocket: self.asks_websocket,
        }
    }

    /// As it was sent.
    pub(crate) fn path(&self) -> &str {
        match self.fields.text(self.target.path.clone()) {
            "" => ROOT,
            path => path,
        }
    }

    /// The one form that counts, once [`crate::target::path`] has judged it.
    pub(crate) fn canonical(&self) -> &str {
        match &self.canonical {
            Some(path) => path,
            None => self.path(),
        }
    }

    /// The host of an absolute-form.
    pub(crate) fn authority(&self) -> Option<&str> {
        let authority = self.target.authority.clone()?;
        Some(self.fields.text(authority))
    }

    /// The query as it was sent, without the question mark.
    pub(crate) fn sent_query(&self) -> Option<&str> {
        Some(self.fields.text(self.target.query.clone()?))
    }

    /// What goes on as query, without the question mark.
    pub(crate) fn query(&self) -> Option<&str> {
        match &self.cut_query {
            Some(rest) => rest.as_deref(),
            None => self.sent_query(),
        }
    }
}

/// By which scheme a token is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RFC 6750 §2.1
    Bearer,
    /// With a proof beside it (RFC 9449 §7.1).
    Dpop,
}

impl Scheme {
    const ALL: [Self; 2] = [Self::Bearer, Self::Dpop];

    const fn name(self) -> &'static [u8] {
        match self {
            Self::Bearer => b"bearer",
            Self::Dpop => b"dpop",
        }
    }

    /// What stands behind its name; `None` where another scheme is named.
    fn behind(self, value: &[u8]) -> Option<&[u8]> {
        let (scheme, rest) = value.split_at_checked(self.name().len())?;
        scheme.eq_ignore_ascii_case(self.name()).then_some(rest)
    }
}

/// Whether a value of `Authorization` is of a scheme that shows a token, in any spelling that
/// somebody reads.
pub(crate) fn is_token(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let is_of = |scheme: Scheme| {
        let behind = scheme.behind(value);
        behind.is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
    };
    Scheme::ALL.into_iter().any(is_of)
}

/// The token in `Authorization: Bearer …` or `Authorization: DPoP …`.
pub(crate) fn token(value: &[u8]) -> Option<(Scheme, &[u8])> {
    Scheme::ALL.into_iter().find_map(|scheme| {
        let token = scheme.behind(value)?.strip_prefix(b" ")?.trim_ascii();
        (!token.is_empty()).then_some((scheme, token))
    })
}

/// The token in `Authorization: Bearer …` (RFC 6750 §2.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = token(value)?;
    (scheme == Scheme::Bearer).then_some(token)
}

/// The key in `Authorization: Bearer ptn_…`, if it is one of ours.
pub(crate) fn bearer_key(value: &[u8]) -> Option<&[u8]> {
    let is_key =
        |token: &&[u8]| token.starts_with(b"ptn_") && !token.starts_with(TOKEN_PREFIX.as_bytes());
    bearer(value).filter(is_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_shown_by_two_schemes() {
        for (value, is, shown) in [
            ("Bearer a", true, Some((Scheme::Bearer, "a"))),
            ("bEARER  a ", true, Some((Scheme::Bearer, "a"))),
            ("DPoP a", true, Some((Scheme::Dpop, "a"))),
            ("dpop a b", true, Some((Scheme::Dpop, "a b"))),
            ("DPoP\ta", true, None),
            (" DPoP", true, None),
            ("Bearer", true, None),
            ("DPoPa", false, None),
            ("DPo a", false, None),
            ("Basic a", false, None),
            ("", false, None),
        ] {
            let value = value.as_bytes();
            assert_eq!(is_token(value), is, "{value:?}");
            let shown = shown.map(|(scheme, text)| (scheme, text.as_bytes()));
            assert_eq!(token(value), shown, "{value:?}");
            let is_key = shown.is_some_and(|one| one.0 == Scheme::Bearer);
            assert_eq!(bearer(value).is_some(), is_key, "{value:?}");
        }
    }

    #[test]
    fn targets_have_their_parts() {
        for (target, parts) in [
            ("/", Some(("/", None, None))),
            ("/a?b=c?d", Some(("/a", Some("b=c?d"), None))),
            ("/?", Some(("/", Some(""), None))),
            ("http://h/a?b", Some(("/a", Some("b"), Some("h")))),
            ("HTTPS://h:1", Some(("/", None, Some("h:1")))),
            ("http://h?b", Some(("/", Some("b"), Some("h")))),
            ("http:///a", None),
            ("ftp://h/a", None),
            ("a/b", None),
            ("", None),
            ("*", Some(("*", None, None))),
        ] {
            let head = Head::of(Method::GET, target);
            let found = head
                .as_ref()
                .map(|head| (head.path(), head.query(), head.authority()));
            assert_eq!(found, parts, "{target}");
        }
    }
}
