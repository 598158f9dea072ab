//! The policies of one operation of a version's draft.

use api::service::versions as service;
use domain::id::{OperationId, VersionId};
use domain::policy::{AttachPoint, Policy};
use domain::problem::Code;
use domain::wire::versions::{DraftOperation, EditDraft, OperationPolicies};
use frontend::pages::publish::attached::Attached;
use frontend::pages::publish::{operation, version::Frame};
use leptos::prelude::AnyView;

use super::{Ids, places::Place, versions};
use crate::{
    failure::{Failure, Result},
    place::Workspace,
};

pub(super) struct OfOperation {
    frame: Frame,
    operation: DraftOperation,
}

impl Place for OfOperation {
    const TITLE: &'static str = "Policies of an operation";
    type Page = operation::Policies;

    async fn load(workspace: &Workspace, ids: &Ids) -> Result<Self> {
        let frame = versions::frame(workspace, VersionId::from_uuid(ids.version)).await?;
        let id = OperationId::from_uuid(ids.operation);
        let mut all = frame.version.draft.operations.iter();
        let operation = all.find(|operation| operation.id == id).cloned();
        let operation = operation.ok_or_else(|| Failure::of(Code::NotFound))?;
        Ok(Self { frame, operation })
    }

    fn attached(&self, workspace: &Workspace) -> Attached {
        let version = versions::address(workspace, &self.frame.version);
        let home = format!("{version}/operations/{}/policies", self.operation.id);
        let policies = self.operation.policies.clone();
        Attached::new(AttachPoint::Operation, home, policies, self.frame.may_edit)
            .without(&self.frame.version.draft.unreadable)
    }

    fn etag(&self) -> i64 {
        self.frame.version.etag
    }

    fn pointer(&self) -> String {
        format!("/operations/{}/policies", self.operation.id)
    }

    async fn save(&self, workspace: &Workspace, etag: i64, all: Vec<Policy>) -> api::Result<()> {
        let id = self.frame.version.summary.id;
        let input = EditDraft {
            operations: Some(vec![OperationPolicies {
                id: self.operation.id,
                policies: all,
            }]),
            ..EditDraft::default()
        };
        let saved = service::edit_draft(workspace.ctx(), id, Some(etag), input);
        saved.await.map(drop)
    }

    async fn page(self, workspace: &Workspace, attached: Attached) -> Result<operation::Policies> {
        let id = self.frame.version.summary.id;
        let operation = Some(self.operation.id);
        let chain = service::effective(workspace.ctx(), id, true, operation, None).await?;
        Ok(operation::Policies {
            frame: self.frame,
            operation: self.operation,
            chain,
            attached,
        })
    }

    fn view(page: operation::Policies) -> AnyView {
        operation::policies(page)
    }
}
