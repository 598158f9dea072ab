//! Match order (gateway.md §5): which versions stand at a host and path, which of them a request
//! asks for, and which operation inside of it; and whether an address is still free.

mod ask;
mod asked;
mod choice;
mod claim;
mod condition;
mod operations;
#[cfg(test)]
mod properties;
mod rule;
mod runners;
mod selector;
mod timeouts;
mod tree;

use std::collections::HashMap;
use std::sync::Arc;

pub use ask::Ask;
pub use asked::Asked;
pub use choice::{Choice, Missed, NotChosen, Spot};
pub(crate) use claim::shared;
pub use claim::{Claim, Clash, Grant, clash, hosts_overlap};
pub use condition::{Condition, MAX_CONDITIONS};
pub use operations::{Found, Operations};
pub use rule::{Rule, Tie, check as check_rule};
pub use runners::Runner;
pub use selector::{Scheme, Selected, Selector};
pub use timeouts::RouteTimeouts;
pub use tree::{Tree, covers};

/// The host of a request as it is matched: lower case, no port, no trailing dot. `None` when it
/// is none: empty, a list, with userinfo or with other foreign characters (RFC 9110 §7.2).
pub fn host(authority: &str) -> Option<std::borrow::Cow<'_, str>> {
    use std::borrow::Cow;
    if is_plain(authority.as_bytes()) {
        return Some(Cow::Borrowed(authority));
    }
    let (name, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']')?;
            let address = &rest[..end];
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (&authority[..end + 2], &rest[end + 1..])
        }
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let name = &authority[..end];
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
            if name.is_empty() || !name.bytes().all(plain) {
                return None;
            }
            (name, &authority[end..])
        }
    };
    let digits = port.strip_prefix(':').unwrap_or("");
    if !port.is_empty()
        && (digits.parse::<u16>().is_err() || !digits.bytes().all(|b| b.is_ascii_digit()))
    {
        return None;
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > 255 {
        return None;
    }
    Some(if name.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    })
}

/// Whether it is matched as it is, as most hosts are: a name in small letters, without a port or a dot
/// at its end.
fn is_plain(host: &[u8]) -> bool {
    let is_plain = |byte: &u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_')
    };
    matches!(host.len(), 1..=255) && host.last() != Some(&b'.') && host.iter().all(is_plain)
}

/// All routes by host: exact before `*.x` (the longest first) before any. Trees are shared by
/// structure, so that a changed copy costs what changed.
#[derive(Debug, Clone)]
pub struct Routes<T> {
    exact: Arc<HashMap<Arc<str>, Tree<T>>>,
    /// By the part behind `*.`.
    under: Arc<HashMap<Arc<str>, Tree<T>>>,
    any: Tree<T>,
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self {
            exact: Arc::default(),
            under: Arc::default(),
            any: Tree::default(),
        }
    }
}

impl<T: Clone> Routes<T> {
    /// Puts `value` at a host pattern (`None`: any host) and canonical prefix; returns what was
    /// there.
    pub fn insert(&mut self, host: Option<&str>, prefix: &str, value: T) -> Option<T> {
        let tree = match host {
            None => &mut self.any,
            Some(host) => match host.strip_prefix("*.") {
                Some(under) => Arc::make_mut(&mut self.under)
                    .entry(under.into())
                    .or_default(),
                None => Arc::make_mut(&mut self.exact)
                    .entry(host.into())
                    .or_default(),
            },
        };
        tree.insert(prefix, value)
    }

    pub fn remove(&mut self, host: Option<&str>, prefix: &str) -> Option<T> {
        let Some(host) = host else {
            return self.any.remove(prefix);
        };
        let (trees, name) = match host.strip_prefix("*.") {
            Some(under) => (&mut self.under, under),
            None => (&mut self.exact, host),
        };
        // Removing what is not there must not copy anything.
        trees.get(name)?;
        let trees = Arc::make_mut(trees);
        let tree = trees.get_mut(name)?;
        let removed = tree.remove(prefix);
        if tree.is_empty() {
            trees.remove(name);
        }
        removed
    }
}

impl<T> Routes<T> {
    /// The value at the longest prefix of `path` on this host, and the length of that prefix (0
    /// for `/`). The most telling host pattern decides alone: a host with routes of its own shows
    /// nothing of those for any host. `host` as [`host`] gives it, `path` canonical.
    pub fn find(&self, host: &str, path: &str) -> Option<(&T, usize)> {
        self.tree(host).find(path)
    }

    fn tree(&self, host: &str) -> &Tree<T> {
        if let Some(tree) = (!self.exact.is_empty())
            .then(|| self.exact.get(host))
            .flatten()
        {
            return tree;
        }
        if !self.under.is_empty() {
            let mut rest = host;
            while let Some((_, under)) = rest.split_once('.') {
                if let Some(tree) = self.under.get(under) {
                    return tree;
                }
                rest = under;
            }
        }
        &self.any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_apart() {
        let mut routes = Routes::default();
        for (host, prefix, value) in [
            (None, "/", 0),
            (None, "/a", 1),
            (Some("x.org"), "/", 2),
            (Some("*.x.org"), "/", 3),
            (Some("*.b.x.org"), "/a", 4),
        ] {
            assert_eq!(routes.insert(host, prefix, value), None);
        }
        let found = |host, path| {
            routes
                .find(host, path)
                .map(|(value, length)| (*value, length))
        };
        assert_eq!(found("y.org", "/b"), Some((0, 0)));
        assert_eq!(found("y.org", "/a/b"), Some((1, 2)));
        assert_eq!(found("x.org", "/a"), Some((2, 0)));
        assert_eq!(found("b.x.org", "/a"), Some((3, 0)));
        assert_eq!(found("a.b.x.org", "/a"), Some((4, 2)));
        assert_eq!(found("a.b.x.org", "/b"), None);
        assert_eq!(routes.remove(Some("*.b.x.org"), "/a"), Some(4));
        assert_eq!(
            routes.find("a.b.x.org", "/a").map(|(value, _)| *value),
            Some(3)
        );
    }

    #[test]
    fn authorities() {
        for (authority, name) in [
            ("x.org", "x.org"),
            ("X.org:80", "x.org"),
            ("x.org.", "x.org"),
            ("127.0.0.1:8080", "127.0.0.1"),
            ("[::1]:80", "[::1]"),
            ("my_host", "my_host"),
        ] {
            assert_eq!(host(authority).as_deref(), Some(name), "{authority}");
        }
        for bad in [
            "", ":80", "a@b", "a,b", "a b", "x:", "x:99999", "x:+1", "[::1", "[x]", ".", "a/b",
            "x:80:80", "[::1]x",
        ] {
            assert_eq!(host(bad), None, "{bad}");
        }
    }
}
