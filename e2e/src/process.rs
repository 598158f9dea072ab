//! The real binary as a child process, on free ports and a data directory of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The line of `--ready-json`.
#[derive(Debug, Clone, Deserialize)]
pub struct Ready {
    #[serde(default)]
    pub portal: String,
    #[serde(default)]
    pub gateway: String,
    #[serde(default)]
    pub admin: String,
    pub first_run: Option<String>,
    pub demo: Option<serde_json::Value>,
}

/// A running process. Dropping it kills it.
pub struct Portunus {
    child: Child,
    pub ready: Ready,
}

/// `PORTUNUS_BIN`, else the binary beside the test's own.
pub fn binary() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("PORTUNUS_BIN") {
        return Ok(path.into());
    }
    let test = std::env::current_exe()?;
    let beside = test
        .ancestors()
        .nth(2)
        .context("the test's folder")?
        .join("portunus");
    if !beside.exists() {
        bail!(
            "there is no {}; build the workspace first or set PORTUNUS_BIN",
            beside.display()
        );
    }
    Ok(beside)
}

/// The executable of an older release, for journeys that need one.
pub fn older() -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PORTUNUS_OLDER_BIN");
    let path = PathBuf::from(path.context("PORTUNUS_OLDER_BIN names no older executable")?);
    if !path.is_absolute() || !path.exists() {
        bail!("there is no {}, or it is not absolute", path.display());
    }
    Ok(path)
}

fn command<I: AsRef<OsStr>>(
    executable: &Path,
    args: &[I],
    environment: &[(&str, &str)],
) -> Command {
    let mut command = Command::new(executable);
    command
        .args(args)
        .envs(environment.iter().copied())
        .env_remove("RUST_BACKTRACE");
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// What a command that ends by itself printed, and its exit code.
pub async fn run<I: AsRef<OsStr>>(
    args: &[I],
    environment: &[(&str, &str)],
) -> anyhow::Result<(i32, String, String)> {
    run_by(&binary()?, args, environment).await
}

/// [`run`] of another executable.
pub async fn run_by<I: AsRef<OsStr>>(
    executable: &Path,
    args: &[I],
    environment: &[(&str, &str)],
) -> anyhow::Result<(i32, String, String)> {
    let output = command(executable, args, environment).output().await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        text(&output.stderr),
    ))
}

impl Portunus {
    /// Starts a role and waits until everything serves. Its log goes to `log` in `data`'s parent.
    pub async fn start(
        role: &str,
        data: &Path,
        args: &[&str],
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        Self::start_by(&binary()?, role, data, args, environment).await
    }

    /// [`Portunus::start`] of another executable.
    pub async fn start_by(
        executable: &Path,
        role: &str,
        data: &Path,
        args: &[&str],
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let mut all = vec![role, "--ready-json", "--data"];
        let data_text = data.to_str().context("a path in UTF-8")?;
        all.push(data_text);
        all.extend_from_slice(args);
        let log_path = data.with_extension("log");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log_path)?;
        let mut child = command(executable, &all, environment)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let stdout = child.stdout.take().context("stdout")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await;
        let line = match line {
            Ok(Ok(Some(line))) => line,
            _ => bail!(
                "portunus {role} did not become ready:\n{}",
                std::fs::read_to_string(&log_path)?
            ),
        };
        // What follows is drained, so that the process never blocks on a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let ready = serde_json::from_str(&line).with_context(|| line.clone())?;
        Ok(Self { child, ready })
    }

    /// `up` on free ports.
    pub async fn up(data: &Path, environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let free = "127.0.0.1:0";
        Self::start(
            "up",
            data,
            &["--portal", free, "--gateway", free, "--admin", free],
            environment,
        )
        .await
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// SIGKILL: nothing is flushed, nothing is said.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        Ok(())
    }

    /// The exit code of a process that ends by itself.
    pub async fn ended(mut self) -> anyhow::Result<i32> {
        let status = tokio::time::timeout(Duration::from_secs(40), self.child.wait()).await??;
        Ok(status.code().unwrap_or(-1))
    }

    /// SIGTERM, and the exit code after the drain.
    pub async fn terminate(self) -> anyhow::Result<i32> {
        if let Some(pid) = self.child.id() {
            signal(pid, libc::SIGTERM)?;
        }
        self.ended().await
    }
}

// SAFETY: kill(2) touches no memory of this process; the pid is that of a child not yet waited for.
#[allow(unsafe_code)]
pub fn signal(pid: u32, signal: i32) -> anyhow::Result<()> {
    let result = unsafe { libc::kill(i32::try_from(pid)?, signal) };
    if result == 0 {
        Ok(())
    } else {
        Err(std::io::Error::last_os_error().into())
    }
}
