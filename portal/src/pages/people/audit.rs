//! The audit of an organization and of the platform: filters in the address, one page for both.

use api::{
    http::extract::Query,
    service::audit::{self as service, Chain},
};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use domain::{
    id::UserId,
    problem::Code,
    wire::{
        Paging, is_storable,
        platform::{AuditEntry, AuditFilter, AuditVerdict},
    },
};
use frontend::{
    form::Form,
    pages::{people::audit, publish::At},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{MOST, at, members_until};
use crate::{
    failure::{Failure, Result},
    place::Workspace,
    query::Query as Address,
    typed::Typed,
    visit::Visit,
};

/// The filters as typed: what is wrong with one is said at its field.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Wanted {
    actor: String,
    action: String,
    object: String,
    from: String,
    to: String,
    #[serde(skip_serializing)]
    after: String,
}

/// Whose audit, and where its page and its export are.
struct Of<'a> {
    visit: &'a Visit,
    at: At,
    chain: Chain,
    export: String,
    /// Id and name of those whom the filter offers.
    people: Vec<(String, String)>,
}

pub(super) async fn of_organization(here: Workspace, Query(wanted): Query<Wanted>) -> Result {
    answer(organization(&here).await?, &wanted, None).await
}

/// Checks the chain from its first row on: asked for by a button, because it reads all of it.
pub(super) async fn verify_organization(here: Workspace, typed: Typed) -> Result {
    let of = organization(&here).await?;
    let verdict = verify(&of, &typed).await?;
    answer(of, &Wanted::default(), Some(verdict)).await
}

async fn organization(here: &Workspace) -> Result<Of<'_>> {
    here.must(domain::actor::Action::ReadAudit)?;
    let members = members_until(here, usize::from(MOST), |_| false).await?;
    let id = here.organization_id();
    Ok(Of {
        visit: &here.visit,
        at: at(here),
        chain: Chain::Organization(id),
        export: format!("/api/v1/organizations/{id}/audit.jsonl"),
        people: members
            .into_iter()
            .map(|member| (member.user.to_string(), member.name))
            .collect(),
    })
}

pub(crate) async fn of_platform(visit: &Visit, at: At, wanted: &Wanted) -> Result {
    answer(platform(visit, at), wanted, None).await
}

pub(crate) async fn verify_platform(visit: &Visit, at: At, typed: &Typed) -> Result {
    let of = platform(visit, at);
    let verdict = verify(&of, typed).await?;
    answer(of, &Wanted::default(), Some(verdict)).await
}

fn platform(visit: &Visit, at: At) -> Of<'_> {
    Of {
        visit,
        at,
        chain: Chain::Platform,
        export: "/api/v1/operator/audit.jsonl".to_owned(),
        people: Vec::new(),
    }
}

async fn verify(of: &Of<'_>, typed: &Typed) -> Result<AuditVerdict> {
    if typed.get("do") != "verify" {
        return Err(Failure::of(Code::BadRequest));
    }
    Ok(service::verify(of.visit.ctx(), of.chain).await?)
}

async fn answer(of: Of<'_>, wanted: &Wanted, verdict: Option<AuditVerdict>) -> Result {
    let address = format!("{}/audit", of.at.place.address());
    let query = Address::of(wanted);
    let (filter, mut form) = read(wanted, &query);
    let paging = Paging {
        limit: None,
        after: Some(wanted.after.clone()).filter(|after| !after.is_empty()),
    };
    let (mut entries, mut next) = (Vec::new(), None);
    // A filter that cannot be read shows nothing rather than everything.
    if !form.is_refused() {
        match service::list(of.visit.ctx(), of.chain, &filter, &paging).await {
            Ok(page) => (entries, next) = (page.items, page.next),
            Err(error) if !error.invalid.is_empty() => form = form.invalid(&error.invalid),
            Err(error) => return Err(error.into()),
        }
    }
    let refused = form.is_refused();
    let narrower = |entry: &AuditEntry| {
        let by =
            |name: &str, id: Option<String>| id.map(|id| query.with(name, &id).after(&address));
        (
            by("actor", entry.actor.map(|id| id.to_string())),
            by("object", entry.object.map(|id| id.to_string())),
        )
    };
    let page = audit::Audit {
        narrower: entries.iter().map(narrower).collect(),
        people: choice(of.people, &entries, &wanted.actor),
        filters: query
            .iter()
            .map(|(name, value)| {
                (
                    name.clone(),
                    value.clone(),
                    query.without(name).after(&address),
                )
            })
            .collect(),
        export: Address::of(&filter).after(&of.export),
        newest: paging.after.map(|_| query.after(&address)),
        older: next.map(|next| query.with("after", &next).after(&address)),
        at: of.at,
        entries,
        form,
        verdict,
    };
    Ok(match refused {
        true => of.visit.refused("Audit", || audit::view(page)),
        false => of.visit.page("Audit", || audit::view(page)),
    })
}

