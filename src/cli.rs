//! The command line: one subcommand per role, flags that stand for settings.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// API management in one process: gateway, management API and developer portal.
#[derive(Debug, Parser)]
#[command(name = "portunus", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub role: Role,
}

#[derive(Debug, Subcommand)]
pub enum Role {
    /// Everything in one process, on embedded SQLite unless a database is named.
    Up(Up),
    /// The gateway alone: from the database, or from a file.
    Gateway(Gateway),
    /// Portal and management API alone.
    Portal(Portal),
    /// Bring the database's schema up to this release, then end.
    Migrate(Common),
    /// Check a declarative file; prints every problem with its place.
    Check { file: PathBuf },
    /// Print the effective settings and where each comes from.
    Config(Common),
    /// Make a personal token for a user.
    Token(Token),
    /// Ask a running process whether it is ready; for container health checks.
    Health(Health),
    /// Serve the demo's bookshop, an upstream to try things with.
    Sample(Sample),
    /// Say what the gateway would do with a request, and why; nothing is sent or counted.
    Explain(Explain),
    /// Work with what a running gateway keeps of answers.
    Cache {
        #[command(subcommand)]
        what: Cache,
    },
    /// Work with the audit log.
    Audit {
        #[command(subcommand)]
        what: Audit,
    },
}

/// Flags that every role understands.
#[derive(Debug, Args)]
pub struct Common {
    /// Settings file [default: portunus.toml, if it is there].
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// Directory for everything that is kept on disk [default: ./data].
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
    /// postgres://… or sqlite://… [default: SQLite in the data directory].
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Log filter [default: info].
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
}

impl Common {
    /// The flags as (setting, value) pairs.
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        pairs([
            ("data", &self.data),
            ("database_url", &self.database),
            ("log", &self.log),
        ])
    }
}

fn pairs<const N: usize>(
    flags: [(&'static str, &Option<String>); N],
) -> Vec<(&'static str, String)> {
    flags
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.clone()?)))
        .collect()
}

#[derive(Debug, Args)]
pub struct Up {
    #[command(flatten)]
    pub common: Common,
    /// Address of portal and management API [default: 127.0.0.1:3000].
    #[arg(long, value_name = "ADDR")]
    pub portal: Option<String>,
    /// Address of the gateway [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    pub gateway: Option<String>,
    /// A second address of the gateway, for TLS.
    #[arg(long, value_name = "ADDR")]
    pub gateway_tls: Option<String>,
    /// Address of health and metrics [default: 127.0.0.1:9090].
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<String>,
    /// Name of this gateway node, kept in the data directory.
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    /// Fill an empty installation with a demo: organization, API, sample upstream, users, traffic.
    #[arg(long)]
    pub demo: bool,
    /// Take over from the process that serves from the same data directory, if there is one: it
    /// goes on until this one is ready, and then only ends what it has begun.
    #[arg(long, conflicts_with = "demo")]
    pub takeover: bool,
    /// Print one JSON line with the addresses when everything serves.
    #[arg(long)]
    pub ready_json: bool,
    /// Serve the portal by plain HTTP on a host that is not loopback.
    #[arg(long)]
    pub insecure_http: bool,
}

impl Up {
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        let mut flags = self.common.flags();
        flags.extend(pairs([
            ("portal", &self.portal),
            ("gateway", &self.gateway),
            ("gateway_tls", &self.gateway_tls),
            ("admin", &self.admin),
            ("node", &self.node),
            (
                "insecure_http",
                &self.insecure_http.then(|| "true".to_owned()),
            ),
        ]));
        flags
    }
}

#[derive(Debug, Args)]
pub struct Gateway {
    #[command(flatten)]
    pub common: Common,
    /// Declarative file to serve, instead of a database; read again when it changes.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address of the gateway [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    pub gateway: Option<String>,
    /// A second address of the gateway, for TLS.
    #[arg(long, value_name = "ADDR")]
    pub gateway_tls: Option<String>,
    /// Address of health and metrics [default: 127.0.0.1:9090].
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<String>,
    /// Name of this gateway node, kept in the data directory.
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    /// Take over from the process that serves from the same data directory, if there is one: it
    /// goes on until this one is ready, and then only ends what it has begun.
    #[arg(long)]
    pub takeover: bool,
    /// Print one JSON line with the addresses when everything serves.
    #[arg(long)]
    pub ready_json: bool,
}

