//! What routes are called in metrics.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// `api/version` by a route's number. A change touches the names of the routes that it touches.
#[derive(Debug, Default)]
pub(crate) struct RouteNames(RwLock<Vec<Option<Arc<str>>>>);

impl RouteNames {
    pub(crate) fn put(&self, number: u32, name: String) {
        let number = number as usize;
        self.with(|names| {
            if names.len() <= number {
                names.resize(number + 1, None);
            }
            names[number] = Some(name.into());
        });
    }

    pub(crate) fn remove(&self, number: u32) {
        self.with(|names| {
            if let Some(name) = names.get_mut(number as usize) {
                *name = None;
            }
        });
    }

    pub(crate) fn clear(&self) {
        self.with(Vec::clear);
    }

    /// Gives back the room that is left over when all have come.
    pub(crate) fn fit(&self) {
        self.with(Vec::shrink_to_fit);
    }

    fn with<T>(&self, change: impl FnOnce(&mut Vec<Option<Arc<str>>>) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// As they are now.
    pub(crate) fn all(&self) -> HashMap<u32, Arc<str>> {
        let names = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let all = (0..).zip(names.iter());
        all.filter_map(|(number, name)| Some((number, name.clone()?)))
            .collect()
    }
}
