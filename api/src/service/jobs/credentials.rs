//! Credentials that end: whoever looks after their applications is told a week ahead, and when the
//! end has come; each once for an end, by the process that notes it first.

mod words;

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Duration, Utc};
use domain::application::CredentialState;
use domain::problem::Code;
use entity::{application, credential, organization};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Select, UpdateMany,
};
use serde_json::json;
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::write::{Audit, Event, Write};
use words::{called, list, note};

/// Told of within one transaction: other writers wait as long as it takes.
const BATCH: u64 = 50;
/// How long before its end a credential is told of.
const AHEAD: Duration = Duration::days(7);
/// How long those that failed wait for their next turn: twice as long each time, at most an hour.
const LEAST_WAIT: Duration = Duration::minutes(1);
const MOST_WAIT: Duration = Duration::hours(1);

/// What is told of a credential.
#[derive(Debug, Clone, Copy)]
enum News {
    Ending,
    Ended,
}

/// How far those that are due have been told of, the earliest end first. One that fails is passed
/// over, and has its turn again later, so that it keeps up none behind it.
#[derive(Debug)]
pub struct Ends {
    news: News,
    /// End and id of the last one looked at; what follows is looked at next.
    passed: Option<(DateTime<Utc>, Uuid)>,
    /// Whether one failed since the look at them began.
    failed: bool,
    /// How long those that failed wait, and until when.
    wait: Duration,
    again: Option<DateTime<Utc>>,
}

/// What came of one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// So many were told of.
    pub told: u64,
    /// Whether more may be due.
    pub is_more: bool,
}

impl Ends {
    /// Of those whose end has come. Gateways judge by the times themselves and do not wait for this.
    pub fn come() -> Self {
        Self::of(News::Ended)
    }

    /// Ahead, of those that will expire.
    pub fn ahead() -> Self {
        Self::of(News::Ending)
    }

    fn of(news: News) -> Self {
        Self {
            news,
            passed: None,
            failed: false,
            wait: Duration::zero(),
            again: None,
        }
    }

    /// Tells of the next few. However many are due, it is soon the turn of others.
    pub async fn tell(&mut self, ctx: &Ctx) -> Result<Piece> {
        if self.again.is_some_and(|at| at <= ctx.now) {
            (self.again, self.passed) = (None, None);
        }
        let mut due = self.news.due(ctx.now);
        if let Some(passed) = self.passed {
            due = credential::Entity::behind(due, passed);
        }
        let rows = due.limit(BATCH).all(ctx.db()).await?;
        let told = self.each(ctx, &rows).await?;
        let is_more = rows.len() as u64 == BATCH;
        if let Some(row) = rows.last()
            && let Some(end) = row.ends_at()
        {
            self.passed = Some((end, row.id));
        }
        if !is_more {
            self.looked_at_all(ctx.now);
        }
        Ok(Piece { told, is_more })
    }

    /// Those told of are due no more; those that failed are left.
    fn looked_at_all(&mut self, now: DateTime<Utc>) {
        match (std::mem::take(&mut self.failed), self.again) {
            (true, None) => {
                self.wait = (self.wait * 2).clamp(LEAST_WAIT, MOST_WAIT);
                self.again = Some(now + self.wait);
            }
            (false, None) => (self.wait, self.passed) = (Duration::zero(), None),
            // What failed meanwhile waits with the others.
            (true | false, Some(_)) => {}
        }
    }

    /// In one transaction, as their mails are of those that end together; where that fails, by halves,
    /// until it is known which one it is. `Err` if it is the fault of none.
    async fn each(&mut self, ctx: &Ctx, rows: &[credential::Model]) -> Result<u64> {
        let mut told = 0;
        let mut pieces = vec![rows];
        while let Some(rows) = pieces.pop() {
            // Where nothing is due, nobody waits for the one place of writers.
            let Some(first) = rows.first() else {
                continue;
            };
            let write = Write::begin(ctx).await?;
            match some(write, self.news, rows).await {
                Ok(count) => told += count,
                Err(error) if error.code == Code::Unavailable => return Err(error),
                Err(_) if rows.len() > 1 => {
                    let (earlier, later) = rows.split_at(rows.len() / 2);
                    pieces.extend([later, earlier]);
                }
                Err(error) => {
                    self.failed = true;
                    report(first, self.news, error);
                }
            }
        }
        Ok(told)
    }
}

impl News {
    fn due(self, now: DateTime<Utc>) -> Select<credential::Entity> {
        match self {
            Self::Ending => credential::Entity::ending(now, now + AHEAD),
            Self::Ended => credential::Entity::ended(now),
        }
    }

    fn note(self, rows: &[credential::Model]) -> UpdateMany<credential::Entity> {
        let ids = rows.iter().map(|row| row.id);
        match self {
            Self::Ending => credential::Entity::note_ahead(ids),
            Self::Ended => credential::Entity::note_end(ids),
        }
    }

