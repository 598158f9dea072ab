//! `ip_filter`: the longest prefix that holds the client's address decides, of its own networks and
//! of the lists that it names.

use std::net::IpAddr;

use domain::policy::{self, ip_filter::Listed};
use domain::problem::Code;
use ipnet::IpNet;

use super::Flow;
use crate::answer::Refusal;
use crate::call::Call;
use crate::state::IpList;

/// The running form.
#[derive(Debug)]
pub(crate) struct IpFilter {
    v4: Family,
    v6: Family,
    /// Shared lists by their numbers in the state, and whether they allow.
    lists: Box<[(u32, bool)]>,
    /// An address that nothing holds is denied.
    closed: bool,
}

/// The networks of one family, longest prefix first.
#[derive(Debug, Default)]
struct Family(Box<[Length]>);

/// Those of one length, sorted by address.
#[derive(Debug)]
struct Length {
    mask: u128,
    entries: Box<[Entry]>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    net: u128,
    allows: bool,
    /// Seconds since 1970; it counts before.
    until: i64,
}

impl Family {
    /// From (prefix length, entry); a longer prefix has a larger mask.
    fn of(mut all: Vec<(u128, Entry)>) -> Self {
        all.sort_by_key(|(mask, entry)| (std::cmp::Reverse(*mask), entry.net));
        let lengths = all.chunk_by(|one, other| one.0 == other.0).map(|same| {
            let entries = same.iter().map(|(_, entry)| *entry).collect();
            Length {
                mask: same[0].0,
                entries,
            }
        });
        Self(lengths.collect())
    }

    /// What the longest prefix says that holds the address and has not ended, and how long it is.
    fn find(&self, address: u128, now: i64) -> Option<(u32, bool)> {
        self.0.iter().find_map(|length| {
            let net = address & length.mask;
            let entries = &length.entries;
            let at = entries.binary_search_by_key(&net, |entry| entry.net).ok()?;
            let entry = entries[at];
            let prefix = length.mask.count_ones();
            (now < entry.until).then_some((prefix, entry.allows))
        })
    }
}

/// A network as mask and address, both at the low end.
fn parts(net: &IpNet) -> (u128, u128) {
    match net {
        IpNet::V4(net) => (
            u32::from(net.netmask()).into(),
            u32::from(net.network()).into(),
        ),
        IpNet::V6(net) => (u128::from(net.netmask()), u128::from(net.network())),
    }
}

impl IpFilter {
    /// `number` finds the lists that it names, all of which are there.
    pub(crate) fn compile(policy: &policy::IpFilter, number: impl Fn(&str) -> Option<u32>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        let mut take = |list: &[Listed], allows: bool| {
            for (listed, net) in list.iter().filter_map(|one| Some((one, one.net()?))) {
                let (mask, address) = parts(&net);
                let until = listed.until();
                let entry = Entry {
                    net: address,
                    allows,
                    until: until.map_or(i64::MAX, |until| until.timestamp()),
                };
                let family = match net {
                    IpNet::V4(_) => &mut v4,
                    IpNet::V6(_) => &mut v6,
                };
                family.push((mask, entry));
            }
        };
        take(&policy.allow, true);
        take(&policy.deny, false);
        let of = |names: &[String], allows: bool| -> Vec<(u32, bool)> {
            let numbers = names.iter().filter_map(|name| number(name));
            numbers.map(|number| (number, allows)).collect()
        };
        let lists = [of(&policy.allow_lists, true), of(&policy.deny_lists, false)];
        Self {
            v4: Family::of(v4),
            v6: Family::of(v6),
            lists: lists.concat().into(),
            closed: policy.is_closed(),
        }
    }

    pub(crate) fn run(&self, call: &Call<'_>) -> Flow {
        if self.admits_client(call) {
            return Flow::Next;
        }
        Flow::refuse(Refusal::new(Code::IpDenied))
    }

    pub(crate) fn admits_client(&self, call: &Call<'_>) -> bool {
        let list = |number| call.state.ip_list(number);
        self.admits(call.peer_address(), call.wall_secs(), list)
    }

