//! Documents of versions as contracts, compiled anew only where they changed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::contract::Contract;
use domain::id::{OperationId, VersionId};
use domain::openapi::PathTemplate;
use domain::problem::Invalid;
use domain::snapshot::{Kind, Version};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::policy::Bound;

/// What became of a document, by its digest: versions with the same one share it.
type Read = Result<Arc<Contract>, String>;

/// By version, what its document is.
#[derive(Default)]
pub(super) struct Contracts {
    digests: HashMap<VersionId, [u8; 32]>,
    read: HashMap<[u8; 32], Read>,
}

impl Contracts {
    /// Takes the documents out of `versions`, and reads those that are new.
    pub(super) fn take(&mut self, versions: &mut [Version]) {
        for version in versions {
            let Some(document) = version.document.take() else {
                self.digests.remove(&version.id);
                continue;
            };
            let digest: [u8; 32] = Sha256::digest(&document).into();
            self.digests.insert(version.id, digest);
            self.read.entry(digest).or_insert_with(|| {
                let contract = Contract::read(document.as_bytes()).map(Arc::new);
                contract.map_err(|found| {
                    let first = found.into_iter().next();
                    let tell = |one: Invalid| format!("{}: {}", one.pointer, one.message);
                    first.map_or_else(String::new, tell)
                })
            });
        }
        let used: HashSet<&[u8; 32]> = self.digests.values().collect();
        self.read.retain(|digest, _| used.contains(digest));
    }

    /// Forgets versions that are gone.
    pub(super) fn remove(&mut self, gone: &[(Kind, Uuid)]) {
        for (kind, id) in gone {
            if *kind == Kind::Version {
                self.digests.remove(&VersionId::from_uuid(*id));
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.digests.clear();
        self.read.clear();
    }

    /// The version's contract with its operations. `None`: it has no document, or none is asked
    /// for; an error says what is wrong with it.
    pub(super) fn bound(&self, version: &Version) -> Result<Option<Bound>, String> {
        let digest = self.digests.get(&version.id);
        let Some(contract) = digest.and_then(|digest| self.read.get(digest)) else {
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
