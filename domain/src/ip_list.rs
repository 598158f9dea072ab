//! Lists of networks that the policies of an organization share by name: what stands in one, and
//! where one is fetched from.

mod text;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::duration::Span;
use crate::policy::ip_filter::{self, Listed, Until};
use crate::problem::Invalid;

pub use text::{read, read_lasting};

/// Most lists of an organization.
pub const MAX_LISTS: u64 = 50;
/// Most networks of one list.
pub const MAX_ENTRIES: usize = 100_000;
/// Most networks of all lists of an organization.
pub const MAX_OF_ALL: u64 = 300_000;
/// Most networks of all organizations: each gateway holds them all, and each state on its disk.
pub const MAX_OF_PLATFORM: u64 = 3_000_000;
/// Largest text of a list, in bytes: typed, in a file, or fetched.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Longest note of an entry, in characters.
pub const MAX_NOTE: usize = 100;
/// Most lists that one policy names.
pub const MAX_NAMED: usize = 20;

/// Between two fetches of a list.
const LEAST_EVERY: Span = Span::from_secs(5 * 60);
const MOST_EVERY: Span = Span::from_secs(30 * 24 * 3600);
const HOUR: Span = Span::from_secs(3600);
const LONGEST_URL: usize = 2000;

/// What a list may be called: 1 to 40 of a-z, 0-9, _ and -.
pub fn is_name(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    (1..=40).contains(&name.len()) && name.bytes().all(is_plain)
}

/// What is said where a name is none.
pub const NAME: &str = "Name a list with 1 to 40 of a-z, 0-9, _ and -.";

/// One network of a list.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// A network such as `10.0.0.0/8`, or an address alone.
    pub net: String,
    /// RFC 3339; the entry counts before this time. For good unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// For people, at most 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Entry {
    /// As gateways get it.
    pub fn listed(self) -> Listed {
        match self.until {
            None => Listed::Always(self.net),
            Some(until) => Listed::Until(Until {
                net: self.net,
                until,
            }),
        }
    }

    /// Whether it has ended.
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// The network, or what is wrong with the entry, with pointers from its own root.
    fn check(&self) -> Result<IpNet, Vec<Invalid>> {
        let mut found = Vec::new();
        let net = ip_filter::net(&self.net);
        if net.is_none() {
            found.push(Invalid::new("/net", NET));
        }
        let note = self.note.as_deref().unwrap_or_default();
        if note.chars().count() > MAX_NOTE || note.chars().any(char::is_control) {
            let message = "Write a note of at most 100 characters on one line.";
            found.push(Invalid::new("/note", message));
        }
        match net {
            Some(net) if found.is_empty() => Ok(net),
            Some(_) | None => Err(found),
        }
    }
}

/// What is said where an entry would count no more.
const OVER: &str = "This time is over.";

/// What is wrong with entries that have ended before they are put in: `/3/until`.
pub fn check_until(entries: &[Entry], now: DateTime<Utc>) -> Vec<Invalid> {
    let all = entries.iter().enumerate();
    let over = all.filter(|(_, entry)| entry.is_over(now));
    over.take(MOST_PROBLEMS)
        .map(|(index, _)| Invalid::new(format!("/{index}/until"), OVER))
        .collect()
}

const NET: &str = "Write a network like 10.0.0.0/8 or 2001:db8::/32, without bits behind its prefix, or an address.";

/// Most problems that are told at once.
const MOST_PROBLEMS: usize = 20;

/// The entries of a list: each network once, in the order of addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries(BTreeMap<IpNet, Entry>);

impl Entries {
    /// Reads entries; pointers of what is wrong begin with their place: `/3/net`. Of two of the
    /// same network the one that lasts longer stands.
    pub fn new(all: impl IntoIterator<Item = Entry>) -> Result<Self, Vec<Invalid>> {
        let (mut entries, mut found) = (Self::default(), Vec::new());
        for (index, entry) in all.into_iter().enumerate() {
            match entry.check() {
                Ok(net) => entries.add(net, entry),
                Err(wrong) => {
                    let at = format!("/{index}");
                    found.extend(wrong.into_iter().map(|one| one.under(&at)));
                }
            }
            if found.len() >= MOST_PROBLEMS {
                break;
            }
        }
        found.extend(entries.check_count());
        match found.is_empty() {
            true => Ok(entries),
            false => Err(found),
        }
    }

