//! A subscription as it is shown. What the provider sees of the consumer: organization, team,
//! application's name and description, the requester's name and address.

use domain::actor::Action;
use domain::wire::Named;
use domain::wire::subscriptions::{SubscribedApplication, Subscription, SubscriptionVerb};

use super::{Loaded, sync, terms};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::names;

pub(super) async fn show(ctx: &Ctx, loaded: Loaded) -> Result<Subscription> {
    show_all(ctx, vec![loaded])
        .await?
        .pop()
        .ok_or_else(Error::not_found)
}

pub(super) async fn show_all(ctx: &Ctx, loaded: Vec<Loaded>) -> Result<Vec<Subscription>> {
    let db = ctx.db();
    let sides = loaded
        .iter()
        .flat_map(|one| [one.row.provider_id, one.row.consumer_id]);
    let organizations = names::organizations(db, sides).await?;
    let teams = names::teams(db, loaded.iter().map(|one| one.application.team_id)).await?;
    let people = names::people(
        db,
        loaded
            .iter()
            .flat_map(|one| [one.row.requested_by, one.row.decided_by]),
    )
    .await?;
    let changes = sync::last_changes(ctx, loaded.iter().map(|one| one.row.id)).await?;
    let nodes = sync::live_gateways(ctx).await?;
    let mut shown = Vec::with_capacity(loaded.len());
    for one in loaded {
        let may = verbs(ctx, &one)?;
        let judged = terms(&one.row, &one.plan)?.judge(ctx.now);
        let Loaded {
            row,
            application,
            product,
            plan,
        } = one;
        shown.push(Subscription {
            id: row.id.into(),
            state: row.state()?,
            application: SubscribedApplication {
                id: application.id.into(),
                name: application.name,
                description: application.description,
                team: teams.get(application.team_id).name,
                organization: organizations.get(row.consumer_id),
            },
            product: Named {
                id: product.id.into(),
                name: product.name,
                slug: product.slug,
            },
            plan: Named {
                id: plan.id.into(),
                name: plan.name,
                slug: plan.slug,
            },
            provider: organizations.get(row.provider_id),
            paused: row.paused,
            effective: judged.is_ok(),
            refused_with: judged.err().map(|code| code.as_str().to_owned()),
            reason: row.reason,
            note: row.decision_note,
            terms_accepted: row
                .terms_revision
                .and_then(|revision| u32::try_from(revision).ok()),
            requested_by: people.with_address(row.requested_by),
            decided_by: row.decided_by.map(|id| people.name(Some(id))),
            created_at: row.requested_at,
            approved_at: row.approved_at,
            ends_at: row.ends_at,
            updated_at: row.updated_at,
            sync: sync::judge(&nodes, changes.get(&row.id).copied().unwrap_or(0)),
            may,
            etag: row.etag,
        });
    }
    Ok(shown)
}

/// The buttons: each is there only if the step is legal and the caller may take it.
fn verbs(ctx: &Ctx, one: &Loaded) -> Result<Vec<SubscriptionVerb>> {
    let state = one.state()?;
    let provider = one.as_provider(ctx, Action::DecideSubscription).is_ok();
    let consumer = one.as_consumer(ctx, Action::RequestSubscription).is_ok();
    let open = |verb: &SubscriptionVerb| {
        let allowed = if verb.is_providers() {
            provider
        } else {
            consumer
        };
        allowed && super::decide::is_legal(*verb, state, one.row.paused)
    };
    Ok(SubscriptionVerb::ALL.into_iter().filter(open).collect())
}
