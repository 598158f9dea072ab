//! Hands the gateway's code to the management API, to fetch what people name an address for.

use std::sync::Arc;

use api::Plane;
use api::fetch::{Fetched, Fetches, Wanted};
use async_trait::async_trait;
use gateway::outgoing::{self, Fetcher};

/// The gateway's code as the management API asks it.
#[derive(Debug, Default)]
struct ByGateway(Fetcher);

#[async_trait]
impl Fetches for ByGateway {
    async fn fetch(&self, wanted: Wanted<'_>) -> Result<Fetched, String> {
        let Wanted {
            url,
            tag,
            most,
            allowed,
            own,
        } = wanted;
        let fetched = self.0.fetch(url, tag, most, allowed, own).await;
        match fetched.map_err(|error| error.to_string())? {
            outgoing::Fetched::Same => Ok(Fetched::Same),
            outgoing::Fetched::New { body, tag } => Ok(Fetched::New { body, tag }),
        }
    }
}

pub(super) fn hand(plane: &Plane) {
    // A plane is made once and handed this once.
    let _ = plane.fetcher.set(Arc::new(ByGateway::default()));
}
