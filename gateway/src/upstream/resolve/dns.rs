//! Names as this host knows them: by its file of hosts, by its name servers, which alone tell how
//! long an address is good, and by whatever else its system asks.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    LookupIpStrategy, ResolveHosts, ResolverConfig, ServerOrderingStrategy,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::parse_resolv_conf;

use super::{Answer, Resolver};

/// Where a host keeps what it knows of names: the files that its C library reads, each time anew.
#[derive(Debug, Clone)]
pub struct NameFiles {
    /// Names that nobody is asked for, default `/etc/hosts`.
    pub hosts: PathBuf,
    /// Name servers, domains to search and options, default `/etc/resolv.conf`.
    pub resolv_conf: PathBuf,
    /// Where name servers listen, default 53. Tests have another.
    pub port: u16,
}

impl Default for NameFiles {
    fn default() -> Self {
        Self {
            hosts: "/etc/hosts".into(),
            resolv_conf: "/etc/resolv.conf".into(),
            port: 53,
        }
    }
}

/// Who is asked, in this order: the file of hosts, the name servers, the others.
pub(super) struct Names {
    files: NameFiles,
    servers: Mutex<Option<Servers>>,
    /// Asked where there is no name server, and for names that none of them knows.
    others: Resolver,
    /// It is said once that they knew a name which no name server did.
    others_told: AtomicBool,
}

/// What a text of [`NameFiles::resolv_conf`] came to.
struct Servers {
    text: Vec<u8>,
    resolver: Option<TokioResolver>,
}

impl Names {
    pub(super) fn new(files: NameFiles, others: Resolver) -> Self {
        Self {
            files,
            servers: Mutex::default(),
            others,
            others_told: AtomicBool::new(false),
        }
    }

    pub(super) async fn ask(&self, name: &str, port: u16) -> io::Result<Answer> {
        let hosts = tokio::fs::read(&self.files.hosts).await.unwrap_or_default();
        let mut known = listed(&String::from_utf8_lossy(&hosts), name);
        if known.is_empty() && is_localhost(name) {
            known = vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
        }
        if !known.is_empty() {
            return Ok(answer(known, port, None));
        }
        // As it is written: an underscore is none of a host's name, and yet many have one.
        let (Some(servers), Ok(written)) = (self.servers().await, Name::from_ascii(name)) else {
            return self.others.ask(name.to_owned(), port).await;
        };
        match servers.lookup_ip(written).await {
            Ok(found) => {
                // The aliases on the way are among the records.
                let records = found.as_lookup().answers().iter();
                let ttl = records.map(|record| record.ttl).min();
                let ttl = ttl.map(|seconds| Duration::from_secs(seconds.into()));
                Ok(answer(found.iter().collect(), port, ttl))
            }
            Err(error) if error.is_no_records_found() => self.ask_others(name, port, error).await,
            Err(error) => Err(io::Error::other(error)),
        }
    }

    async fn ask_others(&self, name: &str, port: u16, unknown: NetError) -> io::Result<Answer> {
        let known = self.others.ask(name.to_owned(), port).await;
        let known = known.map_err(|_| io::Error::other(unknown))?;
        if !known.addresses.is_empty() && !self.others_told.swap(true, Relaxed) {
            tracing::info!(
                name,
                "No name server knows the name of a target that the system finds elsewhere; such names are resolved anew every ten seconds."
            );
        }
        Ok(known)
    }

    /// `None` where the file cannot be read or names none.
    async fn servers(&self) -> Option<TokioResolver> {
        let path = &self.files.resolv_conf;
        let text = tokio::fs::read(path).await.unwrap_or_default();
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = servers.as_ref().filter(|known| known.text == text) {
            return known.resolver.clone();
        }
        let built = build(&text, self.files.port);
        if let Err(error) = &built {
            tracing::warn!(file = %path.display(), %error, "No name server is to be learned from the file, so names of targets are resolved by the system, every ten seconds.");
        }
        let resolver = built.ok();
        *servers = Some(Servers {
            text,
            resolver: resolver.clone(),
        });
        resolver
    }
}

