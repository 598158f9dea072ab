//! What the OpenAPI document says besides the routes: title, security, the problem's schema.

use domain::problem::{Invalid, Problem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa::{PartialSchema, ToSchema};

pub(super) fn skeleton() -> OpenApi {
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A personal token, `ptn_pat_…`."))
        .build();
    let cookie = ApiKeyValue::with_description("portunus", "The session cookie of the portal.");
    let components = ComponentsBuilder::new()
        .security_scheme("token", SecurityScheme::Http(token))
        .security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)))
        .schema(Problem::name(), Problem::schema())
        .schema(Invalid::name(), Invalid::schema())
        .build();
    let info = InfoBuilder::new()
        .title("Portunus management API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Everything that the portal can do. Errors are problems (RFC 9457) with stable codes; \
             lists are pages with a cursor; updates take If-Match; creates take Idempotency-Key.",
        ))
        .build();
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .build()
}
