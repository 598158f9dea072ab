//! From events to mails, and to webhooks: who hears of what. An event is claimed by compare-and-set,
//! so that several processes send each mail once.

mod deprecated;

use chrono::Duration;
use domain::actor::{OrganizationRole, TeamRole};
use domain::id::EventId;
use domain::problem::Code;
use entity::{event, organization, organization_member, team_member, user};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use serde::Deserialize;
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::letter::{Letter, Letters};
use crate::service::outbox::{self, Origin};
use crate::service::webhooks;
use crate::write::Write;
pub(crate) use deprecated::{ANNOUNCED, TAKEN_BACK};

/// Events taken at once.
const BATCH: u64 = 100;
/// Most people who hear of one event.
const MOST: u64 = 50;
/// How long an event that fails is tried.
const TRIED: Duration = Duration::days(1);

/// What the events of subscriptions carry, and those of applications' quotas outside of plans, which
/// have a place in the stead of product and plan: names as they were at that moment.
#[derive(Debug, Deserialize)]
struct Told {
    application: String,
    #[serde(default)]
    product: String,
    #[serde(default)]
    plan: String,
    #[serde(default)]
    place_name: String,
    provider_id: Uuid,
    #[serde(default)]
    provider_team_id: Uuid,
    consumer: String,
    consumer_id: Uuid,
    consumer_team_id: Option<Uuid>,
    requested_by: Option<Uuid>,
    #[serde(default)]
    requester: String,
    #[serde(default)]
    reason: String,
    note: String,
    /// API and version, where it is about one.
    #[serde(default)]
    version: String,
}

/// What a kind of event says, and to which side.
enum Text {
    Provider(&'static str, &'static str),
    Requester(&'static str, &'static str),
    /// Whoever looks after the application.
    Consumer(&'static str, &'static str),
}

/// Subject and what happened, by kind; kinds without a mail are absent. Words in braces are
/// replaced from [`Told`].
fn text(kind: &str) -> Option<Text> {
    Some(match kind {
        "subscription.requested" => Text::Provider(
            "Approval asked: {application} for {product}",
            "{requester} ({consumer}) asks for the plan {plan} of {product} for the application {application}.",
        ),
        "subscription.approved" => Text::Requester(
            "Approved: {product}",
            "The subscription of {application} to {product}, plan {plan}, was approved.",
        ),
        "subscription.rejected" => Text::Requester(
            "Rejected: {product}",
            "The subscription of {application} to {product}, plan {plan}, was rejected.",
        ),
        "subscription.suspended" => Text::Requester(
            "Suspended: {product}",
            "The subscription of {application} to {product} was suspended: calls are refused until it is resumed.",
        ),
        "subscription.resumed" => Text::Requester(
            "Resumed: {product}",
            "The subscription of {application} to {product} was resumed: calls are answered again.",
        ),
        "subscription.revoked" => Text::Requester(
            "Ended: {product}",
            "The subscription of {application} to {product} was ended by the API's owner.",
        ),
        "subscription.expired" => Text::Requester(
            "Expired: {product}",
            "The subscription of {application} to {product} has reached its end.",
        ),
        "subscription.granted" => Text::Requester(
            "Granted: {product}",
            "{application} was given a subscription to {product}, plan {plan}.",
        ),
        "subscription.quota_80" => Text::Consumer(
            "Quota at 80 %: {product}",
            "{application} has used at least 80 % of its quota for {product}, plan {plan}. {note}",
        ),
        "subscription.version_deprecated" => Text::Consumer(
            "Deprecated: {version}",
            "{version}, which {application} may call by its subscription to {product}, plan {plan}, is deprecated. {note}",
        ),
        "subscription.version_undeprecated" => Text::Consumer(
            "Not deprecated any more: {version}",
            "{version}, which {application} may call by its subscription to {product}, plan {plan}, is not deprecated any more: what was announced of its end was taken back.",
        ),
        "subscription.quota_100" => Text::Consumer(
            "Quota used up: {product}",
            "{application} has used its whole quota for {product}, plan {plan}: further calls are refused until it starts anew. {note}",
        ),
        "application.quota_80" => Text::Consumer(
            "Quota at 80 %: {place}",
            "{application} has used at least 80 % of its quota for {place}. {note}",
        ),
        "application.quota_100" => Text::Consumer(
            "Quota used up: {place}",
            "{application} has used its whole quota for {place}: further calls are refused until it starts anew. {note}",
        ),
        _ => return None,
    })
}