    fn admits<'s>(
        &self,
        address: IpAddr,
        now: i64,
        list: impl Fn(u32) -> Option<&'s IpList>,
    ) -> bool {
        let address = address.to_canonical();
        let mut nearest = match address {
            IpAddr::V4(address) => self.v4.find(u32::from(address).into(), now),
            IpAddr::V6(address) => self.v6.find(address.into(), now),
        };
        for (number, allows) in &self.lists {
            // Whoever names one that goes is compiled anew in the same state, so this is not met.
            let Some(list) = list(*number) else {
                return false;
            };
            let Some(prefix) = list.find(address, now) else {
                continue;
            };
            // Of the same network in several places, what denies stands.
            let is_nearer = nearest.is_none_or(|(known, allowed)| {
                prefix > known || prefix == known && allowed && !allows
            });
            if is_nearer {
                nearest = Some((prefix, *allows));
            }
        }
        nearest.map_or(!self.closed, |(_, allows)| allows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_decides_while_it_lasts() {
        let policy: policy::IpFilter = serde_json::from_str(
            r#"{
                "allow": ["10.0.0.0/8", "10.1.2.3", "2001:db8::/32",
                          {"net": "192.0.2.0/24", "until": "2026-12-01T00:00:00Z"}],
                "deny": ["10.1.0.0/16", "2001:db8:6::/48", "::ffff:10.2.0.0/112",
                         {"net": "10.3.0.0/16", "until": "2026-12-01T00:00:00Z"}]
            }"#,
        )
        .unwrap();
        let filter = IpFilter::compile(&policy, |_| None);
        let (before, after) = (1_796_083_199, 1_796_083_200);
        for (address, at_first, later) in [
            ("10.0.0.1", true, true),
            ("10.1.0.1", false, false),
            ("10.1.2.3", true, true),
            ("::ffff:10.1.2.3", true, true),
            ("::ffff:10.1.2.4", false, false),
            ("10.2.9.9", false, false),
            ("10.3.0.1", false, true),
            ("192.0.2.7", true, false),
            ("8.8.8.8", false, false),
            ("2001:db8::1", true, true),
            ("2001:db8:6::1", false, false),
            ("::1", false, false),
        ] {
            let address = address.parse().unwrap();
            let admits = |now| filter.admits(address, now, |_| None);
            assert_eq!(admits(before), at_first, "{address}");
            assert_eq!(admits(after), later, "{address} later");
        }
    }

    #[test]
    fn without_an_allow_list_others_pass() {
        let policy = serde_json::from_str(r#"{"deny":["0.0.0.0/0"]}"#).unwrap();
        let filter = IpFilter::compile(&policy, |_| None);
        for (address, admits) in [("1.2.3.4", false), ("::ffff:1.2.3.4", false), ("::1", true)] {
            assert_eq!(
                filter.admits(address.parse().unwrap(), 0, |_| None),
                admits,
                "{address}"
            );
        }
    }

    #[test]
    fn lists_count_as_if_they_stood_in_it() {
        let lists = [
            r#"["10.0.0.0/8", "0.0.0.0/0", {"net": "10.9.0.0/16", "until": "1970-01-01T00:01:40Z"}]"#,
            r#"["10.1.0.0/16", "10.2.3.4", "192.0.2.0/24", "2001:db8::/32"]"#,
            "[]",
        ];
        let lists = lists.map(|text| {
            let networks: Vec<Listed> = serde_json::from_str(text).unwrap();
            IpList::compile(&networks)
        });
        let number = |name: &str| {
            ["office", "bad", "none"]
                .iter()
                .position(|one| *one == name)
        };
        let number = |name: &str| number(name).map(|at| at as u32);
        let admits = |policy: &str, address: &str, now| {
            let policy = serde_json::from_str(policy).unwrap();
            let filter = IpFilter::compile(&policy, number);
            filter.admits(address.parse().unwrap(), now, |at| lists.get(at as usize))
        };
        for (policy, address, now, is) in [
            (r#"{"deny_lists":["bad"]}"#, "10.1.2.3", 0, false),
            (r#"{"deny_lists":["bad"]}"#, "::ffff:10.1.2.3", 0, false),
            (r#"{"deny_lists":["bad"]}"#, "10.3.2.3", 0, true),
            (r#"{"deny_lists":["bad"]}"#, "2001:db8::9", 0, false),
            (
                r#"{"allow_lists":["office"],"deny_lists":["bad"]}"#,
                "10.1.2.3",
                0,
                false,
            ),
            (
                r#"{"allow_lists":["office"],"deny_lists":["bad"]}"#,
                "8.8.8.8",
                0,
                true,
            ),
            (
                r#"{"allow_lists":["office"],"deny_lists":["bad"]}"#,
                "::1",
                0,
                false,
            ),
            // What stands in it is nearer, or farther.
            (
                r#"{"allow":["10.1.2.0/24"],"deny_lists":["bad"]}"#,
                "10.1.2.3",
                0,
                true,
            ),
            (
                r#"{"allow":["10.0.0.0/8"],"deny_lists":["bad"]}"#,
                "10.1.2.3",
                0,
                false,
            ),
            // The same network is allowed here and denied there.
            (
                r#"{"allow":["10.1.0.0/16"],"deny_lists":["bad"]}"#,
                "10.1.2.3",
                0,
                false,
            ),
            (
                r#"{"deny":["10.0.0.0/8"],"allow_lists":["office"]}"#,
                "10.3.2.3",
                0,
                false,
            ),
            // It ends in the list.
            (
                r#"{"deny":["10.0.0.0/8"],"allow_lists":["office"]}"#,
                "10.9.2.3",
                99,
                true,
            ),
            (
                r#"{"deny":["10.0.0.0/8"],"allow_lists":["office"]}"#,
                "10.9.2.3",
                100,
                false,
            ),
            // An empty list allows nobody, and denies nobody.
            (r#"{"allow_lists":["none"]}"#, "8.8.8.8", 0, false),
            (r#"{"deny_lists":["none"]}"#, "8.8.8.8", 0, true),
        ] {
            assert_eq!(admits(policy, address, now), is, "{policy} {address}");
        }
        let policy = serde_json::from_str(r#"{"deny_lists":["bad"]}"#).unwrap();
        let filter = IpFilter::compile(&policy, number);
        assert!(
            !filter.admits([8, 8, 8, 8].into(), 0, |_| None),
            "a list is lost"
        );
    }
}
