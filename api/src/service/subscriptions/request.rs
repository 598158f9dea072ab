//! How subscriptions begin: a consumer asks, or a provider grants.

use domain::actor::Action;
use domain::id::{ApplicationId, PlanId};
use domain::lifecycle::ApplicationState;
use domain::organization::OrganizationState;
use domain::plan::Approval;
use domain::problem::Code;
use domain::snapshot::Kind;
use domain::subscription::SubscriptionState;
use domain::wire::subscriptions::{GrantSubscription, MAX_TEXT, RequestSubscription, Subscription};
use entity::{application, organization, plan, product, subscription};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::json;
use uuid::Uuid;

use super::decide::payload;
use super::{Loaded, load, view};
use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::{applications, catalog, plans, products};
use crate::write::{Audit, Event, Write};

/// Asks for a plan; an automatic one is approved at once.
pub async fn request(
    ctx: &Ctx,
    application: ApplicationId,
    input: RequestSubscription,
) -> Result<Subscription> {
    let mut check = Check::new();
    let reason = check.text("/reason", &input.reason, MAX_TEXT);
    check.done()?;
    let mut write = Write::begin(ctx).await?;
    let application =
        applications::load(ctx, write.tx(), application, Action::RequestSubscription).await?;
    let (plan, product) = offered(ctx, write.tx(), input.plan, application.organization_id).await?;
    accepted(&plan, input.accept_terms)?;
    let state = match plan.approval()? {
        Approval::Auto => SubscriptionState::Approved,
        Approval::Manual => SubscriptionState::Pending,
    };
    let asked = Asked {
        reason,
        note: String::new(),
        terms: input.accept_terms,
        granted: false,
    };
    let loaded = insert(&mut write, application, product, plan, state, asked).await?;
    let (kind, hears) = match state {
        SubscriptionState::Pending => ("subscription.requested", loaded.row.provider_id),
        // Nobody decided, so nobody is told that somebody did.
        _ => ("subscription.subscribed", loaded.row.provider_id),
    };
    tell(
        &mut write,
        &loaded,
        "subscription.request",
        loaded.row.consumer_id,
        kind,
        hears,
    )
    .await?;
    write.commit().await?;
    view::show(ctx, load(ctx, ctx.db(), loaded.row.id.into()).await?).await
}

/// The provider subscribes a consumer's application on its behalf.
pub async fn grant(ctx: &Ctx, plan: PlanId, input: GrantSubscription) -> Result<Subscription> {
    let mut check = Check::new();
    let note = check.text("/note", &input.note, MAX_TEXT);
    check.done()?;
    let mut write = Write::begin(ctx).await?;
    let (plan, product) = plans::load(ctx, write.tx(), plan, Action::DecideSubscription).await?;
    if !plan.state()?.is_open() {
        return Err(closed());
    }
    let application = application::Entity::find_by_id(input.application.uuid())
        .one(write.tx())
        .await?;
    let application =
        application.ok_or_else(|| Error::field("/application", "There is no such application."))?;
    let asked = Asked {
        reason: String::new(),
        note,
        terms: None,
        granted: true,
    };
    let loaded = insert(
        &mut write,
        application,
        product,
        plan,
        SubscriptionState::Approved,
        asked,
    )
    .await?;
    let (provider, consumer) = (loaded.row.provider_id, loaded.row.consumer_id);
    tell(
        &mut write,
        &loaded,
        "subscription.grant",
        provider,
        "subscription.granted",
        consumer,
    )
    .await?;
    write.commit().await?;
    view::show(ctx, load(ctx, ctx.db(), loaded.row.id.into()).await?).await
}

/// The plan, if an application of `consumer` may ask for it; one that it may not see is as one that does
/// not exist.
async fn offered<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    id: PlanId,
    consumer: Uuid,
) -> Result<(plan::Model, product::Model)> {
    let plan = plan::Entity::find_by_id(id.uuid())
        .one(db)
        .await?
        .ok_or_else(no_plan)?;
    let product = product::Entity::find_by_id(plan.product_id)
        .one(db)
        .await?
        .ok_or_else(no_plan)?;
    let own = ctx.can(
        Action::ReadProduct,
        product.organization_id.into(),
        Some(product.team_id.into()),
    );
    let seen = own
        || (plans::is_for(&plan, consumer)? && catalog::sees_product(ctx, db, product.id).await?);
    if !seen {
        return Err(no_plan());
    }
    if !plan.state()?.is_open() {
        return Err(closed());
    }
    let provider = organization::Entity::find_by_id(product.organization_id)
        .one(db)
        .await?
        .ok_or_else(no_plan)?;
    if provider.state()? != OrganizationState::Active {
        return Err(Error::new(
            Code::Conflict,
            "The organization that offers it is suspended.",
        ));
    }
    Ok((plan, product))
}

