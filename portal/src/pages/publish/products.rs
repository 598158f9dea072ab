//! Products: the list, a new one, and the page of one with its bundle.

use api::http::extract::{Path, Query};
use api::service::{apis, products as service};
use domain::actor::Action;
use domain::id::ProductId;
use domain::problem::Code;
use domain::wire::TeamPaging;
use domain::wire::products::{CreateProduct, EditProduct, Product};
use frontend::form::Form;
use frontend::pages::publish::products;

use super::{Cursor, Ids, at, fields::Fields, older, teams_for};
use crate::{
    failure::{Failure, Result},
    place::Workspace,
    typed::{Typed, see},
};

pub(super) async fn list(workspace: Workspace, Query(cursor): Query<Cursor>) -> Result {
    let paging = cursor.in_team(workspace.team_id());
    let page = service::list(workspace.ctx(), workspace.organization_id(), &paging).await?;
    let props = products::Products {
        at: at(&workspace),
        products: page.items,
        older: older(&format!("{}/products", workspace.address()), page.next),
        may_edit: workspace.can(Action::EditProduct),
    };
    Ok(workspace
        .visit
        .page("Products and plans", move || products::list(props)))
}

pub(super) async fn new(workspace: Workspace) -> Result {
    let props = new_props(&workspace, Form::default()).await?;
    Ok(workspace
        .visit
        .page("New product", move || products::new(props)))
}

async fn new_props(workspace: &Workspace, form: Form) -> Result<products::New> {
    let teams = teams_for(workspace, Action::EditProduct).await?;
    if teams.is_empty() {
        return Err(Failure::of(Code::Forbidden));
    }
    Ok(products::New {
        at: at(workspace),
        form,
        teams,
    })
}

pub(super) async fn create(workspace: Workspace, typed: Typed) -> Result {
    let Some(team) = Fields::of(&typed).needed("team", "") else {
        return Err(Failure::of(Code::BadRequest));
    };
    let input = CreateProduct {
        team,
        name: typed.get("name").to_owned(),
        slug: None,
        description: typed.get("description").to_owned(),
        versions: Vec::new(),
    };
    match service::create(workspace.ctx(), workspace.organization_id(), input).await {
        Ok(made) => Ok(see(&format!(
            "{}/products/{}",
            workspace.address(),
            made.id
        ))),
        Err(error) => {
            let props = new_props(&workspace, typed.refused(workspace.ctx(), error).await?).await?;
            Ok(workspace
                .visit
                .refused("New product", move || products::new(props)))
        }
    }
}

pub(super) async fn show(workspace: Workspace, Path(ids): Path<Ids>) -> Result {
    let product = found(&workspace, ProductId::from_uuid(ids.product)).await?;
    let title = product.name.clone();
    let form = form_of(&product);
    let props = props(&workspace, product, form).await?;
    Ok(workspace.visit.page(&title, move || products::show(props)))
}

fn form_of(product: &Product) -> Form {
    product.versions.iter().fold(
        Form::default()
            .with("name", product.name.clone())
            .with("description", product.description.clone())
            .with("etag", product.etag.to_string()),
        |form, version| form.with("versions", version.id.to_string()),
    )
}

/// The product of an address; 404 unless it is of the workspace's organization.
pub(super) async fn found(workspace: &Workspace, id: ProductId) -> Result<Product> {
    let product = service::get(workspace.ctx(), id).await?;
    if product.organization != workspace.organization_id() {
        return Err(Failure::of(Code::NotFound));
    }
    Ok(product)
}

async fn props(workspace: &Workspace, product: Product, form: Form) -> Result<products::Shown> {
    let ctx = workspace.ctx();
    // A team bundles its own versions, an admin any of the organization's.
    let admin = ctx.can(Action::EditProduct, product.organization, None);
    let team = (!admin).then_some(product.team.id);
    let paging = TeamPaging {
        team,
        limit: Some(100),
        after: None,
    };
    let apis = match apis::list(ctx, product.organization, &paging).await {
        Ok(page) => page.items,
        Err(_) => Vec::new(),
    };
    let versions = apis.into_iter().flat_map(|api| {
        let name = api.name;
        api.versions
            .into_iter()
            .map(move |version| (version.id.to_string(), format!("{name} {}", version.slug)))
    });
    let mut versions: Vec<(String, String)> = versions.collect();
    // What is bundled already has its box, whoever put it there: a form without it would take it out.
    for bundled in &product.versions {
        let id = bundled.id.to_string();
        if !versions.iter().any(|(known, _)| *known == id) {
            versions.push((id, format!("{} {}", bundled.api.name, bundled.slug)));
        }
    }
    Ok(products::Shown {
        at: at(workspace),
        may_edit: ctx.can(
            Action::EditProduct,
            product.organization,
            Some(product.team.id),
        ),
        versions,
        product,
        form,
    })
}

pub(super) async fn save(workspace: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    let id = found(&workspace, ProductId::from_uuid(ids.product))
        .await?
        .id;
    let versions = typed
        .all("versions")
        .filter_map(|version| version.parse().ok())
        .collect();
    let input = EditProduct {
        name: Some(typed.get("name").to_owned()),
        slug: None,
        description: Some(typed.get("description").to_owned()),
        versions: Some(versions),
    };
    let etag = Fields::of(&typed).etag();
    match service::edit(workspace.ctx(), id, etag, input).await {
        Ok(_) => Ok(see(&format!("{}/products/{id}", workspace.address()))),
        Err(error) => {
            let product = service::get(workspace.ctx(), id).await?;
            let present = form_of(&product);
            let form = typed.refused_over(workspace.ctx(), error, &present).await?;
            let props = props(&workspace, product, form).await?;
            Ok(workspace
                .visit
                .refused("Product", move || products::show(props)))
        }
    }
}
