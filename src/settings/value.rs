//! Settings as values: what the layers say, parsed, with every problem found at once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use domain::duration::Span;
use domain::seal::KeyRing;
use domain::upstream::is_region;

use super::{Layers, Problems};

/// All settings, parsed. What a role needs beyond its type (keys, say) the role itself asks for.
#[derive(Debug, Clone)]
pub struct Settings {
    pub data: PathBuf,
    pub portal: SocketAddr,
    pub gateway: SocketAddr,
    /// `None`: the gateway speaks no TLS itself.
    pub gateway_tls: Option<SocketAddr>,
    pub proxy_protocol: bool,
    /// `None`: the role's own default.
    pub admin: Option<SocketAddr>,
    pub database_url: Option<String>,
    pub redis_url: Option<String>,
    pub smtp_url: Option<String>,
    pub mail_from: String,
    /// Without a trailing slash, like `gateway_url`.
    pub portal_url: Option<String>,
    pub gateway_url: Option<String>,
    pub trusted_proxies: Vec<ipnet::IpNet>,
    pub insecure_http: bool,
    pub outgoing_ca: Option<PathBuf>,
    pub gateway_key: Option<KeyRing>,
    pub portal_key: Option<KeyRing>,
    pub operator_email: Option<String>,
    pub operator_password: Option<String>,
    /// Characters.
    pub password_min: usize,
    pub session_idle: Duration,
    pub session_absolute: Duration,
    pub session_remember: Duration,
    pub node: Option<String>,
    pub region: Option<String>,
    /// `None`: one per core.
    pub workers: Option<usize>,
    pub drain: Duration,
    pub limits: gateway::Limits,
    pub log: String,
    pub log_json: bool,
    /// All of them as they may be shown.
    pub shown: Vec<super::Shown>,
}

impl Settings {
    pub fn read(layers: &Layers) -> Result<Self, Problems> {
        let mut reader = Reader {
            layers,
            problems: layers.problems.clone(),
        };
        let settings = Self {
            data: reader.text("data").unwrap_or_default().into(),
            portal: reader.address("portal").unwrap_or(UNUSED),
            gateway: reader.address("gateway").unwrap_or(UNUSED),
            gateway_tls: reader.address("gateway_tls"),
            proxy_protocol: reader
                .parsed("proxy_protocol", "true or false")
                .unwrap_or(false),
            admin: reader.address("admin"),
            database_url: reader.database(),
            redis_url: reader.text("redis_url"),
            smtp_url: reader.text("smtp_url"),
            mail_from: reader.text("mail_from").unwrap_or_default(),
            portal_url: reader.url("portal_url"),
            gateway_url: reader.url("gateway_url"),
            trusted_proxies: reader.networks("trusted_proxies"),
            insecure_http: reader
                .parsed("insecure_http", "true or false")
                .unwrap_or(false),
            outgoing_ca: reader.text("outgoing_ca").map(PathBuf::from),
            gateway_key: reader.ring("gateway_key"),
            portal_key: reader.ring("portal_key"),
            operator_email: reader.text("operator_email"),
            operator_password: reader.text("operator_password"),
            password_min: reader.password_min(),
            session_idle: reader.span("session_idle"),
            session_absolute: reader.span("session_absolute"),
            session_remember: reader.span("session_remember"),
            node: reader.text("node"),
            region: reader.region(),
            workers: reader.workers(),
            drain: reader.span("drain"),
            limits: super::limits::read(&mut reader),
            log: reader.text("log").unwrap_or_default(),
            log_json: reader.log_json(),
            shown: layers.shown(),
        };
        if reader.problems.is_empty() {
            Ok(settings)
        } else {
            Err(Problems(reader.problems))
        }
    }
}

const UNUSED: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

pub(super) struct Reader<'a> {
    layers: &'a Layers,
    problems: Vec<String>,
}