impl Gateway {
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        let mut flags = self.common.flags();
        flags.extend(pairs([
            ("gateway", &self.gateway),
            ("gateway_tls", &self.gateway_tls),
            ("admin", &self.admin),
            ("node", &self.node),
        ]));
        flags
    }
}

#[derive(Debug, Args)]
pub struct Portal {
    #[command(flatten)]
    pub common: Common,
    /// Address of portal and management API [default: 127.0.0.1:3000].
    #[arg(long, value_name = "ADDR")]
    pub portal: Option<String>,
    /// Address of health and metrics [default: 127.0.0.1:9091].
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<String>,
    /// Print one JSON line with the addresses when everything serves.
    #[arg(long)]
    pub ready_json: bool,
    /// Serve by plain HTTP on a host that is not loopback.
    #[arg(long)]
    pub insecure_http: bool,
}

impl Portal {
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        let mut flags = self.common.flags();
        flags.extend(pairs([
            ("portal", &self.portal),
            ("admin", &self.admin),
            (
                "insecure_http",
                &self.insecure_http.then(|| "true".to_owned()),
            ),
        ]));
        flags
    }
}

#[derive(Debug, Args)]
pub struct Token {
    #[command(flatten)]
    pub common: Common,
    /// Mail address of the user whom the token stands for.
    #[arg(long, value_name = "ADDRESS")]
    pub user: String,
    /// What it may do, `<resource>:read` or `<resource>:write`; may be given several times.
    #[arg(long, value_name = "SCOPE", required = true)]
    pub scope: Vec<String>,
    /// How long it is good, such as 24h or 30d.
    #[arg(long, value_name = "DURATION")]
    pub expires: domain::duration::Span,
}

#[derive(Debug, Args)]
pub struct Health {
    /// Settings file of the process that is asked [default: portunus.toml, if it is there].
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// Address of health and metrics to ask [default: the setting `admin`, else 127.0.0.1:9090; a
    /// portal alone has 127.0.0.1:9091].
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<String>,
}

#[derive(Debug, Args)]
pub struct Sample {
    /// Address to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9000")]
    pub listen: std::net::SocketAddr,
}

#[derive(Debug, Args)]
pub struct Explain {
    #[command(flatten)]
    pub common: Common,
    /// Method and target, as in 'GET /pets/7?full=1'; GET unless a method is given.
    #[arg(value_name = "REQUEST", required_unless_present = "request_id")]
    pub request: Option<String>,
    /// A header field of the request, as in 'X-Api-Key: …'; may be given several times.
    #[arg(short = 'H', long = "header", value_name = "FIELD")]
    pub header: Vec<String>,
    /// Address that the request comes from [default: 127.0.0.1; of a portal, where you are].
    #[arg(long, value_name = "IP")]
    pub client: Option<std::net::IpAddr>,
    /// Ask about a declarative file, without any server.
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    pub config: Option<PathBuf>,
    /// Ask a running platform at its portal's address, with the token in PORTUNUS_TOKEN
    /// [default: the database of the settings].
    #[arg(long, value_name = "URL")]
    pub from: Option<url::Url>,
    /// Explain a request of your own traffic by its X-Request-Id.
    #[arg(long, value_name = "ID", requires = "from", conflicts_with_all = ["request", "header", "client"])]
    pub request_id: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Cache {
    /// Take kept answers out of one running gateway, and say how many.
    Purge(Purge),
}

#[derive(Debug, Args)]
pub struct Purge {
    #[command(flatten)]
    pub process: Health,
    #[command(flatten)]
    pub what: Purged,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Purged {
    /// One address, as in shop.example.com/pets?page=2.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// All addresses that begin so, as in shop.example.com/pets.
    #[arg(long, value_name = "URL")]
    pub prefix: Option<String>,
    /// All that the upstream put this group or key on.
    #[arg(long, value_name = "TAG")]
    pub tag: Option<String>,
    /// Everything.
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Recompute every chain; ends with 1 and says where if a row was changed, removed or added.
    Verify(Common),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_name_settings() {
        let cli = Cli::parse_from([
            "portunus",
            "up",
            "--portal",
            "127.0.0.1:0",
            "--demo",
            "--insecure-http",
        ]);
        let Role::Up(up) = cli.role else { panic!("up") };
        let flags = up.flags();
        assert!(flags.contains(&("portal", "127.0.0.1:0".into())));
        for (name, _) in flags {
            assert!(
                crate::settings::TABLE
                    .iter()
                    .any(|setting| setting.name == name),
                "{name}"
            );
        }
    }
}
