//! Who hears that a version is deprecated, or is not any more: everybody who subscribes to it. There
//! may be many, so each becomes an event of its own, some in each transaction.

use chrono::{DateTime, Utc};
use domain::lifecycle::VersionState;
use domain::subscription::SubscriptionState;
use entity::{api, event, product_version, subscription, version};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::service::{jobs, versions};
use crate::write::{Event, Write};

/// Subscribers told within one transaction.
const AT_ONCE: u64 = 100;

/// The step that announces.
pub(crate) const ANNOUNCED: &str = "version.deprecated";
/// The step that takes an announcement back which somebody may have heard.
pub(crate) const TAKEN_BACK: &str = "version.undeprecated";

/// What subscribers are told of a version.
struct News {
    step: &'static str,
    /// What goes on where the step left off.
    rest: &'static str,
    /// The event of one subscriber.
    told: &'static str,
    /// As long as the version is in this state.
    state: VersionState,
}

static NEWS: [News; 2] = [
    News {
        step: ANNOUNCED,
        rest: "version.deprecation_told",
        told: "subscription.version_deprecated",
        state: VersionState::Deprecated,
    },
    News {
        step: TAKEN_BACK,
        rest: "version.undeprecation_told",
        told: "subscription.version_undeprecated",
        state: VersionState::Published,
    },
];

/// Makes the events of subscribers, if `event` is news of a version. What is not so any more is not
/// told, and of several steps of a kind the last one only.
pub(super) async fn spread(write: &mut Write<'_>, event: &event::Model) -> Result<()> {
    let is_of = |news: &&News| [news.step, news.rest].contains(&event.kind.as_str());
    let (Some(news), Some(id)) = (NEWS.iter().find(is_of), event.object_id) else {
        return Ok(());
    };
    let told: Value = serde_json::from_str(&event.payload).unwrap_or_default();
    let announced_at = told["announced_at"].as_str();
    let announced_at = announced_at.and_then(|at| at.parse().ok());
    let announced_at: DateTime<Utc> = announced_at.unwrap_or(event.at);
    let later = event::Entity::had(id, news.step, announced_at);
    if later.one(write.tx()).await?.is_some() {
        return Ok(());
    }
    let Some(row) = version::Entity::find_by_id(id).one(write.tx()).await? else {
        return Ok(());
    };
    if row.state().ok() != Some(news.state) {
        return Ok(());
    }
    let api = api::Entity::find_by_id(row.api_id)
        .one(write.tx())
        .await?
        .ok_or_else(Error::not_found)?;
    let successor = versions::successor(write.tx(), &row).await?;
    let note = note(&row, successor.as_ref().map(|next| next.slug.as_str()));
    let after = told["after"].as_str().and_then(|id| id.parse().ok());
    let products = product_version::Entity::of_version(id.into())
        .select_only()
        .column(product_version::Column::ProductId)
        .into_query();
    let active = subscription::Entity::find()
        .filter(subscription::Column::ProductId.in_subquery(products))
        .filter(subscription::Column::State.eq(SubscriptionState::Approved.as_str()))
        .filter(subscription::Column::Id.gt(after.unwrap_or(Uuid::nil())))
        .order_by_asc(subscription::Column::Id)
        .limit(AT_ONCE)
        .all(write.tx())
        .await?;
    for subscriber in &active {
        let mut payload = jobs::payload(write.tx(), subscriber).await?;
        payload["version"] = format!("{} {}", api.name, row.slug).into();
        payload["version_id"] = json!(row.id);
        payload["sunset_at"] = json!(row.sunset_at);
        payload["note"] = note.clone().into();
        let event = Event {
            kind: news.told,
            organization: Some(subscriber.consumer_id.into()),
            object_kind: "subscription",
            object: subscriber.id,
            payload,
        };
        write.event(event).await?;
    }
    let Some(last) = active.last().filter(|_| active.len() as u64 == AT_ONCE) else {
        return Ok(());
    };
    let rest = Event {
        kind: news.rest,
        organization: Some(row.organization_id.into()),
        object_kind: "version",
        object: row.id,
        payload: json!({ "after": last.id, "announced_at": announced_at }),
    };
    write.event(rest).await?;
    Ok(())
}

/// What is said in sentences.
fn note(row: &version::Model, successor: Option<&str>) -> String {
    let mut sentences = Vec::new();
    if let Some(sunset) = row.sunset_at {
        let at = sunset.format("%-d %B %Y at %H:%M UTC");
        sentences.push(if row.retire_at_sunset {
            format!("It stops answering on {at}.")
        } else {
            format!("It is planned to stop on {at}.")
        });
    }
    if let Some(successor) = successor {
        sentences.push(format!("Use {successor} instead."));
    }
    if !row.message.is_empty() {
        sentences.push(format!("Its owner says: \u{201c}{}\u{201d}", row.message));
    }
    sentences.join(" ")
}
