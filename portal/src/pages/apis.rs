//! The page of an API, its reference, and its raw document.

use std::sync::Arc;

use api::{
    Ctx,
    http::extract::{Path, Query},
    service::{catalog as service, versions::Syntax},
};
use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use domain::{actor::Action, openapi::Language, problem::Code, wire::catalog::CatalogVersion};
use frontend::pages::{api as overview, reference};
use serde::Deserialize;

use crate::{
    failure::{Failure, Result},
    visit::{Visit, cookie},
};

/// Where the choice of a language is kept.
const LANGUAGE: &str = "lang";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    version: String,
    q: String,
    tag: Option<String>,
    lang: String,
}

pub(crate) async fn show(
    visit: Visit,
    Path((owner, slug)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result {
    let head = head(
        &visit,
        &owner,
        &slug,
        Some(asked.version.as_str()).filter(|version| !version.is_empty()),
    )
    .await?;
    let changes = match &head.version {
        Some(version) => service::change_log(visit.ctx(), version.id).await?,
        None => Vec::new(),
    };
    let title = head.page.entry.name.clone();
    let page = overview::Overview {
        visitor: visit.visitor(),
        head,
        changes,
    };
    Ok(visit.page(&title, || overview::view(page)))
}

/// The API with the version of that name, or the newest.
async fn head(
    visit: &Visit,
    owner: &str,
    slug: &str,
    version: Option<&str>,
) -> Result<overview::Head> {
    let page = service::api_page(visit.ctx(), owner, slug).await?;
    let versions = &page.entry.versions;
    let version = match version {
        Some(name) => {
            let found = versions.iter().find(|version| version.slug == name);
            Some(found.ok_or_else(|| Failure::of(Code::NotFound))?.clone())
        }
        None => versions.first().cloned(),
    };
    Ok(overview::Head {
        page,
        version,
        may_request: may_request(visit.ctx()),
        now: visit.ctx().now,
    })
}

/// Whether the reader may ask for a subscription in some team. Of a stranger nobody knows yet.
fn may_request(ctx: &Ctx) -> bool {
    let Some(person) = ctx.actor.person() else {
        return true;
    };
    person.memberships.iter().any(|membership| {
        let can = |team| ctx.can(Action::RequestSubscription, membership.organization, team);
        can(None) || membership.teams.iter().any(|(team, _)| can(Some(*team)))
    })
}

fn found(head: &overview::Head) -> Result<&CatalogVersion> {
    head.version
        .as_ref()
        .ok_or_else(|| Failure::of(Code::NotFound))
}

pub(crate) async fn reference(
    visit: Visit,
    headers: HeaderMap,
    Path((owner, slug, version)): Path<(String, String, String)>,
    Query(asked): Query<Asked>,
) -> Result {
    render(&visit, &headers, [owner, slug, version], None, asked).await
}

pub(crate) async fn operation(
    visit: Visit,
    headers: HeaderMap,
    Path((owner, slug, version, operation)): Path<(String, String, String, String)>,
    Query(asked): Query<Asked>,
) -> Result {
    render(
        &visit,
        &headers,
        [owner, slug, version],
        Some(operation),
        asked,
    )
    .await
}

async fn render(
    visit: &Visit,
    headers: &HeaderMap,
    names: [String; 3],
    open: Option<String>,
    asked: Asked,
) -> Result {
    let [owner, slug, version] = names;
    let head = head(visit, &owner, &slug, Some(&version)).await?;
    let document = service::model(visit.ctx(), found(&head)?.id).await?;
    let document = document.ok_or_else(|| Failure::of(Code::NotFound))?;
    let mut title = format!("{} {version}", head.page.entry.name);
    if let Some(slug) = &open {
        let operation = document
            .operation(slug)
            .ok_or_else(|| Failure::of(Code::NotFound))?;
        title = format!("{} {} · {title}", operation.method, operation.path);
    }
    let language = language(headers, &asked.lang);
    let page = reference::Reference {
        visitor: visit.visitor(),
        head,
        document: Arc::new(document),
        open,
        find: asked.q,
        tag: asked.tag,
        language,
    };
    let mut response = visit.page(&title, || reference::view(page));
    if !asked.lang.is_empty() {
        remember(&mut response, language);
    }
    Ok(response)
}

/// The language of samples: as asked, else as chosen before.
fn language(headers: &HeaderMap, asked: &str) -> Language {
    let known = |name: &str| {
        Language::ALL
            .into_iter()
            .find(|language| language.as_str() == name)
    };
    known(asked)
        .or_else(|| known(cookie(headers, LANGUAGE)?))
        .unwrap_or(Language::Curl)
}

fn remember(response: &mut Response, language: Language) {
    let text = format!(
        "{LANGUAGE}={}; Path=/; Max-Age=31536000; SameSite=Lax",
        language.as_str()
    );
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// `openapi.json` and `openapi.yaml`.
pub(crate) async fn document(
    visit: Visit,
    Path((owner, slug, version, file)): Path<(String, String, String, String)>,
) -> Result {
    let (syntax, kind) = match file.as_str() {
        "openapi.json" => (Syntax::Json, "application/vnd.oai.openapi+json"),
        "openapi.yaml" => (Syntax::Yaml, "application/vnd.oai.openapi"),
        _ => return Err(Failure::of(Code::NotFound)),
    };
    let head = head(&visit, &owner, &slug, Some(&version)).await?;
    let text = service::document(visit.ctx(), found(&head)?.id, syntax).await?;
    // As a file: what an owner wrote is never shown as a page of ours.
    let name = format!(
        "attachment; filename=\"{slug}-{version}.{}\"",
        &file["openapi.".len()..]
    );
    Ok((
        [
            (header::CONTENT_TYPE, kind.to_owned()),
            (header::CONTENT_DISPOSITION, name),
        ],
        text,
    )
        .into_response())
}
