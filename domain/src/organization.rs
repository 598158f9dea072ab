//! Organizations: the tenant, whether it may act, and what is kept of those who call its APIs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationState {
    #[default]
    Active,
    /// Members read only; its keys and its routes answer `organization_suspended`.
    Suspended,
}

impl OrganizationState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "active" => Some(Self::Active),
            "suspended" => Some(Self::Suspended),
            _ => None,
        }
    }
}

/// How much of a client's address the records of an organization's APIs keep.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ClientAddresses {
    #[default]
    Whole,
    /// The network that it lies in: /24 of IPv4, /48 of IPv6.
    Truncated,
    /// Nothing.
    Dropped,
}

impl ClientAddresses {
    pub const ALL: [Self; 3] = [Self::Whole, Self::Truncated, Self::Dropped];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Truncated => "truncated",
            Self::Dropped => "dropped",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }

    /// What is kept of an address. IPv4 written in IPv6 is cut as IPv4: all of it lies in one /48.
    pub const fn keep(self, address: IpAddr) -> Option<IpAddr> {
        match self {
            Self::Whole => Some(address),
            Self::Truncated => Some(match address.to_canonical() {
                IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() >> 8 << 8)),
                IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 80 << 80)),
            }),
            Self::Dropped => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_kept_as_far_as_is_said() {
        for (address, truncated) in [
            ("203.0.113.77", "203.0.113.0"),
            ("203.0.113.0", "203.0.113.0"),
            ("255.255.255.255", "255.255.255.0"),
            ("::ffff:203.0.113.77", "203.0.113.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
            ("2001:db8:ffff:ffff::1", "2001:db8:ffff::"),
            ("::1", "::"),
        ] {
            let whole: IpAddr = address.parse().unwrap();
            let kept = |form: ClientAddresses| form.keep(whole).map(|kept| kept.to_string());
            assert_eq!(ClientAddresses::Whole.keep(whole), Some(whole));
            assert_eq!(kept(ClientAddresses::Truncated).as_deref(), Some(truncated));
            assert_eq!(kept(ClientAddresses::Dropped), None);
        }
    }

    #[test]
    fn its_words_are_those_of_json() {
        for form in ClientAddresses::ALL {
            assert_eq!(ClientAddresses::parse(form.as_str()), Some(form));
            let json = serde_json::to_value(form).unwrap();
            assert_eq!(json, form.as_str());
        }
        assert_eq!(ClientAddresses::parse("hashed"), None);
    }
}
