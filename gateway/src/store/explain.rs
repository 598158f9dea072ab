//! Explaining by the newest state of the shared database. The state is loaded at the first question
//! and then follows what changes; one question at a time.

use domain::explain::{Asked, Explanation, KeyState, Sight};
use domain::snapshot::Mark;
use entity::database::Databases;
use entity::snapshot::{self, Changes};
use entity::store::quota as rows;
use sea_orm::DbErr;
use tokio::sync::Mutex;

use super::quota::{to_counted, to_key};
use crate::explain::{Counts, Explainer, NoState};
use crate::settings::Settings;

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum NotExplained {
    #[error("the database does not answer: {0}")]
    Database(#[from] DbErr),
    #[error(transparent)]
    State(#[from] NoState),
    #[error("compiling the configuration ended abnormally")]
    Abnormal,
}

/// Answers questions about the state in a database.
#[derive(Debug)]
pub struct DatabaseExplainer {
    databases: Databases,
    settings: Settings,
    counts: Counts,
    /// Sums of quotas are read for each answer; a gateway in this process has them already.
    totals: bool,
    held: Mutex<Option<Held>>,
}

/// A state to ask about, and what the change of its number was.
#[derive(Debug)]
struct Held {
    explainer: Explainer,
    mark: Option<Mark>,
}

impl DatabaseExplainer {
    /// Beside a gateway: limits as it has counted them.
    pub fn beside(databases: Databases, settings: Settings, counts: Counts) -> Self {
        Self {
            databases,
            settings,
            counts,
            totals: false,
            held: Mutex::default(),
        }
    }

    /// Without one: quotas as all nodes have stored them, rates unused.
    pub fn alone(databases: Databases, settings: Settings) -> Self {
        let counts = Counts::none(&settings, true);
        Self {
            totals: true,
            ..Self::beside(databases, settings, counts)
        }
    }

    pub async fn explain(
        &self,
        asked: &Asked,
        key: KeyState,
        sight: &Sight,
    ) -> Result<Explanation, NotExplained> {
        let mut held = self.held.lock().await;
        let newest = self.newest(held.take()).await?;
        let Held { explainer, mark: _ } = held.insert(newest);
        let told = explainer.explain(asked, key, sight);
        if !self.totals || told.quotas.is_empty() {
            return Ok(told.explanation);
        }
        let keys: Vec<_> = told
            .quotas
            .iter()
            .map(|(key, period)| to_key(key, *period))
            .collect();
        for total in rows::of(&self.databases.traffic, &keys).await? {
            let (key, period) = to_counted(total.key);
            explainer.quotas().set_total(&key, period, total.total);
        }
        Ok(explainer.explain(asked, key, sight).explanation)
    }

    /// What is held, with what changed since; all anew where that is not possible. What was held is
    /// gone when this fails.
    async fn newest(&self, held: Option<Held>) -> Result<Held, NotExplained> {
        if let Some(Held {
            mut explainer,
            mark,
        }) = held
        {
            let (db, state) = (&self.databases.main, explainer.state());
            match snapshot::changes_since(db, state, mark.as_ref()).await? {
                Changes::None => return Ok(Held { explainer, mark }),
                Changes::Delta(delta) => {
                    let mark = delta.put.mark.clone();
                    return compiling(move || {
                        explainer.follow(*delta)?;
                        Ok(Held { explainer, mark })
                    })
                    .await;
                }
                // A newer state is refused with its reason, where it is compiled.
                Changes::Reload | Changes::Newer(_) => {}
            }
        }
        let all = snapshot::load(&self.databases.main).await?;
        let mark = all.parts.mark.clone();
        let (settings, counts) = (self.settings.clone(), self.counts.clone());
        compiling(move || {
            let explainer = Explainer::new(all, settings, counts)?;
            Ok(Held { explainer, mark })
        })
        .await
    }
}

/// Compiling a million keys takes seconds, which are not this runtime's to give.
async fn compiling(
    act: impl FnOnce() -> Result<Held, NotExplained> + Send + 'static,
) -> Result<Held, NotExplained> {
    let compiled = tokio::task::spawn_blocking(act).await;
    compiled.map_err(|_| NotExplained::Abnormal)?
}
