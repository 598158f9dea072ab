//! The query of an address that a page writes: filters that stay, change or go.

use domain::wire::traffic::LogFilter;
use serde::Serialize;
use url::form_urlencoded::Serializer;

/// Names and values in the order of the address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// The fields of a filter that are set, by their names.
    #[must_use]
    pub fn of<T: Serialize>(filter: &T) -> Self {
        let text = serde_urlencoded::to_string(filter).unwrap_or_default();
        let pairs = url::form_urlencoded::parse(text.as_bytes());
        Self(
            pairs
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .filter(|(_, value)| !value.is_empty())
                .collect(),
        )
    }

    /// With `name` set to `value`, whatever it was; an empty value takes it away.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut query = self.without(name);
        if !value.is_empty() {
            query.0.push((name.to_owned(), value.to_owned()));
        }
        query
    }

    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        Self(
            self.iter()
                .filter(|(known, _)| known != name)
                .cloned()
                .collect(),
        )
    }

    pub fn iter(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter()
    }

    /// `path` with this query behind it.
    #[must_use]
    pub fn after(&self, path: &str) -> String {
        if self.0.is_empty() {
            return path.to_owned();
        }
        let query = Serializer::new(String::new())
            .extend_pairs(&self.0)
            .finish();
        format!("{path}?{query}")
    }
}

/// The filters of a log that its page shows as chips; paging is none.
#[must_use]
pub fn of_log(filter: &LogFilter) -> Query {
    Query::of(filter).without("after").without("limit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_come_and_go() {
        let filter = LogFilter {
            status: Some("4xx".into()),
            path: Some("/a b&c".into()),
            after: Some("x".into()),
            ..LogFilter::default()
        };
        let query = of_log(&filter);
        assert_eq!(query.after("/log"), "/log?status=4xx&path=%2Fa+b%26c");
        assert_eq!(
            query.without("path").with("status", "500").after("/log"),
            "/log?status=500"
        );
        assert_eq!(
            query.with("path", "").with("status", "").after("/log"),
            "/log"
        );
    }
}
