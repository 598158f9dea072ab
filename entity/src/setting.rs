//! What the operator may edit while everything runs.

use chrono::{DateTime, Utc};
use domain::snapshot;
use sea_orm::entity::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::row::{RowError, read_json};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "setting")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub name: String,
    /// JSON.
    #[sea_orm(column_type = "Text")]
    pub value: String,
    pub updated_at: DateTime<Utc>,
    pub updated_by: Option<Uuid>,
    pub etag: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Networks that upstream targets may lie in besides public ones: a JSON list of CIDRs.
pub const UPSTREAM_ALLOW: &str = "upstream_allow";
/// Exact addresses that are allowed as well: a JSON list of `address:port`.
pub const UPSTREAM_ALLOW_EXACT: &str = "upstream_allow_exact";

/// The keys of the platform's token endpoint: JSON of [`TokenKeys`]. No operator edits it.
pub const TOKEN_KEYS: &str = "token_keys";

/// The number of `domain::snapshot::SCHEMA` in the release that brought the database up last, as its
/// migrations write it. No operator edits it.
pub const SCHEMA: &str = "schema";

/// What the platform signs tokens with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenKeys {
    /// The claim `iss` of the tokens: the portal's address.
    pub issuer: String,
    /// The newest last.
    pub keys: Vec<TokenKey>,
}

/// One pair of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenKey {
    /// The `kid` of the tokens that it signs.
    pub id: Uuid,
    /// The public half (RFC 7517 §4).
    pub public: serde_json::Value,
    /// The private half in PKCS #8, sealed with the portal's key ring for its id.
    pub private: String,
    /// Gateways know it before it signs.
    pub signs_from: DateTime<Utc>,
}

impl TokenKeys {
    /// The public halves, as a set (RFC 7517 §5).
    pub fn set(&self) -> serde_json::Value {
        let keys: Vec<&serde_json::Value> = self.keys.iter().map(|key| &key.public).collect();
        serde_json::json!({ "keys": keys })
    }
}

/// A setting's value; `None` while nobody has set it.
pub async fn value<C: ConnectionTrait, T: DeserializeOwned>(
    db: &C,
    name: &str,
) -> Result<Option<T>, DbErr> {
    let row = Entity::find_by_id(name).one(db).await?;
    Ok(row
        .map(|row| read_json("setting.value", &row.value))
        .transpose()?)
}

/// What gateways use of the settings.
pub async fn for_gateways<C: ConnectionTrait>(db: &C) -> Result<snapshot::Settings, DbErr> {
    let (settings, unreadable) = readable(db).await?;
    match unreadable {
        None => Ok(settings),
        Some(error) => Err(error.into()),
    }
}

/// The same, and what of it cannot be read: nobody has set that, then, which allows less.
pub async fn readable<C: ConnectionTrait>(
    db: &C,
) -> Result<(snapshot::Settings, Option<RowError>), DbErr> {
    let mut unreadable = None;
    let allow = one(db, UPSTREAM_ALLOW, &mut unreadable).await?;
    let exact = one(db, UPSTREAM_ALLOW_EXACT, &mut unreadable).await?;
    let tokens: Option<TokenKeys> = one(db, TOKEN_KEYS, &mut unreadable).await?;
    let settings = snapshot::Settings {
        upstream_allow: allow.unwrap_or_default(),
        upstream_allow_exact: exact.unwrap_or_default(),
        tokens: tokens.map(|kept| snapshot::TokenIssuer {
            keys: kept.set(),
            issuer: kept.issuer,
        }),
    };
    Ok((settings, unreadable))
}

async fn one<C: ConnectionTrait, T: DeserializeOwned>(
    db: &C,
    name: &str,
    unreadable: &mut Option<RowError>,
) -> Result<Option<T>, DbErr> {
    let Some(row) = Entity::find_by_id(name).one(db).await? else {
        return Ok(None);
    };
    match read_json("setting.value", &row.value) {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            *unreadable = Some(error);
            Ok(None)
        }
    }
}
