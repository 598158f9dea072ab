//! Which network addresses a request of ours may go to: upstream targets at save and at connect,
//! and whatever else a tenant names (gateway.md §6, security.md "SSRF").
//!
//! One rule for management plane and gateway, so that both judge alike. It looks at addresses
//! only; who resolves a name hands in each address that it got, and connects to the one checked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::snapshot::Settings;

/// Why an address was refused, as a sentence for the person who named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressRefused {
    /// Metadata services and our own listeners, database and Redis: no setting opens them.
    #[error("This address is never a target.")]
    Never,
    /// Not a public address, and in none of the networks that the operator opened.
    #[error("This address lies in a network that the operator has not opened for upstreams ({0}).")]
    NotPublic(&'static str),
}

/// Addresses at which clouds hand secrets to whoever asks from inside.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
];

/// Names of the same services, for hosts that resolve them to something else.
const METADATA_NAMES: [&str; 4] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
];

/// Whether a host name is a metadata service, whatever it resolves to.
pub fn is_metadata_name(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    METADATA_NAMES
        .iter()
        .any(|name| host.eq_ignore_ascii_case(name))
        || host
            .to_ascii_lowercase()
            .ends_with(".metadata.google.internal")
}

/// Judges one resolved address. `own` are the addresses of this installation's listeners, its
/// database, Redis and mail host; an unspecified one (`0.0.0.0:8080`) stands for its port on every
/// address that is not public.
pub fn judge(
    address: SocketAddr,
    settings: &Settings,
    own: &[SocketAddr],
) -> Result<(), AddressRefused> {
    let ip = unmapped(address.ip());
    let exact = SocketAddr::new(ip, address.port());
    if METADATA.contains(&ip) || own.iter().any(|own| is_own(exact, *own)) {
        return Err(AddressRefused::Never);
    }
    let Some(why) = not_public(ip) else {
        return Ok(());
    };
    let allowed = settings.upstream_allow.iter().any(|net| net.contains(&ip))
        || settings
            .upstream_allow_exact
            .iter()
            .any(|allowed| SocketAddr::new(unmapped(allowed.ip()), allowed.port()) == exact);
    if allowed {
        Ok(())
    } else {
        Err(AddressRefused::NotPublic(why))
    }
}

fn is_own(address: SocketAddr, own: SocketAddr) -> bool {
    if address.port() != own.port() {
        return false;
    }
    let own = unmapped(own.ip());
    own == address.ip()
        || (own.is_unspecified() && not_public(address.ip()).is_some())
        // A listener on one loopback address is reached under its siblings only if bound to all;
        // refusing the family costs nothing and closes the gap.
        || (own.is_loopback() && address.ip().is_loopback())
        || (own.is_loopback() && address.ip().is_unspecified())
}

/// `::ffff:10.0.0.1` is `10.0.0.1` in other clothes.
fn unmapped(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
    }
}

/// The kind of network, unless the address is an ordinary public one (IANA special-purpose
/// registries, RFC 6890).
fn not_public(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(v4) => not_public_v4(v4),
        IpAddr::V6(v6) => not_public_v6(v6),
    }
}

fn not_public_v4(ip: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = ip.octets();
    match (a, b, c) {
        (0, _, _) => Some("unspecified"),
        (127, _, _) => Some("loopback"),
        (10, _, _) | (172, 16..=31, _) | (192, 168, _) => Some("private"),
        (169, 254, _) => Some("link-local"),
        (100, 64..=127, _) => Some("carrier-grade NAT"),
        (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) | (198, 18..=19, _) | (192, 88, 99) => {
            Some("special purpose")
        }
        (224..=239, _, _) => Some("multicast"),
        (240..=255, _, _) => Some("reserved"),
        _ => None,
    }
}

fn not_public_v6(ip: Ipv6Addr) -> Option<&'static str> {
    let parts = ip.segments();
    match (parts[0], parts[1]) {
        _ if ip.is_unspecified() => Some("unspecified"),
        _ if ip.is_loopback() => Some("loopback"),
        (0, 0) => Some("IPv4-compatible"),
        (0x64, 0xff9b) => Some("NAT64"),
        (0x2002, _) | (0x2001, 0) => Some("IPv4 in IPv6"),
        (0x2001, 0x0db8) | (0x2001, 0x0002) | (0x3fff, _) | (0x0100, 0) => Some("special purpose"),
        (0xfc00..=0xfdff, _) => Some("private"),
        (0xfe80..=0xfebf, _) => Some("link-local"),
        (0xfec0..=0xfeff, _) => Some("site-local"),
        (0xff00..=0xffff, _) => Some("multicast"),
        (0x2000..=0x3fff, _) => None,
        _ => Some("reserved"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, settings: &Settings) -> Result<(), AddressRefused> {
        let own = [
            "0.0.0.0:8080".parse().unwrap(),
            "127.0.0.1:3000".parse().unwrap(),
        ];
        judge(address.parse().unwrap(), settings, &own)
    }

    #[test]
    fn only_public_addresses_pass_unless_opened() {
        let none = Settings::default();
        for good in [
            "93.184.216.34:443",
            "[2606:2800:220:1::1]:443",
            "1.1.1.1:80",
        ] {
            assert_eq!(check(good, &none), Ok(()), "{good}");
        }
        for bad in [
            "127.0.0.1:80",
            "10.1.2.3:80",
            "172.31.0.1:80",
            "192.168.1.1:80",
            "169.254.1.1:80",
            "100.64.0.1:80",
            "224.0.0.1:80",
            "0.0.0.0:80",
            "255.255.255.255:80",
            "[::1]:80",
            "[::]:80",
            "[fe80::1]:80",
            "[fc00::1]:80",
            "[ff02::1]:80",
            "[::ffff:127.0.0.1]:80",
            "[::127.0.0.1]:80",
            "[64:ff9b::7f00:1]:80",
            "[2002:7f00:1::]:80",
        ] {
            assert!(
                matches!(check(bad, &none), Err(AddressRefused::NotPublic(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn the_operator_opens_networks_but_never_metadata_or_ourselves() {
        let settings = Settings {
            upstream_allow: vec!["127.0.0.0/8".parse().unwrap(), "0.0.0.0/0".parse().unwrap()],
            upstream_allow_exact: vec!["[::1]:9000".parse().unwrap()],
            tokens: None,
        };
        assert_eq!(check("127.0.0.1:9000", &settings), Ok(()));
        assert_eq!(check("[::ffff:127.0.0.1]:9000", &settings), Ok(()));
        assert_eq!(check("[::1]:9000", &settings), Ok(()));
        assert!(check("[::1]:9001", &settings).is_err());
        for never in [
            "169.254.169.254:80",
            "[::ffff:169.254.169.254]:80",
            "100.100.100.200:80",
            "127.0.0.1:8080",
            "10.0.0.1:8080",
            "127.0.0.1:3000",
            "127.0.0.9:3000",
            "[::1]:3000",
            "0.0.0.0:3000",
        ] {
            assert_eq!(
                check(never, &settings),
                Err(AddressRefused::Never),
                "{never}"
            );
        }
        assert!(is_metadata_name("Metadata.Google.Internal."));
        assert!(!is_metadata_name("example.com"));
    }
}
