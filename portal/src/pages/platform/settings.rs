//! Settings: the rows that are edited here, and what the process was started with.

use api::{
    http::extract::{Path, Query},
    service::settings as service,
};
use domain::wire::platform::EditSetting;
use frontend::{form::Form, pages::platform::settings};

use super::Operating;
use crate::{
    failure::Result,
    pages::people::Asked,
    typed::{Typed, see},
};

const ADDRESS: &str = "/operator/settings";

pub(super) async fn show(here: Operating, Query(asked): Query<Asked>) -> Result {
    let mut page = props(&here, None).await?;
    page.saved = asked.is_done();
    Ok(here.0.page("Settings", || settings::view(page)))
}

/// Where a refused form stands: a reload leads to the page of all.
pub(super) async fn back(_: Operating) -> Result {
    Ok(see(ADDRESS))
}

/// All rows; `refused` is the name and the form of the one that came back.
async fn props(here: &Operating, refused: Option<(String, Form)>) -> Result<settings::Settings> {
    let rows = service::list(here.0.ctx())
        .await?
        .into_iter()
        .map(|setting| {
            let form = match &refused {
                Some((name, form)) if *name == setting.name => form.clone(),
                Some(_) | None => Form::default().with(&setting.name, setting.value.clone()),
            };
            (setting, form)
        });
    Ok(settings::Settings {
        at: here.at(),
        rows: rows.collect(),
        effective: here.0.portal().settings().effective.clone(),
        saved: false,
    })
}

pub(super) async fn save(here: Operating, Path(name): Path<String>, typed: Typed) -> Result {
    let input = EditSetting {
        value: typed.get(&name).to_owned(),
    };
    match service::edit(here.0.ctx(), &name, typed.etag(), input).await {
        Ok(_) => Ok(see(&format!("{ADDRESS}?done=1"))),
        Err(mut error) => {
            for invalid in &mut error.invalid {
                invalid.pointer = format!("/{name}");
            }
            let page = props(
                &here,
                Some((name, typed.refused(here.0.ctx(), error).await?)),
            )
            .await?;
            Ok(here.0.refused("Settings", || settings::view(page)))
        }
    }
}
