//! A shared list of networks, compiled once for all policies that name it.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::ops::BitAnd;

use domain::policy::ip_filter::Listed;
use ipnet::IpNet;

/// The networks of a list. There may be a hundred thousand: an address takes four bytes, or
/// sixteen.
#[derive(Debug, Default)]
pub(crate) struct IpList {
    v4: Half<u32>,
    v6: Half<u128>,
}

/// Those of one family, longest prefix first.
#[derive(Debug)]
struct Half<N>(Box<[Length<N>]>);

/// Those of one length, sorted by address.
#[derive(Debug)]
struct Length<N> {
    prefix: u8,
    mask: N,
    nets: Box<[N]>,
    /// Seconds since 1970 before which each counts; empty where none ends.
    ends: Box<[i64]>,
}

struct One<N> {
    prefix: u8,
    mask: N,
    net: N,
    until: i64,
}

impl<N> Default for Half<N> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<N: Copy + Ord + BitAnd<Output = N>> Half<N> {
    fn of(mut all: Vec<One<N>>) -> Self {
        all.sort_unstable_by_key(|one| (Reverse(one.prefix), one.net));
        let lengths = all.chunk_by(|one, other| one.prefix == other.prefix);
        let lengths = lengths.map(|same| {
            let any_ends = same.iter().any(|one| one.until != i64::MAX);
            let ends = same.iter().map(|one| one.until).filter(|_| any_ends);
            Length {
                prefix: same[0].prefix,
                mask: same[0].mask,
                nets: same.iter().map(|one| one.net).collect(),
                ends: ends.collect(),
            }
        });
        Self(lengths.collect())
    }

    /// The longest prefix that holds the address and has not ended.
    fn find(&self, address: N, now: i64) -> Option<u32> {
        self.0.iter().find_map(|length| {
            let at = length.nets.binary_search(&(address & length.mask)).ok()?;
            let lasts = length.ends.get(at).is_none_or(|until| now < *until);
            lasts.then_some(length.prefix.into())
        })
    }
}

impl IpList {
    pub(crate) fn compile(networks: &[Listed]) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for listed in networks {
            let until = listed.until();
            let until = until.map_or(i64::MAX, |until| until.timestamp());
            // What is no network was refused where it was written.
            match listed.net() {
                Some(IpNet::V4(net)) => v4.push(One {
                    prefix: net.prefix_len(),
                    mask: u32::from(net.netmask()),
                    net: u32::from(net.network()),
                    until,
                }),
                Some(IpNet::V6(net)) => v6.push(One {
                    prefix: net.prefix_len(),
                    mask: u128::from(net.netmask()),
                    net: u128::from(net.network()),
                    until,
                }),
                None => {}
            }
        }
        Self {
            v4: Half::of(v4),
            v6: Half::of(v6),
        }
    }

    /// The length of the longest prefix that holds the address at `now`, in seconds since 1970.
    /// The address is canonical: IPv4 in IPv6 is IPv4.
    pub(crate) fn find(&self, address: IpAddr, now: i64) -> Option<u32> {
        match address {
            IpAddr::V4(address) => self.v4.find(address.into(), now),
            IpAddr::V6(address) => self.v6.find(address.into(), now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_that_lasts_is_found() {
        let networks: Vec<Listed> = serde_json::from_str(
            r#"["0.0.0.0/0", "10.0.0.0/8", "::ffff:10.1.0.0/112", "2001:db8::/32", "::1",
                {"net": "10.1.2.3", "until": "1970-01-01T00:01:40Z"},
                {"net": "2001:db8:1::/48", "until": "1970-01-01T00:01:40Z"}, "nonsense"]"#,
        )
        .unwrap();
        let list = IpList::compile(&networks);
        for (address, before, after) in [
            ("8.8.8.8", Some(0), Some(0)),
            ("10.9.9.9", Some(8), Some(8)),
            ("10.1.9.9", Some(16), Some(16)),
            ("10.1.2.3", Some(32), Some(16)),
            ("2001:db8:1::5", Some(48), Some(32)),
            ("2001:db8:2::5", Some(32), Some(32)),
            ("::1", Some(128), Some(128)),
            ("::2", None, None),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(list.find(address, 99), before, "{address}");
            assert_eq!(list.find(address, 100), after, "{address}");
        }
        assert_eq!(IpList::default().find([0, 0, 0, 0].into(), 0), None);
    }
}