/// Which member of its payload names the organization that an event is told to; `None`: to nobody.
pub(crate) fn hears(kind: &str) -> Option<&'static str> {
    Some(match text(kind)? {
        Text::Provider(..) => "provider_id",
        Text::Requester(..) | Text::Consumer(..) => "consumer_id",
    })
}

/// Makes the mails of new events, and what webhooks are told of them. Says how many events were
/// handled. One that fails keeps up no other: it stays, and has its turn again.
pub async fn dispatch(ctx: &Ctx) -> Result<u64> {
    let mut handled = 0;
    let mut next = event::Entity::unmailed();
    loop {
        let events = next.limit(BATCH).all(ctx.db()).await?;
        let is_last = (events.len() as u64) < BATCH;
        let last = events.last().map(|event| (event.at, event.id));
        for event in events {
            match handle(ctx, &event).await {
                Ok(is_ours) => handled += u64::from(is_ours),
                Err(error) => failed(ctx, &event, error).await?,
            }
        }
        match last {
            // However many fail, what is behind them is reached.
            Some(last) if handled == 0 && !is_last => next = event::Entity::unmailed_after(last),
            Some(_) | None => return Ok(handled),
        }
    }
}

/// Whether it was this process's to handle.
async fn handle(ctx: &Ctx, event: &event::Model) -> Result<bool> {
    let mut write = Write::begin(ctx).await?;
    if !claim(&write, event.id).await? {
        return Ok(false);
    }
    deprecated::spread(&mut write, event).await?;
    for letter in letters(&write, event).await? {
        outbox::put(&mut write, &letter, Origin::Event(EventId::from(event.id))).await?;
    }
    webhooks::put(&write, event).await?;
    write.commit().await?;
    Ok(true)
}

/// Notes that an event failed, and gives it up once it is old: nobody needs it any more. `Err` if it
/// is not the event's fault.
async fn failed(ctx: &Ctx, event: &event::Model, error: Error) -> Result<()> {
    if error.code == Code::Unavailable {
        return Err(error);
    }
    let Error { detail, source, .. } = error;
    let source = source.map(|source| source.to_string()).unwrap_or_default();
    let is_over = ctx.now - event.at > TRIED;
    tracing::error!(event.id = %event.id, event.kind, is_over, detail, error = source, "an event cannot be told");
    if is_over {
        let write = Write::begin(ctx).await?;
        claim(&write, event.id).await?;
        write.commit().await?;
    }
    Ok(())
}

async fn claim(write: &Write<'_>, id: Uuid) -> Result<bool> {
    let claimed = event::Entity::update_many()
        .col_expr(event::Column::MailedAt, write.ctx().now.into())
        .filter(event::Column::Id.eq(id))
        .filter(event::Column::MailedAt.is_null())
        .exec(write.tx())
        .await?;
    Ok(claimed.rows_affected == 1)
}