impl Reader<'_> {
    /// Empty text counts as not set, so that a compose file may pass a variable on unconditionally.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.layers
            .get(name)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }

    pub(super) fn refuse(&mut self, name: &str, wanted: &str) {
        let source = self.layers.source(name).map_or("", super::Source::as_str);
        self.problems.push(format!(
            "The setting {name} (from {source}) is not {wanted}."
        ));
    }

    fn parsed<T: std::str::FromStr>(&mut self, name: &str, wanted: &str) -> Option<T> {
        let text = self.text(name)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.refuse(name, wanted);
        }
        value
    }

    /// `localhost` counts as loopback, whatever the resolver says.
    fn address(&mut self, name: &str) -> Option<SocketAddr> {
        let text = self.text(name)?;
        let text = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => text,
        };
        let value = text.parse().ok();
        if value.is_none() {
            self.refuse(name, "an address like 127.0.0.1:8080 or [::]:8080");
        }
        value
    }

    fn url(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        let good = url::Url::parse(&text).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.host().is_some()
                && url.username().is_empty()
                && url.query().is_none()
                && url.fragment().is_none()
                && url.path() == "/"
        });
        if !good {
            self.refuse(
                name,
                "an address like https://portal.example.com, without a path",
            );
            return None;
        }
        Some(text.trim_end_matches('/').to_owned())
    }

    fn database(&mut self) -> Option<String> {
        let text = self.text("database_url")?;
        let known = ["sqlite:", "postgres://", "postgresql://"];
        if !known.iter().any(|scheme| text.starts_with(scheme)) {
            self.refuse("database_url", "a postgres:// or sqlite:// address");
        }
        Some(text)
    }

    fn networks(&mut self, name: &str) -> Vec<ipnet::IpNet> {
        let text = self.text(name).unwrap_or_default();
        let mut out = Vec::new();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let single = part.parse::<std::net::IpAddr>().map(ipnet::IpNet::from);
            match part.parse().or(single) {
                Ok(network) => out.push(network),
                Err(_) => self.refuse(name, "a list of networks like 10.0.0.0/8, fd00::/8"),
            }
        }
        out
    }

    fn region(&mut self) -> Option<String> {
        let name = self.text("region")?;
        if !is_region(&name) {
            self.refuse("region", "1 to 32 lower-case letters, digits and hyphens");
        }
        Some(name)
    }

    fn ring(&mut self, name: &str) -> Option<KeyRing> {
        let text = self.text(name)?;
        let ring = KeyRing::parse(&text).ok();
        if ring.is_none() {
            self.refuse(name, "32 bytes in base64 (openssl rand -base64 32)");
        }
        ring
    }

    fn span(&mut self, name: &str) -> Duration {
        self.parsed::<Span>(name, "a duration like 30s")
            .map_or(Duration::ZERO, Span::duration)
    }

    fn password_min(&mut self) -> usize {
        let wanted = "a number of characters from 8 to 128";
        let least = self.parsed("password_min", wanted).unwrap_or(0);
        if !(8..=128).contains(&least) {
            self.refuse("password_min", wanted);
        }
        least
    }

    fn workers(&mut self) -> Option<usize> {
        let workers = self.parsed("workers", "a number of threads from 1 to 1024")?;
        if !(1..=1024).contains(&workers) {
            self.refuse("workers", "a number of threads from 1 to 1024");
        }
        Some(workers)
    }

    fn log_json(&mut self) -> bool {
        match self.text("log_format").as_deref() {
            Some("json") => true,
            Some("text") | None => false,
            Some(_) => {
                self.refuse("log_format", "text or json");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flags: &[(&'static str, &str)]) -> Result<Settings, Problems> {
        let flags: Vec<_> = flags
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        Settings::read(&Layers::load(None, config::Map::new(), &flags))
    }

    #[test]
    fn the_defaults_are_good() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.portal.to_string(), "127.0.0.1:3000");
        assert_eq!(settings.drain, Duration::from_secs(30));
        assert!(settings.trusted_proxies.is_empty());
    }

    #[test]
    fn each_wrong_value_is_a_sentence() {
        let problems = read(&[
            ("portal", "nowhere"),
            ("portal_url", "ftp://x"),
            ("trusted_proxies", "10.0.0.0/8, x"),
            ("gateway_key", "short"),
            ("workers", "0"),
            ("region", "EU West"),
            ("drain", "soon"),
            ("database_url", "mysql://x"),
            ("log_format", "xml"),
            ("insecure_http", "maybe"),
        ])
        .unwrap_err();
        assert_eq!(problems.0.len(), 10, "{problems}");
        assert!(
            problems.0.iter().all(|sentence| sentence.ends_with('.')),
            "{problems}"
        );
    }

    #[test]
    fn localhost_is_loopback_and_urls_lose_their_slash() {
        let settings = read(&[
            ("gateway", "localhost:0"),
            ("portal_url", "https://p.example/"),
            ("trusted_proxies", "10.1.2.3"),
        ])
        .unwrap();
        assert!(settings.gateway.ip().is_loopback());
        assert_eq!(settings.portal_url.as_deref(), Some("https://p.example"));
        assert_eq!(settings.trusted_proxies[0].to_string(), "10.1.2.3/32");
    }
}
