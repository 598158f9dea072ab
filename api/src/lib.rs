//! The management plane: use-cases (`service`) and their HTTP door (`http`).
//!
//! # How a resource is added
//! 1. **Wire**: `domain/src/wire/<resources>.rs` holds the bodies, deriving serde and `ToSchema`.
//!    Inputs keep text as typed (`String`); the service checks it and names fields by pointer.
//! 2. **Service**: `service/<resources>.rs` with `verb(ctx: &Ctx, …) -> Result<wire type>`:
//!    `ctx.may(Action, organization, team)?`, [`check::Check`] for input, slow work (hashing,
//!    parsing, sealing), then [`write::Write::begin`], load again what the decision rests on,
//!    [`write::expect`] for `If-Match`, save, `write.audit(…)`, `write.event(…)`,
//!    `write.changed(Kind, id)`, `write.commit()`. Lists use [`paging::Window`]. A finder that
//!    misses and a stranger both answer [`Error::not_found`].
//! 3. **HTTP**: `http/<resources>.rs` with `pub(super) fn routes() -> OpenApiRouter<Arc<Plane>>`
//!    built of `routes!(…)`; handlers take [`http::extract`]'s `Anyone`, `SignedIn` or `Operator`
//!    first, answer `Result<Json<_>>`, `Result<Tagged<_>>`, `Result<Created<_>>` or
//!    `Result<StatusCode>`, and carry `#[utoipa::path]` with paths relative to `/api/v1`.
//!    One line in `http::resources` merges them.
//! 4. **Test**: `tests/it/<resources>.rs`, and each route a line in `tests/it/matrix.rs`.

pub mod attempts;
mod audit_chain;
pub mod check;
pub mod ctx;
pub mod error;
pub mod explain;
pub mod hook;
pub mod http;
pub mod letter;
pub mod nul;
pub mod outgoing;
pub mod paging;
pub mod passwords;
pub mod plane;
pub mod post;
pub mod secret;
pub mod service;
pub mod settings;
pub mod write;

pub use ctx::Ctx;
pub use error::{Error, Result};
pub use plane::{Clock, Plane, Rings};
pub use settings::Settings;
