//! Where requests of ours may go that a tenant has named: each address that a name stands for is
//! judged (security.md "SSRF"), and whoever connects does so to one of those that were.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use domain::address::{self, AddressRefused};
use domain::snapshot;
use url::{Host, Url};

/// A resolver slower than this counts as one that does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why not.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) message: String,
    /// It is there, and may not be asked.
    pub(crate) is_address: bool,
}

impl Refused {
    pub(crate) fn told(message: &str) -> Self {
        Self {
            message: message.to_owned(),
            is_address: false,
        }
    }
}

impl From<AddressRefused> for Refused {
    fn from(refused: AddressRefused) -> Self {
        Self {
            message: refused.to_string(),
            is_address: true,
        }
    }
}

/// The addresses of `url`, at least one, all of which may be asked. `own` are this installation's.
pub(crate) async fn addresses(
    url: &Url,
    rules: &snapshot::Settings,
    own: &[SocketAddr],
) -> Result<Vec<SocketAddr>, Refused> {
    let port = url.port_or_known_default().unwrap_or(0);
    let addresses: Vec<SocketAddr> = match url.host() {
        Some(Host::Ipv4(ip)) => vec![SocketAddr::new(IpAddr::V4(ip), port)],
        Some(Host::Ipv6(ip)) => vec![SocketAddr::new(IpAddr::V6(ip), port)],
        Some(Host::Domain(name)) if address::is_metadata_name(name) => {
            return Err(AddressRefused::Never.into());
        }
        Some(Host::Domain(name)) => {
            match tokio::time::timeout(PATIENCE, tokio::net::lookup_host((name, port))).await {
                Ok(Ok(addresses)) => addresses.collect(),
                Ok(Err(_)) | Err(_) => Vec::new(),
            }
        }
        None => Vec::new(),
    };
    if addresses.is_empty() {
        return Err(Refused::told(
            "This name does not resolve to an address now.",
        ));
    }
    for address in &addresses {
        address::judge(*address, rules, own)?;
    }
    Ok(addresses)
}
