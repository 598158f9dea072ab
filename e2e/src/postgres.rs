//! A PostgreSQL of a journey's own, that it may stop and start again.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use tokio::process::Command;

/// A server on a free port of loopback, with its data in a temporary directory. Dropping it stops it.
pub struct Postgres {
    bin: PathBuf,
    data: tempfile::TempDir,
    port: u16,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = self.control(&["-m", "immediate", "stop"]).into_std();
        let _ = stop.output();
    }
}

impl Postgres {
    /// The newest installed version; `None` where none is installed.
    pub async fn start() -> anyhow::Result<Option<Self>> {
        let Some(bin) = newest(Path::new("/usr/lib/postgresql")) else {
            return Ok(None);
        };
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let data = tempfile::tempdir()?;
        if is_root() {
            let (uid, gid) = owner().await?;
            std::os::unix::fs::chown(data.path(), Some(uid), Some(gid))?;
        }
        let server = Self { bin, data, port };
        let directory = server.directory();
        let make = [
            "-D",
            &directory,
            "-U",
            "postgres",
            "-A",
            "trust",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ];
        done(server.command("initdb", &make)).await?;
        server.start_again().await?;
        Ok(Some(server))
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// As after a crash of the machine that it runs on: every connection is cut.
    pub async fn stop(&self) -> anyhow::Result<()> {
        done(self.control(&["-m", "immediate", "-w", "stop"])).await
    }

    pub async fn start_again(&self) -> anyhow::Result<()> {
        let options = format!(
            "-p {} -k {} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200",
            self.port,
            self.data.path().display()
        );
        let log = self.data.path().join("log").display().to_string();
        done(self.control(&["-w", "-l", &log, "-o", &options, "start"])).await
    }

    fn directory(&self) -> String {
        self.data.path().join("data").display().to_string()
    }

    fn control(&self, arguments: &[&str]) -> Command {
        let directory = self.directory();
        let mut all = vec!["-D", directory.as_str()];
        all.extend_from_slice(arguments);
        self.command("pg_ctl", &all)
    }

    /// The server refuses to run as root, so root becomes its user.
    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let program = self.bin.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
                .arg(program);
            command
        } else {
            Command::new(program)
        };
        // What the server inherits it keeps open: a pipe would never end.
        command
            .args(arguments)
            .current_dir(self.data.path())
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        command
    }
}

async fn done(mut command: Command) -> anyhow::Result<()> {
    let status = command.status().await?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

fn newest(root: &Path) -> Option<PathBuf> {
    let versions = std::fs::read_dir(root).ok()?.filter_map(Result::ok);
    let newest = versions.max_by_key(|entry| {
        entry
            .file_name()
            .to_string_lossy()
            .parse::<u32>()
            .unwrap_or(0)
    })?;
    Some(newest.path().join("bin"))
}

/// Whoever made this test's own process; read from its directory in `/proc`.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

async fn owner() -> anyhow::Result<(u32, u32)> {
    let output = Command::new("getent")
        .args(["passwd", "postgres"])
        .output()
        .await?;
    let line = String::from_utf8(output.stdout)?;
    let mut parts = line.split(':').skip(2);
    let mut number = || parts.next()?.parse().ok();
    Ok((
        number().context("a user postgres")?,
        number().context("a group")?,
    ))
}
