//! What the management plane is told at start. Parsed and checked by the executable; here it is
//! only read.

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::Duration;
use ipnet::IpNet;
use rustls_pki_types::CertificateDer;
use url::Url;

use crate::passwords;

/// Who may make an account without being invited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignUp {
    /// Anyone.
    Open,
    /// Only who holds an invitation.
    Invitation,
    /// Anyone whose mail address ends in one of these domains (lower case, without `@`).
    Domains(Vec<String>),
}

impl SignUp {
    /// Reads `open`, `invitation` or `example.com,example.org`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "open" => Some(Self::Open),
            "invitation" => Some(Self::Invitation),
            list => {
                let domains: Vec<String> = list
                    .split(',')
                    .map(|domain| domain.trim().trim_start_matches('@').to_ascii_lowercase())
                    .filter(|domain| !domain.is_empty())
                    .collect();
                let plausible = !domains.is_empty()
                    && domains.iter().all(|domain| {
                        domain.contains('.')
                            && format!("a@{domain}")
                                .parse::<domain::name::EmailAddress>()
                                .is_ok()
                    });
                plausible.then_some(Self::Domains(domains))
            }
        }
    }

    /// The form that [`Self::parse`] reads.
    pub fn to_text(&self) -> String {
        match self {
            Self::Open => "open".to_owned(),
            Self::Invitation => "invitation".to_owned(),
            Self::Domains(domains) => domains.join(","),
        }
    }
}

/// The operator's account, taken from the environment and used only while there is none.
#[derive(Clone)]
pub struct FirstOperator {
    pub email: String,
    pub password: String,
}

impl std::fmt::Debug for FirstOperator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FirstOperator")
    }
}

impl FirstOperator {
    /// Why this operator cannot be made, as sentences. `password_min` is in characters.
    pub fn problems(&self, password_min: usize) -> Vec<String> {
        let mut problems = Vec::new();
        if self.email.parse::<domain::name::EmailAddress>().is_err() {
            problems.push("The setting operator_email is not a mail address.".to_owned());
        }
        if let Some(why) = passwords::objection(&self.password, password_min, &[&self.email]) {
            problems.push(format!(
                "The setting operator_password cannot be taken. {why}"
            ));
        }
        problems
    }
}

/// Settings of the management plane.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `PORTUNUS_PORTAL_URL`: where people reach the portal. Links in mails and the types of
    /// problems are built from it, never from a `Host` header.
    pub portal_url: Url,
    /// `PORTUNUS_GATEWAY_URL`: where clients reach the gateway; for prefilled examples.
    pub gateway_url: Url,
    /// `PORTUNUS_TRUSTED_PROXIES`: whose `X-Forwarded-For` is believed. Default: nobody's.
    pub trusted_proxies: Vec<IpNet>,
    /// `PORTUNUS_SMTP_URL`: `smtp://`, `smtps://`, with user, password and `?tls=required`.
    /// Without one, mails are read by the operator in the outbox.
    pub smtp_url: Option<String>,
    /// `PORTUNUS_MAIL_FROM`: the sender of every mail. Default `portunus@<host of portal_url>`.
    pub mail_from: Option<String>,
    /// `PORTUNUS_PASSWORD_MIN`: least length of a password in characters. Default 15, floor 8.
    pub password_min: usize,
    /// Used until the operator sets the row. Default: open where `portal_url`
    /// is loopback, else by invitation.
    pub sign_up: SignUp,
    /// Networks that upstreams may lie in besides public addresses;
    /// written as a row at the first start, where the operator edits it. Default: none, except
    /// loopback for `up` with loopback addresses.
    pub upstream_allow: Vec<IpNet>,
    /// `PORTUNUS_SESSION_IDLE`: a session unused for so long ends. Default 30 minutes.
    pub session_idle: Duration,
    /// `PORTUNUS_SESSION_ABSOLUTE`: no session lives longer. Default 8 hours.
    pub session_absolute: Duration,
    /// `PORTUNUS_SESSION_REMEMBER`: life of a session with "remember this device". 30 days.
    pub session_remember: Duration,
    /// `PORTUNUS_OPERATOR_EMAIL` and `PORTUNUS_OPERATOR_PASSWORD`.
    pub first_operator: Option<FirstOperator>,
    /// This installation's listeners, database, Redis and mail host: never an upstream's target.
    /// `0.0.0.0:8080` stands for that port on every address that is not public.
    pub own_addresses: Vec<SocketAddr>,
    /// `PORTUNUS_OUTGOING_CA`: by whom, besides the system's authorities, servers are known that
    /// webhooks are sent to and lists fetched from. Default: nobody.
    pub authorities: Vec<CertificateDer<'static>>,
    /// `--data`: where the portal's own files lie. Not needed by the plane's services.
    pub data: Option<PathBuf>,
}

impl Settings {
    pub const PASSWORD_FLOOR: usize = 8;

    /// The defaults for a portal at `portal_url` and a gateway at `gateway_url`.
    pub fn new(portal_url: Url, gateway_url: Url) -> Self {
        let sign_up = if is_loopback(&portal_url) {
            SignUp::Open
        } else {
            SignUp::Invitation
        };
        Self {
            portal_url,
            gateway_url,
            trusted_proxies: Vec::new(),
            smtp_url: None,
            mail_from: None,
            password_min: 15,
            sign_up,
            upstream_allow: Vec::new(),
            session_idle: Duration::minutes(30),
            session_absolute: Duration::hours(8),
            session_remember: Duration::days(30),
            first_operator: None,
            own_addresses: Vec::new(),
            authorities: Vec::new(),
            data: None,
        }
    }

    /// `portal_url` without a trailing slash, to put a path behind.
    pub fn portal_base(&self) -> &str {
        self.portal_url.as_str().trim_end_matches('/')
    }

    /// A link into the portal; `path` starts with a slash.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.portal_base())
    }

    /// Whether cookies carry `Secure` and the `__Host-` prefix.
    pub fn is_secure(&self) -> bool {
        self.portal_url.scheme() == "https"
    }

    /// The sender of mails.
    pub fn sender(&self) -> String {
        match &self.mail_from {
            Some(from) => from.clone(),
            None => format!(
                "Portunus <portunus@{}>",
                self.portal_url.host_str().unwrap_or("localhost")
            ),
        }
    }
}

/// Whether the address names this machine; `localhost` counts.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_up_modes_round_trip() {
        for text in ["open", "invitation", "example.com,example.org"] {
            assert_eq!(SignUp::parse(text).unwrap().to_text(), text);
        }
        assert_eq!(
            SignUp::parse(" @Example.com ").unwrap(),
            SignUp::Domains(vec!["example.com".into()])
        );
        for bad in ["", "opne", "a b.com", ","] {
            assert_eq!(SignUp::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn open_only_at_home() {
        let gateway: Url = "http://127.0.0.1:8080".parse().unwrap();
        let at = |url: &str| Settings::new(url.parse().unwrap(), gateway.clone()).sign_up;
        assert_eq!(at("http://localhost:3000"), SignUp::Open);
        assert_eq!(at("http://[::1]:3000"), SignUp::Open);
        assert_eq!(at("https://portal.example.com"), SignUp::Invitation);
    }
}
