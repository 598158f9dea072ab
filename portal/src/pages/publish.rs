//! The pages of those who publish: APIs, upstreams, products and plans, approvals.

mod api_policies;
mod apis;
mod approvals;
mod certificates;
mod chosen;
mod documents;
mod explain;
mod fields;
mod ip_lists;
mod lifecycle;
mod observed;
mod operation_policies;
mod organization_policies;
mod places;
mod plan_policies;
mod plans;
mod policies;
mod products;
mod route;
mod sheets;
mod upstreams;
mod versions;

use api::service::teams;
use axum::{
    extract::DefaultBodyLimit,
    routing::{MethodRouter, get, post},
};
use domain::actor::Action;
use domain::id::TeamId;
use domain::wire::{Paging, TeamPaging};
use frontend::pages::publish::At;
use serde::Deserialize;
use uuid::Uuid;

use self::{
    api_policies::OfApi, operation_policies::OfOperation, organization_policies::OfOrganization,
    places::Place, plan_policies::OfPlan, policies::OfVersion,
};
use crate::{failure::Result, place::Workspace, routes::Pages, visit::Portal};

/// A document of 5 MiB with its form around it.
const IMPORT: usize = 6 * 1024 * 1024;

/// Each page stands in a team's workspace and in the organization's own.
pub(crate) fn routes() -> Pages {
    let import = DefaultBodyLimit::max(IMPORT);
    let pages: [(&str, MethodRouter<Portal>); 27] = [
        ("/apis", get(apis::list)),
        (
            "/apis/import",
            get(documents::import_form)
                .post(documents::import)
                .layer(import),
        ),
        ("/apis/{api}", get(apis::show).post(apis::save)),
        ("/apis/{api}/purge", post(apis::purge)),
        ("/apis/{api}/policies", policies_of::<OfApi>()),
        (
            "/apis/{api}/versions/{version}",
            get(versions::show).post(versions::act),
        ),
        (
            "/apis/{api}/versions/{version}/unpublish",
            get(versions::ask_unpublish).post(versions::unpublish),
        ),
        (
            "/apis/{api}/versions/{version}/deprecate",
            get(lifecycle::ask).post(lifecycle::act),
        ),
        (
            "/apis/{api}/versions/{version}/retire",
            get(versions::ask_retire).post(versions::retire),
        ),
        (
            "/apis/{api}/versions/{version}/switch-off",
            get(versions::ask_switch_off).post(versions::switch_off),
        ),
        (
            "/apis/{api}/versions/{version}/policies",
            policies_of::<OfVersion>(),
        ),
        (
            "/apis/{api}/versions/{version}/operations/{operation}/policies",
            policies_of::<OfOperation>(),
        ),
        (
            "/apis/{api}/versions/{version}/observed",
            get(observed::show),
        ),
        (
            "/apis/{api}/versions/{version}/document",
            get(documents::show).post(documents::replace).layer(import),
        ),
        (
            "/apis/{api}/versions/{version}/revisions",
            get(versions::revisions).post(versions::promote),
        ),
        (
            "/apis/{api}/versions/{version}/explain",
            get(explain::show).post(explain::ask),
        ),
        ("/upstreams", get(upstreams::list)),
        (
            "/upstreams/new",
            get(upstreams::new).post(upstreams::create),
        ),
        (
            "/upstreams/{upstream}",
            get(upstreams::show).post(upstreams::act),
        ),
        ("/products", get(products::list)),
        ("/products/new", get(products::new).post(products::create)),
        (
            "/products/{product}",
            get(products::show).post(products::save),
        ),
        (
            "/products/{product}/plans/new",
            get(plans::new).post(plans::create),
        ),
        (
            "/products/{product}/plans/{plan}",
            get(plans::show).post(plans::act),
        ),
        (
            "/products/{product}/plans/{plan}/close",
            get(plans::ask_close).post(plans::close),
        ),
        (
            "/products/{product}/plans/{plan}/policies",
            policies_of::<OfPlan>(),
        ),
        ("/subscribers", get(approvals::subscribers)),
    ];
    let inbox: [(&str, MethodRouter<Portal>); 3] = [
        ("/approvals", get(approvals::inbox)),
        (
            "/approvals/{subscription}",
            get(approvals::open).post(approvals::decide),
        ),
        (
            "/subscribers/{subscription}",
            get(approvals::subscriber).post(approvals::act),
        ),
    ];
    pages
        .into_iter()
        .chain(inbox)
        .fold(
            ip_lists::routes(certificates::routes()),
            |router, (path, page)| {
                router
                    .route(&format!("/o/{{organization}}{path}"), page.clone())
                    .route(&format!("/o/{{organization}}/t/{{team}}{path}"), page)
            },
        )
        .route(
            "/o/{organization}/policies",
            policies_of::<OfOrganization>(),
        )
}

/// The page of the policies at a place.
fn policies_of<P: Place + 'static>() -> MethodRouter<Portal> {
    get(places::show::<P>)
        .post(places::save::<P>)
        .layer(DefaultBodyLimit::max(places::FORM))
}

/// The ids of an address; those that it does not have are nil, which nothing is called by.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Ids {
    api: Uuid,
    version: Uuid,
    operation: Uuid,
    upstream: Uuid,
    product: Uuid,
    plan: Uuid,
    subscription: Uuid,
}

/// The cursor of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cursor {
    after: Option<String>,
}

impl Cursor {
    fn paging(self) -> Paging {
        Paging {
            limit: None,
            after: self.after,
        }
    }

    fn in_team(self, team: Option<TeamId>) -> TeamPaging {
        TeamPaging {
            team,
            limit: None,
            after: self.after,
        }
    }
}

/// The address of the following page of a list.
fn older(address: &str, next: Option<String>) -> Option<String> {
    next.map(|cursor| format!("{address}?after={cursor}"))
}

fn at(workspace: &Workspace) -> At {
    At {
        visitor: workspace.visitor(),
        place: workspace.place.clone(),
        now: workspace.ctx().now,
    }
}

/// Id and name of the teams for which the person may do `action`; the one of the address alone if
/// it has one.
async fn teams_for(workspace: &Workspace, action: Action) -> Result<Vec<(String, String)>> {
    if let Some(team) = &workspace.team {
        let own = (team.id.to_string(), team.name.clone());
        return Ok(workspace.can(action).then_some(own).into_iter().collect());
    }
    let ctx = workspace.ctx();
    let organization = workspace.organization_id();
    let all = teams::list(
        ctx,
        organization,
        &Paging {
            limit: Some(100),
            after: None,
        },
    )
    .await?;
    let mine = all
        .items
        .into_iter()
        .filter(|team| ctx.can(action, organization, Some(team.id)));
    Ok(mine.map(|team| (team.id.to_string(), team.name)).collect())
}
