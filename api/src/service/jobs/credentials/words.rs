//! What is said of credentials that end, in words.

use chrono::{DateTime, Utc};
use domain::application::CredentialKind;
use entity::credential;

use super::News;

/// So many of those that end together are named in their mail.
const NAMED: usize = 20;

/// In words, also where a newer release has written its kind.
pub(super) fn called(row: &credential::Model) -> String {
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
pub(super) fn list(rows: &[&credential::Model]) -> String {
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

pub(super) fn note(row: &credential::Model, news: News, ends_at: DateTime<Utc>) -> String {
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
    use chrono::Duration;
    use uuid::Uuid;

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