    /// Nobody has to be reminded of what they made for a few days.
    fn is_worth_telling(self, row: &credential::Model) -> bool {
        match self {
            Self::Ending => row.expires_at.is_some_and(|at| at - row.created_at > AHEAD),
            Self::Ended => true,
        }
    }
}

fn report(row: &credential::Model, news: News, error: Error) {
    let Error { detail, source, .. } = error;
    let source = source.map(|source| source.to_string()).unwrap_or_default();
    tracing::error!(credential.id = %row.id, ?news, detail, error = source, "the end of a credential cannot be told");
}

/// As writers are one at a time, none of what is read here was told of by another process, and none
/// has another end when it is noted.
async fn some(mut write: Write<'_>, news: News, rows: &[credential::Model]) -> Result<u64> {
    let ids = rows.iter().map(|row| row.id);
    let due = news.due(write.ctx().now);
    let due = due.filter(credential::Column::Id.is_in(ids));
    let rows = due.all(write.tx()).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    news.note(&rows).exec(write.tx()).await?;
    let holders = Holders::of(write.tx(), &rows).await?;
    let due = rows.iter().filter(|row| news.is_worth_telling(row));
    let due: Vec<&credential::Model> = due.collect();
    let mut mailed = HashSet::new();
    let mut told = 0;
    for row in &due {
        // The mail of an application's first is of all of them: a hundred that end together are no
        // reason for a hundred mails.
        let is_first = mailed.insert(row.application_id);
        let own = due.iter().copied();
        let own = own.filter(|one| is_first && one.application_id == row.application_id);
        let Some(event) = holders.event(row, &own.collect::<Vec<_>>(), news) else {
            continue;
        };
        if matches!(news, News::Ended) {
            write.audit(audit(row)).await?;
        }
        write.event(event).await?;
        told += 1;
    }
    write.commit().await?;
    Ok(told)
}

fn audit(row: &credential::Model) -> Audit {
    let before = match row.retires_at {
        Some(_) => CredentialState::Retiring,
        None => CredentialState::Active,
    };
    Audit::new("credential.expire", "credential", row.id)
        .of(row.organization_id.into())
        .before(json!({ "state": before.as_str() }))
        .after(json!({
            "state": CredentialState::Expired.as_str(),
            "application": row.application_id,
            "kind": row.kind,
            "name": row.name,
            "display_id": row.display_id,
            "expires_at": row.expires_at,
            "retires_at": row.retires_at,
        }))
}

/// Applications of a batch, and the names of their organizations.
struct Holders {
    applications: HashMap<Uuid, application::Model>,
    organizations: HashMap<Uuid, String>,
}

impl Holders {
    async fn of<C: ConnectionTrait>(db: &C, rows: &[credential::Model]) -> Result<Self> {
        let ids = rows.iter().map(|row| row.application_id);
        let applications = application::Entity::find()
            .filter(application::Column::Id.is_in(ids))
            .all(db)
            .await?;
        let ids = rows.iter().map(|row| row.organization_id);
        let organizations = organization::Entity::find()
            .filter(organization::Column::Id.is_in(ids))
            .all(db)
            .await?;
        Ok(Self {
            applications: applications.into_iter().map(|row| (row.id, row)).collect(),
            organizations: organizations
                .into_iter()
                .map(|row| (row.id, row.name))
                .collect(),
        })
    }

    /// What `row` is told of with, itself included, stands in its mail; where nothing does, it is in
    /// the mail of another. `None`: of an application that is gone.
    fn event(
        &self,
        row: &credential::Model,
        together: &[&credential::Model],
        news: News,
    ) -> Option<Event> {
        let application = self.applications.get(&row.application_id)?;
        let consumer = self.organizations.get(&row.organization_id)?;
        let ends_at = row.ends_at()?;
        let (called, note) = match together.len() {
            0 | 1 => (called(row), note(row, news, ends_at)),
            count => (format!("{count} credentials"), list(together)),
        };
        let payload = json!({
            "credential": row.id,
            "credential_name": row.name,
            "credential_kind": row.kind,
            "credential_called": called,
            "credentials": together.len(),
            "display_id": row.display_id,
            "environment": row.environment,
            "ends_at": ends_at,
            "application": application.name,
            "application_id": application.id,
            "consumer": consumer,
            "consumer_id": row.organization_id,
            "consumer_team_id": application.team_id,
            "note": note,
        });
        Some(Event {
            kind: match news {
                News::Ending => "credential.expiring",
                News::Ended => "credential.expired",
            },
            organization: Some(row.organization_id.into()),
            object_kind: "credential",
            object: row.id,
            payload,
        })
    }
}
