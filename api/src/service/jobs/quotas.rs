//! Tells consumers that a plan's quota is used up to 80 %, and wholly: once each period, by the
//! process that writes it down first.

use std::collections::HashSet;

use chrono::{DateTime, Duration, Utc};
use domain::policy::{Mode, Policy};
use entity::store::quota::{Total, above};
use entity::{plan, quota_notice, subscription};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::expiry::payload;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::write::{Event, Write};

/// Subjects looked at at once.
const PAGE: u64 = 500;
const PERCENTS: [(i32, &str); 2] = [
    (80, "subscription.quota_80"),
    (100, "subscription.quota_100"),
];
/// No period is longer.
const KEPT: Duration = Duration::days(400);

/// Says how many were told.
pub async fn warn(ctx: &Ctx) -> Result<u64> {
    quota_notice::Entity::delete_many()
        .filter(quota_notice::Column::ToldAt.lt(ctx.now - KEPT))
        .exec(ctx.db())
        .await?;
    let plans = plan::Entity::find()
        .filter(plan::Column::Policies.contains("\"quota\""))
        .all(ctx.db())
        .await?;
    let mut told = 0;
    for plan in plans {
        for policy in plan.policies()? {
            let Policy::Quota(quota) = &policy else {
                continue;
            };
            if quota.mode == Mode::Enforce {
                told += of_plan(ctx, plan.id, policy.name(), quota.limit).await?;
            }
        }
    }
    Ok(told)
}

async fn of_plan(ctx: &Ctx, plan: Uuid, name: &str, limit: u64) -> Result<u64> {
    let traffic = &ctx.plane.databases.traffic;
    let least = part(limit, PERCENTS[0].0);
    let now = ctx.now.timestamp();
    let (mut after, mut told) = (Uuid::nil(), 0);
    loop {
        let page = above(traffic, (plan, name), least, now, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(told);
        };
        after = last.key.subject;
        let is_last = (page.len() as u64) < PAGE;
        let known = known(ctx.db(), plan, name, &page).await?;
        for total in &page {
            for (percent, kind) in PERCENTS {
                let key = (total.key.subject, total.key.period, percent);
                if total.total >= part(limit, percent) && !known.contains(&key) {
                    told += u64::from(tell(ctx, total, limit, percent, kind).await?);
                }
            }
        }
        if is_last {
            return Ok(told);
        }
    }
}

/// As many requests as so many percent are, and not fewer.
fn part(limit: u64, percent: i32) -> u64 {
    let part = u128::from(limit) * percent.unsigned_abs() as u128;
    u64::try_from(part.div_ceil(100)).unwrap_or(u64::MAX)
}

async fn known<C: ConnectionTrait>(
    db: &C,
    plan: Uuid,
    name: &str,
    page: &[Total],
) -> Result<HashSet<(Uuid, i64, i32)>> {
    let rows = quota_notice::Entity::find()
        .filter(quota_notice::Column::Attach.eq(plan))
        .filter(quota_notice::Column::Name.eq(name))
        .filter(quota_notice::Column::Subject.is_in(page.iter().map(|one| one.key.subject)))
        .all(db)
        .await?;
    let keys = rows.into_iter();
    Ok(keys
        .map(|row| (row.subject, row.period, row.percent))
        .collect())
}

async fn tell(
    ctx: &Ctx,
    total: &Total,
    limit: u64,
    percent: i32,
    kind: &'static str,
) -> Result<bool> {
    let key = &total.key;
    let mut write = Write::begin(ctx).await?;
    let Some(row) = subscription::Entity::find_by_id(key.subject)
        .one(write.tx())
        .await?
    else {
        return Ok(false);
    };
    let there = quota_notice::Entity::find_by_id((
        key.attach,
        key.name.clone(),
        key.period,
        key.subject,
        percent,
    ));
    if there.one(write.tx()).await?.is_some() {
        return Ok(false);
    }
    let notice = quota_notice::ActiveModel {
        attach: Set(key.attach),
        name: Set(key.name.clone()),
        period: Set(key.period),
        subject: Set(key.subject),
        percent: Set(percent),
        told_at: Set(ctx.now),
    };
    quota_notice::Entity::insert(notice)
        .exec_without_returning(write.tx())
        .await?;
    let mut payload = payload(write.tx(), &row).await?;
    payload["note"] = note(total, limit).into();
    payload["percent"] = percent.into();
    payload["used"] = total.total.into();
    payload["limit"] = limit.into();
    let event = Event {
        kind,
        organization: Some(row.consumer_id.into()),
        object_kind: "subscription",
        object: row.id,
        payload,
    };
    write.event(event).await?;
    write.commit().await?;
    Ok(true)
}

fn note(total: &Total, limit: u64) -> String {
    let until = DateTime::<Utc>::from_timestamp(total.until, 0).unwrap_or_default();
    format!(
        "{} of {limit} requests of the quota \"{}\" are used. It starts anew on {}.",
        total.total,
        total.key.name,
        until.format("%Y-%m-%d at %H:%M UTC")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_not_rounded_down() {
        for (limit, percent, wanted) in [
            (10, 80, 8),
            (9, 80, 8),
            (1, 80, 1),
            (1000, 100, 1000),
            (u64::MAX, 100, u64::MAX),
        ] {
            assert_eq!(part(limit, percent), wanted);
        }
    }
}
