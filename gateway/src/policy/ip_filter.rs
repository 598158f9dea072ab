//! `ip_filter`: the longest prefix that holds the client's address decides.

use std::net::IpAddr;

use domain::policy::{self, ip_filter::Listed};
use domain::problem::Code;
use ipnet::IpNet;

use super::Flow;
use crate::answer::Refusal;
use crate::call::Call;

/// The running form.
#[derive(Debug)]
pub(crate) struct IpFilter {
    v4: Family,
    v6: Family,
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

    /// What the longest prefix says that holds the address and has not ended.
    fn find(&self, address: u128, now: i64) -> Option<bool> {
        self.0.iter().find_map(|length| {
            let net = address & length.mask;
            let entries = &length.entries;
            let at = entries.binary_search_by_key(&net, |entry| entry.net).ok()?;
            let entry = entries[at];
            (now < entry.until).then_some(entry.allows)
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
    pub(crate) fn compile(policy: &policy::IpFilter) -> Self {
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
        Self {
            v4: Family::of(v4),
            v6: Family::of(v6),
            // An entry that has ended leaves the list closed: time must open nothing.
            closed: !policy.allow.is_empty(),
        }
    }

    pub(crate) fn run(&self, call: &Call<'_>) -> Flow {
        if self.admits(call.peer_address(), call.wall_secs()) {
            return Flow::Next;
        }
        Flow::refuse(Refusal::new(Code::IpDenied))
    }

    pub(crate) fn admits(&self, address: IpAddr, now: i64) -> bool {
        let found = match address.to_canonical() {
            IpAddr::V4(address) => self.v4.find(u32::from(address).into(), now),
            IpAddr::V6(address) => self.v6.find(address.into(), now),
        };
        found.unwrap_or(!self.closed)
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
        let filter = IpFilter::compile(&policy);
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
            assert_eq!(filter.admits(address, before), at_first, "{address}");
            assert_eq!(filter.admits(address, after), later, "{address} later");
        }
    }

    #[test]
    fn without_an_allow_list_others_pass() {
        let policy = serde_json::from_str(r#"{"deny":["0.0.0.0/0"]}"#).unwrap();
        let filter = IpFilter::compile(&policy);
        for (address, admits) in [("1.2.3.4", false), ("::ffff:1.2.3.4", false), ("::1", true)] {
            assert_eq!(
                filter.admits(address.parse().unwrap(), 0),
                admits,
                "{address}"
            );
        }
    }
}
