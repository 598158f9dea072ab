//! Lists that are fetched: each by one process of the portal, which claims it for that time. What
//! was fetched last stays while a source does not answer, or answers nonsense.

use chrono::Duration;
use domain::actor::Action;
use domain::id::{IpListId, OrganizationId};
use domain::ip_list::{Entries, MAX_BYTES, Source};
use domain::problem::Code;
use domain::snapshot::{self, Kind};
use domain::wire::ip_lists::IpList;
use entity::{ip_list as rows, setting};
use futures::StreamExt;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::entries::{content, keep, read};
use super::{load, show, summary};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::outgoing::{Fetched, Reach};
use crate::write::{Audit, Write};

/// Lists that one run takes on, and fetches at a time.
const BATCH: u64 = 100;
const AT_ONCE: usize = 8;
/// Whoever has claimed a list is done with it by then, or gone.
const CLAIMED: Duration = Duration::minutes(2);
/// After a failure, doubled with each further one.
const AGAIN: Duration = Duration::minutes(1);
/// How long a fetch takes at most.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
/// Between two tries that people ask for.
const APART: Duration = Duration::minutes(1);
/// Longest word about a failure, in characters.
const MAX_PROBLEM: usize = 300;

/// Lets a list be fetched as soon as may be: the job that does it looks often.
pub async fn refresh(ctx: &Ctx, organization: OrganizationId, id: IpListId) -> Result<IpList> {
    ctx.may(Action::EditOrganization, organization, None)?;
    let write = Write::begin(ctx).await?;
    let row = load(ctx, write.tx(), organization, id, Action::EditOrganization).await?;
    if row.source.is_none() {
        let detail = "This list has no address that it is fetched from.";
        return Err(Error::new(Code::Conflict, detail));
    }
    let soon = row.tried_at.map_or(ctx.now, |tried| tried + APART);
    let soon = soon.max(ctx.now);
    let next = row.next_at.map_or(soon, |next| next.min(soon));
    let mut active: rows::ActiveModel = row.into();
    active.next_at = Set(Some(next));
    let row = active.update(write.tx()).await?;
    let shown = show(write.tx(), row).await?;
    write.commit().await?;
    Ok(shown)
}

