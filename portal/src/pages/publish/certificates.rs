//! Certificates of an organization, and of the platform: the list, the forms, and the question
//! before one is deleted.

mod desk;
mod hosts;

use api::http::extract::{Path, Query};
use api::service::certificates as service;
use api::service::hosts as host_service;
use axum::routing::get;
use domain::certificate::PrivatePem;
use domain::id::CertificateId;
use domain::problem::Code;
use domain::wire::Paging;
use domain::wire::certificates::{Certificate, CreateCertificate, EditCertificate};
use frontend::form::Form;
use frontend::pages::publish::certificates::{self, edit};
use serde::Deserialize;
use uuid::Uuid;

use super::{Cursor, older};
use desk::Desk;

use crate::{
    failure::{Failure, Result},
    pages::confirm,
    routes::Pages,
    typed::{Typed, see},
};

/// They stand in the organization's own workspace, as a host is no team's, and among the operator's
/// pages.
pub(super) fn routes() -> Pages {
    ["/o/{organization}/certificates", "/operator/certificates"]
        .into_iter()
        .fold(Pages::default(), |pages, base| {
            pages
                .route(base, get(list))
                .route(&format!("{base}/new"), get(new).post(create))
                .route(&format!("{base}/hosts"), get(hosts::show).post(hosts::act))
                .route(&format!("{base}/{{certificate}}"), get(show).post(act))
                .route(
                    &format!("{base}/{{certificate}}/delete"),
                    get(ask_delete).post(delete),
                )
        })
}

#[derive(Debug, Deserialize)]
struct One {
    certificate: Uuid,
}

async fn list(desk: Desk, Query(cursor): Query<Cursor>) -> Result {
    let (ctx, owner) = (desk.ctx(), desk.owner);
    let page = service::list(ctx, owner, &cursor.paging()).await?;
    let all = Paging {
        limit: Some(100),
        after: None,
    };
    let hosts = host_service::list(ctx, owner, &all).await?;
    let props = certificates::Certificates {
        at: desk.at(),
        certificates: page.items,
        older: older(&desk.home(), page.next),
        hosts: hosts.items,
        may_edit: desk.may_edit(),
        of_platform: desk.of_platform(),
    };
    Ok(desk
        .visit
        .page("Certificates", move || certificates::list(props)))
}

async fn new(desk: Desk) -> Result {
    desk.must_edit()?;
    let props = edit::New {
        at: desk.at(),
        form: Form::default(),
        of_platform: desk.of_platform(),
    };
    Ok(desk
        .visit
        .page("Add a certificate", move || edit::new(props)))
}

async fn create(desk: Desk, typed: Typed) -> Result {
    let input = CreateCertificate {
        name: typed.get("name").to_owned(),
        certificate: typed.get("certificate").to_owned(),
        key: PrivatePem(typed.get("key").to_owned()),
        hosts: hosts_of(&typed),
        default: desk.of_platform() && typed.is_ticked("default"),
    };
    let typed = typed.without("key");
    match service::create(desk.ctx(), desk.owner, input).await {
        Ok(made) => Ok(see(&format!("{}/{}", desk.home(), made.id))),
        Err(error) => {
            let form = typed.refused_under(desk.ctx(), error, "hosts").await?;
            let props = edit::New {
                at: desk.at(),
                form,
                of_platform: desk.of_platform(),
            };
            let view = move || edit::new(props);
            Ok(desk.visit.refused("Add a certificate", view))
        }
    }
}

async fn show(desk: Desk, Path(one): Path<One>) -> Result {
    let id = CertificateId::from_uuid(one.certificate);
    let found = service::get(desk.ctx(), desk.owner, id).await?;
    let title = found.name.clone();
    let props = props(&desk, form_of(&found), found);
    Ok(desk.visit.page(&title, move || edit::edit(props)))
}

fn props(desk: &Desk, form: Form, existing: Certificate) -> edit::Edit {
    edit::Edit {
        at: desk.at(),
        form,
        may_edit: desk.may_edit() && existing.organization.is_some() != desk.of_platform(),
        of_platform: desk.of_platform(),
        existing,
    }
}

fn form_of(certificate: &Certificate) -> Form {
    Form::default()
        .with("name", certificate.name.clone())
        .with("hosts", certificate.hosts.join("\n"))
        .with("default", if certificate.default { "yes" } else { "" })
        .with("etag", certificate.etag.to_string())
}

async fn act(desk: Desk, Path(one): Path<One>, typed: Typed) -> Result {
    let id = CertificateId::from_uuid(one.certificate);
    let found = service::get(desk.ctx(), desk.owner, id).await?;
    let input = match typed.get("do") {
        "renew" => EditCertificate {
            certificate: Some(typed.get("certificate").to_owned()),
            key: Some(PrivatePem(typed.get("key").to_owned())),
            ..EditCertificate::default()
        },
        "save" => EditCertificate {
            name: Some(typed.get("name").to_owned()),
            hosts: Some(hosts_of(&typed)),
            default: desk.of_platform().then(|| typed.is_ticked("default")),
            ..EditCertificate::default()
        },
        _ => return Err(Failure::of(Code::BadRequest)),
    };
    let is_renewal = input.certificate.is_some();
    let (etag, typed) = (typed.etag(), typed.without("key"));
    match service::edit(desk.ctx(), desk.owner, id, etag, input).await {
        Ok(_) => Ok(see(&format!("{}/{id}", desk.home()))),
        Err(error) => {
            let form = typed.refused_under(desk.ctx(), error, "hosts").await?;
            // The other form shows what is stored.
            let mut form = form
                .or("name", &found.name)
                .or("hosts", &found.hosts.join("\n"));
            if is_renewal && found.default {
                form = form.with("default", "yes");
            }
            let props = props(&desk, form, found);
            let view = move || edit::edit(props);
            Ok(desk.visit.refused("Certificate", view))
        }
    }
}

async fn ask_delete(desk: Desk, Path(one): Path<One>) -> Result {
    desk.must_edit()?;
    let id = CertificateId::from_uuid(one.certificate);
    let existing = service::get(desk.ctx(), desk.owner, id).await?;
    let props = edit::Delete {
        at: desk.at(),
        form: Form::default(),
        existing,
    };
    Ok(desk
        .visit
        .page("Delete a certificate", move || edit::delete(props)))
}

async fn delete(desk: Desk, Path(one): Path<One>, typed: Typed) -> Result {
    desk.must_edit()?;
    let id = CertificateId::from_uuid(one.certificate);
    let existing = service::get(desk.ctx(), desk.owner, id).await?;
    let form = match confirm::named(typed, &existing.name) {
        Ok(_) => {
            service::delete(desk.ctx(), desk.owner, id, None).await?;
            return Ok(see(&desk.home()));
        }
        Err(form) => form,
    };
    let props = edit::Delete {
        at: desk.at(),
        form,
        existing,
    };
    Ok(desk
        .visit
        .refused("Delete a certificate", move || edit::delete(props)))
}

/// One a line, or with commas or blanks between them.
fn hosts_of(typed: &Typed) -> Vec<String> {
    let parts = typed.get("hosts").split([',', ' ', '\n', '\r', '\t']);
    let parts = parts.filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}
