//! How the gateway behaves on the wire: a real gateway in this process, an upstream that says what
//! it got, and a client that writes bytes as they are.

#![allow(
    unreachable_pub,
    reason = "what the themes share is a module of this one binary"
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod ambiguous;
mod ambiguous_http2;
mod answers;
mod asking;
mod bound;
mod canonical;
mod certificate_ends;
mod chosen;
mod chosen_passwords;
mod churn;
mod circuit;
mod client_addresses;
mod client_tls;
mod cluster;
mod corpus;
mod database_source;
mod drain;
mod explain;
mod floods;
mod forgeries;
mod health;
mod hedge;
mod hostile;
mod http1;
mod http2;
mod issuer_keys;
mod joined;
mod keys;
mod lifecycle;
mod limits;
mod limits_met;
mod mirror;
mod names;
mod newer;
mod node_report;
mod overload;
mod panics;
mod peers;
mod policies;
mod proxy_protocol;
mod proxying;
mod quota_store;
mod reload;
mod removed;
mod replay;
mod revoked;
mod rig;
mod routing;
mod signing;
mod split;
mod switch;
mod timeouts;
mod tls;
mod tokens;
mod traffic;
mod unreadable;
mod upstream_certificates;
mod upstream_http2;
mod upstreams;
mod versions;
mod windows;
