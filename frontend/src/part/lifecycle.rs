//! The badge of each domain state: the same icon, word and tone wherever it is shown; and what is
//! said about the end of a version.

use domain::{
    api::Visibility,
    application::CredentialState,
    lifecycle::{ApplicationState, PlanState, VersionState},
    organization::OrganizationState,
    subscription::SubscriptionState,
    wire::{NamedVersion, versions::Deprecation},
};
use leptos::prelude::*;

use super::{
    boxes::callout,
    state::{Badge, Tone},
};
use crate::{format, icon::Icon};

/// What is said about the end of the version of that name; `page` is the address of the one that
/// comes after it.
#[must_use]
pub fn farewell(
    slug: &str,
    told: &Deprecation,
    page: impl FnOnce(&NamedVersion) -> String,
) -> AnyView {
    let until = match (told.sunset_at, told.retire_at_sunset) {
        (Some(at), true) => format!(", and stops answering on {}", format::moment(at)),
        (Some(at), false) => format!(", and is planned to stop on {}", format::moment(at)),
        (None, _) => String::new(),
    };
    let since = format::day(told.since);
    let next = told.successor.as_ref().map(|next| {
        let href = page(next);
        view! { <p>"Use " <a href=href>{next.slug.clone()}</a> " instead."</p> }
    });
    let message = (!told.message.is_empty()).then(|| view! { <p>{told.message.clone()}</p> });
    callout(
        Tone::Warn,
        view! {
            <p><b>{format!("{slug} is deprecated since {since}{until}.")}</b></p>
            {next}
            {message}
        },
    )
}

impl From<VersionState> for Badge {
    fn from(state: VersionState) -> Self {
        match state {
            VersionState::Draft => Self::new(Tone::Plain, Icon::Pencil, "Draft"),
            VersionState::Published => Self::new(Tone::Ok, Icon::Ok, "Published"),
            VersionState::Unpublished => Self::new(Tone::Plain, Icon::Pause, "Unpublished"),
            VersionState::Deprecated => Self::new(Tone::Warn, Icon::Sunset, "Deprecated"),
            VersionState::Retired => Self::new(Tone::Plain, Icon::Archive, "Retired"),
        }
    }
}

impl From<PlanState> for Badge {
    fn from(state: PlanState) -> Self {
        match state {
            PlanState::Draft => Self::new(Tone::Plain, Icon::Pencil, "Draft"),
            PlanState::Published => Self::new(Tone::Ok, Icon::Ok, "Published"),
            PlanState::Deprecated => Self::new(Tone::Warn, Icon::Sunset, "Deprecated"),
            PlanState::Closed => Self::new(Tone::Plain, Icon::Archive, "Closed"),
        }
    }
}

impl From<SubscriptionState> for Badge {
    fn from(state: SubscriptionState) -> Self {
        match state {
            SubscriptionState::Pending => Self::new(Tone::Info, Icon::Clock, "Pending"),
            SubscriptionState::Approved => Self::new(Tone::Ok, Icon::Ok, "Approved"),
            SubscriptionState::Rejected => Self::new(Tone::Danger, Icon::No, "Rejected"),
            SubscriptionState::Withdrawn => Self::new(Tone::Plain, Icon::Close, "Withdrawn"),
            SubscriptionState::Suspended => Self::new(Tone::Danger, Icon::Pause, "Suspended"),
            SubscriptionState::Expired => Self::new(Tone::Plain, Icon::Clock, "Expired"),
            SubscriptionState::Revoked => Self::new(Tone::Danger, Icon::Ban, "Revoked"),
            SubscriptionState::Cancelled => Self::new(Tone::Plain, Icon::Close, "Cancelled"),
        }
    }
}

impl From<CredentialState> for Badge {
    fn from(state: CredentialState) -> Self {
        match state {
            CredentialState::Active => Self::new(Tone::Ok, Icon::Ok, "Active"),
            CredentialState::Retiring => Self::new(Tone::Warn, Icon::Clock, "Retiring"),
            CredentialState::Expired => Self::new(Tone::Plain, Icon::No, "Expired"),
            CredentialState::Revoked => Self::new(Tone::Danger, Icon::Ban, "Revoked"),
        }
    }
}

impl From<ApplicationState> for Badge {
    fn from(state: ApplicationState) -> Self {
        match state {
            ApplicationState::Active => Self::new(Tone::Ok, Icon::Ok, "Active"),
            ApplicationState::Disabled => Self::new(Tone::Danger, Icon::Pause, "Disabled"),
        }
    }
}

impl From<OrganizationState> for Badge {
    fn from(state: OrganizationState) -> Self {
        match state {
            OrganizationState::Active => Self::new(Tone::Ok, Icon::Ok, "Active"),
            OrganizationState::Suspended => Self::new(Tone::Danger, Icon::Pause, "Suspended"),
        }
    }
}

impl From<Visibility> for Badge {
    fn from(visibility: Visibility) -> Self {
        match visibility {
            Visibility::Private => Self::new(Tone::Plain, Icon::Lock, "Private"),
            Visibility::Internal => Self::new(Tone::Plain, Icon::Building, "Internal"),
            Visibility::Public => Self::new(Tone::Plain, Icon::Globe, "Public"),
        }
        .quiet()
    }
}