/// Fetches what is due. Says of how many lists something was learned.
pub async fn due(ctx: &Ctx) -> Result<u64> {
    let due = rows::Entity::due(ctx.now)
        .order_by_asc(rows::Column::NextAt)
        .limit(BATCH)
        .all(ctx.db())
        .await?;
    if due.is_empty() {
        return Ok(0);
    }
    let allowed = setting::for_gateways(ctx.db()).await?;
    let each = due.into_iter().map(|row| one(ctx, &allowed, row));
    let mut each = futures::stream::iter(each).buffer_unordered(AT_ONCE);
    let (mut learned, mut failed) = (0, None);
    while let Some(done) = each.next().await {
        match done {
            Ok(is_ours) => learned += u64::from(is_ours),
            // One that cannot be written holds up no other.
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(learned), Err)
}

/// What came of asking a source.
enum Outcome {
    Same,
    New(Entries, Option<String>),
    Failed(String),
}

/// False: another process has it, or somebody changed it meanwhile.
async fn one(ctx: &Ctx, allowed: &snapshot::Settings, row: rows::Model) -> Result<bool> {
    let claimed = rows::Entity::update_many()
        .col_expr(rows::Column::NextAt, (ctx.now + CLAIMED).into())
        .col_expr(rows::Column::TriedAt, ctx.now.into())
        .filter(rows::Column::Id.eq(row.id))
        .filter(rows::Column::NextAt.lte(ctx.now))
        .exec(ctx.db())
        .await?;
    let Some(source) = row.source()?.filter(|_| claimed.rows_affected == 1) else {
        return Ok(false);
    };
    let outcome = ask(ctx, allowed, &source, row.source_tag.as_deref()).await?;
    settle(ctx, row, &source, outcome).await
}

async fn ask(
    ctx: &Ctx,
    allowed: &snapshot::Settings,
    source: &Source,
    tag: Option<&str>,
) -> Result<Outcome> {
    let Ok(url) = source.check() else {
        return Ok(Outcome::Failed("Its address is none any more.".to_owned()));
    };
    let reach = Reach {
        allowed,
        own: &ctx.settings().own_addresses,
        patience: PATIENCE,
    };
    let fetched = ctx.plane.outgoing.fetch(&reach, &url, tag, MAX_BYTES).await;
    let (body, tag) = match fetched {
        Ok(Fetched::Same) => return Ok(Outcome::Same),
        Ok(Fetched::New { body, tag }) => (body, tag),
        Err(why) => return Ok(Outcome::Failed(format!("The server gave nothing. {why}"))),
    };
    let Ok(text) = String::from_utf8(body) else {
        return Ok(Outcome::Failed("Its answer is not UTF-8.".to_owned()));
    };
    Ok(match read(text).await? {
        Err(wrong) => {
            let first = wrong.into_iter().next().map(|one| one.message);
            let first = first.unwrap_or_default();
            Outcome::Failed(format!("Its answer is no list. {first}"))
        }
        // A file that broke off, or a server that lost it: nobody means to take all of it back.
        Ok(entries) if entries.is_empty() => {
            Outcome::Failed("Its answer has no network in it.".to_owned())
        }
        Ok(entries) => Outcome::New(entries, tag),
    })
}

/// Writes down what came of it.
async fn settle(ctx: &Ctx, asked: rows::Model, source: &Source, outcome: Outcome) -> Result<bool> {
    // The fetch has taken its time.
    let ctx = &Ctx {
        now: ctx.plane.clock.now(),
        ..ctx.clone()
    };
    let mut write = Write::begin(ctx).await?;
    let row = rows::Entity::find_by_id(asked.id).one(write.tx()).await?;
    let Some(row) = row.filter(|row| row.source == asked.source) else {
        return Ok(false);
    };
    let before = summary(&row, None);
    let failures = row.failures;
    let mut active: rows::ActiveModel = row.clone().into();
    let mut digest = None;
    let problem = match outcome {
        Outcome::Failed(why) => Some(why),
        Outcome::Same => None,
        Outcome::New(entries, tag) => {
            active.source_tag = Set(tag);
            let mut lasting = entries;
            lasting.drop_ended(ctx.now);
            if lasting == content(write.tx(), row.id).await? {
                None
            } else {
                match keep(&write, &row, lasting, "").await {
                    Ok(kept) => {
                        kept.note(&mut active);
                        digest = Some(kept.digest);
                        None
                    }
                    Err(error) if error.code == Code::Internal => return Err(error),
                    Err(error) => {
                        // It is to be read again once there is room for it.
                        active.source_tag = Set(row.source_tag.clone());
                        let wrong = error.invalid.into_iter().next();
                        Some(wrong.map_or(error.detail, |wrong| wrong.message))
                    }
                }
            }
        }
    };
    let every = Duration::milliseconds(i64::try_from(source.every.as_millis()).unwrap_or(i64::MAX));
    match problem {
        None => {
            active.fetched_at = Set(Some(ctx.now));
            active.problem = Set(None);
            active.failures = Set(0);
            active.next_at = Set(Some(ctx.now + every));
        }
        Some(problem) => {
            let doubled = AGAIN * 2_i32.pow(u32::try_from(failures).unwrap_or(0).min(12));
            active.problem = Set(Some(problem.chars().take(MAX_PROBLEM).collect()));
            active.failures = Set(failures.saturating_add(1));
            active.next_at = Set(Some(ctx.now + doubled.min(every)));
        }
    }
    let row = active.update(write.tx()).await?;
    if let Some(digest) = digest {
        let audit = Audit::new("ip_list.fetch", "ip_list", row.id).of(row.organization_id.into());
        let after = summary(&row, Some(&digest));
        write.audit(audit.before(before).after(after)).await?;
        write.changed(Kind::IpList, row.id).await?;
    }
    write.commit().await?;
    Ok(true)
}
