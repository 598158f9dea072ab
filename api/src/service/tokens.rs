//! Personal tokens: a person's way into the API without a browser, never with more rights.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use domain::actor::{Person, Scope};
use domain::id::{TokenId, UserId};
use domain::name::{DisplayName, EmailAddress};
use domain::problem::{Code, Invalid};
use domain::wire::accounts as wire;
use entity::personal_token;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder,
};

use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::secret::digest;
use crate::service::{founding, people};
use crate::write::{Audit, Write};

/// How every personal token begins, so that scanners of leaked secrets know it.
pub const PREFIX: &str = "ptn_pat_";
/// Characters shown to recognize a token by.
const SHOWN: usize = PREFIX.len() + 6;
/// Most tokens of one person.
const MOST: u64 = 50;
/// Longest life of a token in days.
const LONGEST: u32 = 366;
const USED_EVERY: Duration = Duration::seconds(60);

/// Whose token it is, limited to its scopes.
pub async fn authenticate(ctx: &Ctx, token: &str) -> Result<Person> {
    let wrong = || {
        Error::new(
            Code::TokenInvalid,
            "This is not one of our tokens, or it was withdrawn.",
        )
    };
    if !token.starts_with(PREFIX) || token.len() > 128 {
        return Err(wrong());
    }
    let found = personal_token::Entity::find()
        .filter(personal_token::Column::Digest.eq(digest(token.as_bytes())))
        .one(ctx.db())
        .await?;
    let row = found
        .filter(|row| row.revoked_at.is_none())
        .ok_or_else(wrong)?;
    if row.expires_at.is_some_and(|at| at <= ctx.now) {
        return Err(Error::new(Code::TokenExpired, "The token's time is over."));
    }
    let mut person = people::load(ctx.db(), row.user_id.into())
        .await?
        .ok_or_else(wrong)?;
    person.scopes = Some(scopes(&row.scopes)?);
    if row.last_used_at.is_none_or(|at| ctx.now - at >= USED_EVERY) {
        personal_token::Entity::update_many()
            .col_expr(personal_token::Column::LastUsedAt, ctx.now.into())
            .filter(personal_token::Column::Id.eq(row.id))
            .exec(ctx.db())
            .await?;
    }
    Ok(person)
}

fn scopes(json: &str) -> Result<Vec<Scope>> {
    let texts: Vec<String> = serde_json::from_str(json)?;
    // A scope of another version of the product grants nothing here.
    Ok(texts.iter().filter_map(|text| Scope::parse(text)).collect())
}

/// The caller's tokens that still work, the newest first.
pub async fn list(ctx: &Ctx) -> Result<Vec<wire::Token>> {
    let person = ctx.account(false)?;
    let rows = personal_token::Entity::find()
        .filter(personal_token::Column::UserId.eq(person.id.uuid()))
        .filter(personal_token::Column::RevokedAt.is_null())
        .order_by_desc(personal_token::Column::CreatedAt)
        .all(ctx.db())
        .await?;
    rows.into_iter().map(shown).collect()
}

fn shown(row: personal_token::Model) -> Result<wire::Token> {
    Ok(wire::Token {
        id: row.id.into(),
        name: row.name,
        display_id: row.display_id,
        scopes: serde_json::from_str(&row.scopes)?,
        created_at: row.created_at,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
    })
}

/// Makes a token for the caller. A token cannot make one with more scopes than its own.
pub async fn create(ctx: &Ctx, input: wire::CreateToken) -> Result<wire::NewToken> {
    let person = ctx.account(true)?;
    let mut check = Check::new();
    let name = check.parse::<DisplayName>("/name", &input.name);
    let scopes = checked_scopes(&mut check, &input.scopes, person.scopes.as_deref());
    let days = input.expires_in_days;
    check.that((1..=LONGEST).contains(&days), "/expires_in_days", || {
        format!("Choose 1 to {LONGEST} days.")
    });
    let (name,) = check.all((name,))?;
    let wanted = Wanted {
        name,
        scopes,
        expires_at: ctx.now + Duration::days(days.into()),
    };
    issue(ctx, person.id, wanted).await
}

/// A token that the product itself makes for somebody.
#[derive(Debug, Clone)]
pub struct TokenFor {
    /// Mail address of the account.
    pub email: String,
    pub name: String,
    pub scopes: Vec<String>,
    pub expires_at: DateTime<Utc>,
}

