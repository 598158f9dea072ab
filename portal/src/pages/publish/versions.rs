//! The editor of a version: its routing, its publishing, its revisions.

use api::http::extract::Path;
use api::service::{products, traffic::Subject, upstreams, versions as service};
use domain::actor::Action;
use domain::api::{Operations, Visibility};
use domain::id::VersionId;
use domain::lifecycle::PlanState;
use domain::problem::Code;
use domain::wire::versions::{EditDraft, PromoteRevision, PublishVersion, Version};
use domain::wire::{Paging, TeamPaging};
use frontend::form::Form;
use frontend::icon::Icon;
use frontend::pages::publish::version;
use frontend::part::confirm::Question;

use super::{Ids, at, chosen, fields::Fields, route, teams_for};
use crate::{
    failure::{Failure, Result},
    pages::confirm,
    place::Workspace,
    typed::{Typed, see},
};

/// What all tabs of the editor share.
pub(super) async fn frame(workspace: &Workspace, id: VersionId) -> Result<version::Frame> {
    let found = service::get(workspace.ctx(), id).await?;
    if found.organization != workspace.organization_id() {
        return Err(Failure::of(Code::NotFound));
    }
    let served = found.summary.state.is_served();
    Ok(version::Frame {
        at: at(workspace),
        catalog: served
            .then(|| format!("/apis/{}/{}", workspace.organization.slug, found.api.slug)),
        may_edit: workspace
            .ctx()
            .can(Action::EditApi, found.organization, Some(found.team.id)),
        version: found,
    })
}

/// What every form over a version carries.
pub(super) fn tag_of(version: &Version) -> Form {
    Form::default().with("etag", version.etag.to_string())
}

pub(super) fn address(workspace: &Workspace, version: &Version) -> String {
    format!(
        "{}/apis/{}/versions/{}",
        workspace.address(),
        version.api.id,
        version.summary.id
    )
}

pub(super) async fn show(workspace: Workspace, Path(ids): Path<Ids>) -> Result {
    let props = props(&workspace, ids, None, Form::default()).await?;
    Ok(workspace
        .visit
        .page("Version", move || version::routing(props)))
}

/// `edited` and `publish` are forms that were refused.
async fn props(
    workspace: &Workspace,
    ids: Ids,
    edited: Option<Form>,
    publish: Form,
) -> Result<version::Routing> {
    let frame = frame(workspace, VersionId::from_uuid(ids.version)).await?;
    let paging = TeamPaging {
        team: None,
        limit: Some(100),
        after: None,
    };
    // Whoever may edit sees the upstreams of the organization that the service offers them.
    let upstreams =
        match upstreams::list(workspace.ctx(), frame.version.organization, &paging).await {
            Ok(page) => page
                .items
                .into_iter()
                .map(|upstream| (upstream.id.to_string(), upstream.name))
                .collect(),
            Err(_) => Vec::new(),
        };
    let mut form = edited.unwrap_or_else(|| form_of(&frame.version));
    // Where there is no choice, the only one stands there already: it is kept with the next save.
    if let ([(only, _)], "") = (upstreams.as_slice(), form.value("upstream")) {
        form = form.or("upstream", only);
    }
    let home = address(workspace, &frame.version);
    let new_upstream = (!teams_for(workspace, Action::EditUpstream).await?.is_empty())
        .then(|| format!("{}/upstreams/new?next={home}", workspace.address()));
    let publish = if publish.is_refused() {
        publish
    } else {
        publish.with("visibility", frame.version.visibility.as_str())
    };
    let not_offered = not_offered(workspace, &frame.version).await?;
    Ok(version::Routing {
        frame,
        not_offered,
        upstreams,
        new_upstream,
        form,
        publish,
    })
}

/// The products of a version that is served, unless one of them has a plan to subscribe to:
/// address of the form of a new plan, and the product's name.
async fn not_offered(workspace: &Workspace, version: &Version) -> Result<Vec<(String, String)>> {
    let mut bare = Vec::new();
    if !version.summary.state.is_served() {
        return Ok(bare);
    }
    for product in &version.products {
        let found = products::get(workspace.ctx(), product.id).await?;
        if found
            .plans
            .iter()
            .any(|plan| plan.state == PlanState::Published)
        {
            return Ok(Vec::new());
        }
        let base = format!("{}/products/{}", workspace.address(), found.id);
        let next = match found.plans.first() {
            Some(plan) => format!("{base}/plans/{}", plan.id),
            None => format!("{base}/plans/new"),
        };
        bare.push((next, found.name));
    }
    Ok(bare)
}

