//! Tokens that this worker has verified: checking a signature costs as much as a request, and a
//! caller shows the same token for minutes.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use domain::policy::jwt::Algorithm;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Claims;

/// Bytes of memory for what is remembered, by worker.
const MOST: usize = 16 << 20;

type TokenDigest = [u8; 32];

/// What a token says, and by what that is known.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) claims: Arc<Claims>,
    pub(crate) algorithm: Algorithm,
    /// Number of the keys that it was verified with.
    pub(crate) keys: u64,
}

/// Forgets everything when it is full: whoever calls again is verified again.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    tokens: HashMap<TokenDigest, Rc<Verified>>,
    bytes: usize,
}

impl Seen {
    pub(crate) fn digest(token: &[u8]) -> TokenDigest {
        Sha256::digest(token).into()
    }

    pub(crate) fn get(&self, digest: &TokenDigest) -> Option<Rc<Verified>> {
        self.tokens.get(digest).cloned()
    }

    /// Says whether the others had to go for it.
    pub(crate) fn put(
        &mut self,
        digest: TokenDigest,
        length: usize,
        verified: Rc<Verified>,
    ) -> bool {
        // About what its claims take, and their place.
        let count: usize = verified.claims.values().map(values).sum();
        let size = length + 100 * count + 512;
        let is_full = self.bytes + size > MOST;
        if is_full {
            self.tokens.clear();
            self.bytes = 0;
        }
        if self.tokens.insert(digest, verified).is_none() {
            self.bytes += size;
        }
        is_full
    }
}

/// Values in a value, with itself.
pub(crate) fn values(value: &Value) -> usize {
    match value {
        Value::Array(all) => 1 + all.iter().map(values).sum::<usize>(),
        Value::Object(all) => 1 + all.values().map(values).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}
