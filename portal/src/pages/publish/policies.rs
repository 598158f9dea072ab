//! The policies of a version's draft.

use api::service::{traffic, versions as service};
use domain::id::VersionId;
use domain::policy::{AttachPoint, Mode, Policy};
use domain::wire::traffic::{Observed, ObservedPolicy, Range};
use domain::wire::versions::EditDraft;
use frontend::pages::publish::attached::Attached;
use frontend::pages::publish::policy::Open;
use frontend::pages::publish::{policies, version::Frame};
use leptos::prelude::AnyView;

use super::{Ids, places::Place, versions};
use crate::{failure::Result, place::Workspace};

pub(super) struct OfVersion(Frame);

impl Place for OfVersion {
    const TITLE: &'static str = "Policies";
    type Page = policies::Policies;

    async fn load(workspace: &Workspace, ids: &Ids) -> Result<Self> {
        let frame = versions::frame(workspace, VersionId::from_uuid(ids.version)).await?;
        Ok(Self(frame))
    }

    fn attached(&self, workspace: &Workspace) -> Attached {
        let Self(frame) = self;
        let home = format!("{}/policies", versions::address(workspace, &frame.version));
        let policies = frame.version.draft.policies.clone();
        Attached::new(AttachPoint::Version, home, policies, frame.may_edit)
            .without(&frame.version.draft.unreadable)
    }

    fn etag(&self) -> i64 {
        self.0.version.etag
    }

    async fn save(&self, workspace: &Workspace, etag: i64, all: Vec<Policy>) -> api::Result<()> {
        let id = self.0.version.summary.id;
        let input = EditDraft {
            policies: Some(all),
            ..EditDraft::default()
        };
        let saved = service::edit_draft(workspace.ctx(), id, Some(etag), input);
        saved.await.map(drop)
    }

    async fn page(self, workspace: &Workspace, attached: Attached) -> Result<policies::Policies> {
        let id = self.0.version.summary.id;
        let seen = match attached.open {
            Open::At(index) => seen(workspace, id, attached.policies.get(index)).await,
            Open::New(_) | Open::None => None,
        };
        let chain = service::effective(workspace.ctx(), id, true, None, None).await?;
        Ok(policies::Policies {
            frame: self.0,
            chain,
            attached,
            seen,
        })
    }

    fn view(page: policies::Policies) -> AnyView {
        policies::view(page)
    }
}

/// What a policy that observes would have refused lately; nothing for who may not read that.
async fn seen(
    workspace: &Workspace,
    id: VersionId,
    policy: Option<&Policy>,
) -> Option<(Observed, ObservedPolicy)> {
    let policy = policy.filter(|policy| policy.mode() == Mode::Observe)?;
    let found = traffic::observed(workspace.ctx(), id, Range::Day, None).await;
    let found = found.ok()?;
    let mut policies = found.policies.iter();
    let is_it = |one: &&ObservedPolicy| {
        one.from == "version" && one.kind == policy.kind().as_str() && one.name == policy.name()
    };
    let own = policies.find(is_it)?.clone();
    Some((found, own))
}
