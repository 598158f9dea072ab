//! A private key on its way in. It is written, and never shown.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// PEM of a private key: PKCS #8, PKCS #1 or SEC1, not encrypted.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct PrivatePem(pub String);

impl std::fmt::Debug for PrivatePem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivatePem(…)")
    }
}

impl utoipa::PartialSchema for PrivatePem {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "PEM of a private key: PKCS #8, PKCS #1 or SEC1, not encrypted. Never shown again.",
            ))
            .write_only(true)
            .into()
    }
}

impl utoipa::ToSchema for PrivatePem {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("PrivatePem")
    }
}
