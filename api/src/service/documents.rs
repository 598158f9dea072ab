//! OpenAPI documents as rows: read once at import, kept byte for byte, with the normalised form
//! beside them. The same document twice in an organization is one row.

mod below;

use domain::id::OrganizationId;
use domain::openapi::{self, Document, Finding, ParseError, ParseErrorCode, Place};
use domain::policy::Looks;
use domain::problem::{Code, Invalid};
use domain::wire::versions::{DocumentInfo, LintFinding};
use entity::document;
use entity::row::{read_json, write_json};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub(crate) use below::fit_below;

use crate::ctx::Ctx;
use crate::error::{Error, Result};

/// A document that was read, before it has a row.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    pub(crate) model: Document,
    text: String,
    /// JSON of `model` and of its findings, made outside of any transaction.
    stored_model: String,
    findings: String,
}

/// Reads a document on a thread of its own: 5 MB take long enough to hold up others.
pub(crate) async fn parse(text: String) -> Result<Parsed> {
    let read = tokio::task::spawn_blocking(move || {
        let mut model = openapi::parse(text.as_bytes()).map_err(|error| refused(&error))?;
        let findings = write_json("document.findings", &std::mem::take(&mut model.findings))?;
        let stored_model = write_json("document.model", &model)?;
        Ok(Parsed {
            model,
            text,
            stored_model,
            findings,
        })
    });
    read.await.map_err(Error::internal)?
}

/// Where in the document it is wrong stands in the sentence: the field is the document.
fn refused(error: &ParseError) -> Error {
    let code = match error.code {
        ParseErrorCode::TooLarge
        | ParseErrorCode::TooDeep
        | ParseErrorCode::TooManyRefs
        | ParseErrorCode::AliasBomb => Code::DocumentTooLarge,
        ParseErrorCode::NotUtf8
        | ParseErrorCode::Syntax
        | ParseErrorCode::DuplicateKey
        | ParseErrorCode::NotOpenapi
        | ParseErrorCode::UnsupportedVersion
        | ParseErrorCode::Structure => Code::DocumentInvalid,
    };
    let message = match &error.place {
        Place::Text { line, column } => format!("Line {line}, column {column}: {}.", error.message),
        Place::Pointer(pointer) if pointer.is_empty() => format!("{}.", error.message),
        Place::Pointer(pointer) => format!("At {pointer}: {}.", error.message),
    };
    Error {
        code,
        detail: message.clone(),
        ..Error::invalid(vec![Invalid::new("/document", message)])
    }
}

/// Stores it, or finds the row that holds the same bytes.
pub(crate) async fn store<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    organization: OrganizationId,
    parsed: &Parsed,
) -> Result<Uuid> {
    let sha256 = Sha256::digest(parsed.text.as_bytes()).to_vec();
    let known: Option<Uuid> = document::Entity::find()
        .select_only()
        .column(document::Column::Id)
        .filter(document::Column::OrganizationId.eq(organization.uuid()))
        .filter(document::Column::Sha256.eq(sha256.clone()))
        .into_tuple()
        .one(db)
        .await?;
    if let Some(known) = known {
        return Ok(known);
    }
    let id = ctx.id::<()>()?.uuid();
    let is_json = parsed.text.trim_start().starts_with('{');
    let row = document::ActiveModel {
        id: Set(id),
        organization_id: Set(organization.uuid()),
        format: Set(if is_json { "json" } else { "yaml" }.to_owned()),
        title: Set(parsed.model.title.clone()),
        openapi: Set(parsed.model.openapi.clone()),
        size: Set(i64::try_from(parsed.text.len()).unwrap_or(i64::MAX)),
        sha256: Set(sha256),
        content: Set(parsed.text.clone().into_bytes()),
        model: Set(parsed.stored_model.clone()),
        findings: Set(parsed.findings.clone()),
        created_at: Set(ctx.now),
        created_by: Set(ctx.user_id().map(Into::into)),
    };
    document::Entity::insert(row)
        .exec_without_returning(db)
        .await?;
    Ok(id)
}

/// The normalised form. Read from the cache; from the text where the importer has changed since.
pub(crate) async fn model<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Document> {
    let cached: Option<String> = document::Entity::find_by_id(id)
        .select_only()
        .column(document::Column::Model)
        .into_tuple()
        .one(db)
        .await?;
    let cached = cached.ok_or_else(Error::not_found)?;
    let read = tokio::task::spawn_blocking(move || serde_json::from_str::<Document>(&cached));
    if let Ok(model) = read.await.map_err(Error::internal)? {
        return Ok(model);
    }
    let (_, text) = content(db, id).await?;
    Ok(parse(text).await?.model)
}

/// The text as it was imported, and whether it is JSON.
pub(crate) async fn content<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<(bool, String)> {
    let found: Option<(String, Vec<u8>)> = document::Entity::find_by_id(id)
        .select_only()
        .columns([document::Column::Format, document::Column::Content])
        .into_tuple()
        .one(db)
        .await?;
    let (format, bytes) = found.ok_or_else(Error::not_found)?;
    let text = String::from_utf8(bytes).map_err(Error::internal)?;
    Ok((format == "json", text))
}

/// What in it policies could not look into.
pub(crate) async fn uncheckable<C: ConnectionTrait>(
    db: &C,
    id: Uuid,
    looks: Looks,
) -> Result<Vec<Invalid>> {
    let (_, text) = content(db, id).await?;
    let read = tokio::task::spawn_blocking(move || looks.unread(text.as_bytes()));
    let found = read.await.map_err(Error::internal)?;
    let tell = |one: Invalid| {
        let message = format!("At {}: {}", one.pointer, one.message);
        Invalid::new("/document", message)
    };
    Ok(found.into_iter().map(tell).collect())
}

/// What the editor shows of it.
pub(crate) async fn info<C: ConnectionTrait>(
    db: &C,
    id: Uuid,
    model: &Document,
) -> Result<DocumentInfo> {
    let found: Option<(i64, String)> = document::Entity::find_by_id(id)
        .select_only()
        .columns([document::Column::Size, document::Column::Findings])
        .into_tuple()
        .one(db)
        .await?;
    let (size, findings) = found.ok_or_else(Error::not_found)?;
    let findings: Vec<Finding> = read_json("document.findings", &findings)?;
    Ok(DocumentInfo {
        title: model.title.clone(),
        version: model.version.clone(),
        openapi: model.openapi.clone(),
        bytes: u64::try_from(size).unwrap_or(0),
        findings: findings.into_iter().map(lint).collect(),
    })
}

fn lint(finding: Finding) -> LintFinding {
    let code = serde_json::to_value(finding.code)
        .ok()
        .and_then(|code| code.as_str().map(str::to_owned));
    LintFinding {
        severity: finding.severity,
        code: code.unwrap_or_default(),
        pointer: finding.pointer,
        message: finding.message,
    }
}
