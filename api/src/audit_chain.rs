//! The audit's hash chains: one per organization and one for the platform.
//!
//! Each row's hash is an HMAC-SHA-256 over the row and the hash before it, under a key derived
//! from the portal's. Whoever changes, removes or reorders rows in the database without that key
//! breaks the chain; names and addresses lie beside it, so that a person can be erased.
//!
//! Where a chain ends is kept beside it ([`head`]), and that it began is a row of the platform's
//! chain: neither an end nor a whole chain can be taken away unseen.

pub(crate) mod head;

use chrono::{DateTime, Utc};
use domain::actor::Actor;
use entity::{audit, audit_person, user};
use head::End;
use hmac::{Hmac, KeyInit, Mac};
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait};
use serde_json::Value;
use sha2::Sha256;
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::write::Audit;

/// What the first row of a chain follows.
pub(crate) const GENESIS: [u8; 32] = [0; 32];

/// In the platform's chain: that an organization's chain began. Once for each.
pub(crate) const BEGIN: &str = "audit.begin";

/// Appends a row. Must run inside a write transaction: two at once would fork the chain.
pub(crate) async fn append<C: ConnectionTrait>(ctx: &Ctx, tx: &C, entry: Audit) -> Result<()> {
    if let Some(organization) = entry.organization
        && head::next(ctx, tx, organization.uuid()).await?.is_start()
    {
        let begun = Audit::new(BEGIN, "organization", organization);
        row(ctx, tx, begun).await?;
    }
    row(ctx, tx, entry).await
}

async fn row<C: ConnectionTrait>(ctx: &Ctx, tx: &C, entry: Audit) -> Result<()> {
    let chain = entry.organization.map_or(Uuid::nil(), Into::into);
    let End {
        sequence: last,
        hash: previous,
    } = head::next(ctx, tx, chain).await?;
    let (actor_kind, actor_id) = match &ctx.actor {
        Actor::Anonymous => ("anonymous".to_owned(), None),
        Actor::Person(person) => ("person".to_owned(), Some(person.id.uuid())),
        Actor::System(name) => (format!("system:{name}"), None),
    };
    let mut row = audit::Model {
        chain,
        sequence: last + 1,
        actor_kind,
        actor_id,
        action: entry.action.to_owned(),
        object_kind: entry.object_kind.to_owned(),
        object_id: entry.object,
        before: text(&entry.before),
        after: text(&entry.after),
        at: ctx.now,
        request_id: ctx.request_id.clone(),
        previous,
        hash: Vec::new(),
    };
    row.hash = hash(&ctx.portal_ring().derive("audit"), &row)?.to_vec();
    let sequence = row.sequence;
    let end = End {
        sequence,
        hash: row.hash.clone(),
    };
    audit::Entity::insert(active(row))
        .exec_without_returning(tx)
        .await?;
    head::write(ctx, tx, chain, end).await?;
    beside(ctx, tx, chain, sequence, actor_id).await
}

fn text(value: &Value) -> String {
    if value.is_null() {
        String::new()
    } else {
        value.to_string()
    }
}

fn active(row: audit::Model) -> audit::ActiveModel {
    audit::ActiveModel {
        chain: Set(row.chain),
        sequence: Set(row.sequence),
        actor_kind: Set(row.actor_kind),
        actor_id: Set(row.actor_id),
        action: Set(row.action),
        object_kind: Set(row.object_kind),
        object_id: Set(row.object_id),
        before: Set(row.before),
        after: Set(row.after),
        at: Set(row.at),
        request_id: Set(row.request_id),
        previous: Set(row.previous),
        hash: Set(row.hash),
    }
}

/// Who it was, in words, outside the hash.
async fn beside<C: ConnectionTrait>(
    ctx: &Ctx,
    tx: &C,
    chain: Uuid,
    sequence: i64,
    actor: Option<Uuid>,
) -> Result<()> {
    let (name, email) = match actor {
        None => (String::new(), String::new()),
        Some(id) => {
            let person = user::Entity::find_by_id(id).one(tx).await?;
            person
                .map(|user| (user.name, user.email))
                .unwrap_or_default()
        }
    };
    let row = audit_person::ActiveModel {
        chain: Set(chain),
        sequence: Set(sequence),
        actor_id: Set(actor),
        name: Set(name),
        email: Set(email),
        address: Set(ctx
            .address
            .map(|address| address.to_string())
            .unwrap_or_default()),
    };
    audit_person::Entity::insert(row)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// The hash that `row` must have. Every field is preceded by its length, so that no two different
/// rows are the same bytes.
pub(crate) fn hash(key: &[u8; 32], row: &audit::Model) -> Result<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(Error::internal)?;
    let mut field = |bytes: &[u8]| {
        mac.update(&(bytes.len() as u64).to_be_bytes());
        mac.update(bytes);
    };
    field(&row.previous);
    field(row.chain.as_bytes());
    field(&row.sequence.to_be_bytes());
    field(row.actor_kind.as_bytes());
    field(
        &row.actor_id
            .map(|id| id.as_bytes().to_vec())
            .unwrap_or_default(),
    );
    field(row.action.as_bytes());
    field(row.object_kind.as_bytes());
    field(
        &row.object_id
            .map(|id| id.as_bytes().to_vec())
            .unwrap_or_default(),
    );
    field(row.before.as_bytes());
    field(row.after.as_bytes());
    field(&micros(row.at).to_be_bytes());
    field(row.request_id.as_bytes());
    Ok(mac.finalize().into_bytes().into())
}

fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// Whether `row` follows `previous` and carries the hash of one of `keys`.
pub(crate) fn fits(
    keys: &[[u8; 32]],
    row: &audit::Model,
    sequence: i64,
    previous: &[u8],
) -> Result<bool> {
    if row.sequence != sequence || row.previous != previous {
        return Ok(false);
    }
    for key in keys {
        if hash(key, row)?.as_slice() == row.hash {
            return Ok(true);
        }
    }
    Ok(false)
}
