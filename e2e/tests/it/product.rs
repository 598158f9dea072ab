//! The installations that journeys run on: all in one, or portal and gateway as two processes.

use std::path::{Path, PathBuf};

use anyhow::Context;

use e2e::process::{self, Portunus};

/// What runs, and where.
pub(crate) struct Product {
    pub(crate) portal: String,
    pub(crate) gateway: String,
    pub(crate) first_run: String,
    /// Kept running until the journey ends; the gateway, where it is one of its own, can be ended
    /// and started again.
    management: Option<Portunus>,
    data_plane: Option<Portunus>,
    data: PathBuf,
    /// What is started from now on; another one than before in journeys through two releases.
    pub(crate) executable: PathBuf,
    pub(crate) environment: Vec<(String, String)>,
}

/// 32 bytes in base64, for tests only.
const KEY: &str = "dGVzdC10ZXN0LXRlc3QtdGVzdC10ZXN0LXRlc3QtdGU=";

impl Product {
    /// `up` on SQLite.
    pub(crate) async fn all_in_one(data: &Path) -> anyhow::Result<Self> {
        Self::all_in_one_by(process::binary()?, data).await
    }

    /// The same of another executable.
    pub(crate) async fn all_in_one_by(executable: PathBuf, data: &Path) -> anyhow::Result<Self> {
        let up = start_up(&executable, data, &[]).await?;
        Ok(Self {
            portal: up.ready.portal.clone(),
            gateway: up.ready.gateway.clone(),
            first_run: up.ready.first_run.clone().unwrap_or_default(),
            management: Some(up),
            data_plane: None,
            data: data.to_owned(),
            executable,
            environment: Vec::new(),
        })
    }

    /// Portal and gateway apart, on the database of `url`.
    pub(crate) async fn apart(data: &Path, url: &str) -> anyhow::Result<Self> {
        Self::apart_with(data, url, &[]).await
    }

    /// The same with more settings for both.
    pub(crate) async fn apart_with(
        data: &Path,
        url: &str,
        more: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        Self::apart_by(process::binary()?, data, url, more).await
    }

    /// The same of another executable, which makes the schema, too.
    pub(crate) async fn apart_by(
        executable: PathBuf,
        data: &Path,
        url: &str,
        more: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let free = "127.0.0.1:0";
        let mut environment = vec![
            ("PORTUNUS_DATABASE_URL".to_owned(), url.to_owned()),
            ("PORTUNUS_GATEWAY_KEY".to_owned(), KEY.to_owned()),
            ("PORTUNUS_PORTAL_KEY".to_owned(), KEY.to_owned()),
        ];
        let more = more.iter().copied();
        environment.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
        migrate(&executable, data, &environment).await?;
        let gateway = start_gateway(&executable, data, free, &environment).await?;
        environment.push((
            "PORTUNUS_GATEWAY_URL".to_owned(),
            gateway.ready.gateway.clone(),
        ));
        let portal = start_portal(&executable, data, "portal", &environment).await?;
        Ok(Self {
            portal: portal.ready.portal.clone(),
            gateway: gateway.ready.gateway.clone(),
            first_run: portal.ready.first_run.clone().unwrap_or_default(),
            management: Some(portal),
            data_plane: Some(gateway),
            data: data.to_owned(),
            executable,
            environment,
        })
    }
}

/// What `migrate` says.
async fn migrate(
    executable: &Path,
    data: &Path,
    environment: &[(String, String)],
) -> anyhow::Result<String> {
    let data = data.join("migrate");
    let arguments = ["migrate", "--data", path(&data)];
    let (code, said, error) = process::run_by(executable, &arguments, &pairs(environment)).await?;
    anyhow::ensure!(code == 0, "migrate: {error}");
    Ok(said)
}

async fn start_up(executable: &Path, data: &Path, more: &[&str]) -> anyhow::Result<Portunus> {
    let free = "127.0.0.1:0";
    let mut arguments = vec!["--portal", free, "--gateway", free, "--admin", free];
    arguments.extend_from_slice(more);
    Portunus::start_by(executable, "up", &data.join("data"), &arguments, &[]).await
}

