//! Traffic of a workspace, from the caller's side and the owner's: dashboards here, the request
//! log in `log`.

mod log;

use api::{
    http::extract::Query,
    service::{
        apis,
        traffic::{self as service, Subject},
        versions,
    },
};
use domain::{
    id::{ApiId, ApplicationId, VersionId},
    key::Environment,
    wire::traffic::Range,
};
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
    /// Calls to one API or version only, from the owner's side.
    #[serde(
        deserialize_with = "domain::wire::blank",
        skip_serializing_if = "Option::is_none"
    )]
    api: Option<ApiId>,
    #[serde(
        deserialize_with = "domain::wire::blank",
        skip_serializing_if = "Option::is_none"
    )]
    version: Option<VersionId>,
}

/// The one API or version whose calls are looked at.
struct Called {
    subject: Subject,
    /// Of the filter, in the addresses of this page and of the log.
    name: &'static str,
    id: String,
    words: String,
}

impl Wanted {
    async fn called(&self, here: &Workspace) -> Option<Called> {
        let (ctx, found) = (here.ctx(), (self.side, self.version, self.api));
        match found {
            (Side::Calls, ..) | (Side::Answers, None, None) => None,
            (Side::Answers, Some(id), _) => {
                let version = versions::get(ctx, id).await;
                // A role that reads traffic but not this sees its figures all the same.
                let words = version.map_or("one version".to_owned(), |version| {
                    format!("{} {}", version.api.name, version.summary.slug)
                });
                Some(Called {
                    subject: Subject::Version(id),
                    name: "version",
                    id: id.to_string(),
                    words,
                })
            }
            (Side::Answers, None, Some(id)) => Some(Called {
                subject: Subject::Api(id),
                name: "api",
                id: id.to_string(),
                words: apis::get(ctx, id)
                    .await
                    .map_or("one API".to_owned(), |api| api.name),
            }),
        }
    }
}

/// `GET …/analytics`.
pub(crate) async fn usage(here: Workspace, Query(wanted): Query<Wanted>) -> Result {
    let application = match (wanted.side, wanted.application) {
        (Side::Calls, Some(id)) => Some(applications::load(&here, id).await?),
        _ => None,
    };
    let called = wanted.called(&here).await;
    let subject = match (&application, &called) {
        (Some(application), _) => Subject::Application(application.id),
        (None, Some(called)) => called.subject,
        (None, None) => wanted.side.subject(&here),
    };
    let found = service::usage(here.ctx(), subject, wanted.range, wanted.environment).await?;
    let variants = match wanted.side {
        Side::Calls => Vec::new(),
        Side::Answers => {
            let found = service::variants(here.ctx(), subject, wanted.range, wanted.environment);
            found.await?.variants
        }
    };
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
    if let Some(called) = called {
        log = log.with(called.name, &called.id);
        let without = query.without(called.name).after(&base);
        filters.push((called.name.to_owned(), called.words, without));
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
        variants,
        log: Some(log.after(&format!("{}/log", here.address()))),
    };
    Ok(here.visit.page("Analytics", || usage::view(page)))
}
