//! A Redis of one test: on a port of its own, and killed with it.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// Debian's `redis-server` on loopback.
pub struct RedisServer {
    port: u16,
    data: TempDir,
    child: Child,
}

impl RedisServer {
    /// `None`, with a word about it, where the program is not installed.
    pub async fn start() -> Option<Self> {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let data = tempfile::tempdir().unwrap();
        let Some(child) = spawn(port, &data) else {
            eprintln!("There is no redis-server here: skipped (.ci/packages redis-server).");
            return None;
        };
        let server = Self { port, data, child };
        server.answers().await;
        Some(server)
    }

    pub fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    async fn answers(&self) {
        for _ in 0..400 {
            if self.try_ask(&["PING"]).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("redis-server does not answer");
    }

    async fn try_ask(&self, words: &[&str]) -> redis::RedisResult<redis::Value> {
        let client = redis::Client::open(self.address())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let (name, rest) = words.split_first().unwrap();
        redis::cmd(name)
            .arg(rest)
            .query_async(&mut connection)
            .await
    }

    /// Asks, and again while the machine is too busy to answer.
    pub async fn ask(&self, words: &[&str]) -> redis::Value {
        for _ in 0..20 {
            match self.try_ask(words).await {
                Ok(value) => return value,
                Err(error) => eprintln!("{words:?}: {error}"),
            }
        }
        panic!("{words:?} was not answered");
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// A new one at the same address, which knows what was last written to its disk (`SAVE`).
    pub async fn start_again(&mut self) {
        self.child = spawn(self.port, &self.data).unwrap();
        self.answers().await;
    }

    /// `STOP` or `CONT`.
    pub fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        let status = Command::new("kill")
            .args([&format!("-{name}"), &process])
            .status();
        assert!(status.unwrap().success());
    }
}

fn spawn(port: u16, data: &TempDir) -> Option<Child> {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(data.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // One that is stopped is killed as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
