//! Lists in pages with a cursor: stable while rows come and go, and cheap on any page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::wire::{Page, Paging};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::nul;

const DEFAULT: u16 = 20;
const MOST: u16 = 100;

/// One page to load: at most [`Self::fetch`] rows after [`Self::after`].
#[derive(Debug, Clone)]
pub struct Window<K> {
    limit: u64,
    /// Sort key of the last row of the page before.
    pub after: Option<K>,
}

impl<K: Serialize + DeserializeOwned> Window<K> {
    /// Reads what the caller asked for. `K` is the sort key: an id, or `(name, id)`.
    pub fn new(paging: &Paging) -> Result<Self> {
        let limit = paging.limit.unwrap_or(DEFAULT);
        if !(1..=MOST).contains(&limit) {
            return Err(Error::field("/limit", format!("Choose 1 to {MOST}.")));
        }
        let after = match &paging.after {
            None => None,
            Some(text) => Some(
                parse(text)
                    .ok_or_else(|| Error::field("/after", "This is not a cursor of this list."))?,
            ),
        };
        Ok(Self {
            limit: u64::from(limit),
            after,
        })
    }

    /// How many rows to load: one more than the page has, to know whether another follows.
    pub fn fetch(&self) -> u64 {
        self.limit + 1
    }

    /// Makes the page of the rows loaded. `key` gives a row's sort key.
    pub fn page<R>(self, mut rows: Vec<R>, key: impl Fn(&R) -> K) -> Page<R> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows
            .last()
            .filter(|_| more)
            .and_then(|row| serde_json::to_vec(&key(row)).ok());
        Page {
            items: rows,
            next: next.map(|json| URL_SAFE_NO_PAD.encode(json)),
        }
    }
}

impl Window<Uuid> {
    /// The rows of the page, newest first: ids are made in order of time.
    pub fn newest_first<E: EntityTrait>(&self, query: Select<E>, id: E::Column) -> Select<E> {
        let query = match self.after {
            Some(after) => query.filter(id.lt(after)),
            None => query,
        };
        query.order_by_desc(id).limit(self.fetch())
    }
}

fn parse<K: DeserializeOwned>(text: &str) -> Option<K> {
    let value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    // No row has such a key, so it is no cursor of ours.
    if nul::pointer(&value).is_some() {
        return None;
    }
    serde_json::from_value(value).ok()
}

/// The same page with each item turned into its wire form.
pub fn mapped<A, B>(page: Page<A>, turn: impl FnMut(A) -> Result<B>) -> Result<Page<B>> {
    let items = page.items.into_iter().map(turn).collect::<Result<_>>()?;
    Ok(Page {
        items,
        next: page.next,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other() {
        let rows: Vec<u32> = (0..45).collect();
        let mut paging = Paging::default();
        let mut seen = Vec::new();
        loop {
            let window = Window::<u32>::new(&paging).unwrap();
            let after = window.after;
            let fetched: Vec<u32> = rows
                .iter()
                .copied()
                .filter(|row| after.is_none_or(|after| *row > after))
                .take(usize::try_from(window.fetch()).unwrap())
                .collect();
            let page = window.page(fetched, |row| *row);
            seen.extend(page.items);
            paging.after = page.next;
            if paging.after.is_none() {
                break;
            }
        }
        assert_eq!(seen, rows);
        for bad in [Some(0), Some(101)] {
            assert!(
                Window::<u32>::new(&Paging {
                    limit: bad,
                    after: None
                })
                .is_err()
            );
        }
        for bad in ["zzz", &URL_SAFE_NO_PAD.encode("[\"\\u0000\",1]")] {
            let paging = Paging {
                limit: None,
                after: Some(bad.to_owned()),
            };
            assert!(Window::<u32>::new(&paging).is_err(), "{bad}");
            assert!(Window::<(String, u32)>::new(&paging).is_err(), "{bad}");
        }
    }
}
