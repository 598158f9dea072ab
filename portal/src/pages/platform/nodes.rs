//! Gateway nodes as they last reported.

use api::service::nodes as service;
use frontend::pages::platform::nodes;

use super::Operating;
use crate::failure::Result;

pub(super) async fn list(here: Operating) -> Result {
    let page = nodes::Nodes {
        at: here.at(),
        nodes: service::list(here.0.ctx()).await?,
    };
    Ok(here.0.page("Gateway nodes", || nodes::view(page)))
}
