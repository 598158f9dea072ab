//! All organizations; the prefixes of one, and its suspension.

use api::{
    http::extract::{Path, Query},
    service::organizations as service,
};
use domain::{
    id::OrganizationId,
    problem::Code,
    wire::organizations::{EditGrants, Grant, Organization, Reason},
};
use frontend::{form::Form, pages::platform::organizations};

use super::Operating;
use crate::{
    failure::{Failure, Result},
    pages::people::{Asked, older},
    typed::{Typed, see},
};

const ADDRESS: &str = "/operator/organizations";

pub(super) async fn list(here: Operating, Query(asked): Query<Asked>) -> Result {
    let found = service::list_all(here.0.ctx(), &asked.paging()).await?;
    let page = organizations::Organizations {
        at: here.at(),
        organizations: found.items,
        newest: asked.newest(ADDRESS),
        older: older(ADDRESS, found.next),
    };
    Ok(here.0.page("Organizations", || organizations::list(page)))
}

pub(super) async fn show(
    here: Operating,
    Path(id): Path<OrganizationId>,
    Query(asked): Query<Asked>,
) -> Result {
    let found = service::read_any(here.0.ctx(), id).await?;
    let title = found.name.clone();
    let page = organizations::One {
        at: here.at(),
        grants: form_of(&found),
        organization: found,
        switch: Form::default(),
        saved: asked.is_done(),
    };
    Ok(here.0.page(&title, || organizations::one(page)))
}

/// One prefix a line, with its hosts behind it.
fn form_of(organization: &Organization) -> Form {
    let lines = organization.grants.iter().map(|grant| {
        let hosts = grant.hosts.iter().map(String::as_str);
        std::iter::once(grant.path.as_str())
            .chain(hosts)
            .collect::<Vec<_>>()
            .join(" ")
    });
    Form::default()
        .with("grants", lines.collect::<Vec<_>>().join("\n"))
        .with("etag", organization.etag.to_string())
}

pub(super) async fn act(here: Operating, Path(id): Path<OrganizationId>, typed: Typed) -> Result {
    let ctx = here.0.ctx();
    let found = service::read_any(ctx, id).await?;
    let reason = Reason {
        reason: typed.get("reason").to_owned(),
    };
    let done = match typed.get("do") {
        "grants" => return save(&here, found, typed).await,
        "suspend" if typed.get("confirm") != found.slug => {
            let form = typed.into_form().problem_at(
                "confirm",
                format!("Type {}, its name in addresses.", found.slug),
            );
            return refuse(&here, form_of(&found), form, found);
        }
        "suspend" => service::suspend(ctx, id, reason).await,
        "resume" => service::resume(ctx, id, reason).await,
        _ => return Err(Failure::of(Code::BadRequest)),
    };
    match done {
        Ok(_) => Ok(see(&format!("{ADDRESS}/{id}?done=1"))),
        Err(error) => refuse(
            &here,
            form_of(&found),
            typed.refused(here.0.ctx(), error).await?,
            found,
        ),
    }
}

async fn save(here: &Operating, found: Organization, typed: Typed) -> Result {
    let lines: Vec<_> = typed
        .get("grants")
        .lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line.split_whitespace()))
        .filter_map(|(number, mut words)| words.next().map(|path| (number, path, words)))
        .map(|(number, path, hosts)| {
            let grant = Grant {
                path: path.to_owned(),
                hosts: hosts.map(str::to_owned).collect(),
            };
            (number, grant)
        })
        .collect();
    let grants = lines.iter().map(|(_, grant)| grant.clone()).collect();
    match service::edit_grants(here.0.ctx(), found.id, typed.etag(), EditGrants { grants }).await {
        Ok(_) => Ok(see(&format!("{ADDRESS}/{}?done=1", found.id))),
        Err(mut error) => {
            // The form has one field for all of them: the line says which it is.
            for invalid in &mut error.invalid {
                let index = invalid
                    .pointer
                    .strip_prefix("/grants/")
                    .and_then(|rest| rest.split('/').next()?.parse::<usize>().ok());
                if let Some((number, _)) = index.and_then(|index| lines.get(index)) {
                    invalid.message = format!("Line {number}: {}", invalid.message);
                    invalid.pointer = "/grants".to_owned();
                }
            }
            refuse(
                here,
                typed.refused(here.0.ctx(), error).await?,
                Form::default(),
                found,
            )
        }
    }
}

fn refuse(here: &Operating, grants: Form, switch: Form, organization: Organization) -> Result {
    let title = organization.name.clone();
    let page = organizations::One {
        at: here.at(),
        organization,
        grants,
        switch,
        saved: false,
    };
    Ok(here.0.refused(&title, || organizations::one(page)))
}