async fn letters(write: &Write<'_>, event: &event::Model) -> Result<Vec<Letter>> {
    let Some(text) = text(&event.kind) else {
        return Ok(Vec::new());
    };
    let Ok(told) = serde_json::from_str::<Told>(&event.payload) else {
        tracing::warn!(event.id = %event.id, event.kind, "an event does not carry what its mail needs");
        return Ok(Vec::new());
    };
    let nothing = String::new();
    let (subject, body, organization, page, comment, recipients) = match text {
        Text::Provider(subject, body) => {
            let people = deciders(write.tx(), told.provider_id, told.provider_team_id).await?;
            (
                subject,
                body,
                told.provider_id,
                "approvals",
                &told.reason,
                people,
            )
        }
        Text::Consumer(subject, body) => {
            let people = match told.consumer_team_id {
                Some(team) => deciders(write.tx(), told.consumer_id, team).await?,
                None => Vec::new(),
            };
            (
                subject,
                body,
                told.consumer_id,
                "subscriptions",
                &nothing,
                people,
            )
        }
        Text::Requester(subject, body) => {
            let people = match told.requested_by {
                Some(id) => user::Entity::find_by_id(id).all(write.tx()).await?,
                None => Vec::new(),
            };
            (
                subject,
                body,
                told.consumer_id,
                "subscriptions",
                &told.note,
                people,
            )
        }
    };
    let Some(tenant) = organization::Entity::find_by_id(organization)
        .one(write.tx())
        .await?
    else {
        return Ok(Vec::new());
    };
    let page = format!("/o/{}/{page}", tenant.slug);
    let letters = Letters(write.ctx().settings());
    let (subject, body) = (filled(subject, &told), filled(body, &told));
    let kind = known(&event.kind);
    let heard = recipients.iter().filter(|user| user.disabled_at.is_none());
    Ok(heard
        .map(|user| letters.subscription(kind, &user.email, &subject, &body, comment, &page))
        .collect())
}

/// Mails are of few kinds; the outbox names them by ours, not by whatever a row says.
fn known(kind: &str) -> &'static str {
    if kind == "subscription.requested" {
        "subscription.requested"
    } else {
        "subscription.decided"
    }
}

fn filled(text: &str, told: &Told) -> String {
    let words = [
        ("{application}", &told.application),
        ("{product}", &told.product),
        ("{plan}", &told.plan),
        ("{place}", &told.place_name),
        ("{consumer}", &told.consumer),
        ("{requester}", &told.requester),
        ("{note}", &told.note),
        ("{version}", &told.version),
    ];
    // Piece by piece, so that a name with braces in it is not replaced again.
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match words.iter().find(|(word, _)| rest.starts_with(word)) {
            Some((word, value)) => {
                out.push_str(value);
                rest = &rest[word.len()..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Those who may approve: maintainers of the product's team, admins and owners.
async fn deciders<C: ConnectionTrait>(
    db: &C,
    organization: Uuid,
    team: Uuid,
) -> Result<Vec<user::Model>> {
    let above: Vec<Uuid> = organization_member::Entity::find()
        .select_only()
        .column(organization_member::Column::UserId)
        .filter(organization_member::Column::OrganizationId.eq(organization))
        .filter(organization_member::Column::Role.is_in([
            OrganizationRole::Admin.as_str(),
            OrganizationRole::Owner.as_str(),
        ]))
        .into_tuple()
        .all(db)
        .await?;
    let maintainers: Vec<Uuid> = team_member::Entity::find()
        .select_only()
        .column(team_member::Column::UserId)
        .filter(team_member::Column::TeamId.eq(team))
        .filter(team_member::Column::Role.eq(TeamRole::Maintainer.as_str()))
        .into_tuple()
        .all(db)
        .await?;
    let ids = above.into_iter().chain(maintainers);
    Ok(user::Entity::find()
        .filter(user::Column::Id.is_in(ids))
        .limit(MOST)
        .all(db)
        .await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_put_in_once() {
        let told = Told {
            application: "{product}".into(),
            product: "Books".into(),
            plan: "free".into(),
            place_name: String::new(),
            provider_id: Uuid::nil(),
            provider_team_id: Uuid::nil(),
            consumer: "Lantern".into(),
            consumer_team_id: None,
            consumer_id: Uuid::nil(),
            requested_by: None,
            requester: "Ines".into(),
            reason: String::new(),
            note: String::new(),
            version: String::new(),
        };
        assert_eq!(
            filled("{application} for {product} {x}", &told),
            "{product} for Books {x}"
        );
    }
}
