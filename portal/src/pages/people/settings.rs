//! The organization's name, what is kept of clients' addresses, and what the operator gave it.

use api::{http::extract::Query, service::organizations as service};
use domain::{actor::Action, organization::ClientAddresses, wire::organizations::EditOrganization};
use frontend::{form::Form, pages::people::settings};

use super::{Asked, at};
use crate::{
    failure::Result,
    place::Workspace,
    typed::{Typed, see},
};

const TITLE: &str = "Organization settings";

pub(super) async fn show(here: Workspace, Query(asked): Query<Asked>) -> Result {
    here.must(Action::EditOrganization)?;
    let form = Form::default()
        .with("name", here.organization.name.clone())
        .with(
            "client_addresses",
            here.organization.client_addresses.as_str(),
        )
        .with("etag", here.organization.etag.to_string());
    let page = props(&here, form, asked.is_done());
    Ok(here.visit.page(TITLE, || settings::view(page)))
}

fn props(here: &Workspace, form: Form, saved: bool) -> settings::Settings {
    settings::Settings {
        at: at(here),
        organization: here.organization.clone(),
        form,
        saved,
    }
}

pub(super) async fn save(here: Workspace, typed: Typed) -> Result {
    let input = EditOrganization {
        name: typed.get("name").to_owned(),
        client_addresses: ClientAddresses::parse(typed.get("client_addresses")),
    };
    match service::edit(here.ctx(), here.organization_id(), typed.etag(), input).await {
        Ok(_) => Ok(see(&format!("{}/settings?done=1", here.address()))),
        Err(error) => {
            let page = props(&here, typed.refused(here.ctx(), error).await?, false);
            Ok(here.visit.refused(TITLE, || settings::view(page)))
        }
    }
}
