//! A document as it is: in JSON or YAML, never as a page that a browser would run.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use serde::Deserialize;

use crate::service::versions::Syntax;

/// In which syntax.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct DocumentQuery {
    /// `json` unless told.
    #[serde(deserialize_with = "domain::wire::blank")]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    Json,
    Yaml,
}

impl DocumentQuery {
    pub(super) fn syntax(&self) -> Syntax {
        match self.format {
            Some(Format::Yaml) => Syntax::Yaml,
            Some(Format::Json) | None => Syntax::Json,
        }
    }
}

/// RFC 9512 names the media type of YAML.
pub(super) fn raw(syntax: Syntax, text: String) -> Response {
    let (media_type, name) = match syntax {
        Syntax::Json => ("application/json", "inline; filename=\"openapi.json\""),
        Syntax::Yaml => ("application/yaml", "inline; filename=\"openapi.yaml\""),
    };
    let fields = [
        (CONTENT_TYPE, media_type),
        (CONTENT_DISPOSITION, name),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (fields, text).into_response()
}
