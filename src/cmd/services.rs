//! The services that an installation leans on, as addresses: no upstream's target may be one.

use std::net::SocketAddr;
use std::time::Duration;

use url::Url;

use crate::settings::Settings;

const PATIENCE: Duration = Duration::from_secs(2);

/// What database, Redis and mail host resolve to now. A name that does not resolve is left out with
/// a warning: a gateway starts also while its database's name server is away.
pub(super) async fn addresses(settings: &Settings) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    let services = [
        &settings.database_url,
        &settings.redis_url,
        &settings.smtp_url,
    ];
    for url in services.into_iter().flatten() {
        let Some((host, port)) = host_and_port(url) else {
            continue;
        };
        let lookup = tokio::net::lookup_host((host.as_str(), port));
        match tokio::time::timeout(PATIENCE, lookup).await {
            Ok(Ok(addresses)) => found.extend(addresses),
            Ok(Err(_)) | Err(_) => tracing::warn!(
                %host,
                "The name does not resolve now, so upstreams are not kept from that address."
            ),
        }
    }
    found
}

/// `None` for what is no network service: a file, a socket.
fn host_and_port(url: &str) -> Option<(String, u16)> {
    let url = Url::parse(url).ok()?;
    let usual = match url.scheme() {
        "postgres" | "postgresql" => 5432,
        "redis" | "rediss" => 6379,
        "smtp" => 25,
        "smtps" => 465,
        _ => return None,
    };
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    Some((bare.to_owned(), url.port().unwrap_or(usual)))
}

#[cfg(test)]
mod tests {
    use super::host_and_port;

    #[test]
    fn services_have_their_usual_ports() {
        for (url, expected) in [
            ("postgres://u:p@db/portunus", Some(("db", 5432))),
            ("postgres://u@[::1]:5433/x", Some(("::1", 5433))),
            ("redis://cache:7000", Some(("cache", 7000))),
            ("smtps://u:p@mail.example", Some(("mail.example", 465))),
            ("sqlite://data/portunus.db", None),
            ("postgres:///portunus?host=/run/postgresql", None),
            ("nonsense", None),
        ] {
            let expected = expected.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(host_and_port(url), expected, "{url}");
        }
    }
}