    fn add(&mut self, net: IpNet, mut entry: Entry) {
        entry.net = shown(net);
        let longer = |known: &Entry| match (known.until, entry.until) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(known), Some(new)) => new > known,
        };
        if self.0.get(&net).is_none_or(longer) {
            self.0.insert(net, entry);
        }
    }

    /// What is wrong where there are too many.
    pub fn check_count(&self) -> Option<Invalid> {
        let message = "A list has at most 100,000 networks.";
        (self.0.len() > MAX_ENTRIES).then(|| Invalid::new("", message))
    }

    /// Puts these in, in the place of those of the same networks.
    pub fn put(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Puts these in; of two of the same network the one that lasts longer stands.
    pub fn join(&mut self, others: Self) {
        for (net, entry) in others.0 {
            self.add(net, entry);
        }
    }

    /// Takes a network out; false where it is not in it.
    pub fn remove(&mut self, net: &str) -> bool {
        let net = ip_filter::net(net.trim());
        net.is_some_and(|net| self.0.remove(&net).is_some())
    }

    /// Drops what has ended.
    pub fn drop_ended(&mut self, now: DateTime<Utc>) {
        self.0.retain(|_, entry| !entry.is_over(now));
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.values()
    }

    /// Those behind `after` in the order of addresses that hold, or are held by, what is looked
    /// for; `find` is a network, an address, or a part of a network's text or of a note.
    pub fn found(&self, after: Option<&str>, find: &str) -> impl Iterator<Item = &Entry> {
        use std::ops::Bound;
        let after = after.and_then(ip_filter::net);
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let find = find.trim().to_lowercase();
        let net = ip_filter::net(&find);
        let all = self.0.range((from, Bound::Unbounded));
        all.filter(move |(known, entry)| match net {
            Some(net) => known.contains(&net) || net.contains(*known),
            None => {
                let note = entry.note.as_deref().unwrap_or_default();
                entry.net.contains(&find) || note.to_lowercase().contains(&find)
            }
        })
        .map(|(_, entry)| entry)
    }
}

impl IntoIterator for Entries {
    type Item = Entry;
    type IntoIter = std::collections::btree_map::IntoValues<IpNet, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_values()
    }
}

/// A network as it is written: an address alone without a prefix.
fn shown(net: IpNet) -> String {
    match net.prefix_len() == net.max_prefix_len() {
        true => net.addr().to_string(),
        false => net.to_string(),
    }
}

/// Where a list is fetched from, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// An address of https that answers with text: one network per line.
    pub url: String,
    /// 5m to 30d; 1h unless set.
    #[serde(default = "hour")]
    pub every: Span,
}

const fn hour() -> Span {
    HOUR
}

impl Source {
    /// The same without what is behind `?`, where secrets may stand.
    #[must_use]
    pub fn without_query(&self) -> Self {
        let url = self.url.split_once('?').map_or(&*self.url, |(url, _)| url);
        Self {
            url: url.to_owned(),
            every: self.every,
        }
    }

    /// The address. `Err`: what is wrong, with pointers from its own root.
    pub fn check(&self) -> Result<Url, Vec<Invalid>> {
        let mut found = Vec::new();
        if !(LEAST_EVERY..=MOST_EVERY).contains(&self.every) {
            found.push(Invalid::new("/every", "Fetch it every 5m to 30d."));
        }
        let url = Url::parse(&self.url).ok().filter(|url| {
            url.scheme() == "https"
                && url.host().is_some()
                && url.username().is_empty()
                && url.password().is_none()
                && url.fragment().is_none()
                && self.url.len() <= LONGEST_URL
        });
        match url {
            Some(url) if found.is_empty() => Ok(url),
            Some(_) => Err(found),
            None => {
                let message =
                    "Give an address that begins with https://, without a user name and without #.";
                found.insert(0, Invalid::new("/url", message));
                Err(found)
            }
        }
    }
}

#[cfg(test)]
mod tests;
