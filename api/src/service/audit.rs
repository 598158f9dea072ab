//! Reading, exporting and verifying the audit.

use chrono::{DateTime, Utc};
use domain::actor::Action;
use domain::hex::hex;
use domain::id::OrganizationId;
use domain::wire::platform as wire;
use domain::wire::{Page, Paging};
use entity::{audit, audit_head, audit_person, organization, user};
use futures::{Stream, stream};
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

use crate::audit_chain::{BEGIN, GENESIS, fits, head};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::paging::Window;

/// Rows loaded at once by export and verification.
const BATCH: u64 = 500;

/// Which chain: an organization's (its admins), or the platform's (the operator).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    Organization(OrganizationId),
    Platform,
}

impl Chain {
    fn id(self) -> Uuid {
        match self {
            Self::Organization(id) => id.uuid(),
            Self::Platform => Uuid::nil(),
        }
    }

    fn admit(self, ctx: &Ctx) -> Result<()> {
        match self {
            Self::Organization(id) => ctx.may(Action::ReadAudit, id, None),
            Self::Platform => ctx.operate(false),
        }
    }
}

/// The newest first.
pub async fn list(
    ctx: &Ctx,
    chain: Chain,
    filter: &wire::AuditFilter,
    paging: &Paging,
) -> Result<Page<wire::AuditEntry>> {
    chain.admit(ctx)?;
    let window = Window::<i64>::new(paging)?;
    let mut query = filtered(chain, filter)
        .order_by_desc(audit::Column::Sequence)
        .limit(window.fetch());
    if let Some(after) = window.after {
        query = query.filter(audit::Column::Sequence.lt(after));
    }
    let page = window.page(query.all(ctx.db()).await?, |row| row.sequence);
    Ok(Page {
        items: named(ctx, page.items).await?,
        next: page.next,
    })
}

