//! Tells consumers that a quota is used up to 80 %, and wholly: once each period, by the process that
//! writes it down first.

mod places;

use std::collections::HashSet;

use chrono::{DateTime, Duration, Utc};
use entity::store::quota::{Total, above};
use entity::{application, organization, quota_notice, subscription};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::expiry::payload;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::write::{Event, Write};
use places::{Outside, Place};

/// Subjects looked at at once.
const PAGE: u64 = 500;
/// In percent; the event of a subscription, and that of an application outside of plans.
const MARKS: [(i32, [&str; 2]); 2] = [
    (80, ["subscription.quota_80", "application.quota_80"]),
    (100, ["subscription.quota_100", "application.quota_100"]),
];
/// No period is longer.
const KEPT: Duration = Duration::days(400);

/// Says how many were told.
pub async fn warn(ctx: &Ctx) -> Result<u64> {
    quota_notice::Entity::delete_many()
        .filter(quota_notice::Column::ToldAt.lt(ctx.now - KEPT))
        .exec(ctx.db())
        .await?;
    let mut told = 0;
    for place in places::all(ctx).await? {
        told += at(ctx, &place).await?;
    }
    Ok(told)
}

async fn at(ctx: &Ctx, place: &Place) -> Result<u64> {
    let traffic = &ctx.plane.databases.traffic;
    let (attach, name, limit) = (place.attach, place.name.as_str(), place.limit);
    let least = part(limit, MARKS[0].0);
    let now = ctx.now.timestamp();
    let (mut after, mut told) = (Uuid::nil(), 0);
    loop {
        let page = above(traffic, (attach, name), least, now, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(told);
        };
        after = last.key.subject;
        let is_last = (page.len() as u64) < PAGE;
        let known = known(ctx.db(), place, &page).await?;
        let there = there(ctx.db(), place, &page).await?;
        for total in page.iter().filter(|one| there.contains(&one.key.subject)) {
            for (percent, kinds) in MARKS {
                let key = (total.key.subject, total.key.period, percent);
                if total.total >= part(limit, percent) && !known.contains(&key) {
                    told += u64::from(tell(ctx, place, total, percent, kinds).await?);
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
    place: &Place,
    page: &[Total],
) -> Result<HashSet<(Uuid, i64, i32)>> {
    let rows = quota_notice::Entity::find()
        .filter(quota_notice::Column::Attach.eq(place.attach))
        .filter(quota_notice::Column::Name.eq(place.name.as_str()))
        .filter(quota_notice::Column::Subject.is_in(page.iter().map(|one| one.key.subject)))
        .all(db)
        .await?;
    let keys = rows.into_iter();
    Ok(keys
        .map(|row| (row.subject, row.period, row.percent))
        .collect())
}

/// Subjects that are still there: for the others no transaction begins, minute after minute.
async fn there<C: ConnectionTrait>(db: &C, place: &Place, page: &[Total]) -> Result<HashSet<Uuid>> {
    let subjects = page.iter().map(|one| one.key.subject);
    let ids: Vec<Uuid> = match place.outside {
        None => {
            let query = subscription::Entity::find().select_only();
            let query = query.column(subscription::Column::Id);
            let query = query.filter(subscription::Column::Id.is_in(subjects));
            query.into_tuple().all(db).await?
        }
        Some(_) => {
            let query = application::Entity::find().select_only();
            let query = query.column(application::Column::Id);
            let query = query.filter(application::Column::Id.is_in(subjects));
            query.into_tuple().all(db).await?
        }
    };
    Ok(ids.into_iter().collect())
}

async fn tell(
    ctx: &Ctx,
    place: &Place,
    total: &Total,
    percent: i32,
    [of_subscription, of_application]: [&'static str; 2],
) -> Result<bool> {
    let key = &total.key;
    let mut write = Write::begin(ctx).await?;
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
    let (kind, object_kind, consumer, mut payload) = match &place.outside {
        None => {
            let row = subscription::Entity::find_by_id(key.subject);
            let Some(row) = row.one(write.tx()).await? else {
                return Ok(false);
            };
            let payload = payload(write.tx(), &row).await?;
            (of_subscription, "subscription", row.consumer_id, payload)
        }
        Some(outside) => {
            let row = application::Entity::find_by_id(key.subject);
            let Some(row) = row.one(write.tx()).await? else {
                return Ok(false);
            };
            let payload = outside_payload(write.tx(), outside, key.attach, &row).await?;
            (of_application, "application", row.organization_id, payload)
        }
    };
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
    payload["note"] = note(total, place.limit).into();
    payload["percent"] = percent.into();
    payload["used"] = total.total.into();
    payload["limit"] = place.limit.into();
    let event = Event {
        kind,
        organization: Some(consumer.into()),
        object_kind,
        object: key.subject,
        payload,
    };
    write.event(event).await?;
    write.commit().await?;
    Ok(true)
}

/// What is told of a quota outside of plans: of no subscription.
async fn outside_payload<C: ConnectionTrait>(
    db: &C,
    outside: &Outside,
    attach: Uuid,
    row: &application::Model,
) -> Result<Value> {
    let mut names = Vec::new();
    for id in [outside.provider, row.organization_id] {
        let one = organization::Entity::find_by_id(id).one(db).await?;
        names.push(one.map(|one| one.name).unwrap_or_default());
    }
    Ok(json!({
        "application": row.name,
        "application_id": row.id,
        "place": outside.point.as_str(),
        "place_id": attach,
        "place_name": outside.called,
        "provider": names[0],
        "provider_id": outside.provider,
        "consumer": names[1],
        "consumer_id": row.organization_id,
        "consumer_team_id": row.team_id,
    }))
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
