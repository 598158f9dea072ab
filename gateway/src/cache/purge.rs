//! Taking kept answers out on purpose.

use serde::Deserialize;

use super::Cache;
use super::stored::Stored;
use super::tags;

/// What is taken out. Addresses are `host/path?query` as clients write them, without a scheme.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Purge {
    /// Everything.
    All(bool),
    /// All that is kept of one address: every caller's, every variant.
    Url(String),
    /// All addresses that begin so: `shop.example.com/v1/pets`, on the border of a segment unless
    /// it ends with a slash.
    Prefix(String),
    /// All that the upstream put this group or key on.
    Tag(String),
}

impl Purge {
    fn takes(&self, stored: &Stored) -> bool {
        match self {
            Self::All(all) => *all,
            Self::Url(url) => *stored.target == **url,
            Self::Prefix(prefix) => {
                let rest = stored.target.strip_prefix(prefix.as_str());
                let is_border = |rest: &str| {
                    prefix.ends_with('/') || matches!(rest.bytes().next(), None | Some(b'/' | b'?'))
                };
                rest.is_some_and(is_border)
            }
            Self::Tag(tag) => stored.tags.contains(&tags::number(tag, stored.version)),
        }
    }

    /// With the host in small letters and without a scheme, as addresses are kept.
    fn plain(self) -> Self {
        match self {
            Self::Url(url) => Self::Url(plain(&url)),
            Self::Prefix(prefix) => Self::Prefix(plain(&prefix)),
            Self::All(_) | Self::Tag(_) => self,
        }
    }
}

fn plain(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let at = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(at);
    host.to_ascii_lowercase() + path
}

impl Cache {
    /// How many were taken out. What was asked for before is not kept after it.
    pub(crate) fn purge(&self, purge: Purge) -> usize {
        let purge = purge.plain();
        self.each_shard(|shard| shard.remove_all(&|stored| purge.takes(stored)))
    }
}
