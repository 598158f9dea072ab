//! What somebody who asks for an explanation may see of it.

use std::collections::BTreeSet;

use crate::id::{ApiId, UpstreamId};

/// The part of the configuration that is theirs to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// At the machine's own console.
    Everything,
    /// What an API is that is not among them, nobody learns: it answers `no_route`.
    Of {
        apis: BTreeSet<ApiId>,
        upstreams: BTreeSet<UpstreamId>,
    },
}

impl Sight {
    pub fn api(&self, id: ApiId) -> bool {
        match self {
            Self::Everything => true,
            Self::Of { apis, .. } => apis.contains(&id),
        }
    }

    /// Where requests go.
    pub fn upstream(&self, id: UpstreamId) -> bool {
        match self {
            Self::Everything => true,
            Self::Of { upstreams, .. } => upstreams.contains(&id),
        }
    }
}

/// Whether the state of a key that stands in for the one of a request counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    Judged,
    /// It is its owner's to see.
    TakenAsGood,
}
