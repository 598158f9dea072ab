//! What a version's policies in observe mode would have refused.

use api::http::extract::{Path, Query};
use api::service::traffic as service;
use domain::id::VersionId;
use domain::wire::traffic::Range;
use frontend::pages::publish::version;
use serde::Deserialize;

use super::{Ids, versions};
use crate::{failure::Result, place::Workspace};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    #[serde(deserialize_with = "domain::wire::blank")]
    range: Option<Range>,
}

pub(super) async fn show(
    workspace: Workspace,
    Path(ids): Path<Ids>,
    Query(asked): Query<Asked>,
) -> Result {
    let id = VersionId::from_uuid(ids.version);
    let frame = versions::frame(&workspace, id).await?;
    let range = asked.range.unwrap_or_default();
    let observed = service::observed(workspace.ctx(), id, range, None).await?;
    let props = version::Observed { frame, observed };
    Ok(workspace
        .visit
        .page("Observed", move || version::observed(props)))
}
