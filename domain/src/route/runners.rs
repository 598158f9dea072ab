//! Who else would answer at an address: for explaining, never on a request's way.

use super::Routes;

/// A value that fits, beside the one that [`Routes::find`] gives.
#[derive(Debug, PartialEq, Eq)]
pub struct Runner<'a, T> {
    pub value: &'a T,
    /// Its host pattern is not the one that decides.
    pub by_host: bool,
}

impl<T> Routes<T> {
    /// All that fit the host and a prefix of `path` but are not found: the nearest first.
    pub fn runners_up<'a>(&'a self, host: &str, path: &str) -> Vec<Runner<'a, T>> {
        let mut found = Vec::new();
        let mut trees = Vec::new();
        trees.extend(self.exact.get(host));
        let mut rest = host;
        while let Some((_, under)) = rest.split_once('.') {
            trees.extend(self.under.get(under));
            rest = under;
        }
        trees.push(&self.any);
        for (place, tree) in trees.into_iter().enumerate() {
            let mut here = Vec::new();
            tree.each(path, |value, _| {
                here.push(Runner {
                    value,
                    by_host: place > 0,
                });
            });
            if place == 0 {
                // The last one is the one that is found.
                here.pop();
            }
            here.reverse();
            found.extend(here);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_the_one_that_is_found() {
        let mut routes = Routes::default();
        for (host, prefix, value) in [
            (None, "/", 0),
            (None, "/a", 1),
            (Some("x.org"), "/a/b", 2),
            (Some("*.org"), "/a", 3),
            (Some("*.net"), "/a", 4),
        ] {
            routes.insert(host, prefix, value);
        }
        let runners = |host, path| -> Vec<(i32, bool)> {
            let found = routes.runners_up(host, path);
            found
                .into_iter()
                .map(|runner| (*runner.value, runner.by_host))
                .collect()
        };
        assert_eq!(runners("y", "/a/c"), [(0, false)]);
        assert_eq!(runners("x.org", "/a/b"), [(3, true), (1, true), (0, true)]);
        // Nothing is found there, as the host has routes of its own.
        assert_eq!(routes.find("x.org", "/a"), None);
        assert_eq!(runners("x.org", "/a"), [(3, true), (1, true), (0, true)]);
        assert_eq!(runners("y", "/"), []);
    }
}
