//! `portunus explain`: what the gateway would do with a request, by a file, by the database, or by
//! a running platform. Also hands the gateway's code to the management API, which does not know it.

mod platform;
mod question;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use api::Plane;
use api::explain::Explains;
use async_trait::async_trait;
use domain::explain::{Answer, Asked, Explanation, KeyState, Question, Sight};
use entity::database::Databases;
use gateway::explain::{Counts, Explainer};
use gateway::source::file;
use gateway::store::DatabaseExplainer;

use super::{data_plane, keys, say, start, store};
use crate::cli::Explain;
use crate::settings::{Problems, Settings};

pub fn run(explain: &Explain) -> anyhow::Result<()> {
    let question = question::read(explain)?;
    let answer = match (&explain.from, question) {
        (Some(portal), question) => platform::ask(portal, &question)?,
        (None, Question { request, .. }) => {
            let settings =
                start::settings(explain.common.settings.as_deref(), &explain.common.flags())?;
            // The command line asks for a portal with any other question.
            let asked = request.unwrap_or_default();
            let now = match &explain.config {
                Some(file) => of_file(&settings, file, &asked)?,
                None => of_database(&settings, &asked)?,
            };
            Answer {
                past: None,
                now: Some(now),
                notes: Vec::new(),
            }
        }
    };
    if explain.json {
        say::line(serde_json::to_string_pretty(&answer)?)
    } else {
        say::text(answer)
    }
}

fn of_file(settings: &Settings, path: &Path, asked: &Asked) -> anyhow::Result<Explanation> {
    let read = file::read(path, 1, &|name| std::env::var(name).ok())
        .map_err(|found| data_plane::told(path, &found))?;
    let plain = data_plane::explaining(settings, settings.gateway_key.clone());
    let counts = Counts::none(&plain, false);
    let explainer = Explainer::new(read.snapshot, plain, counts)?;
    let told = explainer.explain(asked, KeyState::Judged, &Sight::Everything);
    Ok(told.explanation)
}

fn of_database(settings: &Settings, asked: &Asked) -> anyhow::Result<Explanation> {
    start::runtime()?.block_on(async {
        let rings = keys::rings(settings)?;
        let databases = store::open_existing(settings).await?;
        store::check_schema(&databases).await?;
        let plain = data_plane::explaining(settings, Some(rings.gateway));
        let explainer = DatabaseExplainer::alone(databases.clone(), plain);
        let told = explainer.explain(asked, KeyState::Judged, &Sight::Everything);
        let told = told.await;
        databases.close().await?;
        told.map_err(|error| Problems(vec![error.to_string()]).into())
    })
}

/// The gateway's code as the management API asks it.
#[derive(Debug)]
struct ByDatabase(DatabaseExplainer);

#[async_trait]
impl Explains for ByDatabase {
    async fn explain(
        &self,
        asked: &Asked,
        key: KeyState,
        sight: &Sight,
    ) -> Result<Explanation, Box<dyn Error + Send + Sync>> {
        Ok(self.0.explain(asked, key, sight).await?)
    }
}

/// In one process with a gateway: limits as that one has counted them.
pub(super) fn beside(
    plane: &Plane,
    databases: Databases,
    settings: gateway::Settings,
    counts: Counts,
) {
    hand(
        plane,
        DatabaseExplainer::beside(databases, settings, counts),
    );
}

/// A portal alone: quotas from the database.
pub(super) fn alone(plane: &Plane, databases: Databases, settings: gateway::Settings) {
    hand(plane, DatabaseExplainer::alone(databases, settings));
}

fn hand(plane: &Plane, explainer: DatabaseExplainer) {
    // A plane is made once and handed this once.
    let _ = plane.explainer.set(Arc::new(ByDatabase(explainer)));
}
