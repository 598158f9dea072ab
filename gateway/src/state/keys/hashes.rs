//! Hashes of passwords that people chose, by credential: few, or none at all.

use std::collections::HashMap;
use std::sync::Arc;

use domain::id::CredentialId;
use domain::password_hash::PasswordHash;

#[derive(Debug, Clone, Default)]
pub(crate) struct Hashes(Arc<HashMap<CredentialId, PasswordHash>>);

impl Hashes {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn of(&self, id: CredentialId) -> Option<&PasswordHash> {
        self.0.get(&id)
    }

    /// Notes the hash of a credential; `None`: it has none.
    pub(crate) fn put(&mut self, id: CredentialId, hash: Option<&PasswordHash>) {
        if let Some(hash) = hash {
            Arc::make_mut(&mut self.0).insert(id, hash.clone());
        } else if self.0.contains_key(&id) {
            Arc::make_mut(&mut self.0).remove(&id);
        }
    }
}
