//! What the operator may change while everything runs: rows over the process's own settings.

use std::net::IpAddr;

use domain::snapshot::Kind;
use domain::wire::platform as wire;
use entity::setting;
use ipnet::IpNet;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, EntityTrait};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::settings::SignUp;
use crate::write::{Audit, Write, expect};

/// The settings that have rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    SignUp,
    RetentionDays,
    UpstreamAllow,
}

impl Name {
    pub const ALL: [Self; 3] = [Self::SignUp, Self::RetentionDays, Self::UpstreamAllow];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignUp => "sign_up",
            Self::RetentionDays => "retention_days",
            Self::UpstreamAllow => "upstream_allow",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }

    const fn help(self) -> &'static str {
        match self {
            Self::SignUp => {
                "Who may sign up without an invitation: open, invitation, or mail domains separated by commas."
            }
            Self::RetentionDays => "Days that the raw request log is kept: 1 to 90.",
            Self::UpstreamAllow => {
                "Networks that upstreams may lie in besides public addresses, separated by commas, like 10.0.0.0/8."
            }
        }
    }

    /// What holds without a row.
    fn default(self, ctx: &Ctx) -> Value {
        match self {
            Self::SignUp => json!(ctx.settings().sign_up.to_text()),
            Self::RetentionDays => json!(7),
            // Gateways read rows only: `prepare` writes one if this process was told any.
            Self::UpstreamAllow => json!([]),
        }
    }

    /// What the row holds for a text typed by the operator.
    fn read(self, text: &str) -> Option<Value> {
        match self {
            Self::SignUp => SignUp::parse(text).map(|mode| json!(mode.to_text())),
            Self::RetentionDays => {
                let days: u32 = text.trim().parse().ok()?;
                (1..=90).contains(&days).then(|| json!(days))
            }
            Self::UpstreamAllow => networks(text).map(|nets| json!(nets)),
        }
    }

    /// The text to edit.
    fn written(value: &Value) -> String {
        match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => items
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(", "),
            other => other.to_string(),
        }
    }
}

fn networks(text: &str) -> Option<Vec<IpNet>> {
    let parts = text
        .split([',', ' ', '\n', '\r'])
        .filter(|part| !part.is_empty());
    parts
        .map(|part| {
            part.parse()
                .or_else(|_| part.parse::<IpAddr>().map(IpNet::from))
                .ok()
        })
        .collect()
}

/// Who may sign up now.
pub async fn sign_up(ctx: &Ctx) -> Result<SignUp> {
    let row: Option<String> = setting::value(ctx.db(), Name::SignUp.as_str()).await?;
    match row {
        // A row that cannot be read closes sign-up rather than opening it.
        Some(text) => Ok(SignUp::parse(&text).unwrap_or(SignUp::Invitation)),
        None => Ok(ctx.settings().sign_up.clone()),
    }
}

/// Networks that upstreams may lie in besides public ones, as gateways load them.
pub async fn upstream_allow<C: ConnectionTrait>(_: &Ctx, db: &C) -> Result<Vec<IpNet>> {
    Ok(setting::value(db, Name::UpstreamAllow.as_str())
        .await?
        .unwrap_or_default())
}

/// Days that the raw request log is kept.
pub async fn retention_days(ctx: &Ctx) -> Result<u32> {
    let row: Option<u32> = setting::value(ctx.db(), Name::RetentionDays.as_str()).await?;
    Ok(row.unwrap_or(7))
}

/// At the start: puts what the process was told into rows that do not exist yet, because gateways
/// of other processes read them from there.
pub async fn prepare(ctx: &Ctx) -> Result<()> {
    let given = &ctx.settings().upstream_allow;
    let name = Name::UpstreamAllow;
    if given.is_empty()
        || setting::Entity::find_by_id(name.as_str())
            .one(ctx.db())
            .await?
            .is_some()
    {
        return Ok(());
    }
    let mut write = Write::begin(ctx).await?;
    if setting::Entity::find_by_id(name.as_str())
        .one(write.tx())
        .await?
        .is_none()
    {
        save(&mut write, name, None, &json!(given)).await?;
    }
    write.commit().await
}

/// All settings with rows. For the operator.
pub async fn list(ctx: &Ctx) -> Result<Vec<wire::Setting>> {
    ctx.operate(false)?;
    let rows = setting::Entity::find().all(ctx.db()).await?;
    let shown = Name::ALL.into_iter().map(|name| {
        let row = rows.iter().find(|row| row.name == name.as_str());
        shown(ctx, name, row)
    });
    shown.collect()
}

fn shown(ctx: &Ctx, name: Name, row: Option<&setting::Model>) -> Result<wire::Setting> {
    let value = match row {
        Some(row) => serde_json::from_str(&row.value)?,
        None => name.default(ctx),
    };
    Ok(wire::Setting {
        name: name.as_str().to_owned(),
        value: Name::written(&value),
        is_default: row.is_none(),
        help: name.help().to_owned(),
        updated_at: row.map(|row| row.updated_at),
        etag: row.map_or(0, |row| row.etag),
    })
}

/// Changes one setting. For the operator.
pub async fn edit(
    ctx: &Ctx,
    name: &str,
    if_match: Option<i64>,
    input: wire::EditSetting,
) -> Result<wire::Setting> {
    ctx.operate(true)?;
    let name = Name::parse(name).ok_or_else(Error::not_found)?;
    let value = name
        .read(&input.value)
        .ok_or_else(|| Error::field("/value", name.help()))?;
    let mut write = Write::begin(ctx).await?;
    let row = setting::Entity::find_by_id(name.as_str())
        .one(write.tx())
        .await?;
    expect(if_match, row.as_ref().map_or(0, |row| row.etag))?;
    let saved = save(&mut write, name, row, &value).await?;
    write.commit().await?;
    shown(ctx, name, Some(&saved))
}

async fn save(
    write: &mut Write<'_>,
    name: Name,
    row: Option<setting::Model>,
    value: &Value,
) -> Result<setting::Model> {
    let ctx = write.ctx();
    let before = shown(ctx, name, row.as_ref())?.value;
    let changed = setting::ActiveModel {
        name: Set(name.as_str().to_owned()),
        value: Set(value.to_string()),
        updated_at: Set(ctx.now),
        updated_by: Set(ctx.user_id().map(Into::into)),
        etag: Set(row.as_ref().map_or(0, |row| row.etag) + 1),
    };
    let saved = match row {
        Some(_) => changed.update(write.tx()).await?,
        None => changed.insert(write.tx()).await?,
    };
    let audit = Audit {
        object: None,
        ..Audit::new("setting.edit", "setting", Uuid::nil())
    };
    let told = json!({ name.as_str(): Name::written(value) });
    write
        .audit(audit.before(json!({ name.as_str(): before })).after(told))
        .await?;
    write.changed(Kind::Settings, Uuid::nil()).await?;
    Ok(saved)
}
