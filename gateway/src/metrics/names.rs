//! What routes are called in metrics.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// `api/version` by a route's number. A change touches the names of the routes that it touches.
#[derive(Debug, Default)]
pub(crate) struct RouteNames(RwLock<HashMap<u32, Arc<str>>>);

impl RouteNames {
    pub(crate) fn put(&self, number: u32, name: String) {
        self.with(|names| names.insert(number, name.into()));
    }

    pub(crate) fn remove(&self, number: u32) {
        self.with(|names| names.remove(&number));
    }

    pub(crate) fn clear(&self) {
        self.with(HashMap::clear);
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashMap<u32, Arc<str>>) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// As they are now.
    pub(crate) fn all(&self) -> HashMap<u32, Arc<str>> {
        let names = self.0.read().unwrap_or_else(PoisonError::into_inner);
        names.clone()
    }
}
