//! The table of settings: what `portunus config` prints and docs/settings.md explains.

/// One setting. Its flag is `--name` with hyphens, where a command has one.
#[derive(Debug)]
pub struct Setting {
    pub name: &'static str,
    pub variable: &'static str,
    /// As text; `None` when there is no value unless one is set.
    pub default: Option<&'static str>,
    /// Masked when printed; may also be given as the path of a file in `<variable>_FILE`.
    pub secret: bool,
    pub help: &'static str,
}

const fn plain(
    name: &'static str,
    variable: &'static str,
    default: Option<&'static str>,
    help: &'static str,
) -> Setting {
    Setting {
        name,
        variable,
        default,
        secret: false,
        help,
    }
}

const fn secret(name: &'static str, variable: &'static str, help: &'static str) -> Setting {
    Setting {
        name,
        variable,
        default: None,
        secret: true,
        help,
    }
}

pub const TABLE: &[Setting] = &[
    plain(
        "data",
        "PORTUNUS_DATA",
        Some("./data"),
        "Directory for everything that this process keeps on disk.",
    ),
    plain(
        "portal",
        "PORTUNUS_PORTAL",
        Some("127.0.0.1:3000"),
        "Address that portal and management API listen on; port 0 takes a free one.",
    ),
    plain(
        "gateway",
        "PORTUNUS_GATEWAY",
        Some("127.0.0.1:8080"),
        "Address that the gateway listens on.",
    ),
    plain(
        "gateway_tls",
        "PORTUNUS_GATEWAY_TLS",
        None,
        "A second address of the gateway, for TLS; none unless set.",
    ),
    plain(
        "proxy_protocol",
        "PORTUNUS_PROXY_PROTOCOL",
        Some("false"),
        "Connections from trusted_proxies begin with a PROXY header, version 1 or 2.",
    ),
    plain(
        "admin",
        "PORTUNUS_ADMIN",
        None,
        "Address of health and metrics; 127.0.0.1:9090, for a portal alone 127.0.0.1:9091.",
    ),
    Setting {
        name: "database_url",
        variable: "PORTUNUS_DATABASE_URL",
        default: None,
        secret: true,
        help: "postgres://… or sqlite://…; unless set, SQLite in the data directory.",
    },
    secret(
        "redis_url",
        "PORTUNUS_REDIS_URL",
        "redis://… or rediss://…: what gateways share rate limits of the cluster by, and answers that a cache keeps for all nodes; without it each node counts and keeps by itself.",
    ),
    secret(
        "smtp_url",
        "PORTUNUS_SMTP_URL",
        "smtp://… or smtps://user:password@host:port. Without it mails wait in the operator's outbox, readable there.",
    ),
    plain(
        "mail_from",
        "PORTUNUS_MAIL_FROM",
        Some("Portunus <portunus@localhost>"),
        "Sender of all mails.",
    ),
    plain(
        "portal_url",
        "PORTUNUS_PORTAL_URL",
        None,
        "Public address of the portal, used in mails and links; the bound address unless set.",
    ),
    plain(
        "gateway_url",
        "PORTUNUS_GATEWAY_URL",
        None,
        "Public address of the gateway, used in curl examples; the bound address unless set.",
    ),
    plain(
        "trusted_proxies",
        "PORTUNUS_TRUSTED_PROXIES",
        Some(""),
        "CIDRs whose X-Forwarded-* is believed, separated by commas.",
    ),
    plain(
        "insecure_http",
        "PORTUNUS_INSECURE_HTTP",
        Some("false"),
        "Serve the portal by plain HTTP on a host that is not loopback.",
    ),
    plain(
        "outgoing_ca",
        "PORTUNUS_OUTGOING_CA",
        None,
        "PEM file of authorities, besides the system's, that servers are known by which webhooks are sent to and lists of networks fetched from.",
    ),
    secret(
        "gateway_key",
        "PORTUNUS_GATEWAY_KEY",
        "Key ring for upstream credentials: 32 bytes in base64, several separated by commas, the first seals.",
    ),
    secret(
        "portal_key",
        "PORTUNUS_PORTAL_KEY",
        "Key ring for everything else that is sealed, and for the audit chain.",
    ),
    plain(
        "operator_email",
        "PORTUNUS_OPERATOR_EMAIL",
        None,
        "Makes the first operator at start, used only while there is none.",
    ),
    secret(
        "operator_password",
        "PORTUNUS_OPERATOR_PASSWORD",
        "Password of that operator.",
    ),
    plain(
        "password_min",
        "PORTUNUS_PASSWORD_MIN",
        Some("15"),
        "Least length of a password in characters; at least 8.",
    ),
    plain(
        "session_idle",
        "PORTUNUS_SESSION_IDLE",
        Some("30m"),
        "A session that is not used for so long ends.",
    ),
    plain(
        "session_absolute",
        "PORTUNUS_SESSION_ABSOLUTE",
        Some("8h"),
        "No session lives longer, unless its device is remembered.",
    ),
    plain(
        "session_remember",
        "PORTUNUS_SESSION_REMEMBER",
        Some("30d"),
        "How long a remembered device stays signed in.",
    ),
    plain(
        "node",
        "PORTUNUS_NODE",
        None,
        "Name of this gateway node; made up once and kept in the data directory unless set.",
    ),
    plain(
        "region",
        "PORTUNUS_REGION",
        None,
        "Where this gateway node stands: targets of the same region are preferred; none unless set.",
    ),
    plain(
        "workers",
        "PORTUNUS_WORKERS",
        None,
        "Threads of the data plane; one per core unless set.",
    ),
    plain(
        "drain",
        "PORTUNUS_DRAIN",
        Some("30s"),
        "How long SIGTERM waits for requests in flight.",
    ),
    plain(
        "max_head",
        "PORTUNUS_MAX_HEAD",
        Some("32KiB"),
        "Most bytes of a request's line and header fields together.",
    ),
    plain(
        "max_field",
        "PORTUNUS_MAX_FIELD",
        Some("16KiB"),
        "Most bytes of one header field.",
    ),
    plain(
        "max_fields",
        "PORTUNUS_MAX_FIELDS",
        Some("100"),
        "Most header fields of a request.",
    ),
    plain(
        "max_target",
        "PORTUNUS_MAX_TARGET",
        Some("8KiB"),
        "Most bytes of a request's target.",
    ),
    plain(
        "max_body",
        "PORTUNUS_MAX_BODY",
        Some("10MiB"),
        "Most bytes of a request's body.",
    ),
    plain(
        "head_timeout",
        "PORTUNUS_HEAD_TIMEOUT",
        Some("10s"),
        "How long a client may take to send a head.",
    ),
    plain(
        "tls_timeout",
        "PORTUNUS_TLS_TIMEOUT",
        Some("10s"),
        "How long a client's TLS handshake may take.",
    ),
    plain(
        "body_rate",
        "PORTUNUS_BODY_RATE",
        Some("240"),
        "Least bytes a second of a request's body, in each 10 s in which more of it is awaited; 0 asks for none.",
    ),
    plain(
        "http2_streams",
        "PORTUNUS_HTTP2_STREAMS",
        Some("100"),
        "Most requests at a time on one connection of HTTP/2.",
    ),
    plain(
        "http2_resets",
        "PORTUNUS_HTTP2_RESETS",
        Some("200"),
        "Most streams of HTTP/2 that a client may reset in 30 s before its connection is ended.",
    ),
    plain(
        "idle_timeout",
        "PORTUNUS_IDLE_TIMEOUT",
        Some("60s"),
        "How long a client's connection may rest between two requests.",
    ),
    plain(
        "write_timeout",
        "PORTUNUS_WRITE_TIMEOUT",
        Some("30s"),
        "How long a client may read nothing of its answer.",
    ),
    plain(
        "upstream_keep",
        "PORTUNUS_UPSTREAM_KEEP",
        Some("4s"),
        "How long an upstream connection that rests is used again; below the upstream's own time-out.",
    ),
    plain(
        "upstream_kept",
        "PORTUNUS_UPSTREAM_KEPT",
        Some("256"),
        "Resting upstream connections that a worker keeps for one target.",
    ),
    plain(
        "connections",
        "PORTUNUS_CONNECTIONS",
        Some("10000"),
        "Most client connections; never more than half of the process's file limit.",
    ),
    plain(
        "connections_per_address",
        "PORTUNUS_CONNECTIONS_PER_ADDRESS",
        Some("100"),
        "Most client connections of one address; not counted when trusted_proxies is set.",
    ),
    plain(
        "requests_in_flight",
        "PORTUNUS_REQUESTS_IN_FLIGHT",
        Some("10000"),
        "Most requests that the gateway works on at a time; what is above is answered 503 overloaded.",
    ),
    plain(
        "limiter_cells",
        "PORTUNUS_LIMITER_CELLS",
        Some("1000000"),
        "Addresses and tuples that limits remember at a time.",
    ),
    plain(
        "cache_size",
        "PORTUNUS_CACHE_SIZE",
        Some("64MiB"),
        "Most memory for answers that the policy cache keeps.",
    ),
    plain(
        "log",
        "PORTUNUS_LOG",
        Some("info"),
        "Log filter: a level, or directives like info,gateway=debug.",
    ),
    plain(
        "log_format",
        "PORTUNUS_LOG_FORMAT",
        Some("text"),
        "text or json.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_variables_agree() {
        for setting in TABLE {
            assert_eq!(
                setting.variable,
                format!("PORTUNUS_{}", setting.name.to_uppercase())
            );
            assert!(setting.help.ends_with('.'), "{}", setting.name);
        }
    }
}
