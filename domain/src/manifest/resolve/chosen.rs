//! Upstreams of a version for some of its callers: names become ids.

use super::super::{Manifest, Version};
use super::{Resolver, id};
use crate::upstream::{CallerIs, Chosen};

impl Resolver<'_> {
    pub(super) fn chosen(
        &mut self,
        pointer: &str,
        manifest: &Manifest,
        version: &Version,
    ) -> Vec<Chosen> {
        let mut all = Vec::new();
        for (index, written) in version.upstreams.iter().enumerate() {
            let at = format!("{pointer}/{index}");
            let upstream = self.upstream(&format!("{at}/upstream"), &written.upstream);
            let when = &written.when;
            if let Some(plan) = &when.plan
                && !manifest
                    .products
                    .values()
                    .any(|product| product.plans.contains_key(plan))
            {
                self.refuse(
                    format!("{at}/when/plan"),
                    format!("There is no plan {plan}."),
                );
            }
            if let Some(name) = &when.application
                && !manifest.applications.contains_key(name)
            {
                let message = format!("There is no application {name}.");
                self.refuse(format!("{at}/when/application"), message);
            }
            let application = when.application.as_ref();
            all.push(Chosen {
                when: CallerIs {
                    plan: when.plan.clone(),
                    application: application.map(|name| id("application", self.prefix, &[name])),
                    environment: when.environment,
                    claim: when.claim.clone(),
                },
                upstream,
            });
        }
        let wrong = Chosen::check(&all).into_iter();
        self.found
            .extend(wrong.map(|invalid| invalid.under(pointer)));
        all
    }
}
