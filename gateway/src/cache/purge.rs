//! Taking kept answers out on purpose.

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;

use domain::api::Purge;
use domain::id::{ApiId, VersionId};
use domain::snapshot::Purged;

use super::Cache;
use super::stored::Stored;
use super::tags;

fn takes(purge: &Purge, stored: &Stored) -> bool {
    match purge {
        Purge::All(all) => *all,
        Purge::Url(url) => *stored.target == **url,
        Purge::Prefix(prefix) => {
            let rest = stored.target.strip_prefix(prefix.as_str());
            let is_border = |rest: &str| {
                prefix.ends_with('/') || matches!(rest.bytes().next(), None | Some(b'/' | b'?'))
            };
            rest.is_some_and(is_border)
        }
        Purge::Tag(tag) => {
            let (tags, version) = (&stored.tags, stored.version);
            !tags.is_empty()
                && (tags.contains(&tags::beyond(version))
                    || tags.contains(&tags::number(tag, version)))
        }
    }
}

/// With the host in small letters and without a scheme, as addresses are kept.
pub(super) fn plain_of(purge: Purge) -> Purge {
    match purge {
        Purge::Url(url) => Purge::Url(plain(&url)),
        Purge::Prefix(prefix) => Purge::Prefix(plain(&prefix)),
        Purge::All(_) | Purge::Tag(_) => purge,
    }
}

fn plain(url: &str) -> String {
    let scheme = url
        .split_once("://")
        .filter(|(scheme, _)| !scheme.contains(['/', '?']));
    let rest = scheme.map_or(url, |(_, rest)| rest);
    let at = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(at);
    host.to_ascii_lowercase() + path
}

impl Cache {
    /// How many were taken out. What was asked for before is not kept after it.
    pub(crate) fn purge(&self, purge: Purge) -> usize {
        let purge = plain_of(purge);
        // There nothing can be looked for, and this is of no version.
        if let Some(second) = &self.second
            && purge != Purge::All(false)
        {
            second.renew_everything();
        }
        self.each_shard(|shard| {
            shard.removed_all();
            shard.remove_all(&|stored| takes(&purge, stored))
        })
    }

    /// Tells the second level of the purges of an API, before they are done here.
    pub(crate) fn purged(&self, api: ApiId, versions: Vec<VersionId>, all: Vec<Purged>) {
        if let Some(second) = &self.second {
            second.purged(api, versions, all);
        }
    }

    /// Tells it of an API that is no more.
    pub(crate) fn gone(&self, api: ApiId) {
        if let Some(second) = &self.second {
            second.gone(api);
        }
    }

    /// Takes out what is kept of versions that are not served any more: purges of their API do not
    /// find them, and they may be served again.
    pub(crate) fn left(&self, versions: &HashSet<VersionId>) {
        if versions.is_empty() {
            return;
        }
        if let Some(second) = &self.second {
            second.left(versions);
        }
        let count = self.purge_of(versions, Purge::All(true));
        tracing::debug!(count, "Kept answers of versions that left were taken out.");
    }

    /// The same as a purge of all, of these versions alone: whoever asks for it owns no others.
    pub(crate) fn purge_of(&self, versions: &HashSet<VersionId>, purge: Purge) -> usize {
        let purge = plain_of(purge);
        for version in versions {
            self.removals_of(version.uuid()).fetch_add(1, Relaxed);
        }
        let is_own = |stored: &Stored| versions.contains(&VersionId::from_uuid(stored.version));
        self.each_shard(|shard| shard.remove_all(&|stored| is_own(stored) && takes(&purge, stored)))
    }
}
