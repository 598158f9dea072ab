//! Programs of other people's libraries, in `tests/peers`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Debian's, as its packages are where `.ci/test` puts them.
const PYTHON: &str = "/usr/bin/python3";

/// A server that ends with this.
pub struct Peer {
    process: Child,
    pub port: u16,
}

impl Peer {
    pub fn start(script: &str) -> Self {
        let mut process = python(script)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Debian's python3");
        let mut line = String::new();
        let said = process.stdout.take().unwrap();
        BufReader::new(said).read_line(&mut line).unwrap();
        let port = line.trim().parse();
        let port = port.unwrap_or_else(|_| {
            panic!("{script} did not start: are the packages of .ci/test there?")
        });
        Self { process, port }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn python(script: &str) -> Command {
    let path = format!("{}/tests/peers/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(PYTHON);
    command.arg("-B").arg(path);
    command
}

pub async fn passes(mut command: Command) {
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = run.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("passed"),
        "{said}\n{complained}"
    );
}
