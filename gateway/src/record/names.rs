//! Texts that records name by number: targets and policies. They are added while a state is
//! compiled, never on a request's way, and stay: there are as many as the configuration ever named.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// The number of a text in [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NameId(u32);

impl NameId {
    /// No text.
    pub const NONE: Self = Self(0);
}

/// The table of one gateway, shared by compiler and whoever drains the rings.
#[derive(Debug, Default)]
pub struct Names(RwLock<Table>);

#[derive(Debug, Default)]
struct Table {
    by_text: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

impl Names {
    pub fn intern(&self, text: &str) -> NameId {
        if text.is_empty() {
            return NameId::NONE;
        }
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = table.by_text.get(text) {
            return NameId(*number);
        }
        let text: Arc<str> = text.into();
        table.texts.push(text.clone());
        let number = u32::try_from(table.texts.len()).unwrap_or(0);
        table.by_text.insert(text, number);
        NameId(number)
    }

    /// All that are known now. Nothing is added while this is held: for whoever drains the rings.
    pub fn known(&self) -> Known<'_> {
        Known(self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Empty for [`NameId::NONE`].
    pub fn get(&self, id: NameId) -> Arc<str> {
        self.known().0.get(id).cloned().unwrap_or_default()
    }
}

/// The texts of a [`Names`].
#[derive(Debug)]
pub struct Known<'n>(RwLockReadGuard<'n, Table>);

impl Known<'_> {
    /// Empty for [`NameId::NONE`].
    pub fn get(&self, id: NameId) -> &str {
        self.0.get(id).map_or("", |text| text)
    }
}

impl Table {
    fn get(&self, id: NameId) -> Option<&Arc<str>> {
        self.texts.get((id.0 as usize).checked_sub(1)?)
    }
}
