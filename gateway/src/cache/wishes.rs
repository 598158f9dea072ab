//! What a request says to a cache: whether this one has anything to do with it, its conditions, and
//! what it asks for.

use http::Method;

use super::conditions::Conditions;
use super::directives::Asked;
use crate::head::Head;

#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// Its answer may be a kept one, or be kept.
    pub(super) is_eligible: bool,
    pub(super) is_get: bool,
    pub(super) has_cookie: bool,
    pub(super) conditions: Conditions,
    pub(super) asked: Asked,
}

/// Fields by which some servers answer another request than the one that is there: nobody's answer
/// to them may be given to others.
const SHAPING: [&str; 13] = [
    "front-end-https",
    "x-forwarded",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
    "x-scheme",
    "x-url-scheme",
];

impl Wishes {
    /// `length` is that of its body.
    pub(super) fn read(head: &Head, length: Option<u64>, ignore_clients: bool) -> Self {
        let is_get = head.method == Method::GET;
        let mut wishes = Self {
            is_eligible: (is_get || head.method == Method::HEAD)
                && length == Some(0)
                && !head.asks_websocket,
            is_get,
            ..Self::default()
        };
        let mut lines: Vec<&[u8]> = Vec::new();
        let mut pragma = false;
        let conditions = &mut wishes.conditions;
        for (name, value) in head.fields.iter() {
            let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
            match name.len() {
                5 if is("range") => conditions.range = Some(value.to_vec()),
                6 if is("cookie") => wishes.has_cookie = true,
                6 if is("pragma") => pragma |= value.eq_ignore_ascii_case(b"no-cache"),
                // What is to be done only to one form of a thing is the upstream's to judge.
                8 if is("if-match") => wishes.is_eligible = false,
                8 if is("if-range") => conditions.if_range = Some(value.to_vec()),
                13 if is("cache-control") => lines.push(value),
                13 if is("if-none-match") => {
                    let all = conditions.none_match.get_or_insert_default();
                    if !all.is_empty() {
                        all.push(b',');
                    }
                    all.extend_from_slice(value);
                }
                17 if is("if-modified-since") => {
                    conditions.modified_since = Some(value.to_vec());
                }
                19 if is("if-unmodified-since") => wishes.is_eligible = false,
                _ => {}
            }
            if matches!(name.first(), Some(b'x' | b'X')) && SHAPING.iter().any(|known| is(known)) {
                wishes.is_eligible = false;
            }
        }
        if !ignore_clients {
            wishes.asked.no_cache = pragma && lines.is_empty();
            if !lines.is_empty() {
                wishes.asked = Asked::read(lines.into_iter());
            }
            wishes.is_eligible &= !wishes.asked.no_store;
        }
        wishes
    }

    /// Whether its answer is what others ask for as well.
    pub(super) const fn is_plain(&self) -> bool {
        self.is_get && self.conditions.is_empty()
    }
}
