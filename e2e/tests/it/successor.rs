//! `--takeover` from a process that does not do its part: whoever waits for it comes to an end, and
//! serves nothing that the other may serve on.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use e2e::process;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use crate::takeover::{FREE, configuration};

const PATIENCE: Duration = Duration::from_secs(30);

/// What the process that is to be relieved would hear and say.
struct Old(BufReader<UnixStream>);

impl Old {
    /// Gives no listener away. The other is ready afterwards.
    async fn asked(listener: &UnixListener) -> anyhow::Result<Self> {
        let (stream, _) = timeout(PATIENCE, listener.accept()).await??;
        let mut old = Self(BufReader::new(stream));
        old.hears("ask").await?;
        old.says("{\"offer\":{\"names\":[]}}\n").await?;
        old.hears("\"ready\"").await?;
        Ok(old)
    }

    async fn hears(&mut self, what: &str) -> anyhow::Result<()> {
        let mut line = String::new();
        timeout(PATIENCE, self.0.read_line(&mut line)).await??;
        ensure!(line.contains(what), "{what}: {line}");
        Ok(())
    }

    async fn says(&mut self, what: &str) -> anyhow::Result<()> {
        Ok(self.0.get_mut().write_all(what.as_bytes()).await?)
    }
}

fn arguments(data: &Path, file: &Path) -> Vec<String> {
    let (data, file) = (data.display().to_string(), file.display().to_string());
    let words = ["gateway", "--takeover", "--data", &data, "--config", &file];
    let addresses = ["--gateway", FREE, "--admin", FREE];
    words
        .iter()
        .chain(&addresses)
        .map(|&word| word.to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_relieved_ends() -> anyhow::Result<()> {
    for gets_turn in [false, true] {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        std::fs::create_dir(&data)?;
        let file = configuration(folder.path(), "127.0.0.1:9".parse()?)?;
        let listener = UnixListener::bind(data.join("takeover.sock"))?;
        let new = tokio::spawn(async move { process::run(&arguments(&data, &file), &[]).await });
        let mut old = Old::asked(&listener).await?;
        if gets_turn {
            old.says("\"turn\"\n").await?;
            old.hears("\"serving\"").await?;
        }
        // It still listens: it has not ended, and serves on.
        drop(old);
        let (code, _, told) = timeout(PATIENCE, new).await???;
        let is_told = told.contains("Taking over through");
        ensure!(code != 0 && is_told, "{gets_turn} {code}: {told}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_its_turn_can_be_told_to_end() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    std::fs::create_dir(&data)?;
    let file = configuration(folder.path(), "127.0.0.1:9".parse()?)?;
    let listener = UnixListener::bind(data.join("takeover.sock"))?;
    let mut new = tokio::process::Command::new(process::binary()?)
        .args(arguments(&data, &file))
        .kill_on_drop(true)
        .spawn()?;
    let _silent = Old::asked(&listener).await?;
    process::signal(new.id().context("it runs")?, libc::SIGTERM)?;
    let status = timeout(PATIENCE / 3, new.wait()).await??;
    ensure!(status.success(), "{status}");
    Ok(())
}
