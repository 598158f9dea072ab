//! Lists that are fetched: each by one process of the portal, which claims it for that time. What
//! was fetched last stays while a source does not answer, or answers nonsense.

use chrono::{DateTime, Duration, Utc};
use domain::actor::Action;
use domain::id::{IpListId, OrganizationId};
use domain::ip_list::{self, MAX_BYTES, Source};
use domain::problem::Code;
use domain::snapshot::Kind;
use domain::wire::ip_lists::IpList;
use entity::{ip_list as rows, setting};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::ready::{self, Ready};
use super::{load, show, summary};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::outgoing::{Fetched, Reach};
use crate::write::{Audit, Write};

/// Lists that are fetched at a time, and those of one organization: its slow servers hold up no
/// other's.
const AT_ONCE: usize = 8;
const OF_ONE: usize = 2;
/// While some are fetched, others that become due are looked for so often.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(5);
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
    write.commit().await?;
    show(ctx, row).await
}

/// How long a source is left alone.
pub(super) fn every(source: &Source) -> Duration {
    Duration::milliseconds(i64::try_from(source.every.as_millis()).unwrap_or(i64::MAX))
}

/// Fetches what is due, and what becomes due meanwhile. Says of how many lists something was
/// learned.
pub async fn due(ctx: &Ctx) -> Result<u64> {
    // Tasks of their own: what holds the lock of writers goes on while this waits for it.
    let (mut under_way, mut owners) = (JoinSet::new(), Owners::default());
    let (mut learned, mut failed) = (0, None);
    loop {
        while under_way.len() < AT_ONCE && failed.is_none() {
            match claim(ctx, &owners).await {
                Ok(Some(row)) => {
                    owners.0.push(row.organization_id);
                    under_way.spawn(one(ctx.clone(), row));
                }
                Ok(None) => break,
                Err(error) => failed = Some(error),
            }
        }
        let goes_on = !under_way.is_empty();
        tokio::select! {
            Some(done) = under_way.join_next() => {
                let done = done.map_err(Error::internal).and_then(|(owner, done)| {
                    owners.leave(owner);
                    done
                });
                match done {
                    Ok(is_learned) => learned += u64::from(is_learned),
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
            () = tokio::time::sleep(LOOK_EVERY), if goes_on && failed.is_none() => {}
            else => return failed.map_or(Ok(learned), Err),
        }
    }
}

/// The organization of each list that is being fetched.
#[derive(Default)]
struct Owners(Vec<Uuid>);

impl Owners {
    fn leave(&mut self, owner: Uuid) {
        if let Some(at) = self.0.iter().position(|one| *one == owner) {
            self.0.swap_remove(at);
        }
    }

    /// Those of which no more are fetched for now.
    fn busy(&self) -> Vec<Uuid> {
        let count = |owner: &Uuid| self.0.iter().filter(|one| *one == owner).count();
        let busy = self.0.iter().filter(|owner| count(owner) >= OF_ONE);
        busy.copied().collect()
    }
}

/// Claims the list that has been due for longest, from now on.
async fn claim(ctx: &Ctx, owners: &Owners) -> Result<Option<rows::Model>> {
    loop {
        let now = ctx.plane.clock.now();
        let due = rows::Entity::due(now)
            .filter(rows::Column::OrganizationId.is_not_in(owners.busy()))
            .order_by_asc(rows::Column::NextAt)
            .order_by_asc(rows::Column::Id)
            .one(ctx.db())
            .await?;
        let Some(due) = due else { return Ok(None) };
        let claimed = rows::Entity::update_many()
            .col_expr(rows::Column::NextAt, (now + CLAIMED).into())
            .col_expr(rows::Column::TriedAt, now.into())
            .filter(rows::Column::Id.eq(due.id))
            .filter(rows::Column::NextAt.lte(now))
            .exec(ctx.db())
            .await?;
        if claimed.rows_affected == 0 {
            // Another process has it.
            continue;
        }
        // As it is now: it may have got another address since it was found.
        let row = rows::Entity::find_by_id(due.id).one(ctx.db()).await?;
        if row.is_some() {
            return Ok(row);
        }
    }
}

/// Fetches a list that was claimed. Says whose it is, and whether something was learned.
async fn one(ctx: Ctx, row: rows::Model) -> (Uuid, Result<bool>) {
    (row.organization_id, learn(&ctx, &row).await)
}

/// False: somebody changed it meanwhile.
async fn learn(ctx: &Ctx, row: &rows::Model) -> Result<bool> {
    let Some(source) = row.source()? else {
        return Ok(false);
    };
    let outcome = ask(ctx, row, &source).await?;
    settle(ctx, row, &source, outcome).await
}

/// What came of asking a source.
enum Outcome {
    /// It says so.
    Same,
    New {
        ready: Ready,
        tag: Option<String>,
        /// It is what stood in the list when that was asked for.
        is_same: bool,
    },
    Failed(String),
}

async fn ask(ctx: &Ctx, row: &rows::Model, source: &Source) -> Result<Outcome> {
    let Ok(url) = source.check() else {
        return Ok(Outcome::Failed("Its address is none any more.".to_owned()));
    };
    let allowed = setting::for_gateways(ctx.db()).await?;
    let reach = Reach {
        allowed: &allowed,
        own: &ctx.settings().own_addresses,
        patience: PATIENCE,
    };
    let (outgoing, tag) = (&ctx.plane.outgoing, row.source_tag.as_deref());
    let (body, tag) = match outgoing.fetch(&reach, &url, tag, MAX_BYTES).await {
        Ok(Fetched::Same) => return Ok(Outcome::Same),
        Ok(Fetched::New { body, tag }) => (body, tag),
        Err(why) => return Ok(Outcome::Failed(format!("The server gave nothing. {why}"))),
    };
    let Ok(text) = String::from_utf8(body) else {
        return Ok(Outcome::Failed("Its answer is not UTF-8.".to_owned()));
    };
    let now = ctx.plane.clock.now();
    let ready = match ready::apart(move || read(&text, now)).await? {
        Ok(ready) => ready,
        Err(error) => return told(error).map(Outcome::Failed),
    };
    let is_same = ready.is_stored(ctx.db(), row.id).await?;
    Ok(Outcome::New {
        ready,
        tag,
        is_same,
    })
}

/// An answer, ready to be stored.
fn read(text: &str, now: DateTime<Utc>) -> Result<Ready> {
    let entries = ip_list::read(text).map_err(|wrong| {
        let first = wrong.into_iter().next().map(|one| one.message);
        let first = first.unwrap_or_default();
        Error::field("", format!("Its answer is no list. {first}"))
    })?;
    // A file that broke off, or a server that lost it: nobody means to take all of it back.
    if entries.is_empty() {
        return Err(Error::field("", "Its answer has no network in it."));
    }
    Ready::of(entries, now, "")
}

/// What is wrong with an answer, in words. `Err`: nothing is, it is our own fault.
fn told(error: Error) -> Result<String> {
    if error.code == Code::Internal {
        return Err(error);
    }
    let wrong = error.invalid.into_iter().next();
    Ok(wrong.map_or(error.detail, |wrong| wrong.message))
}

/// Writes down what came of it.
async fn settle(ctx: &Ctx, asked: &rows::Model, of: &Source, outcome: Outcome) -> Result<bool> {
    // The fetch has taken its time.
    let ctx = &Ctx {
        now: ctx.plane.clock.now(),
        ..ctx.clone()
    };
    let mut write = Write::begin(ctx).await?;
    let row = rows::Entity::find_by_id(asked.id).one(write.tx()).await?;
    // Whoever gave it another address, or claimed it since, makes nothing of this answer: it may be
    // that to an older question.
    let Some(row) = row.filter(|row| row.tried_at == asked.tried_at) else {
        return Ok(false);
    };
    let Some(source) = row.source()?.filter(|source| source.url == of.url) else {
        return Ok(false);
    };
    let before = summary(&row, None)?;
    let mut active: rows::ActiveModel = row.clone().into();
    let mut digest = None;
    let problem = match outcome {
        Outcome::Failed(why) => Some(why),
        Outcome::Same => None,
        Outcome::New {
            ready,
            tag,
            is_same,
        } => {
            let is_same = match row.etag == asked.etag {
                true => is_same,
                false => ready.is_stored(write.tx(), row.id).await?,
            };
            let new = ready.digest.clone();
            let put = match is_same {
                true => Ok(()),
                false => ready.put(&write, &row, &mut active).await,
            };
            match put {
                Ok(()) => {
                    active.source_tag = Set(tag);
                    digest = (!is_same).then_some(new);
                    None
                }
                // Its tag stays what it was: it is to be read again once there is room for it.
                Err(error) => Some(told(error)?),
            }
        }
    };
    note(&mut active, &row, &source, problem, ctx.now);
    let row = active.update(write.tx()).await?;
    if let Some(digest) = digest {
        let audit = Audit::new("ip_list.fetch", "ip_list", row.id).of(row.organization_id.into());
        let after = summary(&row, Some(&digest))?;
        write.audit(audit.before(before).after(after)).await?;
        write.changed(Kind::IpList, row.id).await?;
    }
    write.commit().await?;
    Ok(true)
}

/// Notes how it went, and when it is tried again.
fn note(
    active: &mut rows::ActiveModel,
    row: &rows::Model,
    source: &Source,
    problem: Option<String>,
    now: DateTime<Utc>,
) {
    let every = every(source);
    match problem {
        None => {
            active.fetched_at = Set(Some(now));
            active.problem = Set(None);
            active.failures = Set(0);
            active.next_at = Set(Some(now + every));
        }
        Some(problem) => {
            let failures = u32::try_from(row.failures).unwrap_or(0);
            let doubled = AGAIN * 2_i32.pow(failures.min(12));
            active.problem = Set(Some(problem.chars().take(MAX_PROBLEM).collect()));
            active.failures = Set(row.failures.saturating_add(1));
            active.next_at = Set(Some(now + doubled.min(every)));
        }
    }
}
