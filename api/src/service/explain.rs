//! What the gateway would do with a request, for those who may read the API that it goes to; and
//! what it did with a request of one's own traffic.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::actor::{Action, Person};
use domain::explain::{Answer, Asked, Explanation, Field, KeyState, Question, Sight};
use domain::id::{CredentialId, TeamId};
use domain::problem::Code;
use entity::{api, credential, route, upstream};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::applications;
use crate::service::traffic::{Past, past};

/// Questions wait for each other; longer than this is worse than an answer.
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn explain(ctx: &Ctx, question: Question) -> Result<Answer> {
    let person = ctx.actor.person();
    let person = person.ok_or(domain::actor::Denied::Anonymous)?;
    let wrong = question.check();
    if !wrong.is_empty() {
        return Err(Error::invalid(wrong));
    }
    match (question.request, question.request_id) {
        (Some(asked), _) => of_request(ctx, person, asked).await,
        (None, id) => of_past(ctx, person, &id.unwrap_or_default()).await,
    }
}

async fn of_request(ctx: &Ctx, person: &Person, mut asked: Asked) -> Result<Answer> {
    if let Some(id) = asked.credential {
        own_key(ctx, id).await?;
    }
    asked.client = asked.client.or(ctx.address);
    let sight = sight(ctx, person).await?;
    Ok(Answer {
        past: None,
        now: Some(ask(ctx, &asked, KeyState::Judged, &sight).await?),
        notes: Vec::new(),
    })
}

/// Nobody learns of a key that is not one of an application that they may read.
async fn own_key(ctx: &Ctx, id: CredentialId) -> Result<()> {
    let unknown = || {
        Error::field(
            "/request/credential",
            "Choose a key of an application that you may read.",
        )
    };
    let row = credential::Entity::find_by_id(id.uuid())
        .one(ctx.db())
        .await?
        .ok_or_else(unknown)?;
    let application = row.application_id.into();
    let read = applications::load(ctx, ctx.db(), application, Action::ReadApplication).await;
    read.map(|_| ()).map_err(|error| match error.code {
        Code::NotFound | Code::Forbidden => unknown(),
        _ => error,
    })
}

async fn of_past(ctx: &Ctx, person: &Person, id: &str) -> Result<Answer> {
    let Past {
        entry,
        record,
        consumer,
    } = past(ctx, person, id).await?.ok_or_else(Error::not_found)?;
    let sight = sight(ctx, person).await?;
    let mut notes = Vec::new();
    let mut now = None;
    if !sight.api(record.api) {
        notes.push("The API's configuration is its provider's to see.".to_owned());
    } else if record.path_cut {
        notes.push("The log keeps only the beginning of so long a path.".to_owned());
    } else {
        notes.push(
            "The log keeps no header, no query and no body: what depends on them is not seen."
                .to_owned(),
        );
        let asked = Asked {
            method: record.method.clone(),
            target: record.path.clone(),
            headers: vec![Field {
                name: "host".to_owned(),
                value: host(ctx, record.version.uuid()).await?,
            }],
            client: record.client.parse().ok(),
            credential: (record.credential != CredentialId::NIL).then_some(record.credential),
        };
        let key = if consumer {
            KeyState::Judged
        } else {
            notes.push("The key is taken as good: its state is its owner's to see.".to_owned());
            KeyState::TakenAsGood
        };
        now = if asked.check().is_empty() {
            Some(ask(ctx, &asked, key, &sight).await?)
        } else {
            None
        };
    }
    Ok(Answer {
        past: Some(entry),
        now,
        notes,
    })
}

/// A host at which the version answers, as the log keeps none.
async fn host(ctx: &Ctx, version: Uuid) -> Result<String> {
    let rows = route::Entity::of_version(version.into())
        .all(ctx.db())
        .await?;
    let known = rows.into_iter().map(|row| row.host).next();
    Ok(match known.as_deref() {
        Some("") | None => {
            let gateway = &ctx.settings().gateway_url;
            gateway.host_str().unwrap_or("localhost").to_owned()
        }
        Some(pattern) => match pattern.strip_prefix("*.") {
            Some(under) => format!("any.{under}"),
            None => pattern.to_owned(),
        },
    })
}

/// APIs and upstreams that the person may read, with what is in their token.
async fn sight(ctx: &Ctx, person: &Person) -> Result<Sight> {
    let organizations = || {
        let memberships = person.memberships.iter();
        memberships.map(|membership| membership.organization.uuid())
    };
    let may = |action, organization: Uuid, team: Uuid| {
        ctx.can(action, organization.into(), Some(TeamId::from(team)))
    };
    let apis = api::Entity::find()
        .filter(api::Column::OrganizationId.is_in(organizations()))
        .all(ctx.db())
        .await?;
    let upstreams = upstream::Entity::find()
        .filter(upstream::Column::OrganizationId.is_in(organizations()))
        .all(ctx.db())
        .await?;
    let apis = apis.into_iter();
    let upstreams = upstreams.into_iter();
    Ok(Sight::Of {
        apis: apis
            .filter(|row| may(Action::ReadApi, row.organization_id, row.team_id))
            .map(|row| row.id.into())
            .collect::<BTreeSet<_>>(),
        upstreams: upstreams
            .filter(|row| may(Action::ReadUpstream, row.organization_id, row.team_id))
            .map(|row| row.id.into())
            .collect::<BTreeSet<_>>(),
    })
}

async fn ask(ctx: &Ctx, asked: &Asked, key: KeyState, sight: &Sight) -> Result<Explanation> {
    let unavailable = |sentence: &str| Error::new(Code::Unavailable, sentence);
    let explainer = ctx.plane.explainer.get();
    let explainer = explainer.ok_or_else(|| {
        unavailable("This process cannot explain requests, it has no gateway code.")
    })?;
    let answer = explainer.explain(asked, key, sight);
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(explanation)) => Ok(explanation),
        Ok(Err(error)) => Err(unavailable(
            "The configuration could not be loaded. Try again in a moment.",
        )
        .with_source(error)),
        Err(_) => Err(unavailable(
            "Others are being answered. Try again in a moment.",
        )),
    }
}