fn form_of(version: &Version) -> Form {
    let draft = &version.draft;
    let id = |upstream: &Option<domain::wire::NamedUpstream>| {
        upstream
            .as_ref()
            .map(|upstream| upstream.id.to_string())
            .unwrap_or_default()
    };
    let form = chosen::shown(Form::default(), &draft.upstreams);
    route::shown(form, &draft.route)
        .with("upstream", id(&draft.upstream))
        .with("test_upstream", id(&draft.test_upstream))
        .with("operations_mode", draft.operations_mode.as_str())
        .with("etag", version.etag.to_string())
}

pub(super) async fn act(workspace: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    let ctx = workspace.ctx();
    let id = VersionId::from_uuid(ids.version);
    frame(&workspace, id).await?;
    let done = match typed.get("do") {
        "enable" => service::set_enabled(ctx, id, true).await,
        "publish" => {
            let input = PublishVersion {
                note: typed.get("note").to_owned(),
                visibility: Visibility::parse(typed.get("visibility")),
                product: None,
            };
            service::publish(ctx, id, None, input).await
        }
        "save" => save(&workspace, id, &typed).await,
        _ => return Err(Failure::of(Code::BadRequest)),
    };
    match done {
        Ok(version) => Ok(see(&address(&workspace, &version))),
        Err(error) => {
            let publishing = typed.get("do") == "publish";
            let present = frame(&workspace, id).await?.version;
            let form = typed.refused_over(ctx, error, &form_of(&present)).await?;
            let (edited, publish) = if publishing {
                (None, form)
            } else {
                (Some(form), Form::default())
            };
            let props = props(&workspace, ids, edited, publish).await?;
            Ok(workspace
                .visit
                .refused("Version", move || version::routing(props)))
        }
    }
}

/// The steps that end what is served; each asks first, on a page of its own.
#[derive(Clone, Copy, Debug)]
enum Stop {
    Unpublish,
    SwitchOff,
    Retire,
}

impl Stop {
    async fn props(
        self,
        workspace: &Workspace,
        frame: version::Frame,
        form: Form,
    ) -> Result<version::Stop> {
        let found = &frame.version;
        let ctx = workspace.ctx();
        ctx.may(Action::EditApi, found.organization, Some(found.team.id))?;
        let mut open = 0;
        for product in &found.products {
            open += products::get(ctx, product.id).await?.subscriptions;
        }
        let mut blast = vec![confirm::subscribed(open)];
        let subject = Subject::Version(found.summary.id);
        blast.extend(match self {
            Self::Retire => confirm::callers(ctx, subject).await,
            Self::Unpublish | Self::SwitchOff => confirm::called(ctx, subject).await,
        });
        let (verb, does, symbol, button) = match self {
            Self::Unpublish => (
                "Unpublish",
                "It leaves the catalog, and its address answers as if it had never been. Publishing it again brings both back.",
                Icon::Ban,
                "Unpublish the version",
            ),
            Self::SwitchOff => (
                "Switch off",
                "It stays in the catalog, and all its calls are refused with version_disabled until it is switched on again.",
                Icon::Pause,
                "Switch the version off",
            ),
            Self::Retire => (
                "Retire",
                "It leaves the catalog for good, and its calls get version_retired with the way to its successor, until another version takes its place. No step brings it back.",
                Icon::Archive,
                "Retire the version",
            ),
        };
        let question = Question {
            name: format!("{} {}", found.api.name, found.summary.slug),
            verb,
            does,
            blast,
            symbol,
            button,
            home: address(workspace, found),
            form,
        };
        Ok(version::Stop { frame, question })
    }

    async fn ask(self, workspace: Workspace, ids: Ids) -> Result {
        let frame = frame(&workspace, VersionId::from_uuid(ids.version)).await?;
        let form = tag_of(&frame.version);
        let props = self.props(&workspace, frame, form).await?;
        let title = props.question.verb;
        Ok(workspace.visit.page(title, move || version::stop(props)))
    }

