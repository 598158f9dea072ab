//! Lists of networks of an organization: all of them, the page of one, and the question before one
//! is deleted. No team's: they stand in the organization's own workspace.

use api::http::extract::{Path, Query};
use api::service::ip_lists as service;
use axum::extract::DefaultBodyLimit;
use axum::extract::multipart::Multipart;
use axum::routing::{get, post};
use domain::actor::Action;
use domain::duration::Span;
use domain::id::IpListId;
use domain::ip_list::{self, MAX_BYTES, Source};
use domain::problem::{Code, Invalid};
use domain::wire::ip_lists::{
    AddEntries, CreateIpList, EditIpList, EntriesPaging, ImportEntries, IpList, RemoveEntries,
};
use frontend::form::Form;
use frontend::pages::publish::ip_lists;
use serde::Deserialize;
use uuid::Uuid;

use super::{Cursor, at, documents, older};
use crate::{
    failure::{Failure, Result},
    pages::confirm,
    place::Workspace,
    query::Query as Address,
    routes::Pages,
    typed::{Typed, see},
};

/// A text with the parts of its form around it.
const IMPORT: usize = MAX_BYTES + 64 * 1024;

pub(super) fn routes(pages: Pages) -> Pages {
    let import = DefaultBodyLimit::max(IMPORT);
    pages
        .route("/o/{organization}/ip-lists", get(list))
        .route("/o/{organization}/ip-lists/new", get(new).post(create))
        .route("/o/{organization}/ip-lists/{ip_list}", get(show).post(act))
        .route(
            "/o/{organization}/ip-lists/{ip_list}/import",
            post(self::import).layer(import),
        )
        .route(
            "/o/{organization}/ip-lists/{ip_list}/delete",
            get(ask_delete).post(delete),
        )
}

#[derive(Debug, Deserialize)]
struct One {
    ip_list: Uuid,
}

impl One {
    const fn id(&self) -> IpListId {
        IpListId::from_uuid(self.ip_list)
    }
}

async fn list(workspace: Workspace, Query(cursor): Query<Cursor>) -> Result {
    let organization = workspace.organization_id();
    let page = service::list(workspace.ctx(), organization, &cursor.paging()).await?;
    let props = ip_lists::Lists {
        at: at(&workspace),
        lists: page.items,
        older: older(&home(&workspace), page.next),
        may_edit: workspace.can(Action::EditOrganization),
    };
    Ok(workspace
        .visit
        .page("Lists of networks", move || ip_lists::list(props)))
}

fn home(workspace: &Workspace) -> String {
    format!("{}/ip-lists", workspace.address())
}

async fn new(workspace: Workspace) -> Result {
    workspace.must(Action::EditOrganization)?;
    let props = ip_lists::New {
        at: at(&workspace),
        form: Form::default(),
    };
    Ok(workspace
        .visit
        .page("New list", move || ip_lists::new(props)))
}

/// The address of the form; an error is what is wrong with how often it is fetched.
fn source(typed: &Typed) -> std::result::Result<Option<Source>, Invalid> {
    let (url, every) = (typed.get("source/url"), typed.get("source/every"));
    if url.is_empty() {
        return Ok(None);
    }
    let every = match every.is_empty() {
        true => "1h",
        false => every,
    };
    let every = every
        .parse::<Span>()
        .map_err(|error| Invalid::new("/source/every", error.to_string()))?;
    Ok(Some(Source {
        url: url.to_owned(),
        every,
    }))
}

async fn create(workspace: Workspace, typed: Typed) -> Result {
    let refuse = |workspace: Workspace, form: Form| {
        let props = ip_lists::New {
            at: at(&workspace),
            form,
        };
        Ok(workspace
            .visit
            .refused("New list", move || ip_lists::new(props)))
    };
    let source = match source(&typed) {
        Ok(source) => source,
        Err(wrong) => {
            workspace.must(Action::EditOrganization)?;
            return refuse(workspace, typed.into_form().invalid(&[wrong]));
        }
    };
    let input = CreateIpList {
        name: typed.get("name").to_owned(),
        description: typed.get("description").to_owned(),
        entries: Vec::new(),
        source,
    };
    match service::create(workspace.ctx(), workspace.organization_id(), input).await {
        Ok(made) => Ok(see(&format!("{}/{}", home(&workspace), made.id))),
        Err(error) => {
            let form = typed.refused(workspace.ctx(), error).await?;
            refuse(workspace, form)
        }
    }
}

/// What of a list is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    after: Option<String>,
    find: String,
}

async fn show(workspace: Workspace, Path(one): Path<One>, Query(asked): Query<Asked>) -> Result {
    let list = found(&workspace, &one).await?;
    let (title, form) = (list.name.clone(), form_of(&list));
    let props = props(&workspace, list, asked, form, Form::default()).await?;
    Ok(workspace.visit.page(&title, move || ip_lists::show(props)))
}

async fn found(workspace: &Workspace, one: &One) -> Result<IpList> {
    let organization = workspace.organization_id();
    Ok(service::get(workspace.ctx(), organization, one.id()).await?)
}

async fn props(
    workspace: &Workspace,
    list: IpList,
    asked: Asked,
    form: Form,
    add: Form,
) -> Result<ip_lists::Shown> {
    let paging = EntriesPaging {
        limit: Some(100),
        after: asked.after,
        find: asked.find.clone(),
    };
    let (ctx, organization) = (workspace.ctx(), workspace.organization_id());
    let page = service::list_entries(ctx, organization, list.id, &paging).await?;
    let own = format!("{}/{}", home(workspace), list.id);
    let further = page.next.map(|next| {
        let query = Address::default().with("find", &asked.find);
        query.with("after", &next).after(&own)
    });
    Ok(ip_lists::Shown {
        at: at(workspace),
        list,
        entries: page.items,
        find: asked.find,
        older: further,
        form,
        add,
        may_edit: workspace.can(Action::EditOrganization),
    })
}

