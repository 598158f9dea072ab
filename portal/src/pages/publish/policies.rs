//! The policies of a version's draft: one form at a time, by its place or its kind.

use api::http::extract::{Path, Query};
use api::service::versions as service;
use domain::id::VersionId;
use domain::policy::{Policy, PolicyKind};
use domain::problem::{Code, Invalid};
use domain::wire::versions::EditDraft;
use frontend::form::Form;
use frontend::pages::publish::policies::{self, Open};
use serde::Deserialize;

use super::{
    Ids,
    fields::{Fields, form_of},
    versions,
};
use crate::{
    failure::{Failure, Result},
    place::Workspace,
    typed::{Typed, see},
};

/// Which form the address opens.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    policy: Option<usize>,
    add: String,
}

impl Asked {
    fn open(&self, present: &[Policy]) -> Open {
        match (self.policy, PolicyKind::parse(&self.add)) {
            (Some(index), _) if index < present.len() => Open::At(index),
            (_, Some(kind)) => Open::New(kind),
            (_, None) => Open::None,
        }
    }
}

pub(super) async fn show(
    workspace: Workspace,
    Path(ids): Path<Ids>,
    Query(asked): Query<Asked>,
) -> Result {
    let props = props(&workspace, &ids, &asked, None).await?;
    Ok(workspace
        .visit
        .page("Policies", move || policies::view(props)))
}

async fn props(
    workspace: &Workspace,
    ids: &Ids,
    asked: &Asked,
    refused: Option<Form>,
) -> Result<policies::Policies> {
    let id = VersionId::from_uuid(ids.version);
    let frame = versions::frame(workspace, id).await?;
    let open = asked.open(&frame.version.draft.policies);
    let chain = service::effective(workspace.ctx(), id, true, None, None).await?;
    let stored = || match open {
        Open::At(index) => frame
            .version
            .draft
            .policies
            .get(index)
            .map(form_of)
            .unwrap_or_default(),
        Open::None | Open::New(_) => Form::default(),
    };
    let form = refused.unwrap_or_else(stored);
    Ok(policies::Policies {
        frame,
        chain,
        open,
        form,
    })
}

pub(super) async fn save(
    workspace: Workspace,
    Path(ids): Path<Ids>,
    Query(asked): Query<Asked>,
    typed: Typed,
) -> Result {
    let id = VersionId::from_uuid(ids.version);
    let frame = versions::frame(&workspace, id).await?;
    let mut all = frame.version.draft.policies.clone();
    let open = asked.open(&all);
    let place = match (open, typed.get("do")) {
        (Open::At(index), "remove") => {
            all.remove(index);
            None
        }
        (Open::At(_) | Open::New(_), "save") => {
            let kind = match open {
                Open::At(index) => all[index].kind(),
                Open::New(kind) => kind,
                Open::None => return Err(Failure::of(Code::BadRequest)),
            };
            let mut fields = Fields::of(&typed);
            let policy = fields.policy(kind);
            if !fields.wrong.is_empty() {
                let wrong = fields.wrong;
                return refuse(&workspace, &ids, &asked, typed.into_form().invalid(&wrong)).await;
            }
            let index = if let Open::At(index) = open {
                index
            } else {
                all.len()
            };
            if index == all.len() {
                all.push(policy)
            } else {
                all[index] = policy
            }
            Some(index)
        }
        _ => return Err(Failure::of(Code::BadRequest)),
    };
    let kinds: Vec<_> = all.iter().map(Policy::kind).collect();
    let input = EditDraft {
        policies: Some(all),
        ..EditDraft::default()
    };
    match service::edit_draft(workspace.ctx(), id, Some(frame.version.etag), input).await {
        Ok(version) => Ok(see(&format!(
            "{}/policies",
            versions::address(&workspace, &version)
        ))),
        Err(mut error) => {
            // The service points at `/policies/2/rate_limit/limit`; the form has a field `limit`.
            if let Some(index) = place {
                let prefix = format!("/policies/{index}/{}", kinds[index].as_str());
                for invalid in &mut error.invalid {
                    *invalid = shorten(invalid, &prefix);
                }
            }
            let form = typed.refused(workspace.ctx(), error).await?;
            refuse(&workspace, &ids, &asked, form).await
        }
    }
}

fn shorten(invalid: &Invalid, prefix: &str) -> Invalid {
    let pointer = invalid
        .pointer
        .strip_prefix(prefix)
        .unwrap_or(&invalid.pointer);
    Invalid::new(pointer, invalid.message.clone())
}

async fn refuse(workspace: &Workspace, ids: &Ids, asked: &Asked, form: Form) -> Result {
    let props = props(workspace, ids, asked, Some(form)).await?;
    Ok(workspace
        .visit
        .refused("Policies", move || policies::view(props)))
}
