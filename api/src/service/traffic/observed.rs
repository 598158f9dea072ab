//! Policies in observe mode: what they would have refused, and whom.

use domain::id::VersionId;
use domain::key::Environment;
use domain::wire::traffic::{Observed, ObservedApplication, ObservedPolicy, Range};
use entity::store::traffic::{self as store, Observation};

use super::usage::stretch;
use super::{Subject, title};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::service::{names, versions};

/// Rows of one policy: more than anybody reads.
const MOST: u64 = 100;

/// Who would have been refused if a version's policies enforced.
pub async fn observed(
    ctx: &Ctx,
    version: VersionId,
    range: Range,
    environment: Option<Environment>,
) -> Result<Observed> {
    let scope = store::Scope {
        environment,
        ..Subject::Version(version).scope(ctx).await?
    };
    let stretch = stretch(range, ctx.now);
    let db = &ctx.plane.databases.traffic;
    // What was asked before an upgrade would only make the shares smaller than they are. A clock
    // that was ahead then says nothing.
    let since = store::observed_since(db).await?;
    let since = since.filter(|at| (stretch.from..=ctx.now).contains(at));
    let counted = store::Stretch {
        from: since.unwrap_or(stretch.from),
        ..stretch
    };
    let found = store::observed(db, &scope, &counted, MOST).await?;
    let found = found.unwrap_or_default();
    let watching = watching(ctx, version).await?;
    let mut labels: Vec<String> = found.policies.keys().cloned().collect();
    labels.extend(
        watching
            .iter()
            .filter(|label| !found.policies.contains_key(*label))
            .cloned(),
    );
    let named = title::applications(
        ctx,
        scope.side,
        found.rows.iter().map(|row| row.application.uuid()),
    )
    .await?;
    let organizations =
        names::organizations(ctx.db(), found.rows.iter().map(|row| row.consumer.uuid())).await?;
    let application = |row: &store::Observed| {
        let name = named.get(row.application.uuid()).name;
        ObservedApplication {
            id: row.application,
            // Whose application it is, is told only with its name.
            organization: match name.is_empty() {
                true => String::new(),
                false => organizations.get(row.consumer.uuid()).name,
            },
            name,
            requests: requests(&found, row),
            would_refuse: row.count,
        }
    };
    let mut policies: Vec<ObservedPolicy> = labels
        .iter()
        .filter_map(|label| {
            let mut parts = label.splitn(3, '/');
            let (from, kind, name) = (parts.next()?, parts.next()?, parts.next()?);
            let refused = found.policies.get(label).copied().unwrap_or_default();
            let is_told = matches!(from, "organization" | "api" | "version");
            let rows = found.rows.iter().filter(|row| row.policy == *label);
            Some(ObservedPolicy {
                from: from.to_owned(),
                kind: kind.to_owned(),
                name: name.to_owned(),
                observes: is_told.then(|| watching.contains(label)),
                would_refuse: refused.count,
                applications: refused.applications,
                without_application: refused.nobody,
                by_application: rows.map(application).collect(),
            })
        })
        .collect();
    policies.sort_by_key(|policy| std::cmp::Reverse(policy.would_refuse));
    Ok(Observed {
        range,
        from: stretch.from,
        to: stretch.to,
        since,
        requests: found.requests,
        policies,
    })
}

/// All that an application asked, which is at least what would have been refused of it.
fn requests(found: &Observation, row: &store::Observed) -> u64 {
    let all = found.of_application.get(&row.application);
    all.copied().unwrap_or_default().max(row.count)
}

/// The policies that only watch, or watch answers, and that every call of a version meets, as records name them.
async fn watching(ctx: &Ctx, version: VersionId) -> Result<Vec<String>> {
    let chain = versions::effective(ctx, version, false, None, None)
        .await?
        .chain;
    let watching = chain.into_iter().filter(|one| one.policy.watches());
    let label = |one: domain::wire::versions::EffectivePolicy| {
        let (kind, name) = (one.policy.kind().as_str(), one.policy.name());
        format!("{}/{kind}/{name}", one.from.as_str())
    };
    Ok(watching.map(label).collect())
}
