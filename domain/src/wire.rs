//! Bodies of the management API: promises to clients, shared by the server and the browser.
//!
//! One file per resource. They hold no rule; a field is here because a client may rely on it.

pub mod accounts;
pub mod apis;
pub mod applications;
pub mod catalog;
pub mod certificates;
pub mod credentials;
pub mod ip_lists;
pub mod organizations;
pub mod plans;
pub mod platform;
pub mod products;
pub mod subscriptions;
pub mod traffic;
pub mod upstreams;
pub mod versions;
pub mod webhooks;

use chrono::{DateTime, Datelike, Utc};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};

use crate::id::{Id, TeamId, of};

/// A page of a list. `next` is the cursor of the following page; absent on the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Something referred to, with what a page needs to link to it.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Named<K> {
    pub id: Id<K>,
    pub name: String,
    /// Empty for what has no slug.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub slug: String,
}

// The derive of schemas looks at generic arguments; a plain name spares the markers a schema.
pub type NamedApi = Named<of::Api>;
pub type NamedApplication = Named<of::Application>;
pub type NamedCredential = Named<of::Credential>;
pub type NamedOrganization = Named<of::Organization>;
pub type NamedPlan = Named<of::Plan>;
pub type NamedProduct = Named<of::Product>;
pub type NamedTeam = Named<of::Team>;
pub type NamedUpstream = Named<of::Upstream>;
pub type NamedVersion = Named<of::Version>;

impl<K> utoipa::PartialSchema for Named<K> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, Type};
        let text = || ObjectBuilder::new().schema_type(Type::String);
        ObjectBuilder::new()
            .description(Some(
                "Something referred to, with what a page needs to link to it.",
            ))
            .property("id", Id::<K>::schema())
            .property("name", text())
            .property("slug", text())
            .required("id")
            .required("name")
            .into()
    }
}

impl<K> utoipa::ToSchema for Named<K> {
    fn name() -> std::borrow::Cow<'static, str> {
        std::borrow::Cow::Borrowed("Named")
    }
}

impl<K> Clone for Named<K> {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            name: self.name.clone(),
            slug: self.slug.clone(),
        }
    }
}

impl<K> std::fmt::Debug for Named<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name, self.id)
    }
}

impl<K> PartialEq for Named<K> {
    fn eq(&self, other: &Self) -> bool {
        (self.id, &self.name, &self.slug) == (other.id, &other.name, &other.slug)
    }
}

impl<K> Eq for Named<K> {}

/// Somebody who did something. The provider of a subscription sees name and address of whoever
/// asked; elsewhere the address is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Who {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// What a list takes. `limit` is 20 unless told, at most 100; `after` is the `next` of a page.
#[derive(
    Debug,
    Clone,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    utoipa::IntoParams,
)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u16>,
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A page of what an organization's teams own.
#[derive(
    Debug,
    Clone,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    utoipa::IntoParams,
)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct TeamPaging {
    /// Only of this team; otherwise of all that the caller may read.
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<uuid::Uuid>)]
    pub team: Option<TeamId>,
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u16>,
    #[serde(deserialize_with = "blank", skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl TeamPaging {
    pub fn paging(&self) -> Paging {
        Paging {
            limit: self.limit,
            after: self.after.clone(),
        }
    }
}

/// Reads an optional value where a form or a query says "none" by an empty field, and numbers
/// come as text.
pub fn blank<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    use serde_json::Value;
    let value = match Value::deserialize(deserializer)? {
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() => return Ok(None),
        value => value,
    };
    let first = serde_json::from_value(value.clone());
    let read = first.or_else(|error| match &value {
        // "20" is a number and "true" a flag when the field wants one.
        Value::String(text) => serde_json::from_str(text).map_err(|_| error),
        _ => Err(error),
    });
    read.map(Some).map_err(D::Error::custom)
}

/// [`blank`] for a point in time, within what every database and every reader of RFC 3339 can
/// write: the years 1 to 9999 of UTC.
pub fn moment<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<DateTime<Utc>>, D::Error> {
    match blank(deserializer)? {
        Some(time) if !is_storable(&time) => Err(D::Error::custom("choose a year of 1 to 9999")),
        time => Ok(time),
    }
}

/// Whether a point in time is within the years 1 to 9999.
#[must_use]
pub fn is_storable(time: &DateTime<Utc>) -> bool {
    (1..=9999).contains(&time.year())
}

/// Reads a flag from JSON, or from a form's checkbox, which sends `on` or nothing.
pub fn checkbox<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Flag(bool),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Flag(flag) => Ok(flag),
        Either::Text(text) => match text.as_str() {
            "on" | "true" | "1" | "yes" => Ok(true),
            "" | "off" | "false" | "0" | "no" => Ok(false),
            _ => Err(D::Error::custom("expected true or false")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_of_the_years_that_can_be_stored() {
        let read = |text: &str| moment(serde_json::Value::from(text));
        assert_eq!(read("").unwrap(), None);
        for good in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"] {
            assert!(read(good).unwrap().is_some(), "{good}");
        }
        for bad in [
            "-262143-01-01T00:00:00Z",
            "0000-12-31T23:59:59Z",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "+10000-01-01T00:00:00Z",
            "soon",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