fn no_plan() -> Error {
    Error::field("/plan", "There is no such plan.")
}

fn closed() -> Error {
    Error::new(Code::Conflict, "This plan takes no new subscriptions.")
}

fn accepted(plan: &plan::Model, revision: Option<u32>) -> Result<()> {
    match plans::terms(plan) {
        None => Ok(()),
        Some(terms) if revision == Some(terms.revision) => Ok(()),
        Some(_) if revision.is_some() => Err(Error::field(
            "/accept_terms",
            "The terms have changed. Read and accept them again.",
        )),
        Some(_) => Err(Error::field(
            "/accept_terms",
            "Accept the terms of the plan.",
        )),
    }
}

struct Asked {
    reason: String,
    note: String,
    terms: Option<u32>,
    granted: bool,
}

async fn insert(
    write: &mut Write<'_>,
    application: application::Model,
    product: product::Model,
    plan: plan::Model,
    state: SubscriptionState,
    asked: Asked,
) -> Result<Loaded> {
    let ctx = write.ctx();
    if application.state()? != ApplicationState::Active {
        return Err(Error::new(Code::Conflict, "The application is disabled."));
    }
    within_limits(write.tx(), &application, &plan).await?;
    let person = ctx.user_id().map(Uuid::from);
    let approved = state == SubscriptionState::Approved;
    let row = subscription::Model {
        id: ctx.id::<()>()?.uuid(),
        provider_id: product.organization_id,
        consumer_id: application.organization_id,
        application_id: application.id,
        product_id: product.id,
        plan_id: plan.id,
        state: state.as_str().to_owned(),
        paused: false,
        reason: asked.reason,
        decision_note: asked.note,
        requested_by: person,
        requested_at: ctx.now,
        decided_by: if asked.granted { person } else { None },
        decided_at: asked.granted.then_some(ctx.now),
        approved_at: approved.then_some(ctx.now),
        starts_at: None,
        ends_at: None,
        terms_revision: asked
            .terms
            .and_then(|revision| i32::try_from(revision).ok()),
        updated_at: ctx.now,
        etag: 1,
    };
    let active: subscription::ActiveModel = row.clone().into();
    let inserted = subscription::Entity::insert(active)
        .exec_without_returning(write.tx())
        .await;
    inserted.map_err(|error| {
        Error::from(error).unique(
            "/plan",
            "This application has an open subscription to the product.",
        )
    })?;
    Ok(Loaded {
        row,
        application,
        product,
        plan,
    })
}

/// Counted inside the write transaction, of which there is one at a time: of a hundred at once
/// exactly as many get in as there is room for.
async fn within_limits<C: ConnectionTrait>(
    db: &C,
    application: &application::Model,
    plan: &plan::Model,
) -> Result<()> {
    let open =
        || subscription::Entity::find().filter(subscription::Column::State.is_in(products::OPEN));
    let over = |count: u64, most: Option<i32>| {
        most.is_some_and(|most| count >= u64::try_from(most).unwrap_or(0))
    };
    if plan.max_subscriptions.is_some() {
        let count = open()
            .filter(subscription::Column::PlanId.eq(plan.id))
            .count(db)
            .await?;
        if over(count, plan.max_subscriptions) {
            return Err(Error::new(
                Code::LimitReached,
                "The plan has no room for another subscription.",
            ));
        }
    }
    if plan.max_per_application.is_some() {
        let with_provider = open()
            .filter(subscription::Column::ApplicationId.eq(application.id))
            .filter(subscription::Column::ProviderId.eq(plan.organization_id));
        if over(with_provider.count(db).await?, plan.max_per_application) {
            let detail = "The application holds as many subscriptions with this provider as the plan allows.";
            return Err(Error::new(Code::LimitReached, detail));
        }
    }
    Ok(())
}

async fn tell(
    write: &mut Write<'_>,
    loaded: &Loaded,
    action: &'static str,
    own: Uuid,
    kind: &'static str,
    hears: Uuid,
) -> Result<()> {
    let row = &loaded.row;
    let after = json!({
        "application": loaded.application.id,
        "product": loaded.product.id,
        "plan": loaded.plan.id,
        "state": row.state,
        "terms_accepted": row.terms_revision,
    });
    write
        .audit(
            Audit::new(action, "subscription", row.id)
                .of(own.into())
                .after(after),
        )
        .await?;
    let payload = payload(write, loaded, &row.decision_note).await?;
    write
        .event(Event {
            kind,
            organization: Some(hears.into()),
            object_kind: "subscription",
            object: row.id,
            payload,
        })
        .await?;
    write.changed(Kind::Subscription, row.id).await
}
