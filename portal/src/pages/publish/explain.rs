//! The tab that explains what the gateway would do with a request to a version.

use api::http::extract::Path;
use api::service::explain as service;
use domain::explain::{Asked, Explanation, Field, Question, masked};
use domain::id::VersionId;
use frontend::form::Form;
use frontend::pages::publish::version::{self, Explain};

use super::{Ids, versions};
use crate::{failure::Result, place::Workspace, typed::Typed};

pub(super) async fn show(workspace: Workspace, Path(ids): Path<Ids>) -> Result {
    let frame = versions::frame(&workspace, VersionId::from_uuid(ids.version)).await?;
    let path = frame.version.draft.route.path.clone();
    let page = Explain {
        frame,
        form: Form::default().with("target", path),
        answer: None,
    };
    Ok(workspace
        .visit
        .page("Explain", move || version::explain(page)))
}

pub(super) async fn ask(workspace: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    let frame = versions::frame(&workspace, VersionId::from_uuid(ids.version)).await?;
    let question = Question {
        request: Some(asked(&typed, &frame.version.draft.route.hosts)),
        request_id: None,
    };
    let (form, answer) = match service::explain(workspace.ctx(), question).await {
        Ok(answer) => (again(&typed), answer.now),
        Err(mut error) => {
            for invalid in &mut error.invalid {
                let inside = invalid.pointer.strip_prefix("/request");
                invalid.pointer = match inside {
                    Some(field) if field.starts_with("/headers") => "/headers".to_owned(),
                    Some(field) => field.to_owned(),
                    None => invalid.pointer.clone(),
                };
            }
            let refused = typed.clone().refused(workspace.ctx(), error).await?;
            (again(&typed).also(refused), None::<Explanation>)
        }
    };
    let refused = form.is_refused();
    let page = Explain {
        frame,
        form,
        answer,
    };
    let view = move || version::explain(page);
    Ok(if refused {
        workspace.visit.refused("Explain", view)
    } else {
        workspace.visit.page("Explain", view)
    })
}

/// What was typed, without any key: a page is no place for one.
fn again(typed: &Typed) -> Form {
    ["method", "target", "headers"]
        .into_iter()
        .fold(Form::default(), |form, name| {
            form.with(name, masked(typed.raw(name)))
        })
}

/// Where the version has hosts, the first stands for what is not typed.
fn asked(typed: &Typed, hosts: &[String]) -> Asked {
    let mut headers: Vec<Field> = typed
        .get("headers")
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            Field {
                name: name.trim().to_owned(),
                value: value.trim().to_owned(),
            }
        })
        .collect();
    let is_named = |field: &Field| field.name.eq_ignore_ascii_case("host");
    if let Some(host) = hosts.first()
        && !headers.iter().any(is_named)
    {
        let value = match host.strip_prefix("*.") {
            Some(under) => format!("any.{under}"),
            None => host.clone(),
        };
        headers.push(Field {
            name: "host".to_owned(),
            value,
        });
    }
    headers.extend(typed.optional("key").map(|value| Field {
        name: "x-api-key".to_owned(),
        value,
    }));
    Asked {
        method: typed.optional("method").unwrap_or_else(|| "GET".to_owned()),
        target: typed.get("target").to_owned(),
        headers,
        client: None,
        credential: None,
    }
}
