//! The light: waiting for the first call, green once one succeeded.

use chrono::{DateTime, Utc};
use domain::{id::OrganizationId, wire::credentials::Credential};
use leptos::prelude::*;

use crate::{
    format,
    frame::Place,
    icon::{Icon, icon},
    island::light::Light,
};

/// No call with the key succeeded yet; `again` is the page that shows the light anew.
pub(super) fn waiting(
    key: &Credential,
    organization: OrganizationId,
    place: &Place,
    again: &str,
) -> AnyView {
    let newest = format!(
        "/api/v1/organizations/{organization}/requests?side=consumer&credential={}&limit=1",
        key.id
    );
    let log = format!("{}/log", place.address());
    view! { <Light newest=newest log=log again=again.to_owned() /> }.into_any()
}

/// The first success of a key.
pub(super) fn on(at: DateTime<Utc>, now: DateTime<Utc>) -> AnyView {
    view! {
        <span class="badge badge--ok">
            {icon(Icon::Ok)} "First call " {format::time(at, now)}
        </span>
    }
    .into_any()
}
