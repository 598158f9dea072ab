//! `ip_filter`: which network addresses may call.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::{Mode, Written, mode_and_name, named_lists};
use crate::problem::Invalid;

/// Allows and denies client addresses by network. Of the networks that hold an address the one
/// with the longest prefix decides.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct IpFilter {
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Networks that may call. With an entry here, an address that no entry holds is denied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Allowed networks")]
    pub allow: Vec<Listed>,
    /// Networks that may not call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Denied networks")]
    pub deny: Vec<Listed>,
    /// Lists of the organization, by name, whose networks may call. With a list here, an address
    /// that nothing holds is denied, even while the list is empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Allowed lists")]
    pub allow_lists: Vec<String>,
    /// Lists of the organization, by name, whose networks may not call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Denied lists")]
    pub deny_lists: Vec<String>,
}

/// A network such as `10.0.0.0/8`, or an address alone; with `until` only up to that time.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(untagged)]
pub enum Listed {
    Always(String),
    Until(Until),
}

/// An entry that ends.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Until {
    /// The network, or an address alone.
    pub net: String,
    /// RFC 3339; the entry counts before this time.
    pub until: DateTime<Utc>,
}

impl Listed {
    pub fn text(&self) -> &str {
        match self {
            Self::Always(net) => net,
            Self::Until(entry) => &entry.net,
        }
    }

    pub const fn until(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Always(_) => None,
            Self::Until(entry) => Some(entry.until),
        }
    }

    /// `None` for what is no network, and for one with bits behind its prefix: that is usually a
    /// typing error, and which of the two was meant nobody knows.
    pub fn net(&self) -> Option<IpNet> {
        net(self.text())
    }
}

/// A network as it is compared: IPv4 in IPv6 (`::ffff:10.0.0.0/104`) is IPv4.
pub fn net(text: &str) -> Option<IpNet> {
    let net = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse().ok()?,
    };
    if net.trunc() != net {
        return None;
    }
    Some(match net {
        IpNet::V6(v6) => v4_inside(v6).map_or(net, IpNet::V4),
        IpNet::V4(_) => net,
    })
}

fn v4_inside(net: Ipv6Net) -> Option<Ipv4Net> {
    let inside = net.addr().to_ipv4_mapped()?;
    let length = net.prefix_len().checked_sub(96)?;
    Ipv4Net::new(inside, length).ok()
}

impl IpFilter {
    /// Whether an address that nothing holds is denied. An entry that has ended leaves it so: time
    /// must open nothing.
    pub const fn is_closed(&self) -> bool {
        !self.allow.is_empty() || !self.allow_lists.is_empty()
    }
}

/// Most entries of one policy.
pub const MAX_ENTRIES: usize = 1000;

