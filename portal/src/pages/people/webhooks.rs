//! Webhooks of the organization. The page that shows a secret is the answer to the form that made
//! it.

use api::{http::extract::Query, service::webhooks as service};
use domain::{
    actor::Action,
    id::{DeliveryId, WebhookId},
    problem::Code,
    wire::{
        Paging,
        webhooks::{CreateWebhook, Delivery, EditWebhook, MadeWebhook, Webhook},
    },
};
use frontend::{form::Form, pages::people::webhooks as view};

use super::{Asked, at};
use crate::{
    failure::{Failure, Result},
    pages::keys,
    place::Workspace,
    typed::{Typed, see},
};

const TITLE: &str = "Webhooks";
/// Messages that the page shows, of all webhooks.
const MESSAGES: usize = 20;

pub(super) async fn show(here: Workspace, Query(asked): Query<Asked>) -> Result {
    here.must(Action::EditOrganization)?;
    let mut page = props(&here, Form::default(), None).await?;
    page.done = asked
        .is_done()
        .then_some("Done. A message that was sent appears below within seconds.");
    Ok(here.visit.page(TITLE, || view::view(page)))
}

async fn props(here: &Workspace, form: Form, made: Option<MadeWebhook>) -> Result<view::Webhooks> {
    let hooks = service::list(here.ctx(), here.organization_id())
        .await?
        .items;
    let mut deliveries: Vec<(Webhook, Delivery)> = Vec::new();
    for hook in &hooks {
        let paging = Paging {
            limit: Some(MESSAGES as u16),
            after: None,
        };
        let of = here.organization_id();
        let page = service::deliveries(here.ctx(), of, hook.id, &paging).await?;
        deliveries.extend(page.items.into_iter().map(|one| (hook.clone(), one)));
    }
    deliveries.sort_by_key(|(_, one)| std::cmp::Reverse(one.id));
    deliveries.truncate(MESSAGES);
    Ok(view::Webhooks {
        at: at(here),
        hooks,
        deliveries,
        made,
        form,
        done: None,
    })
}

pub(super) async fn act(here: Workspace, typed: Typed) -> Result {
    here.must(Action::EditOrganization)?;
    let of = here.organization_id();
    let made = match typed.get("do") {
        "create" => {
            let input = CreateWebhook {
                url: typed.get("url").to_owned(),
            };
            match service::create(here.ctx(), of, input).await {
                Ok(made) => made,
                Err(error) => return refused(&here, typed, error).await,
            }
        }
        "renew" => service::renew(here.ctx(), of, named(&here, &typed).await?.id).await?,
        act => {
            let hook = named(&here, &typed).await?;
            let outcome = change(&here, &typed, act, hook).await;
            return match outcome {
                Ok(()) => Ok(see(&format!("{}/webhooks?done=1", here.address()))),
                Err(error) => refused(&here, typed.only(&[]), error).await,
            };
        }
    };
    let page = props(&here, Form::default(), Some(made)).await?;
    Ok(keys::once(&here, TITLE, || view::view(page)))
}

/// What needs no page of its own afterwards.
async fn change(
    here: &Workspace,
    typed: &Typed,
    act: &str,
    hook: Webhook,
) -> std::result::Result<(), api::Error> {
    let (ctx, of, etag) = (here.ctx(), here.organization_id(), typed.etag());
    match act {
        "test" => service::test(ctx, of, hook.id).await.map(drop),
        "redeliver" => {
            let delivery: Option<DeliveryId> = typed.get("delivery").parse().ok();
            let delivery = delivery.ok_or_else(api::Error::not_found)?;
            let sent = service::redeliver(ctx, of, hook.id, delivery).await;
            sent.map(drop)
        }
        "delete" => service::delete(ctx, of, hook.id, etag).await,
        "on" | "off" => {
            let input = EditWebhook {
                url: hook.url,
                enabled: act == "on",
            };
            service::edit(ctx, of, hook.id, etag, input).await.map(drop)
        }
        _ => Err(api::Error::new(Code::NotFound, "There is no such act.")),
    }
}

async fn refused(here: &Workspace, typed: Typed, error: api::Error) -> Result {
    let form = typed.refused(here.ctx(), error).await?;
    let page = props(here, form, None).await?;
    Ok(here.visit.refused(TITLE, || view::view(page)))
}

/// The one that the form names, if it is of this organization.
async fn named(here: &Workspace, typed: &Typed) -> Result<Webhook> {
    let id: Option<WebhookId> = typed.get("webhook").parse().ok();
    let all = service::list(here.ctx(), here.organization_id()).await?;
    let found = all.items.into_iter().find(|hook| Some(hook.id) == id);
    found.ok_or_else(|| Failure::of(Code::NotFound))
}
