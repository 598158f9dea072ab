//! Documents of versions as contracts and as examples, compiled anew only where they changed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use domain::canned::Canned;
use domain::contract::Contract;
use domain::id::{OperationId, VersionId};
use domain::openapi::PathTemplate;
use domain::policy::Looks;
use domain::problem::Invalid;
use domain::snapshot::{Kind, Version};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::policy::{Bound, Examples};

/// What became of a document, by its digest: versions with the same one share it. An error says
/// what is wrong with it.
struct Read {
    contract: Result<Arc<Contract>, String>,
    /// Made when a policy asks for it.
    canned: OnceLock<Result<Arc<Canned>, String>>,
}

impl Read {
    fn of(document: &str) -> Self {
        let contract = Contract::read(document.as_bytes()).map(Arc::new);
        let contract = contract.map_err(|found| {
            let first = found.into_iter().next();
            let tell = |one: Invalid| format!("{}: {}", one.pointer, one.message);
            first.map_or_else(String::new, tell)
        });
        Self {
            contract,
            canned: OnceLock::new(),
        }
    }

    fn canned(&self, document: Option<&str>) -> Result<Arc<Canned>, String> {
        let canned = self.canned.get_or_init(|| {
            let document = document.ok_or("The document was not loaded.")?;
            Canned::read(document.as_bytes()).map(Arc::new)
        });
        canned.clone()
    }
}

/// By version, what its document is.
#[derive(Default)]
pub(super) struct Contracts {
    digests: HashMap<VersionId, [u8; 32]>,
    read: HashMap<[u8; 32], Read>,
    /// Those that came with the change that is compiled now: where policies of an organization or an
    /// API change, versions come with their documents again.
    texts: HashMap<[u8; 32], String>,
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
            let read = self.read.entry(digest);
            let read = read.or_insert_with(|| Read::of(&document));
            let operations = version.revision.operations.iter();
            let operations = operations.flat_map(|operation| &operation.policies);
            if Looks::of(version.revision.policies.iter().chain(operations)).examples {
                let _ = read.canned(Some(&document));
            }
            self.texts.insert(digest, document);
        }
        let used: HashSet<&[u8; 32]> = self.digests.values().collect();
        self.read.retain(|digest, _| used.contains(digest));
    }

    /// Forgets the texts of what was compiled.
    pub(super) fn settle(&mut self) {
        self.texts = HashMap::new();
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

    fn of(&self, version: &Version) -> Option<(&Read, Option<&str>)> {
        let digest = self.digests.get(&version.id)?;
        let text = self.texts.get(digest).map(String::as_str);
        Some((self.read.get(digest)?, text))
    }

    /// The version's contract with its operations. `None`: it has no document, or none is asked
    /// for; an error says what is wrong with it.
    pub(super) fn bound(&self, version: &Version) -> Result<Option<Bound>, String> {
        let Some((read, _)) = self.of(version) else {
            return Ok(None);
        };
        let contract = read.contract.clone()?;
        let known = contract.operations().iter();
        let known = known.map(|one| (one.method.as_str(), one.template.as_str()));
        let operations = placed(version, known).into();
        Ok(Some(Bound {
            contract,
            operations,
        }))
    }

    /// The same of its examples.
    pub(super) fn examples(&self, version: &Version) -> Result<Option<Examples>, String> {
        let Some((read, text)) = self.of(version) else {
            return Ok(None);
        };
        let canned = read.canned(text)?;
        let known = canned.operations().iter();
        let known = known.map(|one| (one.method.as_str(), one.template.as_str()));
        let operations = placed(version, known).into();
        Ok(Some(Examples { canned, operations }))
    }
}

/// Where the version's operations stand among those of its document.
fn placed<'d>(
    version: &Version,
    known: impl Iterator<Item = (&'d str, &'d str)>,
) -> HashMap<OperationId, usize> {
    let form = |template: &str| Some(PathTemplate::parse(template).ok()?.form());
    let known: HashMap<_, usize> = known
        .enumerate()
        .filter_map(|(at, (method, template))| Some(((method, form(template)?), at)))
        .collect();
    let operations = version.revision.operations.iter();
    let found = operations.filter_map(|one| {
        let key = (one.method.as_str(), form(&one.template)?);
        Some((one.id, *known.get(&key)?))
    });
    found.collect()
}