fn build(text: &[u8], port: u16) -> Result<TokioResolver, NetError> {
    let (config, mut options) = parse_resolv_conf(text)?;
    let (domain, search, mut servers) = config.into_parts();
    // The library drops the zone of such an address, without which it leads nowhere.
    servers.retain(|server| !matches!(server.ip, IpAddr::V6(ip) if ip.is_unicast_link_local()));
    if servers.is_empty() {
        return Err(io::Error::other("no name server that can be asked").into());
    }
    for server in &mut servers {
        for connection in &mut server.connections {
            connection.port = port;
        }
    }
    // The domain of this host's own name is searched only where the file names none.
    let domain = domain.filter(|_| search.is_empty());
    options.timeout = options.timeout.max(Duration::from_secs(1));
    // The library counts those after the first.
    options.attempts = options.attempts.saturating_sub(1);
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    // One after another, as the C library asks: the second may know less than the first.
    options.num_concurrent_reqs = 1;
    options.server_ordering_strategy = if rotates(text) {
        ServerOrderingStrategy::RoundRobin
    } else {
        ServerOrderingStrategy::UserProvidedOrder
    };
    options.preserve_intermediates = true;
    // Whoever asks keeps the answer for its time, and asks anew on purpose.
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    let config = ResolverConfig::from_parts(domain, search, servers);
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options)
        .build()
}

/// `options rotate`, which the library passes over.
fn rotates(text: &[u8]) -> bool {
    String::from_utf8_lossy(text).lines().any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some("options") && words.any(|word| word == "rotate")
    })
}

/// The addresses of a name in a file of hosts, each once.
fn listed(hosts: &str, name: &str) -> Vec<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut found = Vec::new();
    for line in hosts.lines() {
        let told = line.split('#').next().unwrap_or_default();
        let mut words = told.split_whitespace();
        let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
        if let Some(address) = address
            && words.any(|word| word.eq_ignore_ascii_case(name))
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// Nobody is asked for these (RFC 6761 §6.3).
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("localhost")
}

/// One kind of addresses before the other, whichever came first: those of IPv6 where this host has a
/// way to them, as the C library has it. Among themselves they stay as they were told.
fn answer(known: Vec<IpAddr>, port: u16, ttl: Option<Duration>) -> Answer {
    let addresses = known.into_iter().map(|ip| SocketAddr::new(ip, port));
    let (mut new, mut old): (Vec<_>, Vec<_>) = addresses.partition(SocketAddr::is_ipv6);
    let addresses = if new.first().is_some_and(|first| has_way(*first)) {
        new.append(&mut old);
        new
    } else {
        old.append(&mut new);
        old
    };
    Answer { addresses, ttl }
}

/// Whether there is a route; nothing is sent.
fn has_way(to: SocketAddr) -> bool {
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0));
    socket.and_then(|socket| socket.connect(to)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_hosts_are_read_as_the_c_library_reads_them() {
        let hosts = "# local\n127.0.0.1 localhost here\n\n10.0.0.1\tbooks.test Books # 10.0.0.9 books\n\
             fe80::1%eth0 books\nnonsense books\n10.0.0.1 books\n2001:db8::1 books\r\n10.0.0.2";
        for (name, addresses) in [
            ("here", &["127.0.0.1"][..]),
            ("books.test", &["10.0.0.1"]),
            ("books.test.", &["10.0.0.1"]),
            ("BOOKS", &["10.0.0.1", "2001:db8::1"]),
            ("local", &[]),
            ("10.0.0.9", &[]),
            ("", &[]),
        ] {
            let found = listed(hosts, name);
            let expected: Vec<IpAddr> = addresses.iter().map(|one| one.parse().unwrap()).collect();
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn names_of_this_host_are_its_own() {
        for (name, is) in [
            ("localhost", true),
            ("a.LocalHost.", true),
            ("localhost.test", false),
            ("notlocalhost", false),
            ("", false),
        ] {
            assert_eq!(is_localhost(name), is, "{name}");
        }
    }

    #[test]
    fn kinds_of_addresses_stay_together() {
        let (one, two): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        // Which is first depends on the routes of this machine.
        let new: IpAddr = "2001:db8::1".parse().unwrap();
        for known in [
            vec![two, new, one],
            vec![new, two, one],
            vec![two, one, new],
        ] {
            let found = answer(known, 80, None).addresses;
            let ips: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
            assert!(ips == [two, one, new] || ips == [new, two, one], "{ips:?}");
        }
    }

    #[test]
    fn options_are_those_of_the_file() {
        for (text, rotate) in [
            ("nameserver 10.0.0.1\noptions ndots:2 rotate\n", true),
            ("options\trotate", true),
            ("# options rotate", false),
            ("search rotate", false),
            ("", false),
        ] {
            assert_eq!(rotates(text.as_bytes()), rotate, "{text}");
        }
        for (text, servers) in [
            ("nameserver 10.0.0.1", true),
            ("nameserver 10.0.0.1\noptions timeout:0 attempts:0", true),
            ("search example.com", false),
            ("", false),
            ("nameserver nobody", false),
            ("nameserver fe80::1%eth0", false),
        ] {
            assert_eq!(build(text.as_bytes(), 53).is_ok(), servers, "{text}");
        }
    }
}
