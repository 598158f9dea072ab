//! Dashboards and the request log of a workspace, from the caller's side and the owner's.

use api::{
    http::extract::{Path, Query},
    service::traffic::{self as service, Subject},
};
use domain::{
    id::RecordId,
    key::Environment,
    wire::traffic::{LogFilter, Range},
};
use frontend::{
    form::Form,
    frame::Section,
    pages::{log, usage},
    part::Text,
};
use serde::{Deserialize, Serialize};

use crate::{
    failure::Result,
    place::Workspace,
    query::{self, Query as Address},
};

/// Which side of the calls is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Side {
    /// What our applications called.
    #[default]
    Calls,
    /// What our APIs answered.
    Answers,
}

impl Side {
    const ALL: [Self; 2] = [Self::Calls, Self::Answers];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Answers => "answers",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Calls => "Our calls",
            Self::Answers => "Calls to our APIs",
        }
    }

    fn subject(self, here: &Workspace) -> Subject {
        match self {
            Self::Calls => Subject::Consumer(here.organization_id(), here.team_id()),
            Self::Answers => Subject::Provider(here.organization_id(), here.team_id()),
        }
    }

    fn tabs(self, query: &Address, base: &str) -> Vec<(Text, String, bool)> {
        Self::ALL
            .map(|side| {
                (
                    Text::from(side.words()),
                    query.with("side", side.as_str()).after(base),
                    side == self,
                )
            })
            .to_vec()
    }
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Wanted {
    side: Side,
    range: Range,
    #[serde(
        deserialize_with = "domain::wire::blank",
        skip_serializing_if = "Option::is_none"
    )]
    environment: Option<Environment>,
}

/// `GET …/analytics`.
pub(crate) async fn usage(here: Workspace, Query(wanted): Query<Wanted>) -> Result {
    let found = service::usage(
        here.ctx(),
        wanted.side.subject(&here),
        wanted.range,
        wanted.environment,
    )
    .await?;
    let base = format!("{}/analytics", here.address());
    let query = Address::of(&wanted);
    let environment = wanted.environment.map(|environment| {
        (
            "environment".to_owned(),
            environment.as_str().to_owned(),
            query.without("environment").after(&base),
        )
    });
    let log = Address::default().with("side", wanted.side.as_str());
    let page = usage::Usage {
        visitor: here.visitor(),
        place: here.place.clone(),
        open: Section::Analytics,
        title: "Analytics".into(),
        lede: "Rolled up every few seconds. Times are UTC.".into(),
        ranges: Range::ALL
            .map(|range| query.with("range", range.as_str()).after(&base))
            .to_vec(),
        sides: wanted.side.tabs(&query, &base),
        filters: environment.into_iter().collect(),
        usage: found,
        log: Some(log.after(&format!("{}/log", here.address()))),
    };
    Ok(here.visit.page("Analytics", || usage::view(page)))
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Asked {
    side: Side,
}

/// `GET …/log`. An impossible filter gets the page with what is wrong, not a bare refusal.
pub(crate) async fn list(
    here: Workspace,
    Query(asked): Query<Asked>,
    Query(filter): Query<LogFilter>,
) -> Result {
    let base = format!("{}/log", here.address());
    let query = query::of_log(&filter);
    let kept = Address::of(&asked);
    let mut form = Form::default();
    let mut filters = Vec::new();
    for (name, value) in query.iter() {
        form = form.with(name, value.clone());
        let without = query
            .without(name)
            .with("side", asked.side.as_str())
            .after(&base);
        filters.push((name.clone(), value.clone(), without));
    }
    let (lines, next) = match service::log(here.ctx(), asked.side.subject(&here), &filter).await {
        Ok(page) => (page.items, page.next),
        Err(error) if !error.invalid.is_empty() => {
            form = form.invalid(&error.invalid);
            (Vec::new(), None)
        }
        Err(error) => return Err(error.into()),
    };
    let refused = form.is_refused();
    let here_query = query.with("side", asked.side.as_str());
    let page = log::Log {
        visitor: here.visitor(),
        place: here.place.clone(),
        kept: kept.iter().cloned().collect(),
        sides: asked.side.tabs(&query, &base),
        filters,
        form,
        lines,
        entry_query: kept.after(""),
        older: next.map(|next| here_query.with("after", &next).after(&base)),
        newest: filter.after.is_some().then(|| here_query.after(&base)),
        address: base,
    };
    if refused {
        return Ok(here.visit.refused("Request log", || log::list(page)));
    }
    Ok(here.visit.page("Request log", || log::list(page)))
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
    let page = log::Entry {
        visitor: here.visitor(),
        place: here.place.clone(),
        back: Address::of(&asked).after(&format!("{}/log", here.address())),
        entry: found,
        now: here.ctx().now,
    };
    Ok(here.visit.page(&title, || log::entry(page)))
}
