//! What tokens are signed with. A key is published before it signs, and after it has signed for as
//! long as its tokens live.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use chrono::{DateTime, Duration, Utc};
use domain::snapshot::Kind;
use entity::setting::{self, TOKEN_KEYS, TokenKey, TokenKeys};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey};
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait};
use uuid::Uuid;

use super::{TOKEN_LIFE, issuer};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::write::{Audit, Write};

/// How long a key signs.
const SIGNS_FOR: Duration = Duration::days(30);
/// How long before that gateways know it.
const KNOWN_BEFORE: Duration = Duration::hours(1);
/// How long after it the key is still published, beyond the life of its last token.
const KNOWN_AFTER: Duration = Duration::hours(1);

/// Most keys: portals with rings of their own make more than one.
const MOST: usize = 20;

/// The keys as they are kept; `None` before the first.
pub(super) async fn kept(ctx: &Ctx) -> Result<Option<TokenKeys>> {
    Ok(setting::value(ctx.db(), TOKEN_KEYS).await?)
}

/// The key that signs now, with its name.
pub(super) async fn signing(ctx: &Ctx) -> Result<(Uuid, EncodingKey, String)> {
    let mut kept = kept(ctx).await?;
    if is_due(ctx, kept.as_ref()) {
        rotate(ctx).await?;
        kept = self::kept(ctx).await?;
    }
    let kept = kept.ok_or_else(|| Error::internal("no key to sign with"))?;
    // Another portal may have another ring: what does not open here is not ours to sign with.
    let ring = ctx.portal_ring();
    let signs = kept
        .keys
        .iter()
        .rev()
        .filter(|key| key.signs_from <= ctx.now);
    let opened = signs.filter_map(|key| {
        let private = ring.open(&key.private, Uuid::nil(), key.id).ok()?;
        Some((key, private))
    });
    let (key, private) = opened
        .into_iter()
        .next()
        .ok_or_else(|| Error::internal("no key signs now"))?;
    Ok((key.id, EncodingKey::from_ec_der(&private), kept.issuer))
}

/// Makes the first key, the next one, forgets those that are over; says how many were made. Also
/// when the portal has moved to another address, or lost the ring that its keys are sealed with.
pub async fn rotate(ctx: &Ctx) -> Result<u64> {
    if !is_due(ctx, kept(ctx).await?.as_ref()) {
        return Ok(0);
    }
    let mut write = Write::begin(ctx).await?;
    let kept: Option<TokenKeys> = setting::value(write.tx(), TOKEN_KEYS).await?;
    // Another process may have been faster.
    if !is_due(ctx, kept.as_ref()) {
        return Ok(0);
    }
    let mut keys = kept.map(|kept| kept.keys).unwrap_or_default();
    let before = keys.len();
    forget(&mut keys, ctx.now);
    let mut made = 0;
    let own = own(ctx, &keys);
    let signs_from = match own {
        None => Some(ctx.now),
        Some(newest) if ctx.now >= next_at(newest) => Some(ctx.now + KNOWN_BEFORE),
        Some(_) => None,
    };
    if let Some(signs_from) = signs_from {
        keys.push(new_key(ctx, signs_from)?);
        made = 1;
    }
    let over = keys.len().saturating_sub(MOST);
    keys.drain(..over);
    tracing::info!(
        keys.made = made,
        keys.forgotten = (before + made as usize).saturating_sub(keys.len()),
        "The keys of the token endpoint have changed."
    );
    let names: Vec<Uuid> = keys.iter().map(|key| key.id).collect();
    let kept = TokenKeys {
        issuer: issuer(ctx),
        keys,
    };
    save(write.tx(), &kept, ctx.now).await?;
    let audit = Audit::new("token_keys.rotate", "setting", Uuid::nil());
    write
        .audit(audit.after(serde_json::json!({ "issuer": kept.issuer, "keys": names })))
        .await?;
    write.changed(Kind::Settings, Uuid::nil()).await?;
    write.commit().await?;
    Ok(made)
}