/// Those who can be chosen, those who are on the page, and whoever is chosen already.
fn choice(
    mut people: Vec<(String, String)>,
    entries: &[AuditEntry],
    chosen: &str,
) -> Vec<(String, String)> {
    for entry in entries {
        let Some(id) = entry.actor.map(|id| id.to_string()) else {
            continue;
        };
        if !entry.actor_name.is_empty() && people.iter().all(|(known, _)| *known != id) {
            people.push((id, entry.actor_name.clone()));
        }
    }
    if !chosen.is_empty() && people.iter().all(|(known, _)| known != chosen) {
        people.push((chosen.to_owned(), chosen.to_owned()));
    }
    people
}

/// The filter, and the form that shows it with what is wrong.
fn read(wanted: &Wanted, query: &Address) -> (AuditFilter, Form) {
    let mut form = Form::default();
    for (name, value) in query.iter() {
        form = form.with(name, value.clone());
    }
    let mut problem = |name: &str, message: &str| {
        form = std::mem::take(&mut form).problem_at(name, message);
    };
    let id = |text: &str| (!text.is_empty()).then(|| text.trim().parse::<Uuid>());
    let actor = id(&wanted.actor).and_then(|id| {
        id.map_err(|_| problem("actor", "Choose a person of the list."))
            .ok()
    });
    let object = id(&wanted.object)
        .and_then(|id| id.map_err(|_| problem("object", "This is not an id.")).ok());
    let mut day = |name: &str, text: &str, after: u64| {
        let time = moment(text, after);
        if time.is_none() && !text.is_empty() {
            problem(name, "Write a day like 2025-11-20.");
        }
        time
    };
    let filter = AuditFilter {
        actor: actor.map(UserId::from_uuid),
        action: Some(wanted.action.trim().to_owned()).filter(|action| !action.is_empty()),
        object,
        from: day("from", &wanted.from, 0),
        // The day itself is meant, too.
        to: day("to", &wanted.to, 1),
    };
    (filter, form)
}

/// A point in time, or a day: then the beginning of the day that comes `after` days later.
fn moment(text: &str, after: u64) -> Option<DateTime<Utc>> {
    let time = match DateTime::parse_from_rfc3339(text) {
        Ok(time) => time.to_utc(),
        Err(_) => {
            let day: NaiveDate = text.trim().parse().ok()?;
            let day = day.checked_add_days(Days::new(after))?;
            day.and_time(NaiveTime::MIN).and_utc()
        }
    };
    Some(time).filter(is_storable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_read() {
        assert_eq!(
            moment("2026-11-20", 0).unwrap().to_rfc3339(),
            "2026-11-20T00:00:00+00:00"
        );
        assert_eq!(
            moment("2026-11-30", 1).unwrap().to_rfc3339(),
            "2026-12-01T00:00:00+00:00"
        );
        assert_eq!(
            moment("2026-11-20T10:00:00+01:00", 1).unwrap().to_rfc3339(),
            "2026-11-20T09:00:00+00:00"
        );
        for bad in [
            "",
            "yesterday",
            "2026-13-01",
            "262142-12-31",
            "9999-12-31",
            "-0001-01-01T00:00:00Z",
        ] {
            assert_eq!(moment(bad, 1), None, "{bad}");
        }
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_a_problem_at_its_field() {
        let wanted = Wanted {
            actor: "ines".into(),
            from: "soon".into(),
            action: " member ".into(),
            ..Wanted::default()
        };
        let (filter, form) = read(&wanted, &Address::of(&wanted));
        assert_eq!(filter.action.as_deref(), Some("member"));
        assert!(
            form.problem("actor").is_some()
                && form.problem("from").is_some()
                && form.problem("to").is_none()
        );
        assert_eq!(form.value("from"), "soon");
    }
}
