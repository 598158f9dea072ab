//! Revisions: what publishing made, and the documents that belong to them.

use domain::actor::Action;
use domain::api::Operations;
use domain::id::{UpstreamId, VersionId};
use domain::openapi;
use domain::problem::{Code, Invalid};
use domain::snapshot;
use domain::wire::versions::Revision;
use domain::wire::{Page, Paging};
use entity::revision;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::load;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::Window;
use crate::service::{documents, names};

/// Newest first.
pub async fn list(ctx: &Ctx, id: VersionId, paging: &Paging) -> Result<Page<Revision>> {
    let loaded = load(ctx, ctx.db(), id, Action::ReadApi).await?;
    let window = Window::<Uuid>::new(paging)?;
    let query = revision::Entity::find().filter(revision::Column::VersionId.eq(loaded.version.id));
    let rows = window
        .newest_first(query, revision::Column::Id)
        .all(ctx.db())
        .await?;
    let page = window.page(rows, |row| row.id);
    let people = names::people(ctx.db(), page.items.iter().map(|row| row.created_by)).await?;
    let items = page.items.into_iter().map(|row| {
        let (made, unreadable) = readable(&row);
        Revision {
            id: made.id,
            number: made.number,
            current: loaded.version.current_revision_id == Some(row.id),
            route: made.route,
            operations: made.operations.len() as u64,
            policies: made.policies,
            unreadable,
            note: row.note,
            published_by: people.name(row.created_by),
            published_at: row.created_at,
        }
    });
    Ok(Page {
        items: items.collect(),
        next: page.next,
    })
}

/// As far as this release can read a revision, and what it cannot. One of which nothing can be read
/// has an empty path.
pub(super) fn readable(row: &revision::Model) -> (snapshot::Revision, Vec<Invalid>) {
    row.kept().unwrap_or_else(|error| {
        let nowhere = snapshot::Revision {
            id: row.id.into(),
            number: row.number.unsigned_abs(),
            route: snapshot::Route::at(""),
            upstream: UpstreamId::NIL,
            test_upstream: None,
            upstreams: Vec::new(),
            policies: Vec::new(),
            operations_mode: Operations::Open,
            operations: Vec::new(),
        };
        let message = format!("This revision cannot be read: {}.", error.reason);
        (nowhere, vec![Invalid::new("", message)])
    })
}

/// The snapshot that gateways serve, as far as this release can read it, with its row; `None` before
/// the first publish, and where not even its place can be read.
pub(crate) async fn current<C: ConnectionTrait>(
    db: &C,
    revision_id: Option<Uuid>,
) -> Result<Option<(revision::Model, snapshot::Revision)>> {
    let row = current_row(db, revision_id).await?;
    Ok(row.and_then(|row| {
        let (made, _) = row.kept().ok()?;
        Some((row, made))
    }))
}

/// The row of the revision that gateways serve.
pub(super) async fn current_row<C: ConnectionTrait>(
    db: &C,
    revision_id: Option<Uuid>,
) -> Result<Option<revision::Model>> {
    match revision_id {
        Some(id) => Ok(revision::Entity::find_by_id(id).one(db).await?),
        None => Ok(None),
    }
}

/// In which syntax a raw document is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    Json,
    Yaml,
}

/// The draft's document as it was imported, or in the other syntax, for those who may read it.
pub async fn document(ctx: &Ctx, id: VersionId, syntax: Syntax) -> Result<String> {
    let loaded = load(ctx, ctx.db(), id, Action::ReadApi).await?;
    let document = loaded.draft.document_id.ok_or_else(Error::not_found)?;
    raw(ctx.db(), document, syntax).await
}

/// A document in the syntax asked for; the imported bytes where that is theirs.
pub(crate) async fn raw<C: ConnectionTrait>(
    db: &C,
    document: Uuid,
    syntax: Syntax,
) -> Result<String> {
    let (is_json, text) = documents::content(db, document).await?;
    if is_json == (syntax == Syntax::Json) {
        return Ok(text);
    }
    let turned = tokio::task::spawn_blocking(move || {
        let value = openapi::read(text.as_bytes()).ok()?;
        match syntax {
            Syntax::Json => serde_json::to_string_pretty(&value).ok(),
            Syntax::Yaml => openapi::to_yaml(&value),
        }
    });
    let turned = turned.await.map_err(Error::internal)?;
    turned.ok_or_else(|| {
        Error::new(
            Code::Conflict,
            "The document cannot be written in this syntax.",
        )
    })
}
