//! The management plane and its pages as roles start them.

use std::sync::Arc;

use api::post::Transport;
use api::service::{first_run, jobs, settings as rows};
use api::{Clock, Ctx, Plane, Rings};
use entity::database::Databases;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::net::TcpListener;
use tokio::sync::watch;
use url::Url;

use super::{preflight, start};
use crate::settings::{Problems, Settings};

/// What the portal is told that is not a setting of its own.
pub(super) struct Addresses {
    pub(super) portal: Url,
    pub(super) gateway: Url,
    /// Our own listeners: no upstream's target may be one of them.
    pub(super) own: Vec<std::net::SocketAddr>,
    /// Networks that upstreams may lie in until the operator sets the row.
    pub(super) upstream_allow: Vec<ipnet::IpNet>,
}

/// A running management plane.
pub(super) struct Management {
    pub(super) plane: Arc<Plane>,
    pub(super) first_run: Option<String>,
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

fn problem(error: impl std::fmt::Display) -> Problems {
    Problems(vec![error.to_string()])
}

/// The plane alone: for commands that work on the database and end.
pub(super) fn plane(
    settings: &Settings,
    databases: Databases,
    rings: Rings,
    addresses: &Addresses,
) -> anyhow::Result<Arc<Plane>> {
    let mut plain = api::Settings::new(addresses.portal.clone(), addresses.gateway.clone());
    plain.trusted_proxies = settings.trusted_proxies.clone();
    plain.smtp_url = settings.smtp_url.clone();
    plain.mail_from = Some(settings.mail_from.clone());
    plain.own_addresses = addresses.own.clone();
    plain.upstream_allow = addresses.upstream_allow.clone();
    plain.authorities = authorities(settings)?;
    plain.data = Some(settings.data.clone());
    plain.first_operator = preflight::first_operator(settings)?;
    plain.password_min = settings.password_min;
    plain.session_idle = chrono::Duration::from_std(settings.session_idle)?;
    plain.session_absolute = chrono::Duration::from_std(settings.session_absolute)?;
    plain.session_remember = chrono::Duration::from_std(settings.session_remember)?;
    Ok(Plane::new(databases, plain, rings, Clock::System)?)
}

/// Whom servers that we ask are known by, besides the system's authorities.
pub(super) fn authorities(settings: &Settings) -> Result<Vec<CertificateDer<'static>>, Problems> {
    let Some(path) = &settings.outgoing_ca else {
        return Ok(Vec::new());
    };
    let wrong = |what: String| {
        let path = path.display();
        problem(format!("The setting outgoing_ca names {path}, {what}."))
    };
    let text =
        std::fs::read(path).map_err(|error| wrong(format!("which cannot be read: {error}")))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.unwrap_or_default();
    let mut roots = RootCertStore::empty();
    let (good, _) = roots.add_parsable_certificates(found.iter().cloned());
    if good == 0 || good < found.len() {
        return Err(wrong("which is not a file of certificates in PEM".into()));
    }
    Ok(found)
}

/// A management plane that could serve: whatever may be wrong with it was found.
pub(super) struct Prepared {
    plane: Arc<Plane>,
    first_run: Option<String>,
    site: portal::Portal,
    transport: Option<Transport>,
}

impl Prepared {
    pub(super) async fn new(
        settings: &Settings,
        plane: Arc<Plane>,
        addresses: Addresses,
    ) -> anyhow::Result<Self> {
        let mut plain = portal::Settings::new(addresses.portal, addresses.gateway);
        plain.insecure_http = settings.insecure_http;
        plain.site_dir = site();
        plain.effective = effective(settings);
        let wrong = plain.problems();
        if !wrong.is_empty() {
            return Err(Problems(wrong).into());
        }
        let transport = api::post::transport(&plane).map_err(problem)?;
        let ctx = Ctx::job(&plane, "start");
        rows::prepare(&ctx).await?;
        let site = portal::Portal::new(plain, Arc::clone(&plane)).map_err(problem)?;
        Ok(Self {
            plane,
            first_run: None,
            site,
            transport,
        })
    }

    /// The first operator from the settings, or a link to make one. Former links end, so it is for
    /// the process that serves from now on.
    pub(super) async fn make_first_run(&mut self) -> anyhow::Result<()> {
        let ctx = Ctx::job(&self.plane, "start");
        self.first_run = first_run::prepare(&ctx).await?;
        Ok(())
    }

    /// Serves pages and management API on `listener`, and runs the jobs.
    pub(super) fn serve(self, listener: TcpListener) -> Management {
        let Self {
            plane,
            first_run,
            site,
            transport,
        } = self;
        let (stop, stopped) = watch::channel(false);
        let mut until = stopped.clone();
        let server = tokio::spawn(async move {
            let end = async move {
                let _ = until.wait_for(|stop| *stop).await;
            };
            portal::serve(listener, &site, end).await;
        });
        let jobs = tokio::spawn(jobs::run(Arc::clone(&plane), transport, stopped));
        Management {
            plane,
            first_run,
            stop,
            tasks: vec![server, jobs],
        }
    }
}

impl Management {
    /// Lets requests and jobs in flight end, within the drain time.
    pub(super) async fn leave(self, patience: std::time::Duration) {
        self.stop.send_replace(true);
        for task in self.tasks {
            let abort = task.abort_handle();
            if tokio::time::timeout(patience, task).await.is_err() {
                abort.abort();
            }
        }
    }
}

/// The settings as the operator's page shows them.
fn effective(settings: &Settings) -> Vec<portal::settings::EffectiveSetting> {
    let shown = settings
        .shown
        .iter()
        .map(|shown| portal::settings::EffectiveSetting {
            name: shown.setting.name.to_owned(),
            value: shown.value.clone(),
            source: shown.source.to_owned(),
            help: shown.setting.help.to_owned(),
        });
    shown.collect()
}

/// The folder of the browser part, as `cargo xtask front` leaves it beside the executable or one
/// level up.
fn site() -> Option<std::path::PathBuf> {
    let executable = std::env::current_exe().ok()?;
    let beside = executable.parent()?;
    [beside.join("site"), beside.parent()?.join("site")]
        .into_iter()
        .find(|folder| folder.is_dir())
}

/// The public address: the setting, else the bound one.
pub(super) fn public(setting: Option<&str>, bound: std::net::SocketAddr) -> Result<Url, Problems> {
    let text = setting.map_or_else(|| start::url(bound), str::to_owned);
    text.parse()
        .map_err(|error| problem(format!("The address {text} is not a URL: {error}.")))
}
