//! Documents of versions as contracts, compiled anew only where they changed.

use std::collections::HashMap;
use std::sync::Arc;

use domain::contract::Contract;
use domain::id::{OperationId, VersionId};
use domain::openapi::PathTemplate;
use domain::snapshot::Version;
use sha2::{Digest, Sha256};

use crate::policy::Bound;

/// By version: the digest of its document, and what became of it.
#[derive(Default)]
pub(super) struct Contracts(HashMap<VersionId, ([u8; 32], Result<Arc<Contract>, String>)>);

impl Contracts {
    /// Sees to it that the version's contract is there and of its present document.
    pub(super) fn keep(&mut self, id: VersionId, version: Option<&Arc<Version>>) {
        let document = version.and_then(|version| version.document.as_ref());
        let Some(document) = document else {
            self.0.remove(&id);
            return;
        };
        let digest: [u8; 32] = Sha256::digest(document).into();
        if self.0.get(&id).is_some_and(|(known, _)| *known == digest) {
            return;
        }
        let contract = Contract::read(document.as_bytes()).map(Arc::new);
        let contract = contract.map_err(|found| {
            let first = found.into_iter().next();
            first.map_or_else(String::new, |one| {
                format!("{}: {}", one.pointer, one.message)
            })
        });
        self.0.insert(id, (digest, contract));
    }

    /// The version's contract with its operations. `None`: it has no document, or none is asked
    /// for; an error says what is wrong with it.
    pub(super) fn bound(&self, version: &Version) -> Result<Option<Bound>, String> {
        let Some((_, contract)) = self.0.get(&version.id) else {
            return Ok(None);
        };
        let contract = contract.clone()?;
        let form = |template: &str| Some(PathTemplate::parse(template).ok()?.form());
        let known: HashMap<_, usize> = contract
            .operations()
            .iter()
            .enumerate()
            .filter_map(|(at, one)| Some(((one.method.as_str(), form(&one.template)?), at)))
            .collect();
        let operations: HashMap<OperationId, usize> = version
            .revision
            .operations
            .iter()
            .filter_map(|one| {
                let key = (one.method.as_str(), form(&one.template)?);
                Some((one.id, *known.get(&key)?))
            })
            .collect();
        Ok(Some(Bound {
            contract,
            operations: Arc::new(operations),
        }))
    }
}
