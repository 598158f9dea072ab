//! In the place of the gateway's code, which this crate does not know: keeps what it was asked, and
//! with what sight. What the gateway makes of a sight is the gateway's to test.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use api::explain::Explains;
use async_trait::async_trait;
use domain::explain::{Asked, Explanation, KeyState, Read, Sight, Verdict};

/// A question as it came to the gateway's code.
#[derive(Debug, Clone)]
pub struct Heard {
    pub asked: Asked,
    pub key: KeyState,
    pub sight: Sight,
}

#[derive(Debug, Clone, Default)]
pub struct Listener(Arc<Mutex<Vec<Heard>>>);

impl Listener {
    /// The newest question, if there was one since the last time.
    pub fn heard(&self) -> Option<Heard> {
        let mut all = self.0.lock().unwrap();
        let last = all.pop();
        all.clear();
        last
    }
}

#[async_trait]
impl Explains for Listener {
    async fn explain(
        &self,
        asked: &Asked,
        key: KeyState,
        sight: &Sight,
    ) -> Result<Explanation, Box<dyn std::error::Error + Send + Sync>> {
        self.0.lock().unwrap().push(Heard {
            asked: asked.clone(),
            key,
            sight: sight.clone(),
        });
        Ok(Explanation {
            state: 1,
            at: chrono::DateTime::UNIX_EPOCH,
            request: Read {
                method: asked.method.clone(),
                sent: asked.target.clone(),
                path: None,
                host: None,
                client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            },
            route: None,
            runners_up: Vec::new(),
            operation: None,
            caller: None,
            steps: Vec::new(),
            upstream: None,
            headers: None,
            verdict: Verdict {
                forwarded: true,
                status: None,
                code: None,
                why: String::new(),
                decided_by: None,
            },
        })
    }
}
