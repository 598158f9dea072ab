//! Who may call: plans, and the organizations that are suspended.

use std::sync::Arc;

use domain::effective;
use domain::id::PlanId;
use domain::lifecycle::PlanState;
use domain::policy::named_lists;
use http::HeaderValue;

use super::model::Dirty;
use super::{Compiler, numbered};
use crate::policy::{Chain, Context};
use crate::state::Plan;

impl Compiler {
    pub(super) fn compile_plans(&mut self, dirty: &Dirty) {
        if dirty.plans.is_empty() {
            return;
        }
        let mut plans = Vec::clone(&self.state.plans);
        for id in &dirty.plans {
            let number = numbered(&mut self.consumers.plan_numbers, *id) as usize;
            if plans.len() <= number {
                plans.resize(number + 1, None);
            }
            plans[number] = self.plan(id).map(Arc::new);
            let plan = self.model.plans.get(id);
            let lists = plan.is_some_and(|plan| named_lists(&plan.policies).next().is_some());
            self.model.note_plan(*id, lists);
        }
        self.state.plans = Arc::new(plans);
    }

    fn plan(&self, id: &PlanId) -> Option<Plan> {
        let plan = self.model.plans.get(id)?;
        let chain = effective::chain(&[], &[], &[], &[], &plan.policies);
        let product = self.model.products.get(&plan.product);
        let organization = product.map(|product| product.organization);
        let ip_lists = |name: &str| self.ip_lists.number(organization?, name);
        let context = Context {
            ip_lists: &ip_lists,
            ..self.context()
        };
        let chain = Chain::compile(&chain, |_| plan.id.uuid(), &context);
        // One that is closed may name what is there no more: nobody is subscribed to it.
        if let Err(error) = &chain
            && plan.state != PlanState::Closed
        {
            tracing::error!(plan.id = %id, %error, "A plan's policy could not be compiled; its subscribers are answered 500.");
        }
        // It goes into a header field as it is.
        HeaderValue::from_str(&plan.slug).ok()?;
        Some(Plan {
            id: *id,
            slug: plan.slug.as_str().into(),
            state: plan.state,
            priority: plan.priority,
            chain,
        })
    }

    pub(super) fn compile_suspended(&mut self, dirty: &Dirty) {
        for id in &dirty.organizations {
            let organization = self.model.organizations.get(id);
            let is = organization.is_some_and(|organization| organization.suspended);
            if is != self.state.suspended.contains(id) {
                let suspended = Arc::make_mut(&mut self.state.suspended);
                if is {
                    suspended.insert(*id);
                } else {
                    suspended.remove(id);
                }
            }
        }
    }
}
