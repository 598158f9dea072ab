//! Waiting for something that another process does: asked often, with an end.

use std::time::{Duration, Instant};

/// Asks until there is an answer; fails after `patience`, naming `what` was awaited.
pub async fn until<T, F>(
    what: &str,
    patience: Duration,
    mut ask: impl FnMut() -> F,
) -> anyhow::Result<T>
where
    F: Future<Output = Option<T>>,
{
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return Ok(answer);
        }
        if start.elapsed() > patience {
            anyhow::bail!("{what} did not happen within {patience:?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
