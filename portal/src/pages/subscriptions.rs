//! Subscriptions from the consumer's side: requesting, listing, pausing, ending.

use api::{
    http::extract::{Path, Query},
    service::{account, applications, catalog, subscriptions as service},
};
use domain::{
    actor::{Action, OrganizationRole, TeamRole},
    id::{ApplicationId, PlanId, SubscriptionId},
    problem::Code,
    wire::{
        Paging, TeamPaging,
        catalog::ApiPage,
        subscriptions::{Decide, RequestSubscription, Subscription, SubscriptionVerb},
    },
};
use frontend::{
    form::Form,
    pages::{subscribe, subscriptions},
};
use serde::Deserialize;

use crate::{
    failure::{Failure, Result},
    place::Workspace,
    query::Query as Address,
    typed::{Typed, local, see},
    visit::Visit,
};

pub(crate) async fn list(here: Workspace, Query(paging): Query<Paging>) -> Result {
    let wanted = TeamPaging {
        team: here.team_id(),
        limit: paging.limit,
        after: paging.after,
    };
    let found = service::mine(here.ctx(), here.organization_id(), &wanted).await?;
    let base = format!("{}/subscriptions", here.address());
    let page = subscriptions::Subscriptions {
        visitor: here.visitor(),
        place: here.place.clone(),
        allowed: service::allowed(here.ctx(), &found.items).await?,
        subscriptions: found.items,
        older: found
            .next
            .map(|next| Address::default().with("after", &next).after(&base)),
        now: here.ctx().now,
    };
    Ok(here
        .visit
        .page("Subscriptions", || subscriptions::list(page)))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    plan: String,
    application: String,
}

pub(crate) async fn ask(
    visit: Visit,
    Path((owner, slug)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result {
    visit.signed_in()?;
    let form = Form::default()
        .with("plan", asked.plan)
        .with("application", asked.application);
    let api = catalog::api_page(visit.ctx(), &owner, &slug).await?;
    let page = props(&visit, api, form).await?;
    Ok(visit.page("Subscribe", || subscribe::view(page)))
}

/// Every application of the person's teams that may ask, and the teams that may make one.
async fn props(visit: &Visit, page: ApiPage, form: Form) -> Result<subscribe::Subscribe> {
    let ctx = visit.ctx();
    let (mut found, mut teams) = (Vec::new(), Vec::new());
    for membership in account::read(ctx).await?.memberships {
        let above = membership.role >= OrganizationRole::Admin;
        for team in &membership.teams {
            if above || team.role >= TeamRole::Developer {
                teams.push((
                    format!("/o/{}/t/{}", membership.slug, team.slug),
                    team.name.clone(),
                ));
            }
        }
        let all = TeamPaging {
            limit: Some(100),
            ..TeamPaging::default()
        };
        let Ok(list) = applications::list(ctx, membership.organization, &all).await else {
            continue;
        };
        for application in list.items {
            if ctx.can(
                Action::RequestSubscription,
                application.organization,
                Some(application.team.id),
            ) {
                let words = format!(
                    "{} ({}, {})",
                    application.name, application.team.name, membership.name
                );
                found.push((application.id.to_string(), words));
            }
        }
    }
    Ok(subscribe::Subscribe {
        visitor: visit.visitor(),
        page,
        applications: found,
        teams,
        form,
    })
}

pub(crate) async fn request(
    visit: Visit,
    Path((owner, slug)): Path<(String, String)>,
    typed: Typed,
) -> Result {
    visit.signed_in()?;
    let api = catalog::api_page(visit.ctx(), &owner, &slug).await?;
    let plan: Option<PlanId> = typed.get("plan").parse().ok();
    let application: Option<ApplicationId> = typed.get("application").parse().ok();
    let form = match (plan, application) {
        (Some(plan), Some(application)) => {
            let input = RequestSubscription {
                plan,
                reason: typed.get("reason").to_owned(),
                accept_terms: typed
                    .is_ticked("accept_terms")
                    .then(|| terms(&api, plan))
                    .flatten(),
            };
            match service::request(visit.ctx(), application, input).await {
                Ok(made) => return asked(&visit, &made).await,
                Err(error) => typed.refused(visit.ctx(), error).await?,
            }
        }
        (None, _) => typed.into_form().problem_at("plan", "Choose a plan."),
        (_, None) => typed
            .into_form()
            .problem_at("application", "Choose an application."),
    };
    let page = props(&visit, api, form).await?;
    Ok(visit.refused("Subscribe", || subscribe::view(page)))
}

/// The revision of the plan's terms that the page showed.
fn terms(api: &ApiPage, plan: PlanId) -> Option<u32> {
    let mut plans = api.products.iter().flat_map(|product| &product.plans);
    let plan = plans.find(|offered| offered.id == plan)?;
    plan.terms.as_ref().map(|terms| terms.revision)
}

/// On to the application, where the key is the next step.
async fn asked(visit: &Visit, made: &Subscription) -> Result {
    let application = applications::get(visit.ctx(), made.application.id).await?;
    let organization = &made.application.organization.slug;
    Ok(see(&format!(
        "/o/{organization}/t/{}/applications/{}",
        application.team.slug, application.id
    )))
}

type One = (String, String, SubscriptionId);

pub(crate) async fn ask_cancel(here: Workspace, Path((_, _, id)): Path<One>) -> Result {
    let page = cancel_props(&here, id, Form::default()).await?;
    Ok(here
        .visit
        .page("Cancel a subscription", || subscriptions::cancel(page)))
}

async fn cancel_props(
    here: &Workspace,
    id: SubscriptionId,
    form: Form,
) -> Result<subscriptions::Cancel> {
    let subscription = service::get(here.ctx(), id).await?;
    if !subscription.may.contains(&SubscriptionVerb::Cancel) {
        return Err(Failure::of(Code::IllegalTransition));
    }
    Ok(subscriptions::Cancel {
        visitor: here.visitor(),
        place: here.place.clone(),
        subscription,
        form,
    })
}

pub(crate) async fn cancel(
    here: Workspace,
    Path((organization, team, id)): Path<One>,
    typed: Typed,
) -> Result {
    let verb = SubscriptionVerb::Cancel.as_str().to_owned();
    step(here, Path((organization, team, id, verb)), typed).await
}

/// `POST …/subscriptions/{id}/{verb}` for what the consumer may do.
pub(crate) async fn step(
    here: Workspace,
    Path((_, _, id, verb)): Path<(String, String, SubscriptionId, String)>,
    typed: Typed,
) -> Result {
    let verb = SubscriptionVerb::parse(&verb).filter(|verb| !verb.is_providers());
    let verb = verb.ok_or_else(|| Failure::of(Code::NotFound))?;
    let next = local(typed.get("next")).map(str::to_owned);
    service::decide(here.ctx(), id, verb, None, Decide::default()).await?;
    let back = format!("{}/subscriptions", here.address());
    Ok(see(&next.unwrap_or(back)))
}
