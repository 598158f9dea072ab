//! The APIs of a workspace: the list, and the page of one.

use api::http::extract::{Path, Query};
use api::service::apis as service;
use domain::actor::Action;
use domain::api::{Purge, Visibility};
use domain::id::ApiId;
use domain::label;
use domain::lifecycle::VersionState;
use domain::problem::Code;
use domain::wire::apis::{Api, EditApi};
use frontend::{form::Form, pages::publish::apis};

use super::{Cursor, Ids, at, fields::Fields, older, teams_for};
use serde::Deserialize;

use crate::{
    failure::{Failure, Result},
    place::Workspace,
    typed::{Typed, gather, see},
};

pub(super) async fn list(workspace: Workspace, Query(cursor): Query<Cursor>) -> Result {
    let paging = cursor.in_team(workspace.team_id());
    let page = service::list(workspace.ctx(), workspace.organization_id(), &paging).await?;
    let props = apis::Apis {
        at: at(&workspace),
        apis: page.items,
        older: older(&format!("{}/apis", workspace.address()), page.next),
        may_import: !teams_for(&workspace, Action::EditApi).await?.is_empty(),
    };
    Ok(workspace.visit.page("APIs", move || apis::list(props)))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    purged: Option<String>,
}

pub(super) async fn show(
    workspace: Workspace,
    Path(ids): Path<Ids>,
    Query(asked): Query<Asked>,
) -> Result {
    let api = found(&workspace, &ids).await?;
    let form = form_of(&api);
    let title = api.name.clone();
    let props = apis::Shown {
        purged: asked.purged.is_some(),
        ..props(&workspace, api, form)
    };
    Ok(workspace.visit.page(&title, move || apis::show(props)))
}

/// The API of an address; 404 unless it is of the workspace's organization.
pub(super) async fn found(workspace: &Workspace, ids: &Ids) -> Result<Api> {
    let api = service::get(workspace.ctx(), ApiId::from_uuid(ids.api)).await?;
    if api.organization != workspace.organization_id() {
        return Err(Failure::of(Code::NotFound));
    }
    Ok(api)
}

pub(super) async fn save(workspace: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    let id = found(&workspace, &ids).await?.id;
    let tags = typed
        .get("tags")
        .split(',')
        .map(|tag| tag.trim().to_owned())
        .filter(|tag| !tag.is_empty());
    let input = EditApi {
        name: Some(typed.get("name").to_owned()),
        description: Some(typed.get("description").to_owned()),
        category: Some(typed.get("category").to_owned()),
        tags: Some(tags.collect()),
        labels: typed
            .has("labels")
            .then(|| label::read(typed.get("labels"))),
        visibility: Visibility::parse(typed.get("visibility")),
        ..EditApi::default()
    };
    let etag = Fields::of(&typed).etag();
    match service::edit(workspace.ctx(), id, etag, input).await {
        Ok(_) => Ok(see(&format!("{}/apis/{id}", workspace.address()))),
        Err(mut error) => {
            gather(&mut error, "labels");
            gather(&mut error, "tags");
            let api = service::get(workspace.ctx(), id).await?;
            let present = form_of(&api);
            let form = typed.refused_over(workspace.ctx(), error, &present).await?;
            let title = api.name.clone();
            let props = props(&workspace, api, form);
            Ok(workspace.visit.refused(&title, move || apis::show(props)))
        }
    }
}

pub(super) async fn purge(workspace: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    let id = found(&workspace, &ids).await?.id;
    let value = typed.get("value").to_owned();
    let what = match typed.get("what") {
        "url" => Purge::Url(value),
        "prefix" => Purge::Prefix(value),
        "tag" => Purge::Tag(value),
        "all" => Purge::All(true),
        _ => return Err(Failure::of(Code::BadRequest)),
    };
    match service::purge(workspace.ctx(), id, what).await {
        Ok(()) => Ok(see(&format!(
            "{}/apis/{id}?purged=1#kept",
            workspace.address()
        ))),
        Err(error) => {
            let pointer = format!("/{}", typed.get("what"));
            let mut form = typed.refused(workspace.ctx(), error).await?;
            // Whatever is wrong is so with the one text.
            if let Some(problem) = form.problem(&pointer[1..]).map(str::to_owned) {
                form = form.problem_at("/value", problem);
            }
            let api = service::get(workspace.ctx(), id).await?;
            let title = api.name.clone();
            let own = form_of(&api);
            let props = apis::Shown {
                purge: form,
                ..props(&workspace, api, own)
            };
            Ok(workspace.visit.refused(&title, move || apis::show(props)))
        }
    }
}

fn form_of(api: &Api) -> Form {
    Form::default()
        .with("name", api.name.clone())
        .with("description", api.description.clone())
        .with("category", api.category.clone())
        .with("tags", api.tags.join(", "))
        .with("labels", label::write(&api.labels))
        .with("visibility", api.visibility.as_str())
        .with("etag", api.etag.to_string())
}

fn props(workspace: &Workspace, api: Api, form: Form) -> apis::Shown {
    let team = api.team.id;
    let may = |action| {
        let organization = workspace.organization_id();
        workspace.ctx().can(action, organization, Some(team))
    };
    apis::Shown {
        at: at(workspace),
        catalog: catalog(workspace, &api),
        may_edit: may(Action::EditApi),
        may_label: may(Action::LabelApi),
        api,
        form,
        purge: Form::default(),
        purged: false,
    }
}

/// The address of the API's public page, once something is published.
pub(super) fn catalog(workspace: &Workspace, api: &Api) -> Option<String> {
    let published = api
        .versions
        .iter()
        .any(|version| version.state.is_served() && version.state != VersionState::Draft);
    published.then(|| format!("/apis/{}/{}", workspace.organization.slug, api.slug))
}
