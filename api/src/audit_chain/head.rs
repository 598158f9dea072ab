//! Where a chain ends: number and hash of its last row, under a MAC of their own and written with
//! the row. Without it nothing would tell that the last rows, or all, were taken away.

use entity::{audit, audit_head, audit_person};
use hmac::{Hmac, KeyInit, Mac};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use sha2::Sha256;
use uuid::Uuid;

use super::GENESIS;
use crate::ctx::Ctx;
use crate::error::{Error, Result};

const PURPOSE: &str = "audit head";

/// What a row follows whose chain does not end as it should. No hash is this, so a check of the
/// chain stops there for good; to go on from an end that somebody wrote would hide what they did.
const TORN: [u8; 32] = [0xff; 32];

/// Number and hash that the next row follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) sequence: i64,
    pub(crate) hash: Vec<u8>,
}

impl End {
    pub(crate) fn is_start(&self) -> bool {
        self.sequence == 0
    }
}

/// The end that we wrote; `None` if there is none, or not by us.
pub(crate) async fn read<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    chain: Uuid,
) -> Result<Option<End>> {
    let Some(row) = audit_head::Entity::find_by_id(chain).one(db).await? else {
        return Ok(None);
    };
    for key in ctx.portal_ring().derive_all(PURPOSE) {
        if mac(&key, chain, row.sequence, &row.hash)?
            .verify_slice(&row.mac)
            .is_ok()
        {
            return Ok(Some(End {
                sequence: row.sequence,
                hash: row.hash,
            }));
        }
    }
    Ok(None)
}

/// What the next row of `chain` follows.
pub(super) async fn next<C: ConnectionTrait>(ctx: &Ctx, tx: &C, chain: Uuid) -> Result<End> {
    if let Some(end) = read(ctx, tx, chain).await? {
        return Ok(end);
    }
    // Numbers that are in use stay in use: the change that is to be noted must not fail.
    let last = last_number(tx, chain).await?;
    let forged = audit_head::Entity::find_by_id(chain).one(tx).await?;
    Ok(match (last, forged) {
        (0, None) => End {
            sequence: 0,
            hash: GENESIS.to_vec(),
        },
        // Beyond the start, also when no row is left: what is here is no new chain.
        (last, _) => End {
            sequence: last.max(1),
            hash: TORN.to_vec(),
        },
    })
}

async fn last_number<C: ConnectionTrait>(tx: &C, chain: Uuid) -> Result<i64> {
    let row: Option<i64> = audit::Entity::find()
        .select_only()
        .column(audit::Column::Sequence)
        .filter(audit::Column::Chain.eq(chain))
        .order_by_desc(audit::Column::Sequence)
        .limit(1)
        .into_tuple()
        .one(tx)
        .await?;
    let beside: Option<i64> = audit_person::Entity::find()
        .select_only()
        .column(audit_person::Column::Sequence)
        .filter(audit_person::Column::Chain.eq(chain))
        .order_by_desc(audit_person::Column::Sequence)
        .limit(1)
        .into_tuple()
        .one(tx)
        .await?;
    Ok(row.max(beside).unwrap_or(0))
}

/// Notes that `chain` ends with `end`.
pub(super) async fn write<C: ConnectionTrait>(
    ctx: &Ctx,
    tx: &C,
    chain: Uuid,
    end: End,
) -> Result<()> {
    let key = ctx.portal_ring().derive(PURPOSE);
    let mac = mac(&key, chain, end.sequence, &end.hash)?;
    let row = audit_head::ActiveModel {
        chain: Set(chain),
        sequence: Set(end.sequence),
        hash: Set(end.hash),
        mac: Set(mac.finalize().into_bytes().to_vec()),
    };
    let moved = OnConflict::column(audit_head::Column::Chain)
        .update_columns([
            audit_head::Column::Sequence,
            audit_head::Column::Hash,
            audit_head::Column::Mac,
        ])
        .to_owned();
    audit_head::Entity::insert(row)
        .on_conflict(moved)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

fn mac(key: &[u8; 32], chain: Uuid, sequence: i64, hash: &[u8]) -> Result<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(Error::internal)?;
    // Two fields of fixed length, then the rest.
    mac.update(chain.as_bytes());
    mac.update(&sequence.to_be_bytes());
    mac.update(hash);
    Ok(mac)
}