fn next_at(newest: &TokenKey) -> DateTime<Utc> {
    newest.signs_from + SIGNS_FOR - KNOWN_BEFORE
}

/// Whether anything is to be done.
fn is_due(ctx: &Ctx, kept: Option<&TokenKeys>) -> bool {
    let Some(kept) = kept else {
        return true;
    };
    let mut left = kept.keys.clone();
    forget(&mut left, ctx.now);
    kept.issuer != issuer(ctx)
        || own(ctx, &kept.keys).is_none_or(|newest| ctx.now >= next_at(newest))
        || left.len() != kept.keys.len()
}

/// The newest that this portal can open.
fn own<'k>(ctx: &Ctx, keys: &'k [TokenKey]) -> Option<&'k TokenKey> {
    let ring = ctx.portal_ring();
    let mut newest = keys.iter().rev();
    newest.find(|key| ring.open(&key.private, Uuid::nil(), key.id).is_ok())
}

/// Lets go of those whose last token is over.
fn forget(keys: &mut Vec<TokenKey>, now: DateTime<Utc>) {
    let known = Duration::seconds(TOKEN_LIFE) + KNOWN_AFTER;
    let is_over = |at: usize| {
        let next = keys.get(at + 1);
        next.is_some_and(|next| next.signs_from + known <= now)
    };
    let over = (0..keys.len()).take_while(|at| is_over(*at)).count();
    keys.drain(..over);
}

fn new_key(ctx: &Ctx, signs_from: DateTime<Utc>) -> Result<TokenKey> {
    let failed = |_| Error::internal("no key could be made");
    let random = SystemRandom::new();
    let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
    let private = private.map_err(failed)?;
    let id = ctx.id::<()>()?.uuid();
    let key = EncodingKey::from_ec_der(private.as_ref());
    let mut public = Jwk::from_encoding_key(&key, Algorithm::ES256).map_err(Error::internal)?;
    public.common.key_id = Some(id.to_string());
    public.common.public_key_use = Some(PublicKeyUse::Signature);
    let ring = ctx.portal_ring();
    Ok(TokenKey {
        id,
        public: serde_json::to_value(public)?,
        private: ring.seal(private.as_ref(), Uuid::nil(), id, ctx.random()?)?,
        signs_from,
    })
}

async fn save<C: ConnectionTrait>(db: &C, kept: &TokenKeys, now: DateTime<Utc>) -> Result<()> {
    let value = serde_json::to_string(kept)?;
    let row = setting::Entity::find_by_id(TOKEN_KEYS).one(db).await?;
    let etag = row.as_ref().map_or(0, |row| row.etag) + 1;
    let active = setting::ActiveModel {
        name: Set(TOKEN_KEYS.to_owned()),
        value: Set(value),
        updated_at: Set(now),
        updated_by: Set(None),
        etag: Set(etag),
    };
    match row {
        None => {
            setting::Entity::insert(active)
                .exec_without_returning(db)
                .await?;
        }
        Some(_) => {
            setting::Entity::update(active).exec(db).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(signs_from: i64) -> TokenKey {
        TokenKey {
            id: Uuid::nil(),
            public: serde_json::Value::Null,
            private: String::new(),
            signs_from: DateTime::from_timestamp(signs_from, 0).unwrap(),
        }
    }

    #[test]
    fn a_key_is_published_while_its_tokens_live() {
        let known = TOKEN_LIFE + KNOWN_AFTER.num_seconds();
        for (at, left) in [
            (0, 3),
            (1000 + known - 1, 3),
            (1000 + known, 2),
            (2000 + known - 1, 2),
            (2000 + known, 1),
            (i64::from(u32::MAX), 1),
        ] {
            let mut keys = vec![key(0), key(1000), key(2000)];
            forget(&mut keys, DateTime::from_timestamp(at, 0).unwrap());
            assert_eq!(keys.len(), left, "{at}");
        }
    }
}
