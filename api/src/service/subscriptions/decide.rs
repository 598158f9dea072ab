//! What is done to a subscription after it was asked for: the provider's verbs and the consumer's.

use domain::actor::Action;
use domain::id::SubscriptionId;
use domain::problem::Code;
use domain::snapshot::Kind;
use domain::subscription::{SubscriptionState, SubscriptionStep};
use domain::wire::subscriptions::{Decide, MAX_TEXT, Subscription, SubscriptionVerb};
use entity::subscription;
use sea_orm::{ActiveModelTrait, ActiveValue::Set};
use serde_json::json;

use super::{Loaded, load, view};
use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::names;
use crate::write::{Audit, Event, Write, expect};

/// The step in the state machine; pausing is a flag beside it.
const fn step_of(verb: SubscriptionVerb) -> Option<SubscriptionStep> {
    match verb {
        SubscriptionVerb::Approve => Some(SubscriptionStep::Approve),
        SubscriptionVerb::Reject => Some(SubscriptionStep::Reject),
        SubscriptionVerb::Suspend => Some(SubscriptionStep::Suspend),
        SubscriptionVerb::Resume => Some(SubscriptionStep::Resume),
        SubscriptionVerb::Revoke => Some(SubscriptionStep::Revoke),
        SubscriptionVerb::Withdraw => Some(SubscriptionStep::Withdraw),
        SubscriptionVerb::Cancel => Some(SubscriptionStep::Cancel),
        SubscriptionVerb::Pause | SubscriptionVerb::Unpause => None,
    }
}

/// What state and flag a verb leads to.
fn after(
    verb: SubscriptionVerb,
    state: SubscriptionState,
    paused: bool,
) -> Result<(SubscriptionState, bool)> {
    if let Some(step) = step_of(verb) {
        return Ok((state.step(step)?, paused));
    }
    let pauses = verb == SubscriptionVerb::Pause;
    let running = matches!(
        state,
        SubscriptionState::Approved | SubscriptionState::Suspended
    );
    if !running || paused == pauses {
        let (is, step) = (
            state.as_str(),
            if pauses { "be paused" } else { "be unpaused" },
        );
        let is = if running && paused { "paused" } else { is };
        return Err(Error::new(
            Code::IllegalTransition,
            format!("A subscription that is {is} cannot {step}."),
        ));
    }
    Ok((state, pauses))
}

pub(super) fn is_legal(verb: SubscriptionVerb, state: SubscriptionState, paused: bool) -> bool {
    after(verb, state, paused).is_ok()
}

const fn action_of(verb: SubscriptionVerb) -> &'static str {
    match verb {
        SubscriptionVerb::Approve => "subscription.approve",
        SubscriptionVerb::Reject => "subscription.reject",
        SubscriptionVerb::Suspend => "subscription.suspend",
        SubscriptionVerb::Resume => "subscription.resume",
        SubscriptionVerb::Revoke => "subscription.revoke",
        SubscriptionVerb::Withdraw => "subscription.withdraw",
        SubscriptionVerb::Pause => "subscription.pause",
        SubscriptionVerb::Unpause => "subscription.unpause",
        SubscriptionVerb::Cancel => "subscription.cancel",
    }
}

const fn event_of(verb: SubscriptionVerb) -> &'static str {
    match verb {
        SubscriptionVerb::Approve => "subscription.approved",
        SubscriptionVerb::Reject => "subscription.rejected",
        SubscriptionVerb::Suspend => "subscription.suspended",
        SubscriptionVerb::Resume => "subscription.resumed",
        SubscriptionVerb::Revoke => "subscription.revoked",
        SubscriptionVerb::Withdraw => "subscription.withdrawn",
        SubscriptionVerb::Pause => "subscription.paused",
        SubscriptionVerb::Unpause => "subscription.unpaused",
        SubscriptionVerb::Cancel => "subscription.cancelled",
    }
}

