//! How this crate asks for an explanation: by the gateway's code, which it does not know. The
//! executable hands it in.

use async_trait::async_trait;
use domain::explain::{Asked, Explanation, KeyState, Sight};

/// Explains requests by the newest configuration state.
#[async_trait]
pub trait Explains: std::fmt::Debug + Send + Sync {
    /// `asked` has passed its check. An error is for the log.
    async fn explain(
        &self,
        asked: &Asked,
        key: KeyState,
        sight: &Sight,
    ) -> Result<Explanation, Box<dyn std::error::Error + Send + Sync>>;
}
