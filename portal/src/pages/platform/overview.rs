//! The operator's first page.

use api::service::{nodes, organizations, outbox};
use domain::wire::Paging;
use frontend::pages::platform::overview;

use super::Operating;
use crate::{failure::Result, pages::people::MOST};

pub(super) async fn show(here: Operating) -> Result {
    let ctx = here.0.ctx();
    let paging = Paging {
        limit: Some(MOST),
        after: None,
    };
    let organizations = organizations::list_all(ctx, &paging).await?;
    let mails = outbox::list(ctx, &paging).await?;
    let page = overview::Overview {
        at: here.at(),
        nodes: nodes::list(ctx).await?,
        organizations: (
            organizations.items.len() as u64,
            organizations.next.is_some(),
        ),
        mails: (mails.items.len() as u64, mails.next.is_some()),
        without_smtp: outbox::is_readable(ctx),
    };
    Ok(here.0.page("Platform", || overview::view(page)))
}