/// Does `verb`. Of two at once the second meets the new state, and is refused by it.
pub async fn decide(
    ctx: &Ctx,
    id: SubscriptionId,
    verb: SubscriptionVerb,
    if_match: Option<i64>,
    input: Decide,
) -> Result<Subscription> {
    let mut check = Check::new();
    let note = check.text("/note", &input.note, MAX_TEXT);
    check.that(!verb.needs_note() || !note.is_empty(), "/note", || {
        "Say why: the other side reads it.".to_owned()
    });
    check.done()?;
    let mut write = Write::begin(ctx).await?;
    let loaded = load(ctx, write.tx(), id).await?;
    authorize(ctx, &loaded, verb)?;
    expect(if_match, loaded.row.etag)?;
    let before = loaded.state()?;
    let (state, paused) = after(verb, before, loaded.row.paused)?;
    if state == SubscriptionState::Approved && before != state && !loaded.plan.state()?.is_served()
    {
        let detail = "Its plan is closed; the application can ask for another.";
        return Err(Error::new(Code::Conflict, detail));
    }
    let mut active: subscription::ActiveModel = loaded.row.clone().into();
    active.state = Set(state.as_str().to_owned());
    active.paused = Set(paused);
    active.updated_at = Set(ctx.now);
    active.etag = Set(loaded.row.etag + 1);
    if verb.is_providers() {
        active.decision_note = Set(note.clone());
        active.decided_by = Set(ctx.user_id().map(Into::into));
        active.decided_at = Set(Some(ctx.now));
    }
    if verb == SubscriptionVerb::Approve {
        active.approved_at = Set(Some(ctx.now));
    }
    let row = active.update(write.tx()).await?;
    let loaded = Loaded { row, ..loaded };
    tell(&mut write, &loaded, verb, before, &note).await?;
    write.commit().await?;
    view::show(ctx, load(ctx, ctx.db(), id).await?).await
}

fn authorize(ctx: &Ctx, loaded: &Loaded, verb: SubscriptionVerb) -> Result<()> {
    let allowed = if verb.is_providers() {
        loaded.as_provider(ctx, Action::DecideSubscription)
    } else {
        loaded.as_consumer(ctx, Action::RequestSubscription)
    };
    // Who got here sees the subscription; only the verb is the other side's.
    allowed.map_err(|error| match error.code {
        Code::NotFound => Error::new(
            Code::Forbidden,
            "This is for the other side of the subscription.",
        ),
        _ => error,
    })
}

/// The audit of the side that acted; an event for the side that should hear of it.
async fn tell(
    write: &mut Write<'_>,
    loaded: &Loaded,
    verb: SubscriptionVerb,
    before: SubscriptionState,
    note: &str,
) -> Result<()> {
    let row = &loaded.row;
    let (own, other) = if verb.is_providers() {
        (row.provider_id, row.consumer_id)
    } else {
        (row.consumer_id, row.provider_id)
    };
    let after = json!({ "state": row.state, "paused": row.paused, "note": note });
    let audit = Audit::new(action_of(verb), "subscription", row.id).of(own.into());
    write
        .audit(audit.before(json!({ "state": before })).after(after))
        .await?;
    let payload = payload(write, loaded, note).await?;
    write
        .event(Event {
            kind: event_of(verb),
            organization: Some(other.into()),
            object_kind: "subscription",
            object: row.id,
            payload,
        })
        .await?;
    write.changed(Kind::Subscription, row.id).await
}

/// What mails and webhooks say; names as they were at that moment.
pub(super) async fn payload(
    write: &Write<'_>,
    loaded: &Loaded,
    note: &str,
) -> Result<serde_json::Value> {
    let row = &loaded.row;
    let organizations =
        names::organizations(write.tx(), [row.provider_id, row.consumer_id]).await?;
    let people = names::people(write.tx(), [row.requested_by]).await?;
    Ok(json!({
        "subscription": row.id,
        "application": loaded.application.name,
        "application_id": loaded.application.id,
        "product": loaded.product.name,
        "product_id": loaded.product.id,
        "plan": loaded.plan.name,
        "provider": organizations.get(row.provider_id).name,
        "provider_id": row.provider_id,
        "provider_team_id": loaded.product.team_id,
        "consumer": organizations.get(row.consumer_id).name,
        "consumer_id": row.consumer_id,
        "consumer_team_id": loaded.application.team_id,
        "requested_by": row.requested_by,
        "requester": people.name(row.requested_by).name,
        "reason": row.reason,
        "note": note,
    }))
}
