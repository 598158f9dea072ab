//! One change: everything that a use-case writes, with its audit, event and change rows, in one
//! transaction whose commit order is the order of changes.
//!
//! No argon2, mail or HTTP while a [`Write`] is open: it holds the one place for writers.

use domain::id::{EventId, OrganizationId};
use domain::problem::Code;
use domain::snapshot::Kind;
use entity::database::begin_write;
use sea_orm::{ActiveValue::Set, DatabaseTransaction, EntityTrait};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::audit_chain;
use crate::ctx::Ctx;
use crate::error::{Error, Result};

/// What an audit row says, besides who and when.
#[derive(Debug, Clone)]
pub struct Audit {
    /// The organization whose chain it belongs to; `None` is the platform's.
    pub organization: Option<OrganizationId>,
    /// `team.create`, `session.refuse`: object and verb.
    pub action: &'static str,
    pub object_kind: &'static str,
    pub object: Option<Uuid>,
    /// Never with a secret in it.
    pub before: Value,
    pub after: Value,
}

impl Audit {
    pub fn new(action: &'static str, object_kind: &'static str, object: impl Into<Uuid>) -> Self {
        Self {
            organization: None,
            action,
            object_kind,
            object: Some(object.into()),
            before: Value::Null,
            after: Value::Null,
        }
    }

    #[must_use]
    pub fn of(mut self, organization: OrganizationId) -> Self {
        self.organization = Some(organization);
        self
    }

    /// What was there. Give it what the reader needs, not the row: no secrets, no digests.
    #[must_use]
    pub fn before(mut self, value: impl Serialize) -> Self {
        self.before = serde_json::to_value(value).unwrap_or_default();
        self
    }

    #[must_use]
    pub fn after(mut self, value: impl Serialize) -> Self {
        self.after = serde_json::to_value(value).unwrap_or_default();
        self
    }
}

/// Something that people or webhooks may want to hear of.
#[derive(Debug, Clone)]
pub struct Event {
    /// `subscription.requested`, `subscription.approved`, …
    pub kind: &'static str,
    pub organization: Option<OrganizationId>,
    pub object_kind: &'static str,
    pub object: Uuid,
    pub payload: Value,
}

/// An open write transaction. Dropped without [`Self::commit`] it changes nothing.
#[derive(Debug)]
pub struct Write<'c> {
    ctx: &'c Ctx,
    tx: DatabaseTransaction,
    newest: Option<u64>,
    mail: bool,
}

impl<'c> Write<'c> {
    /// Waits for its turn: immediate on SQLite, one advisory lock on PostgreSQL.
    pub async fn begin(ctx: &'c Ctx) -> Result<Self> {
        let tx = begin_write(&ctx.plane.databases.main).await?;
        Ok(Self {
            ctx,
            tx,
            newest: None,
            mail: false,
        })
    }

    /// To read and write with. What was read before `begin` may be stale: read it again here.
    pub fn tx(&self) -> &DatabaseTransaction {
        &self.tx
    }

    pub fn ctx(&self) -> &'c Ctx {
        self.ctx
    }

    /// Appends to the audit chain.
    pub async fn audit(&self, audit: Audit) -> Result<()> {
        audit_chain::append(self.ctx, &self.tx, audit).await
    }

    /// Appends an event; its mails are made after the commit.
    pub async fn event(&mut self, event: Event) -> Result<EventId> {
        let id: EventId = self.ctx.id()?;
        let row = entity::event::ActiveModel {
            id: Set(id.into()),
            kind: Set(event.kind.to_owned()),
            organization_id: Set(event.organization.map(Into::into)),
            actor_id: Set(self.ctx.user_id().map(Into::into)),
            object_kind: Set(event.object_kind.to_owned()),
            object_id: Set(Some(event.object)),
            payload: Set(event.payload.to_string()),
            at: Set(self.ctx.now),
            mailed_at: Set(None),
        };
        entity::event::Entity::insert(row)
            .exec_without_returning(&self.tx)
            .await?;
        self.mail = true;
        Ok(id)
    }

    /// Tells gateways that `id` changed or is gone.
    pub async fn changed(&mut self, kind: Kind, id: impl Into<Uuid>) -> Result<()> {
        let number = entity::change::append(&self.tx, kind, id.into(), self.ctx.now).await?;
        self.newest = Some(number);
        Ok(())
    }

    /// The outbox has something new.
    pub fn mailed(&mut self) {
        self.mail = true;
    }

    /// Commits, then tells the gateway and the mail worker of this process.
    pub async fn commit(self) -> Result<()> {
        self.tx.commit().await?;
        if let Some(newest) = self.newest {
            self.ctx.plane.changes.send_if_modified(|seen| {
                let newer = newest > *seen;
                *seen = newest.max(*seen);
                newer
            });
        }
        if self.mail {
            self.ctx.plane.mail.notify_one();
        }
        Ok(())
    }
}

/// `Err` (412) if `If-Match` named another state of the row than the present one.
pub fn expect(if_match: Option<i64>, etag: i64) -> Result<()> {
    match if_match {
        Some(wanted) if wanted != etag => Err(Error::new(
            Code::PreconditionFailed,
            "Someone changed it since you read it.",
        )),
        Some(_) | None => Ok(()),
    }
}
