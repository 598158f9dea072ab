//! The policies of an API, which all its versions meet.

use api::service::{apis as service, versions};
use domain::actor::Action;
use domain::id::VersionId;
use domain::policy::{AttachPoint, Policy, PolicyKind};
use domain::wire::apis::{Api, EditApi};
use frontend::pages::publish::apis::{self as page, Policies};
use frontend::pages::publish::attached::{Attached, Nearer};
use leptos::prelude::AnyView;

use super::{Ids, apis, at, places::Place};
use crate::{failure::Result, place::Workspace};

/// Most versions of which the page tells what they add, the newest.
const MOST: usize = 20;

pub(super) struct OfApi(Api);

impl Place for OfApi {
    const TITLE: &'static str = "Policies of an API";
    type Page = Policies;

    async fn load(workspace: &Workspace, ids: &Ids) -> Result<Self> {
        apis::found(workspace, ids).await.map(Self)
    }

    fn attached(&self, workspace: &Workspace) -> Attached {
        let Self(api) = self;
        let home = format!("{}/apis/{}/policies", workspace.address(), api.id);
        let (organization, team) = (api.organization, Some(api.team.id));
        let may = workspace.ctx().can(Action::EditApi, organization, team);
        Attached::new(AttachPoint::Api, home, api.policies.clone(), may).without(&api.unreadable)
    }

    fn etag(&self) -> i64 {
        self.0.etag
    }

    async fn save(&self, workspace: &Workspace, etag: i64, all: Vec<Policy>) -> api::Result<()> {
        let input = EditApi {
            policies: Some(all),
            ..EditApi::default()
        };
        let saved = service::edit(workspace.ctx(), self.0.id, Some(etag), input);
        saved.await.map(drop)
    }

    async fn page(self, workspace: &Workspace, attached: Attached) -> Result<Policies> {
        let Self(api) = self;
        let mut nearer = Vec::new();
        for version in api.versions.iter().take(MOST) {
            nearer.push(Nearer {
                name: version.slug.clone(),
                home: format!(
                    "{}/apis/{}/versions/{}/policies",
                    workspace.address(),
                    api.id,
                    version.id
                ),
                ..own(workspace, version.id, &api.policies).await?
            });
        }
        Ok(Policies {
            at: at(workspace),
            catalog: apis::catalog(workspace, &api),
            api,
            attached,
            versions: nearer,
        })
    }

    fn view(page: Policies) -> AnyView {
        page::policies(page)
    }
}

/// What a version has of its own, and which of its API's policies it does not meet for that.
async fn own(workspace: &Workspace, id: VersionId, of_api: &[Policy]) -> Result<Nearer> {
    let found = versions::effective(workspace.ctx(), id, false, None, None).await?;
    let (chain, mut unreadable) = (found.chain, found.unreadable.iter());
    let from = |point: AttachPoint| {
        let some = chain.iter().filter(move |one| one.from == point);
        some.map(|one| &one.policy)
    };
    let replaced: Vec<PolicyKind> = of_api
        .iter()
        .filter(|policy| !from(AttachPoint::Api).any(|met| met == *policy))
        .map(Policy::kind)
        .collect();
    Ok(Nearer {
        name: String::new(),
        home: String::new(),
        policies: from(AttachPoint::Version).cloned().collect(),
        is_partial: unreadable.any(|one| one.from == AttachPoint::Version),
        replaced,
    })
}
