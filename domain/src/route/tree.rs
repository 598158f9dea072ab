//! Path prefixes on segment borders: the longest one wins.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::mem;
use std::sync::Arc;

/// A tree of segments. A clone shares everything; a change copies the nodes on its way only.
#[derive(Debug, Clone)]
pub struct Tree<T>(Arc<Node<T>>);

#[derive(Debug, Clone)]
struct Node<T> {
    value: Option<T>,
    children: Children<T>,
}

/// The nodes below one, by segment. Most have none or one, and with as many as there may be each
/// line of the processor's cache that is asked for counts.
#[derive(Debug, Clone)]
#[expect(
    clippy::box_collection,
    reason = "few nodes have many children, and none is to be as large as a map"
)]
enum Children<T> {
    None,
    One(Segment, Arc<Node<T>>),
    Many(Box<HashMap<Segment, Arc<Node<T>>>>),
}

/// The text of a segment, in place where it is short.
#[derive(Debug, Clone)]
enum Segment {
    Short(u8, [u8; SHORT]),
    Long(Arc<[u8]>),
}

/// Longest text that is kept in place, in bytes.
const SHORT: usize = 22;

impl Segment {
    fn new(text: &str) -> Self {
        let text = text.as_bytes();
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..text.len()) {
            Some(place) => {
                place.copy_from_slice(text);
                Self::Short(text.len() as u8, bytes)
            }
            None => Self::Long(text.into()),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Short(length, bytes) => &bytes[..usize::from(*length)],
            Self::Long(bytes) => bytes,
        }
    }
}

impl PartialEq for Segment {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Segment {}

impl Hash for Segment {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes().hash(state);
    }
}

impl Borrow<[u8]> for Segment {
    fn borrow(&self) -> &[u8] {
        self.bytes()
    }
}

impl<T> Children<T> {
    const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    #[inline]
    fn get(&self, segment: &str) -> Option<&Arc<Node<T>>> {
        match self {
            Self::One(known, child) if known.bytes() == segment.as_bytes() => Some(child),
            Self::None | Self::One(..) => None,
            Self::Many(children) => children.get(segment.as_bytes()),
        }
    }

    fn get_mut(&mut self, segment: &str) -> Option<&mut Arc<Node<T>>> {
        match self {
            Self::One(known, child) if known.bytes() == segment.as_bytes() => Some(child),
            Self::None | Self::One(..) => None,
            Self::Many(children) => children.get_mut(segment.as_bytes()),
        }
    }

    /// The child of a segment, made where there is none.
    fn place(&mut self, segment: &str) -> &mut Arc<Node<T>> {
        if self.get(segment).is_none() {
            *self = match mem::replace(self, Self::None) {
                Self::None => Self::One(Segment::new(segment), Arc::default()),
                Self::One(known, child) => {
                    let new = (Segment::new(segment), Arc::default());
                    Self::Many(Box::new(HashMap::from([(known, child), new])))
                }
                Self::Many(mut children) => {
                    children.insert(Segment::new(segment), Arc::default());
                    Self::Many(children)
                }
            };
        }
        match self.get_mut(segment) {
            Some(child) => child,
            None => unreachable!("it was made"),
        }
    }

    fn remove(&mut self, segment: &str) {
        match self {
            Self::One(known, _) if known.bytes() == segment.as_bytes() => *self = Self::None,
            Self::None | Self::One(..) => {}
            Self::Many(children) => {
                children.remove(segment.as_bytes());
                if children.is_empty() {
                    *self = Self::None;
                }
            }
        }
    }
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self {
            value: None,
            children: Children::None,
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
            node = Arc::make_mut(node.children.place(segment));
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
    if child.value.is_none() && child.children.is_none() {
        node.children.remove(segment);
    }
    removed
}

impl<T> Tree<T> {
    pub fn is_empty(&self) -> bool {
        self.0.value.is_none() && self.0.children.is_none()
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
        while at < path.len() && !node.children.is_none() {
            let rest = &path[at + 1..];
            // Segments are short: one byte after the other is sooner there than what searches many.
            let length = rest.bytes().position(|byte| byte == b'/');
            let end = at + 1 + length.unwrap_or(rest.len());
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
    fn one_child_many_and_none_again() {
        let long = "/a/a-segment-that-is-longer-than-what-is-kept-in-place";
        let prefixes = ["/a", "/a/b", "/a/c", long, "/a/b/d"];
        let mut tree = Tree::default();
        for prefix in prefixes {
            assert_eq!(tree.insert(prefix, prefix), None);
        }
        for prefix in prefixes {
            assert_eq!(tree.find(prefix), Some((&prefix, prefix.len())));
        }
        assert_eq!(tree.find(&long[..long.len() - 1]), Some((&"/a", 2)));
        for prefix in prefixes {
            assert_eq!(tree.remove(prefix), Some(prefix));
            assert_eq!(tree.remove(prefix), None);
        }
        assert!(tree.is_empty());
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
