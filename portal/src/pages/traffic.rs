//! Traffic of a workspace, from the caller's side and the owner's: dashboards here, the request
//! log in `log`.

mod log;

use api::{
    http::extract::Query,
    service::traffic::{self as service, Subject},
};
use domain::{id::ApplicationId, key::Environment, wire::traffic::Range};
use frontend::{frame::Section, pages::usage, part::Text};
use serde::{Deserialize, Serialize};

use super::applications;
use crate::{failure::Result, place::Workspace, query::Query as Address};

pub(crate) use self::log::{entry, list};

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
    /// One application's calls only, from the caller's side.
    #[serde(
        deserialize_with = "domain::wire::blank",
        skip_serializing_if = "Option::is_none"
    )]
    application: Option<ApplicationId>,
}

/// `GET …/analytics`.
pub(crate) async fn usage(here: Workspace, Query(wanted): Query<Wanted>) -> Result {
    let application = match (wanted.side, wanted.application) {
        (Side::Calls, Some(id)) => Some(applications::load(&here, id).await?),
        _ => None,
    };
    let subject = match &application {
        Some(application) => Subject::Application(application.id),
        None => wanted.side.subject(&here),
    };
    let found = service::usage(here.ctx(), subject, wanted.range, wanted.environment).await?;
    let base = format!("{}/analytics", here.address());
    let query = Address::of(&wanted);
    let environment = wanted.environment.map(|environment| {
        (
            "environment".to_owned(),
            environment.as_str().to_owned(),
            query.without("environment").after(&base),
        )
    });
    let mut log = Address::default().with("side", wanted.side.as_str());
    let mut filters: Vec<_> = environment.into_iter().collect();
    if let Some(application) = application {
        log = log.with("application", &application.id.to_string());
        let without = query.without("application").after(&base);
        filters.push(("application".to_owned(), application.name, without));
    }
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
        filters,
        usage: found,
        log: Some(log.after(&format!("{}/log", here.address()))),
    };
    Ok(here.visit.page("Analytics", || usage::view(page)))
}
