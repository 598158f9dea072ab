//! What clients' connections came to.

use super::{Page, WorkerMetrics};

pub(super) fn write(page: &mut Page, sum: &dyn Fn(fn(&WorkerMetrics) -> u64) -> u64) {
    page.one(
        "connections_total",
        "counter",
        "Client connections accepted.",
        sum(|w| w.accepted.get()),
    );
    page.one(
        "connections_refused_total",
        "counter",
        "Client connections refused by a limit.",
        sum(|w| w.refused_connections.get()),
    );
    page.one(
        "streams_revoked_total",
        "counter",
        "WebSockets and answers under way that were ended because their caller may not call any more.",
        sum(|w| w.streams_revoked.get()),
    );
    page.one(
        "framing_refused_total",
        "counter",
        "Messages refused before a request existed.",
        sum(|w| w.framing.get()),
    );
    page.one(
        "tls_handshakes_total",
        "counter",
        "TLS handshakes that clients completed.",
        sum(|w| w.tls_handshakes.get()),
    );
    page.one(
        "tls_handshakes_failed_total",
        "counter",
        "TLS handshakes that failed or took too long.",
        sum(|w| w.tls_failed.get()),
    );
    page.one(
        "http2_connections_total",
        "counter",
        "Client connections that spoke HTTP/2.",
        sum(|w| w.http2_connections.get()),
    );
    page.one(
        "http2_flooded_total",
        "counter",
        "Connections of HTTP/2 that were ended for a flood of resets, frames or heads.",
        sum(|w| w.http2_flooded.get()),
    );
    page.one(
        "http2_heads_refused_total",
        "counter",
        "Heads of HTTP/2 of which no request came: of a stream beyond those at a time, too long, or malformed.",
        sum(|w| w.http2_heads_refused.get()),
    );
    page.one(
        "bodies_unread_total",
        "counter",
        "Rests of bodies that were not read as nobody wants them, and with which their connections ended.",
        sum(|w| w.bodies_unread.get()),
    );
    page.one(
        "client_names_passed_over_total",
        "counter",
        "Client certificates with more alternative names than are looked at.",
        sum(|w| w.names_passed_over.get()),
    );
}
