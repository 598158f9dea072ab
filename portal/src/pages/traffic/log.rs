//! The request log: every filter is in the address, and the page offers what there is to choose.

use api::{
    http::extract::{Path, Query},
    service::{
        apis, applications,
        traffic::{self as service},
    },
};
use chrono::TimeDelta;
use domain::{
    id::RecordId,
    wire::{
        TeamPaging,
        traffic::{LogFilter, LogLine, Range},
    },
};
use frontend::{form::Form, pages::log};
use serde::{Deserialize, Serialize};

use super::Side;
use crate::{
    failure::Result,
    place::Workspace,
    query::{self, Query as Address},
};

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Asked {
    side: Side,
    /// How far back, from now on: unlike `from`, it stays right in a bookmark.
    #[serde(
        deserialize_with = "domain::wire::blank",
        skip_serializing_if = "Option::is_none"
    )]
    since: Option<Range>,
}

impl Asked {
    /// The whole query of the page: the side, then what narrows it.
    fn query(&self, filter: &LogFilter) -> Address {
        let mut query = Address::default().with("side", self.side.as_str());
        if let Some(since) = self.since {
            query = query.with("since", since.as_str());
        }
        query::of_log(filter)
            .iter()
            .fold(query, |query, (name, value)| query.with(name, value))
    }
}

/// `GET …/log`. An impossible filter gets the page with what is wrong, not a bare refusal.
pub(crate) async fn list(
    here: Workspace,
    Query(asked): Query<Asked>,
    Query(filter): Query<LogFilter>,
) -> Result {
    let base = format!("{}/log", here.address());
    let query = asked.query(&filter);
    let mut wanted = filter.clone();
    if let (None, Some(since)) = (wanted.from, asked.since) {
        wanted.from = Some(here.ctx().now - TimeDelta::seconds(since.seconds()));
    }
    let mut form = query.iter().fold(Form::default(), |form, (name, value)| {
        form.with(name, value.clone())
    });
    let subject = asked.side.subject(&here);
    let (lines, next) = match service::log(here.ctx(), subject, &wanted).await {
        Ok(page) => (page.items, page.next),
        Err(error) if !error.invalid.is_empty() => {
            form = form.invalid(&error.invalid);
            (Vec::new(), None)
        }
        Err(error) => return Err(error.into()),
    };
    let choices = choices(&here, asked.side, &filter, &lines).await?;
    let side = Address::default().with("side", asked.side.as_str());
    let refused = form.is_refused();
    let page = log::Log {
        visitor: here.visitor(),
        place: here.place.clone(),
        kept: query
            .iter()
            .filter(|(name, _)| !log::FIELDS.contains(&name.as_str()))
            .cloned()
            .collect(),
        sides: asked.side.tabs(&query, &base),
        filters: filters(&query, &choices, &base),
        clear: side.after(&base),
        form,
        lines: lines
            .into_iter()
            .map(|line| log::Line {
                entry: side.after(&format!("{base}/{}", line.id)),
                status: query.with("status", &line.status.to_string()).after(&base),
                application: query
                    .with("application", &line.application.id.to_string())
                    .after(&base),
                line,
            })
            .collect(),
        choices,
        older: next.map(|next| query.with("after", &next).after(&base)),
        newest: filter.after.is_some().then(|| query.after(&base)),
        address: base,
    };
    if refused {
        return Ok(here.visit.refused("Request log", || log::list(page)));
    }
    Ok(here.visit.page("Request log", || log::list(page)))
}

/// Chips: what is on, by its name where it has one, with the address without it.
fn filters(query: &Address, choices: &log::Choices, base: &str) -> Vec<(String, String, String)> {
    let chips = query.iter().filter(|(name, _)| name != "side");
    chips
        .map(|(name, value)| {
            let known = match name.as_str() {
                "api" => &choices.apis[..],
                "application" => &choices.applications[..],
                _ => &[],
            };
            let words = known.iter().find(|(id, _)| id == value);
            let words = words.map_or(value, |(_, words)| words).clone();
            (name.clone(), words, query.without(name).after(base))
        })
        .collect()
}

/// What the selects offer: the workspace's own APIs or applications, those of the other side that
/// were busy within the last week, and what the lines and the filter name.
async fn choices(
    here: &Workspace,
    side: Side,
    filter: &LogFilter,
    lines: &[LogLine],
) -> Result<log::Choices> {
    let (ctx, organization) = (here.ctx(), here.organization_id());
    let paging = TeamPaging {
        team: here.team_id(),
        limit: Some(100),
        after: None,
    };
    let mut found = log::Choices::default();
    // A role that reads traffic but not these gets the names that traffic itself tells.
    match side {
        Side::Calls => {
            if let Ok(page) = applications::list(ctx, organization, &paging).await {
                for application in page.items {
                    found.application(application.id, &application.name);
                }
            }
        }
        Side::Answers => {
            if let Ok(page) = apis::list(ctx, organization, &paging).await {
                for api in page.items {
                    found.api(api.id, &api.name);
                }
            }
        }
    }
    let busy = service::usage(ctx, side.subject(here), Range::Week, None).await?;
    for operation in &busy.operations {
        found.api(operation.api.id, &operation.api.name);
    }
    for application in &busy.applications {
        found.application(application.id, &application.name);
    }
    for line in lines {
        found.api(line.api.id, &line.api.name);
        found.application(line.application.id, &line.application.name);
    }
    if let Some(id) = filter.api {
        found.api(id, "another API");
    }
    if let Some(id) = filter.application {
        found.application(id, "another application");
    }
    Ok(found)
}

/// Organization and, in a team's workspace, team: the id of the record is what matters.
#[derive(Debug, Deserialize)]
pub(crate) struct One {
    record: RecordId,
}

/// `GET …/log/{record}`.
pub(crate) async fn entry(
    here: Workspace,
    Path(One { record }): Path<One>,
    Query(asked): Query<Asked>,
) -> Result {
    let found = service::entry(here.ctx(), here.organization_id(), record).await?;
    let title = format!("{} {}", found.line.method, found.line.path);
    let (address, side) = (format!("{}/log", here.address()), asked.side.as_str());
    let of_trace = Address::default()
        .with("side", side)
        .with("trace_id", &found.line.trace_id);
    let page = log::Entry {
        visitor: here.visitor(),
        place: here.place.clone(),
        back: Address::of(&asked).after(&address),
        trace: of_trace.after(&address),
        entry: found,
        now: here.ctx().now,
    };
    Ok(here.visit.page(&title, || log::entry(page)))
}
