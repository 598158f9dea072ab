//! Path prefixes on segment borders: the longest one wins.

use std::collections::HashMap;
use std::sync::Arc;

/// A tree of segments. A clone shares everything; a change copies the nodes on its way only.
#[derive(Debug, Clone)]
pub struct Tree<T>(Arc<Node<T>>);

#[derive(Debug, Clone)]
struct Node<T> {
    value: Option<T>,
    children: HashMap<Arc<str>, Arc<Node<T>>>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self {
            value: None,
            children: HashMap::new(),
        }
    }
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// The segments of a canonical prefix; none for `/`.
fn segments(prefix: &str) -> impl Iterator<Item = &str> {
    prefix.split('/').filter(|segment| !segment.is_empty())
}

/// Whether `path` is `prefix` or lies under it on a segment border: `/pet` does not cover `/pets`.
pub fn covers(prefix: &str, path: &str) -> bool {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl<T: Clone> Tree<T> {
    pub fn insert(&mut self, prefix: &str, value: T) -> Option<T> {
        let mut node = Arc::make_mut(&mut self.0);
        for segment in segments(prefix) {
            let child = node.children.entry(segment.into()).or_default();
            node = Arc::make_mut(child);
        }
        node.value.replace(value)
    }

    pub fn remove(&mut self, prefix: &str) -> Option<T> {
        // Looks first: removing what is not there must not copy the way to it.
        let mut node = &self.0;
        for segment in segments(prefix) {
            node = node.children.get(segment)?;
        }
        node.value.as_ref()?;
        remove(Arc::make_mut(&mut self.0), &mut segments(prefix))
    }
}

fn remove<'a, T: Clone>(node: &mut Node<T>, rest: &mut impl Iterator<Item = &'a str>) -> Option<T> {
    let Some(segment) = rest.next() else {
        return node.value.take();
    };
    let child = Arc::make_mut(node.children.get_mut(segment)?);
    let removed = remove(child, rest);
    if child.value.is_none() && child.children.is_empty() {
        node.children.remove(segment);
    }
    removed
}

impl<T> Tree<T> {
    pub fn is_empty(&self) -> bool {
        self.0.value.is_none() && self.0.children.is_empty()
    }

    /// The value at the longest prefix of the canonical `path`, and that prefix's length.
    pub fn find(&self, path: &str) -> Option<(&T, usize)> {
        let mut found = None;
        self.each(path, |value, length| found = Some((value, length)));
        found
    }

    /// Every value at a prefix of the canonical `path`, the shortest first.
    #[inline]
    pub fn each<'a>(&'a self, path: &str, mut met: impl FnMut(&'a T, usize)) {
        let mut node = &*self.0;
        if let Some(value) = &node.value {
            met(value, 0);
        }
        let mut at = 0;
        while at < path.len() && !node.children.is_empty() {
            let rest = &path[at + 1..];
            let end = at + 1 + rest.find('/').unwrap_or(rest.len());
            let Some(child) = node.children.get(&path[at + 1..end]) else {
                break;
            };
            node = child;
            at = end;
            if let Some(value) = &node.value {
                met(value, at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_on_segment_borders() {
        let mut tree = Tree::default();
        for prefix in ["/pet", "/pet/x", "/a/b/c"] {
            tree.insert(prefix, prefix);
        }
        let found = |path: &str| tree.find(path).map(|(value, length)| (*value, length));
        assert_eq!(found("/pet"), Some(("/pet", 4)));
        assert_eq!(found("/pet/"), Some(("/pet", 4)));
        assert_eq!(found("/pet/y"), Some(("/pet", 4)));
        assert_eq!(found("/pet/x/z"), Some(("/pet/x", 6)));
        assert_eq!(found("/pets"), None);
        assert_eq!(found("/Pet"), None);
        assert_eq!(found("/a/b"), None);
        assert_eq!(found("/"), None);
        assert!(covers("/", "/x") && covers("/pet", "/pet/x") && !covers("/pet", "/pets"));
    }

    #[test]
    fn a_change_leaves_the_old_copy_alone() {
        let mut tree = Tree::default();
        tree.insert("/a/b", 1);
        let before = tree.clone();
        tree.insert("/a/b", 2);
        assert_eq!(tree.remove("/a"), None);
        assert_eq!(tree.remove("/a/b"), Some(2));
        assert!(tree.is_empty());
        assert_eq!(before.find("/a/b"), Some((&1, 4)));
    }
}
