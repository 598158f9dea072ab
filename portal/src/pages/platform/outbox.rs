//! The outbox: the list, and one mail while nothing sends them.

use api::{
    http::extract::{Path, Query},
    service::outbox as service,
};
use axum::http::{HeaderValue, header};
use domain::id::MailId;
use frontend::pages::platform::outbox;

use super::Operating;
use crate::{
    failure::Result,
    headers::without_referrer,
    pages::people::{Asked, older},
};

const ADDRESS: &str = "/operator/outbox";

pub(super) async fn list(here: Operating, Query(asked): Query<Asked>) -> Result {
    let found = service::list(here.0.ctx(), &asked.paging()).await?;
    let page = outbox::Outbox {
        at: here.at(),
        mails: found.items,
        newest: asked.newest(ADDRESS),
        older: older(ADDRESS, found.next),
        readable: service::is_readable(here.0.ctx()),
    };
    Ok(here.0.page("Mail outbox", || outbox::list(page)))
}

/// Opens one mail. A POST, because each opening is written into the audit; what it answers holds
/// a link that signs somebody in, and is kept nowhere.
pub(super) async fn show(here: Operating, Path(id): Path<MailId>) -> Result {
    let shown = service::show(here.0.ctx(), id).await?;
    let page = outbox::One {
        at: here.at(),
        shown,
    };
    let mut response = without_referrer(here.0.page("Mail", || outbox::one(page)));
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
