//! `/docs/errors` and the page of each code.

use api::http::extract::Path;
use axum::response::Response;
use domain::problem::Code;
use frontend::pages::error_codes;

use crate::{failure::Failure, visit::Visit};

pub(crate) async fn list(visit: Visit) -> Response {
    visit.page("Errors", || error_codes::list(&visit.visitor()))
}

pub(crate) async fn show(visit: Visit, Path(code): Path<String>) -> Result<Response, Failure> {
    let code = Code::parse(&code).ok_or(Failure::of(Code::NotFound))?;
    let base = visit.portal().settings().portal_base();
    Ok(visit.page(code.as_str(), || {
        error_codes::one(&visit.visitor(), code, base)
    }))
}