/// Makes a token for an account: the command line's `portunus token`. What is wrong is named by
/// the members of [`TokenFor`].
pub async fn create_for(ctx: &Ctx, input: TokenFor) -> Result<wire::NewToken> {
    let user = match input.email.parse::<EmailAddress>() {
        Ok(address) => founding::find_account(ctx.db(), &address.key()).await?,
        Err(_) => None,
    };
    let user = user.filter(|user| user.disabled_at.is_none());
    let mut check = Check::new();
    check.that(user.is_some(), "/email", || {
        "No account has this address.".to_owned()
    });
    let name = check.parse::<DisplayName>("/name", &input.name);
    let scopes = checked_scopes(&mut check, &input.scopes, None);
    let longest = ctx.now + Duration::days(LONGEST.into());
    let within = ctx.now < input.expires_at && input.expires_at <= longest;
    check.that(within, "/expires_at", || {
        format!("A token is good for at most {LONGEST} days.")
    });
    let (user, name) = check.all((user, name))?;
    let wanted = Wanted {
        name,
        scopes,
        expires_at: input.expires_at,
    };
    issue(ctx, user.id.into(), wanted).await
}

/// A token as it may be made.
struct Wanted {
    name: DisplayName,
    scopes: Vec<String>,
    expires_at: DateTime<Utc>,
}

async fn issue(ctx: &Ctx, user: UserId, wanted: Wanted) -> Result<wire::NewToken> {
    let value = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(ctx.random::<32>()?));
    let write = Write::begin(ctx).await?;
    let held = personal_token::Entity::find()
        .filter(personal_token::Column::UserId.eq(user.uuid()))
        .filter(personal_token::Column::RevokedAt.is_null())
        .count(write.tx())
        .await?;
    if held >= MOST {
        return Err(Error::new(
            Code::LimitReached,
            format!("An account has at most {MOST} tokens. Withdraw one first."),
        ));
    }
    let id: TokenId = ctx.id()?;
    let row = personal_token::ActiveModel {
        id: Set(id.into()),
        user_id: Set(user.into()),
        name: Set(wanted.name.to_string()),
        display_id: Set(value[..SHOWN].to_owned()),
        digest: Set(digest(value.as_bytes())),
        scopes: Set(serde_json::to_string(&wanted.scopes)?),
        created_at: Set(ctx.now),
        expires_at: Set(Some(wanted.expires_at)),
        last_used_at: Set(None),
        revoked_at: Set(None),
    };
    let token = shown(row.insert(write.tx()).await?)?;
    write
        .audit(Audit::new("token.create", "token", id).after(&token))
        .await?;
    write.commit().await?;
    Ok(wire::NewToken { token, value })
}

fn checked_scopes(check: &mut Check, texts: &[String], within: Option<&[Scope]>) -> Vec<String> {
    check.that(!texts.is_empty(), "/scopes", || {
        "Choose at least one scope.".to_owned()
    });
    let mut scopes = Vec::new();
    for (index, text) in texts.iter().enumerate().take(64) {
        let allowed = |scope: &Scope| {
            within.is_none_or(|held| {
                held.iter()
                    .any(|own| own.resource == scope.resource && (own.write || !scope.write))
            })
        };
        match Scope::parse(text) {
            Some(scope) if allowed(&scope) => scopes.push(scope),
            Some(_) => check.add(Invalid::new(
                format!("/scopes/{index}"),
                "This token does not have that scope itself.",
            )),
            None => check.add(Invalid::new(
                format!("/scopes/{index}"),
                "Write <resource>:read or <resource>:write.",
            )),
        }
    }
    scopes.sort_unstable();
    scopes.dedup();
    scopes.iter().map(ToString::to_string).collect()
}

/// Withdraws one of the caller's tokens; it fails from the next request on.
pub async fn revoke(ctx: &Ctx, id: TokenId) -> Result<()> {
    let person = ctx.account(true)?;
    let write = Write::begin(ctx).await?;
    let revoked = personal_token::Entity::update_many()
        .col_expr(personal_token::Column::RevokedAt, ctx.now.into())
        .filter(personal_token::Column::Id.eq(id.uuid()))
        .filter(personal_token::Column::UserId.eq(person.id.uuid()))
        .filter(personal_token::Column::RevokedAt.is_null())
        .exec(write.tx())
        .await?;
    if revoked.rows_affected == 0 {
        return Err(Error::not_found());
    }
    write.audit(Audit::new("token.revoke", "token", id)).await?;
    write.commit().await
}
