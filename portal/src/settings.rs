//! What an operator can set about the portal.

use std::path::PathBuf;

pub use frontend::pages::platform::settings::EffectiveSetting;
use url::{Host, Url};

use crate::listener::Bounds;

/// Settings of the portal. The executable reads them; names in brackets are its keys.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where people reach the portal (`portal_url`), for links, cookies and the check of
    /// `Origin`. Default `http://localhost:3000`.
    pub portal_url: Url,
    /// Where clients reach the gateway (`gateway_url`), for the curl that pages show.
    pub gateway_url: Url,
    /// Name in the top bar and in titles (`site_name`). Default `Portunus`.
    pub site_name: String,
    /// Folder with the browser part (`site_dir`), as `cargo xtask front` makes it. Default:
    /// `site` beside the executable, or one level up. Without one, pages carry no script.
    pub site_dir: Option<PathBuf>,
    /// Serve plain http on a host that is not loopback (`--insecure-http`). Default: no.
    pub insecure_http: bool,
    /// All settings of this process with where each came from, for the operator to read; secrets
    /// are masked by the executable. Default: none.
    pub effective: Vec<EffectiveSetting>,
    /// What the listener holds, and for how long. Default: 1,000 connections, 10 s for a head.
    pub bounds: Bounds,
}

impl Settings {
    /// The defaults for two addresses.
    #[must_use]
    pub fn new(portal_url: Url, gateway_url: Url) -> Self {
        Self {
            portal_url,
            gateway_url,
            site_name: "Portunus".to_owned(),
            site_dir: None,
            insecure_http: false,
            effective: Vec::new(),
            bounds: Bounds::default(),
        }
    }

    /// What is wrong, in sentences; empty if nothing.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, url) in [
            ("portal_url", &self.portal_url),
            ("gateway_url", &self.gateway_url),
        ] {
            if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
                problems.push(format!(
                    "{name} must be an http or https address, not {url}."
                ));
            }
        }
        if self.portal_url.path() != "/" || self.portal_url.query().is_some() {
            problems
                .push("portal_url must have no path: the portal owns its whole host.".to_owned());
        }
        if !self.is_https() && !self.insecure_http && !is_loopback(&self.portal_url) {
            problems.push(format!(
                "portal_url {} is plain http on a host that is not loopback: sessions could be \
                 stolen on the way. Use https, or pass --insecure-http.",
                self.portal_url
            ));
        }
        if self.site_dir.as_ref().is_some_and(|dir| !dir.is_dir()) {
            problems.push("site_dir names no folder.".to_owned());
        }
        problems
    }

    /// Whether people reach the portal over TLS; cookies and HSTS follow.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.portal_url.scheme() == "https"
    }

    /// The portal's address without a slash at the end.
    #[must_use]
    pub fn portal_base(&self) -> &str {
        self.portal_url.as_str().trim_end_matches('/')
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(portal: &str) -> usize {
        let gateway = Url::parse("http://localhost:8080").unwrap();
        Settings::new(Url::parse(portal).unwrap(), gateway)
            .problems()
            .len()
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        for good in [
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://[::1]:1",
            "https://portal.example",
        ] {
            assert_eq!(problems(good), 0, "{good}");
        }
        for bad in [
            "http://portal.example",
            "http://10.0.0.1",
            "https://portal.example/sub",
            "ftp://localhost",
        ] {
            assert!(problems(bad) > 0, "{bad}");
        }
    }
}
