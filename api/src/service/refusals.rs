//! Refused requests: a row in the audit for known callers, a count for unknown ones.

use chrono::DurationRound;
use domain::problem::Code;
use entity::refusal_count;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, EntityTrait};
use serde_json::json;

use crate::attempts::{Kind, network};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::write::{Audit, Write};

/// Notes that a request was refused. Never fails the request: what goes wrong here is logged.
pub async fn note(ctx: &Ctx, error: &Error) {
    if !is_noted(error.code) {
        return;
    }
    let noted = match ctx.user_id() {
        Some(user) => {
            // One row a minute for each caller and code, so that a loop does not fill the chain.
            let subject = format!("{user} {}", error.code.as_str());
            if !ctx
                .plane
                .attempts
                .is_within(Kind::RefusalOf, &subject, ctx.now)
            {
                return;
            }
            row(ctx, error.code).await
        }
        None => count(ctx, error.code).await,
    };
    if let Err(error) = noted {
        tracing::warn!(request.id = ctx.request_id, %error, "a refusal could not be noted");
    }
}

/// Refusals that say something about the caller, not about the input.
fn is_noted(code: Code) -> bool {
    matches!(
        code,
        Code::Forbidden
            | Code::CrossSite
            | Code::CredentialsWrong
            | Code::SignInRequired
            | Code::TokenInvalid
            | Code::TokenExpired
            | Code::TooManyAttempts
            | Code::LinkUsed
    )
}

async fn row(ctx: &Ctx, code: Code) -> Result<()> {
    let write = Write::begin(ctx).await?;
    let mut audit = Audit::new("request.refuse", "request", uuid::Uuid::nil())
        .after(json!({ "code": code.as_str() }));
    audit.object = None;
    write.audit(audit).await?;
    write.commit().await
}

async fn count(ctx: &Ctx, code: Code) -> Result<()> {
    let minute = ctx
        .now
        .duration_trunc(chrono::Duration::minutes(1))
        .map_err(Error::internal)?;
    let row = refusal_count::ActiveModel {
        address: Set(network(ctx.address)),
        code: Set(code.as_str().to_owned()),
        minute: Set(minute),
        count: Set(1),
    };
    let known = [
        refusal_count::Column::Address,
        refusal_count::Column::Code,
        refusal_count::Column::Minute,
    ];
    let again = OnConflict::columns(known)
        .value(
            refusal_count::Column::Count,
            Expr::col((refusal_count::Entity, refusal_count::Column::Count)).add(1),
        )
        .to_owned();
    refusal_count::Entity::insert(row)
        .on_conflict(again)
        .exec_without_returning(ctx.db())
        .await?;
    Ok(())
}
