//! From events to mails, and to webhooks: who hears of what. An event is claimed by compare-and-set,
//! so that several processes send each mail once.

mod deprecated;
mod texts;

use chrono::Duration;
use domain::actor::{OrganizationRole, TeamRole};
use domain::id::EventId;
use domain::problem::Code;
use entity::{application, event, organization, organization_member, team, team_member, user};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::letter::{Letter, Letters};
use crate::service::outbox::{self, Origin};
use crate::service::webhooks;
use crate::write::Write;
pub(crate) use deprecated::{ANNOUNCED, TAKEN_BACK};
pub(crate) use texts::hears;
use texts::{Text, Told, filled, known, several, text};

/// Events taken at once.
const BATCH: u64 = 100;
/// Most people who hear of one event.
const MOST: u64 = 50;
/// How long an event that fails is tried.
const TRIED: Duration = Duration::days(1);

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
    let text = match told.credentials {
        0 => return Ok(Vec::new()),
        1 => text,
        2.. => several(&event.kind).unwrap_or(text),
    };
    let nothing = String::new();
    let (subject, body, organization, page, comment, recipients) = match text {
        Text::Provider(subject, body) => {
            let people = deciders(write.tx(), told.provider_id, told.provider_team_id).await?;
            (
                subject,
                body,
                told.provider_id,
                "approvals".to_owned(),
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
                "subscriptions".to_owned(),
                &nothing,
                people,
            )
        }
        Text::Keeper(subject, body) => {
            // With the application went its page, and what there was to do.
            let Some((team, page)) = page_of(write.tx(), told.application_id).await? else {
                return Ok(Vec::new());
            };
            let people = deciders(write.tx(), told.consumer_id, team).await?;
            (subject, body, told.consumer_id, page, &nothing, people)
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
                "subscriptions".to_owned(),
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

/// The team that looks after an application now, and the application's page within its organization.
async fn page_of<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Option<(Uuid, String)>> {
    let Some(application) = application::Entity::find_by_id(id).one(db).await? else {
        return Ok(None);
    };
    let team = team::Entity::find_by_id(application.team_id)
        .one(db)
        .await?;
    Ok(team.map(|team| (team.id, format!("t/{}/applications/{id}", team.slug))))
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
