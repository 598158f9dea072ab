//! `portunus check FILE`: everything that is wrong with a declarative file, and what several gateways
//! may exceed of its limits.

use std::collections::HashMap;
use std::path::Path;

use domain::bound::NODES_UNKNOWN;
use domain::policy::{Mode, Policy};
use domain::snapshot::Parts;

use super::exit::No;
use super::{data_plane, say};

pub fn run(file: &Path) -> anyhow::Result<()> {
    let read = gateway::source::file::read(file, 1, &|name| std::env::var(name).ok());
    let good = read.and_then(|read| match read.out_of_time(chrono::Utc::now()) {
        found if found.is_empty() => Ok(read),
        found => Err(found),
    });
    match good {
        Ok(read) => {
            let parts = &read.snapshot.parts;
            let (versions, applications) = (parts.versions.len(), parts.applications.len());
            say::line(format_args!(
                "{}: good; {versions} versions, {applications} applications.",
                file.display()
            ))?;
            say::text(bounds(parts))
        }
        Err(found) => Err(No(data_plane::told(file, &found).to_string()).into()),
    }
}

/// A line for each rate limit that gateways share. Quotas are not among them: with a file each
/// gateway counts them by itself.
fn bounds(parts: &Parts) -> String {
    let mut told = String::new();
    let mut tell = |place: &str, policies: &[Policy]| {
        for policy in policies {
            let Policy::RateLimit(limit) = policy else {
                continue;
            };
            let bound = limit.bound(NODES_UNKNOWN);
            if let Some(bound) = bound.filter(|_| policy.mode() == Mode::Enforce) {
                let (kind, name) = (policy.kind().as_str(), policy.name());
                told.push_str(&format!("{place}: {kind}/{name}: {bound}\n"));
            }
        }
    };
    for organization in &parts.organizations {
        let place = format!("organization {}", organization.slug);
        tell(&place, &organization.policies);
    }
    for api in &parts.apis {
        tell(&format!("API {}", api.slug), &api.policies);
    }
    let apis = parts.apis.iter().map(|api| (api.id, api.slug.as_str()));
    let apis: HashMap<_, _> = apis.collect();
    for version in &parts.versions {
        let api = apis.get(&version.api).copied().unwrap_or_default();
        let place = format!("version {api}/{}", version.slug);
        tell(&place, &version.revision.policies);
        for operation in &version.revision.operations {
            let (method, template) = (&operation.method, &operation.template);
            tell(
                &format!("{method} {template} of {place}"),
                &operation.policies,
            );
        }
    }
    for plan in &parts.plans {
        tell(&format!("plan {}", plan.slug), &plan.policies);
    }
    told
}