async fn start_portal(
    executable: &Path,
    data: &Path,
    name: &str,
    environment: &[(String, String)],
) -> anyhow::Result<Portunus> {
    let free = "127.0.0.1:0";
    let arguments = ["--portal", free, "--admin", free];
    Portunus::start_by(
        executable,
        "portal",
        &data.join(name),
        &arguments,
        &pairs(environment),
    )
    .await
}

async fn start_gateway(
    executable: &Path,
    data: &Path,
    address: &str,
    environment: &[(String, String)],
) -> anyhow::Result<Portunus> {
    let arguments = ["--takeover", "--gateway", address, "--admin", "127.0.0.1:0"];
    Portunus::start_by(
        executable,
        "gateway",
        &data.join("gateway"),
        &arguments,
        &pairs(environment),
    )
    .await
}

impl Product {
    /// What `migrate` says.
    pub(crate) async fn migrate(&self) -> anyhow::Result<String> {
        migrate(&self.executable, &self.data, &self.environment).await
    }

    /// Where metrics are, of the gateway that runs apart.
    pub(crate) fn gateway_admin(&self) -> anyhow::Result<&str> {
        let gateway = self.data_plane.as_ref().context("a gateway apart")?;
        Ok(&gateway.ready.admin)
    }

    /// SIGKILL to the gateway that runs apart.
    pub(crate) async fn kill_gateway(&mut self) -> anyhow::Result<()> {
        self.data_plane
            .take()
            .context("a gateway apart")?
            .kill()
            .await
    }

    /// SIGTERM, and a clean end.
    pub(crate) async fn end_gateway(&mut self) -> anyhow::Result<()> {
        let code = self
            .data_plane
            .take()
            .context("a gateway apart")?
            .terminate()
            .await?;
        anyhow::ensure!(code == 0, "the gateway ended with {code}");
        Ok(())
    }

    /// A new process in the place of the one with the gateway, which ends by itself.
    pub(crate) async fn take_over(&mut self) -> anyhow::Result<()> {
        let before = match self.data_plane.take() {
            Some(before) => {
                self.start_gateway().await?;
                before
            }
            None => {
                let before = self.management.take().context("all in one")?;
                let after = start_up(&self.executable, &self.data, &["--takeover"]).await?;
                anyhow::ensure!(
                    (&after.ready.portal, &after.ready.gateway) == (&self.portal, &self.gateway),
                    "on the same addresses"
                );
                self.management = Some(after);
                before
            }
        };
        let code = before.ended().await?;
        anyhow::ensure!(code == 0, "the process before ended with {code}");
        Ok(())
    }

    /// One more node, beside the gateway that runs apart.
    pub(crate) async fn second_gateway(&self) -> anyhow::Result<Portunus> {
        let free = "127.0.0.1:0";
        let arguments = ["--gateway", free, "--admin", free];
        let data = self.data.join("second");
        let environment = pairs(&self.environment);
        Portunus::start_by(&self.executable, "gateway", &data, &arguments, &environment).await
    }

    /// One more portal, beside the one that runs apart.
    pub(crate) async fn second_portal(&self) -> anyhow::Result<Portunus> {
        let name = "second-portal";
        start_portal(&self.executable, &self.data, name, &self.environment).await
    }

    /// Ends the portal that runs apart, and starts it again, on another address.
    pub(crate) async fn portal_again(&mut self) -> anyhow::Result<()> {
        let before = self.management.take().context("a portal apart")?;
        let code = before.terminate().await?;
        anyhow::ensure!(code == 0, "the portal ended with {code}");
        let after = start_portal(&self.executable, &self.data, "portal", &self.environment).await?;
        self.portal.clone_from(&after.ready.portal);
        self.management = Some(after);
        Ok(())
    }

    /// The same node again: the same address, the same data directory.
    pub(crate) async fn start_gateway(&mut self) -> anyhow::Result<()> {
        let address = self.gateway.trim_start_matches("http://").to_owned();
        let started = start_gateway(&self.executable, &self.data, &address, &self.environment);
        self.data_plane = Some(started.await?);
        Ok(())
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

pub(crate) fn pairs(environment: &[(String, String)]) -> Vec<(&str, &str)> {
    environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}