fn form_of(list: &IpList) -> Form {
    let form = Form::default()
        .with("name", list.name.clone())
        .with("description", list.description.clone())
        .with("etag", list.etag.to_string());
    match &list.source {
        Some(source) => form
            .with("source/url", source.url.clone())
            .with("source/every", source.every.to_string()),
        None => form,
    }
}

async fn act(workspace: Workspace, Path(one): Path<One>, typed: Typed) -> Result {
    workspace.must(Action::EditOrganization)?;
    let (ctx, organization, id) = (workspace.ctx(), workspace.organization_id(), one.id());
    let list = found(&workspace, &one).await?;
    let done = match typed.get("do") {
        "save" => {
            let source = match source(&typed) {
                Ok(source) => source,
                Err(wrong) => {
                    let form = typed.into_form().invalid(&[wrong]);
                    return refuse(&workspace, list, form, Form::default()).await;
                }
            };
            let input = EditIpList {
                name: Some(typed.get("name").to_owned()),
                description: Some(typed.get("description").to_owned()),
                source: Some(source),
            };
            match service::edit(ctx, organization, id, typed.etag(), input).await {
                Err(error) => {
                    let list = found(&workspace, &one).await?;
                    let present = form_of(&list);
                    let form = typed.refused_over(ctx, error, &present).await?;
                    return refuse(&workspace, list, form, Form::default()).await;
                }
                done => done,
            }
        }
        "add" => {
            let entries = match ip_list::read_lasting(typed.raw("networks"), ctx.now) {
                Ok(entries) => entries.into_iter().collect(),
                Err(wrong) => {
                    let wrong = wrong.into_iter().map(|one| one.under("/networks"));
                    let wrong: Vec<Invalid> = wrong.collect();
                    let (form, add) = (form_of(&list), typed.into_form().invalid(&wrong));
                    return refuse(&workspace, list, form, add).await;
                }
            };
            service::add(ctx, organization, id, None, AddEntries { entries }).await
        }
        "remove" => {
            let networks = typed.all("network").map(str::to_owned).collect();
            service::remove(ctx, organization, id, None, RemoveEntries { networks }).await
        }
        "fetch" => service::refresh(ctx, organization, id).await,
        _ => return Err(Failure::of(Code::BadRequest)),
    };
    match done {
        Ok(_) => Ok(see(&format!("{}/{id}", home(&workspace)))),
        Err(error) => {
            let add = typed.refused(ctx, error).await?;
            // It may be refused for what the list has become meanwhile.
            let list = found(&workspace, &one).await?;
            let form = form_of(&list);
            refuse(&workspace, list, form, add).await
        }
    }
}

async fn refuse(workspace: &Workspace, list: IpList, form: Form, add: Form) -> Result {
    let title = list.name.clone();
    let props = props(workspace, list, Asked::default(), form, add).await?;
    Ok(workspace
        .visit
        .refused(&title, move || ip_lists::show(props)))
}

async fn import(workspace: Workspace, Path(one): Path<One>, body: Multipart) -> Result {
    workspace.must(Action::EditOrganization)?;
    let (ctx, organization, id) = (workspace.ctx(), workspace.organization_id(), one.id());
    let list = found(&workspace, &one).await?;
    let typed = documents::parts(body, Code::BodyTooLarge).await?;
    let texts = [typed.raw("file"), typed.raw("text")];
    let text = texts.into_iter().find(|text| !text.trim().is_empty());
    let Some(text) = text.map(str::to_owned) else {
        let add = typed.without("file").into_form();
        let add = add.problem_at("file", "Choose a file or paste a text.");
        let form = form_of(&list);
        return refuse(&workspace, list, form, add).await;
    };
    let input = ImportEntries {
        text,
        replace: typed.is_ticked("replace"),
    };
    // What is only put in beside the rest takes nothing of anybody's.
    let etag = typed.etag().filter(|_| input.replace);
    match service::import(ctx, organization, id, etag, input).await {
        Ok(_) => Ok(see(&format!("{}/{id}", home(&workspace)))),
        Err(error) => {
            // A file is nothing that a page could show again.
            let add = typed
                .without("file")
                .without("etag")
                .refused(ctx, error)
                .await?;
            let list = found(&workspace, &one).await?;
            let form = form_of(&list);
            refuse(&workspace, list, form, add).await
        }
    }
}

async fn ask_delete(workspace: Workspace, Path(one): Path<One>) -> Result {
    workspace.must(Action::EditOrganization)?;
    let props = ip_lists::Delete {
        at: at(&workspace),
        list: found(&workspace, &one).await?,
        form: Form::default(),
    };
    Ok(workspace
        .visit
        .page("Delete a list", move || ip_lists::delete(props)))
}

async fn delete(workspace: Workspace, Path(one): Path<One>, typed: Typed) -> Result {
    workspace.must(Action::EditOrganization)?;
    let list = found(&workspace, &one).await?;
    let form = match confirm::named(typed, &list.name) {
        Ok(typed) => {
            let (ctx, organization) = (workspace.ctx(), workspace.organization_id());
            match service::delete(ctx, organization, one.id(), None).await {
                Ok(()) => return Ok(see(&home(&workspace))),
                Err(error) => typed.refused(ctx, error).await?,
            }
        }
        Err(form) => form,
    };
    let props = ip_lists::Delete {
        at: at(&workspace),
        list,
        form,
    };
    Ok(workspace
        .visit
        .refused("Delete a list", move || ip_lists::delete(props)))
}