    async fn take(self, workspace: Workspace, ids: Ids, typed: Typed) -> Result {
        let id = VersionId::from_uuid(ids.version);
        let ctx = workspace.ctx();
        let frame = frame(&workspace, id).await?;
        let name = format!("{} {}", frame.version.api.name, frame.version.summary.slug);
        let form = match confirm::named(typed, &name) {
            Ok(typed) => {
                let done = match self {
                    Self::Unpublish => service::unpublish(ctx, id, typed.etag()).await,
                    Self::SwitchOff => service::set_enabled(ctx, id, false).await,
                    Self::Retire => service::retire(ctx, id, typed.etag()).await,
                };
                match done {
                    Ok(version) => return Ok(see(&address(&workspace, &version))),
                    Err(error) => {
                        let present = tag_of(&frame.version);
                        typed.refused_over(ctx, error, &present).await?
                    }
                }
            }
            Err(form) => form,
        };
        let props = self.props(&workspace, frame, form).await?;
        let title = props.question.verb;
        Ok(workspace.visit.refused(title, move || version::stop(props)))
    }
}

pub(super) async fn ask_unpublish(workspace: Workspace, Path(ids): Path<Ids>) -> Result {
    Stop::Unpublish.ask(workspace, ids).await
}

pub(super) async fn unpublish(workspace: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    Stop::Unpublish.take(workspace, ids, typed).await
}

pub(super) async fn ask_switch_off(workspace: Workspace, Path(ids): Path<Ids>) -> Result {
    Stop::SwitchOff.ask(workspace, ids).await
}

pub(super) async fn switch_off(workspace: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    Stop::SwitchOff.take(workspace, ids, typed).await
}

pub(super) async fn ask_retire(workspace: Workspace, Path(ids): Path<Ids>) -> Result {
    Stop::Retire.ask(workspace, ids).await
}

pub(super) async fn retire(workspace: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    Stop::Retire.take(workspace, ids, typed).await
}

async fn save(workspace: &Workspace, id: VersionId, typed: &Typed) -> api::Result<Version> {
    // A form that does not show the list leaves it.
    let upstreams = match typed.has("upstreams/0/upstream") {
        true => Some(chosen::read(typed).map_err(api::Error::invalid)?),
        false => None,
    };
    let input = EditDraft {
        route: Some(route::read(typed).map_err(api::Error::invalid)?),
        upstream: typed.get("upstream").parse().ok(),
        test_upstream: Some(typed.get("test_upstream").parse().ok()),
        upstreams,
        operations_mode: Operations::parse(typed.get("operations_mode")),
        ..EditDraft::default()
    };
    let saved = service::edit_draft(workspace.ctx(), id, Fields::of(typed).etag(), input).await;
    saved.map_err(|mut error| {
        route::at_fields(&mut error);
        chosen::at_fields(&mut error, typed);
        error
    })
}

pub(super) async fn revisions(workspace: Workspace, Path(ids): Path<Ids>) -> Result {
    let props = revision_props(
        &workspace,
        VersionId::from_uuid(ids.version),
        Form::default(),
    )
    .await?;
    Ok(workspace
        .visit
        .page("Revisions", move || version::revisions(props)))
}

async fn revision_props(
    workspace: &Workspace,
    id: VersionId,
    refused: Form,
) -> Result<version::Revisions> {
    let frame = frame(workspace, id).await?;
    let paging = Paging {
        limit: Some(100),
        after: None,
    };
    let revisions = service::revisions(workspace.ctx(), id, &paging)
        .await?
        .items;
    Ok(version::Revisions {
        frame,
        revisions,
        refused,
    })
}

pub(super) async fn promote(workspace: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    let id = VersionId::from_uuid(ids.version);
    let frame = frame(&workspace, id).await?;
    let number = typed
        .get("number")
        .parse()
        .map_err(|_| Failure::of(Code::BadRequest))?;
    match service::promote(
        workspace.ctx(),
        id,
        number,
        None,
        PromoteRevision::default(),
    )
    .await
    {
        Ok(_) => Ok(see(&format!(
            "{}/revisions",
            address(&workspace, &frame.version)
        ))),
        Err(error) => {
            let form = typed.refused(workspace.ctx(), error).await?;
            let props = revision_props(&workspace, id, form).await?;
            Ok(workspace
                .visit
                .refused("Revisions", move || version::revisions(props)))
        }
    }
}
