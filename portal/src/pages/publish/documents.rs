//! Importing a document, and replacing that of a draft: by file or by paste.

use api::http::extract::Path;
use api::service::{apis as api_service, versions as service};
use axum::extract::multipart::Multipart;
use domain::actor::Action;
use domain::id::VersionId;
use domain::problem::Code;
use domain::wire::apis::ImportApi;
use domain::wire::versions::SetDocument;
use frontend::form::Form;
use frontend::pages::publish::{import, version};

use super::{Ids, at, teams_for, versions};
use crate::{
    failure::{Failure, Result},
    place::Workspace,
    typed::{Typed, see},
};

/// Neither a file nor a paste came.
const NOTHING: &str = "Choose a file or paste a document.";

pub(super) async fn import_form(workspace: Workspace) -> Result {
    let props = import_props(&workspace, Form::default()).await?;
    Ok(workspace.visit.page("Import", move || import::view(props)))
}

async fn import_props(workspace: &Workspace, form: Form) -> Result<import::Import> {
    let teams = teams_for(workspace, Action::EditApi).await?;
    if teams.is_empty() {
        return Err(Failure::of(Code::Forbidden));
    }
    Ok(import::Import {
        at: at(workspace),
        form,
        teams,
    })
}

pub(super) async fn import(workspace: Workspace, body: Multipart) -> Result {
    let typed = parts(body, Code::DocumentTooLarge).await?;
    let (team, document) = (typed.get("team").parse().ok(), document(&typed));
    let (Some(team), Some(document)) = (team, document.clone()) else {
        let mut form = typed.into_form();
        if team.is_none() {
            form = form.problem_at("/team", "Choose a team.");
        }
        if document.is_none() {
            form = form.problem_at("/file", NOTHING);
        }
        return refuse_import(&workspace, form).await;
    };
    let input = ImportApi {
        team,
        document,
        name: typed.optional("name"),
        slug: None,
        version: typed.optional("version"),
    };
    match api_service::import(workspace.ctx(), workspace.organization_id(), input).await {
        Ok(imported) => {
            let id = imported.version.summary.id;
            Ok(see(&format!(
                "{}/apis/{}/versions/{id}",
                workspace.address(),
                imported.api
            )))
        }
        Err(error) => {
            let form = typed.refused(workspace.ctx(), error).await?;
            refuse_import(&workspace, form).await
        }
    }
}

async fn refuse_import(workspace: &Workspace, form: Form) -> Result {
    let props = import_props(workspace, form).await?;
    Ok(workspace
        .visit
        .refused("Import", move || import::view(props)))
}

pub(super) async fn show(workspace: Workspace, Path(ids): Path<Ids>) -> Result {
    let frame = versions::frame(&workspace, VersionId::from_uuid(ids.version)).await?;
    let props = version::Document {
        frame,
        form: Form::default(),
    };
    Ok(workspace
        .visit
        .page("Document", move || version::document(props)))
}

pub(super) async fn replace(workspace: Workspace, Path(ids): Path<Ids>, body: Multipart) -> Result {
    let typed = parts(body, Code::DocumentTooLarge).await?;
    let id = VersionId::from_uuid(ids.version);
    let Some(document) = document(&typed) else {
        let form = typed.into_form().problem_at("/file", NOTHING);
        return refuse_document(&workspace, id, form).await;
    };
    let input = SetDocument { document };
    match service::set_document(workspace.ctx(), id, None, input).await {
        Ok(made) => Ok(see(&format!(
            "{}/apis/{}/versions/{id}/document",
            workspace.address(),
            made.api.id
        ))),
        Err(error) => {
            let form = typed.refused(workspace.ctx(), error).await?;
            refuse_document(&workspace, id, form).await
        }
    }
}

async fn refuse_document(workspace: &Workspace, id: VersionId, form: Form) -> Result {
    let frame = versions::frame(workspace, id).await?;
    let props = version::Document { frame, form };
    Ok(workspace
        .visit
        .refused("Document", move || version::document(props)))
}

/// The file if one was chosen, else the paste, unless that is empty too.
fn document(typed: &Typed) -> Option<String> {
    [typed.raw("file"), typed.raw("document")]
        .into_iter()
        .find(|text| !text.trim().is_empty())
        .map(str::to_owned)
}

/// The parts of a `multipart/form-data` body (RFC 7578) as text.
pub(super) async fn parts(mut body: Multipart, too_large: Code) -> Result<Typed> {
    let unreadable = || Failure::because(Code::BadRequest, "The form could not be read.");
    let mut typed = Vec::new();
    while let Some(part) = body
        .next_field()
        .await
        .map_err(|_| Failure::of(Code::BodyTooLarge))?
    {
        let name = part.name().unwrap_or_default().to_owned();
        let bytes = part.bytes().await.map_err(|_| Failure::of(too_large))?;
        if typed.len() == 20 {
            return Err(unreadable());
        }
        // A document that is not UTF-8 is refused by its reader, which says where.
        typed.push((name, String::from_utf8_lossy(&bytes).into_owned()));
    }
    Typed::new(typed)
}