fn filtered(chain: Chain, filter: &wire::AuditFilter) -> Select<audit::Entity> {
    let mut query = audit::Entity::find().filter(audit::Column::Chain.eq(chain.id()));
    if let Some(actor) = filter.actor {
        query = query.filter(audit::Column::ActorId.eq(actor.uuid()));
    }
    if let Some(action) = &filter.action {
        query = match action.contains('.') {
            true => query.filter(audit::Column::Action.eq(action.as_str())),
            // The letters of an action are `a-z_.`; anything else cannot match and is no wildcard.
            false => query
                .filter(audit::Column::Action.between(format!("{action}."), format!("{action}/"))),
        };
    }
    if let Some(object) = filter.object {
        query = query.filter(audit::Column::ObjectId.eq(object));
    }
    if let Some(from) = filter.from {
        query = query.filter(audit::Column::At.gte(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(audit::Column::At.lt(to));
    }
    query
}

/// Rows with the names that lie beside them.
async fn named(ctx: &Ctx, rows: Vec<audit::Model>) -> Result<Vec<wire::AuditEntry>> {
    let Some(chain) = rows.first().map(|row| row.chain) else {
        return Ok(Vec::new());
    };
    let people = audit_person::Entity::find()
        .filter(audit_person::Column::Chain.eq(chain))
        .filter(audit_person::Column::Sequence.is_in(rows.iter().map(|row| row.sequence)))
        .all(ctx.db())
        .await?;
    let mut people: HashMap<i64, audit_person::Model> = people
        .into_iter()
        .map(|person| (person.sequence, person))
        .collect();
    Ok(rows
        .into_iter()
        .map(|row| {
            let person = people.remove(&row.sequence);
            entry(row, person)
        })
        .collect())
}

fn entry(row: audit::Model, person: Option<audit_person::Model>) -> wire::AuditEntry {
    let (name, email, address) = person
        .map(|person| (person.name, person.email, person.address))
        .unwrap_or_default();
    wire::AuditEntry {
        chain: row.chain,
        sequence: row.sequence,
        at: row.at,
        actor_kind: row.actor_kind,
        actor: row.actor_id.map(Into::into),
        actor_name: name,
        actor_email: email,
        address,
        action: row.action,
        object_kind: row.object_kind,
        object: row.object_id,
        before: serde_json::from_str(&row.before).unwrap_or_default(),
        after: serde_json::from_str(&row.after).unwrap_or_default(),
        request_id: row.request_id,
    }
}

/// One JSON object a line, the oldest first, however many there are.
pub fn export(
    ctx: Ctx,
    chain: Chain,
    filter: wire::AuditFilter,
) -> Result<impl Stream<Item = Result<String>> + Send> {
    chain.admit(&ctx)?;
    let batches = stream::try_unfold(
        (ctx, filter, 0_i64),
        move |(ctx, filter, last)| async move {
            let query = filtered(chain, &filter).filter(audit::Column::Sequence.gt(last));
            let rows = query
                .order_by_asc(audit::Column::Sequence)
                .limit(BATCH)
                .all(ctx.db())
                .await?;
            let Some(newest) = rows.last().map(|row| row.sequence) else {
                return Ok(None);
            };
            let mut lines = String::new();
            for entry in named(&ctx, rows).await? {
                lines.push_str(&serde_json::to_string(&entry)?);
                lines.push('\n');
            }
            Ok(Some((lines, (ctx, filter, newest))))
        },
    );
    Ok(batches)
}

/// Checks a chain from its first row to its last, and that its last is the one that we wrote last.
pub async fn verify(ctx: &Ctx, chain: Chain) -> Result<wire::AuditVerdict> {
    chain.admit(ctx)?;
    let keys = ctx.portal_ring().derive_all("audit");
    // Read before the rows: what is appended meanwhile comes after it.
    let end = head::read(ctx, ctx.db(), chain.id()).await?;
    let oldest = oldest(ctx, chain).await?;
    let (mut rows, mut previous) = (0_i64, GENESIS.to_vec());
    if !has_begun_once(ctx, chain).await? {
        return Ok(verdict(0, Some(1), &previous));
    }
    loop {
        let batch = audit::Entity::find()
            .filter(audit::Column::Chain.eq(chain.id()))
            .filter(audit::Column::Sequence.gt(rows))
            .order_by_asc(audit::Column::Sequence)
            .limit(BATCH)
            .all(ctx.db())
            .await?;
        if batch.is_empty() {
            let whole = match &end {
                Some(end) => rows >= end.sequence,
                // Before the first account there is nothing that the platform's would tell of.
                None => rows == 0 && chain == Chain::Platform && oldest.is_none(),
            };
            let broken_at = (!whole).then_some(rows + 1);
            return Ok(verdict(rows, broken_at, &previous));
        }
        for row in batch {
            let ends = end.as_ref().filter(|end| end.sequence == row.sequence);
            let late = rows == 0 && oldest.is_some_and(|oldest| row.at > oldest);
            if late
                || !fits(&keys, &row, rows + 1, &previous)?
                || ends.is_some_and(|end| end.hash != row.hash)
            {
                return Ok(verdict(rows, Some(rows + 1), &previous));
            }
            rows = row.sequence;
            previous = row.hash;
        }
    }
}

/// Whether the platform's chain says once that this chain began: never said, the saying was taken
/// away; twice, the first chain was.
async fn has_begun_once(ctx: &Ctx, chain: Chain) -> Result<bool> {
    let Chain::Organization(id) = chain else {
        return Ok(true);
    };
    let begun = begins().filter(audit::Column::ObjectId.eq(id.uuid()));
    Ok(begun.count(ctx.db()).await? == 1)
}

fn begins() -> Select<audit::Entity> {
    audit::Entity::find()
        .filter(audit::Column::Chain.eq(Chain::Platform.id()))
        .filter(audit::Column::Action.eq(BEGIN))
}

/// When the first thing was made whose making is in the chain. A chain that begins later was begun
/// anew, after all of it was taken away.
async fn oldest(ctx: &Ctx, chain: Chain) -> Result<Option<DateTime<Utc>>> {
    let db = ctx.db();
    Ok(match chain {
        Chain::Organization(id) => {
            let found = organization::Entity::find_by_id(id.uuid()).one(db).await?;
            found.map(|organization| organization.created_at)
        }
        Chain::Platform => {
            let accounts = user::Entity::find().order_by_asc(user::Column::CreatedAt);
            let found = accounts.one(db).await?;
            found.map(|account| account.created_at)
        }
    })
}

fn verdict(rows: i64, broken_at: Option<i64>, head: &[u8]) -> wire::AuditVerdict {
    wire::AuditVerdict {
        intact: broken_at.is_none(),
        rows,
        broken_at,
        head: hex(head),
    }
}

/// All chains that there must be, for `portunus audit verify` and the hourly note in the log: the
/// platform's, and those of all organizations that are there or were.
pub async fn chains(ctx: &Ctx) -> Result<Vec<Chain>> {
    ctx.operate(false)?;
    let organizations: Vec<Uuid> = organization::Entity::find()
        .select_only()
        .column(organization::Column::Id)
        .into_tuple()
        .all(ctx.db())
        .await?;
    let begun: Vec<Option<Uuid>> = begins()
        .select_only()
        .column(audit::Column::ObjectId)
        .into_tuple()
        .all(ctx.db())
        .await?;
    let written: Vec<Uuid> = audit::Entity::find()
        .select_only()
        .column(audit::Column::Chain)
        .group_by(audit::Column::Chain)
        .into_tuple()
        .all(ctx.db())
        .await?;
    let ended: Vec<Uuid> = audit_head::Entity::find()
        .select_only()
        .column(audit_head::Column::Chain)
        .into_tuple()
        .all(ctx.db())
        .await?;
    let known = organizations
        .into_iter()
        .chain(begun.into_iter().flatten())
        .chain(written)
        .chain(ended);
    let known: BTreeSet<Uuid> = known.filter(|id| !id.is_nil()).collect();
    let known = known.into_iter().map(|id| Chain::Organization(id.into()));
    Ok(std::iter::once(Chain::Platform).chain(known).collect())
}

/// The last row of a chain: its number and hash in hex. Written to the log, it makes visible that
/// a chain was put back, with its end, to what it was at an earlier moment.
pub async fn head(ctx: &Ctx, chain: Chain) -> Result<Option<(i64, String)>> {
    chain.admit(ctx)?;
    let end = head::read(ctx, ctx.db(), chain.id()).await?;
    Ok(end.map(|end| (end.sequence, hex(&end.hash))))
}
