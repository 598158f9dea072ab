//! Lists of networks: in place, or from the files that are named.

use super::super::{DocumentLoader, IpList, Manifest};
use super::{Resolver, id, token};
use crate::ip_list::{self, Entries, Entry, MAX_LISTS, MAX_OF_ALL};
use crate::policy::ip_filter::Listed;
use crate::snapshot;

impl<'a> Resolver<'a> {
    /// Before policies are looked at, which may name them.
    pub(super) fn ip_lists(&mut self, manifest: &'a Manifest, load: &DocumentLoader<'_>) {
        if manifest.ip_lists.len() as u64 > MAX_LISTS {
            self.refuse("/ip_lists", "Write at most 50 lists.");
            return;
        }
        let mut of_all = 0;
        for (name, written) in &manifest.ip_lists {
            let at = format!("/ip_lists/{}", token(name));
            self.ip_lists.insert(name);
            if !ip_list::is_name(name) {
                self.refuse(&at, ip_list::NAME);
            }
            let Some(entries) = self.entries(&at, written, load) else {
                continue;
            };
            of_all += entries.len() as u64;
            if of_all > MAX_OF_ALL {
                self.refuse(&at, "All lists together have at most 300,000 networks.");
                return;
            }
            self.parts.ip_lists.push(snapshot::IpList {
                id: id("ip list", self.prefix, &[name]),
                organization: self.organization,
                name: name.clone(),
                networks: entries.into_iter().map(Entry::listed).collect(),
            });
        }
    }

    fn entries(
        &mut self,
        at: &str,
        written: &IpList,
        load: &DocumentLoader<'_>,
    ) -> Option<Entries> {
        let own = written.networks.iter().map(|one| Entry {
            net: one.text().to_owned(),
            until: one.until(),
            note: None,
        });
        let mut entries = match Entries::new(own) {
            Ok(entries) => entries,
            Err(wrong) => {
                for one in wrong {
                    let ends = |index: &str| {
                        let index = index.trim_start_matches('/').parse::<usize>().ok();
                        let entry = index.and_then(|index| written.networks.get(index));
                        matches!(entry, Some(Listed::Until(_)))
                    };
                    // One that is a text alone has no members.
                    let pointer = match one.pointer.strip_suffix("/net") {
                        Some(index) if !ends(index) => index.to_owned(),
                        Some(_) | None => one.pointer.clone(),
                    };
                    self.refuse(format!("{at}/networks{pointer}"), one.message);
                }
                return None;
            }
        };
        let Some(path) = written.file.as_deref() else {
            return Some(entries);
        };
        let read = load(path)
            .map_err(|message| vec![message])
            .and_then(|bytes| {
                let text = String::from_utf8(bytes)
                    .map_err(|_| vec![format!("The file {path} is not UTF-8.")])?;
                ip_list::read(&text).map_err(|wrong| {
                    let told = wrong.into_iter();
                    told.map(|one| format!("{path}: {}", one.message)).collect()
                })
            });
        match read {
            Ok(more) => entries.join(more),
            Err(messages) => {
                for message in messages {
                    self.refuse(format!("{at}/file"), message);
                }
                return None;
            }
        }
        if let Some(wrong) = entries.check_count() {
            self.refuse(at, wrong.message);
            return None;
        }
        Some(entries)
    }
}
