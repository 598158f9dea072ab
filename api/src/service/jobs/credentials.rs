//! Credentials that end: whoever looks after their applications is told a week ahead, and when the
//! end has come; each once for an end, by the process that notes it first.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Duration, Utc};
use domain::application::{CredentialKind, CredentialState};
use entity::{application, credential, organization};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Select, UpdateMany,
};
use serde_json::json;
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::Result;
use crate::write::{Audit, Event, Write};

/// Told of within one transaction: other writers wait as long as it takes.
const BATCH: u64 = 50;
/// Such transactions of one turn: then it is the turn of mails and of other jobs.
const MOST: usize = 40;
/// So many of those that end together are named in their mail.
const NAMED: usize = 20;
/// How long before its end a credential is told of.
const AHEAD: Duration = Duration::days(7);

/// What is told of a credential.
#[derive(Clone, Copy)]
enum News {
    Ending,
    Ended,
}

/// Tells of those whose end has come. Gateways judge by the times themselves and do not wait for
/// this. Says how many.
pub async fn end(ctx: &Ctx) -> Result<u64> {
    all(ctx, News::Ended).await
}

/// Tells ahead of those that will expire. Says how many.
pub async fn remind(ctx: &Ctx) -> Result<u64> {
    all(ctx, News::Ending).await
}

impl News {
    fn due(self, now: DateTime<Utc>) -> Select<credential::Entity> {
        match self {
            Self::Ending => credential::Entity::ending(now, now + AHEAD),
            Self::Ended => credential::Entity::ended(now),
        }
        .limit(BATCH)
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

async fn all(ctx: &Ctx, news: News) -> Result<u64> {
    let mut told = 0;
    for _ in 0..MOST {
        // Where nothing is due, nobody waits for the one place of writers.
        if news.due(ctx.now).one(ctx.db()).await?.is_none() {
            break;
        }
        told += some(ctx, news).await?;
    }
    Ok(told)
}

/// As writers are one at a time, none of what is read here was told of by another process, and none
/// has another end when it is noted.
async fn some(ctx: &Ctx, news: News) -> Result<u64> {
    let mut write = Write::begin(ctx).await?;
    let rows = news.due(ctx.now).all(write.tx()).await?;
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

/// In words, also where a newer release has written its kind.
fn called(row: &credential::Model) -> String {
    let (kind, more) = match CredentialKind::parse(&row.kind) {
        Some(CredentialKind::Key) => ("key", "…"),
        Some(CredentialKind::Client) => ("client", ""),
        Some(CredentialKind::Certificate) => ("certificate", ""),
        Some(CredentialKind::Password) => ("password", ""),
        Some(CredentialKind::Signature) => ("signing key", ""),
        None => ("credential", ""),
    };
    format!("{kind} {} ({}{more})", row.name, row.display_id)
}

/// A line for each, as far as they are named.
fn list(rows: &[&credential::Model]) -> String {
    let line = |row: &&credential::Model| {
        let at = row.ends_at().map(time).unwrap_or_default();
        let rolled = row.retires_at.map(|_| "beside its successor ");
        format!("{}: {}until {at}", called(row), rolled.unwrap_or_default())
    };
    let mut lines: Vec<String> = rows.iter().take(NAMED).map(line).collect();
    if let Some(more @ 1..) = rows.len().checked_sub(NAMED) {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}

fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d at %H:%M UTC").to_string()
}

fn note(row: &credential::Model, news: News, ends_at: DateTime<Utc>) -> String {
    let at = time(ends_at);
    match (news, row.retires_at) {
        (News::Ending, _) => format!("It works until {at}."),
        (News::Ended, None) => format!("It worked until {at}."),
        (News::Ended, Some(_)) => {
            format!("It was rolled, and worked beside its successor until {at}.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: &str) -> credential::Model {
        let at = |days| DateTime::UNIX_EPOCH + Duration::days(days);
        credential::Model {
            id: Uuid::nil(),
            organization_id: Uuid::nil(),
            application_id: Uuid::nil(),
            kind: kind.into(),
            digest: Vec::new(),
            claim: None,
            claimed: None,
            display_id: "abc".into(),
            name: "ci".into(),
            environment: "live".into(),
            cidrs: "[]".into(),
            created_at: at(0),
            created_by: None,
            expires_at: Some(at(8)),
            retires_at: None,
            revoked_at: None,
            revoked_by: None,
            rolled_from: None,
            told_end: None,
            told_ahead: None,
            etag: 1,
        }
    }

    #[test]
    fn each_kind_is_called_by_its_name() {
        for (kind, wanted) in [
            ("key", "key ci (abc…)"),
            ("client", "client ci (abc)"),
            ("certificate", "certificate ci (abc)"),
            ("password", "password ci (abc)"),
            ("signature", "signing key ci (abc)"),
            ("of a newer release", "credential ci (abc)"),
        ] {
            assert_eq!(called(&row(kind)), wanted);
        }
    }

    #[test]
    fn of_many_some_are_named_and_the_rest_is_counted() {
        let mut rolled = row("key");
        rolled.retires_at = Some(DateTime::UNIX_EPOCH + Duration::days(3));
        let client = row("client");
        let (first, others) = (
            "key ci (abc…): beside its successor until 1970-01-04 at 00:00 UTC",
            "client ci (abc): until 1970-01-09 at 00:00 UTC",
        );
        for (many, lines, last) in [
            (2, 2, others),
            (20, 20, others),
            (21, 21, "and 1 more"),
            (50, 21, "and 30 more"),
        ] {
            let mut rows = vec![&rolled];
            rows.resize(many, &client);
            let told = list(&rows);
            let told: Vec<&str> = told.lines().collect();
            let ends = (told.first().copied(), told.last().copied());
            assert_eq!(ends, (Some(first), Some(last)), "{many}");
            assert_eq!(told.len(), lines, "{many}");
        }
    }

    #[test]
    fn the_end_of_one_that_was_rolled_is_told_as_such() {
        let mut row = row("key");
        let at = row.expires_at.unwrap();
        let told = |row: &credential::Model, news| note(row, news, at);
        let until = "until 1970-01-09 at 00:00 UTC.";
        assert_eq!(told(&row, News::Ending), format!("It works {until}"));
        assert_eq!(told(&row, News::Ended), format!("It worked {until}"));
        row.retires_at = Some(at);
        let rolled = format!("It was rolled, and worked beside its successor {until}");
        assert_eq!(told(&row, News::Ended), rolled);
    }
}