impl Written for IpFilter {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let count = self.allow.len() + self.deny.len();
        if count == 0 && self.allow_lists.is_empty() && self.deny_lists.is_empty() {
            found.push(Invalid::new("", "List networks to allow or to deny."));
        }
        found.extend(named_lists::check(&[
            ("allow_lists", &self.allow_lists),
            ("deny_lists", &self.deny_lists),
        ]));
        if count > MAX_ENTRIES {
            found.push(Invalid::new("", "List at most 1,000 networks."));
            return found;
        }
        let mut known = std::collections::HashSet::new();
        for (list, entries) in [("allow", &self.allow), ("deny", &self.deny)] {
            for (index, entry) in entries.iter().enumerate() {
                let message = match entry.net() {
                    None => {
                        "Write a network like 10.0.0.0/8 or 2001:db8::/32, without bits behind its prefix, or an address."
                    }
                    Some(net) if !known.insert(net) => "This network is listed already.",
                    Some(_) => continue,
                };
                let end = match entry {
                    Listed::Always(_) => "",
                    Listed::Until(_) => "/net",
                };
                found.push(Invalid::new(format!("/{list}/{index}{end}"), message));
            }
        }
        found
    }

    fn words(&self) -> String {
        let sides = [
            side("allow", &self.allow, &self.allow_lists),
            side("deny", &self.deny, &self.deny_lists),
        ];
        sides.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// `allow 2 networks and list offices`; nothing where neither is named.
fn side(verb: &str, nets: &[Listed], lists: &[String]) -> Option<String> {
    let nets = match nets.len() {
        0 => None,
        1 => Some("1 network".to_owned()),
        count => Some(format!("{count} networks")),
    };
    let lists = match lists {
        [] => None,
        [one] => Some(format!("list {one}")),
        [one, two, three, rest @ ..] if !rest.is_empty() => Some(format!(
            "lists {one}, {two}, {three} and {} more",
            rest.len()
        )),
        several => Some(format!("lists {}", several.join(", "))),
    };
    let named: Vec<String> = nets.into_iter().chain(lists).collect();
    (!named.is_empty()).then(|| format!("{verb} {}", named.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_strictly() {
        for (text, is) in [
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("10.0.0.1", Some("10.0.0.1/32")),
            ("10.0.0.1/8", None),
            ("2001:db8::/32", Some("2001:db8::/32")),
            ("2001:DB8::1", Some("2001:db8::1/128")),
            ("::ffff:10.0.0.0/104", Some("10.0.0.0/8")),
            ("::ffff:10.0.0.1", Some("10.0.0.1/32")),
            ("::/0", Some("::/0")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("10.0.0.0/33", None),
            ("localhost", None),
            ("", None),
        ] {
            let net = net(text).map(|net| net.to_string());
            assert_eq!(net.as_deref(), is, "{text}");
        }
    }

    #[test]
    fn everything_wrong_is_named() {
        for (json, pointers) in [
            (r"{}", &[""][..]),
            (r#"{"deny":["1.2.3.4"]}"#, &[]),
            (r#"{"deny_lists":["blocked"]}"#, &[]),
            (
                r#"{"allow_lists":["office","A"],"deny_lists":["office","x y"]}"#,
                &["/allow_lists/1", "/deny_lists/0", "/deny_lists/1"],
            ),
            (
                r#"{"allow":["10.0.0.0/8","x",{"net":"10.0.0.0/8","until":"2026-12-01T00:00:00Z"}],"deny":["::ffff:10.0.0.0/104"]}"#,
                &["/allow/1", "/allow/2/net", "/deny/0"],
            ),
        ] {
            let policy: IpFilter = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
        let many = IpFilter {
            deny: vec![Listed::Always("1.1.1.1".into()); MAX_ENTRIES + 1],
            ..IpFilter::default()
        };
        assert_eq!(many.check().len(), 1);
        let many = IpFilter {
            deny_lists: (0..=crate::ip_list::MAX_NAMED)
                .map(|number| format!("l{number}"))
                .collect(),
            ..IpFilter::default()
        };
        assert_eq!(many.check().len(), 1);
        for json in [
            r#"{"allow":[1]}"#,
            r#"{"allow":[{"net":"1.1.1.1"}]}"#,
            r#"{"allow":[{"net":"1.1.1.1","until":"2026-12-01T00:00:00Z","x":1}]}"#,
        ] {
            assert!(serde_json::from_str::<IpFilter>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn words_tell_networks_and_lists() {
        for (json, words) in [
            (r#"{"deny":["1.2.3.4"]}"#, "deny 1 network"),
            (r#"{"allow_lists":["offices"]}"#, "allow list offices"),
            (
                r#"{"allow":["10.0.0.0/8","1.2.3.4"],"allow_lists":["offices"],"deny_lists":["bots"]}"#,
                "allow 2 networks and list offices; deny list bots",
            ),
            (
                r#"{"deny":["::/0"],"deny_lists":["a","b","c"]}"#,
                "deny 1 network and lists a, b, c",
            ),
            (
                r#"{"deny_lists":["a","b","c","d","e"]}"#,
                "deny lists a, b, c and 2 more",
            ),
        ] {
            let policy: IpFilter = serde_json::from_str(json).unwrap();
            assert_eq!(policy.words(), words, "{json}");
        }
    }
}
