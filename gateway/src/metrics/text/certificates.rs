//! When certificates end: by certificate and host, and by the upstream that one is shown to.

use std::fmt::Write;

use super::Page;
use crate::tls::{ClientEnd, End};

/// Lines at most: those that end first.
const MOST: usize = 1000;

pub(super) fn write(page: &mut Page, ends: &[End]) {
    if ends.is_empty() {
        return;
    }
    page.head(
        "certificate_not_after_seconds",
        "gauge",
        "When a certificate ends, in seconds since 1970.",
    );
    let mut ends: Vec<&End> = ends.iter().collect();
    ends.sort_by_key(|end| end.term.to);
    let lines = ends.into_iter().flat_map(|end| {
        // One that is only the default has a line without a host.
        let no_host = end.hosts.is_empty().then_some("");
        let hosts = end.hosts.iter().map(String::as_str).chain(no_host);
        hosts.map(move |host| (end, host))
    });
    for (end, host) in lines.take(MOST) {
        let name = escaped(&end.certificate);
        let _ = writeln!(
            page.0,
            "portunus_certificate_not_after_seconds{{certificate=\"{name}\",host=\"{host}\"}} {}",
            end.term.to.timestamp()
        );
    }
}

/// Of lists of revoked certificates, by host.
pub(super) fn write_lists(page: &mut Page, ends: &[End]) {
    if ends.is_empty() {
        return;
    }
    page.head(
        "client_crl_next_update_seconds",
        "gauge",
        "When a host's list of revoked client certificates is over, in seconds since 1970.",
    );
    let mut ends: Vec<&End> = ends.iter().collect();
    ends.sort_by_key(|end| end.term.to);
    for end in ends.into_iter().take(MOST) {
        let issuer = escaped(&end.certificate);
        let _ = writeln!(
            page.0,
            "portunus_client_crl_next_update_seconds{{issuer=\"{issuer}\",host=\"{}\"}} {}",
            end.hosts.join(","),
            end.term.to.timestamp()
        );
    }
}

pub(super) fn write_clients(page: &mut Page, ends: &[ClientEnd]) {
    if ends.is_empty() {
        return;
    }
    page.head(
        "upstream_certificate_not_after_seconds",
        "gauge",
        "When the certificate that an upstream is shown ends, in seconds since 1970.",
    );
    let mut ends: Vec<&ClientEnd> = ends.iter().collect();
    ends.sort_by_key(|end| end.term.to);
    for end in ends.into_iter().take(MOST) {
        let (name, id) = (escaped(&end.upstream), end.id);
        let _ = writeln!(
            page.0,
            "portunus_upstream_certificate_not_after_seconds{{upstream=\"{name}\",id=\"{id}\"}} {}",
            end.term.to.timestamp()
        );
    }
}

/// As the text format wants the value of a label. People write these names.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::id::UpstreamId;

    use super::*;
    use crate::tls::Term;

    fn term(to: i64) -> Term {
        Term {
            from: DateTime::UNIX_EPOCH,
            to: DateTime::from_timestamp(to, 0).unwrap(),
        }
    }

    #[test]
    fn upstreams_of_one_name_are_told_apart() {
        let end = |organization: &str, to| ClientEnd {
            upstream: "a \"b\"".into(),
            id: UpstreamId::from_name("upstream", organization),
            term: term(to),
        };
        let mut page = Page(String::new());
        write_clients(&mut page, &[]);
        assert_eq!(page.0, "");
        let ends = [end("x", 20), end("y", 10)];
        write_clients(&mut page, &ends);
        let name = "portunus_upstream_certificate_not_after_seconds";
        let line = |end: &ClientEnd, at| {
            let id = end.id;
            format!("{name}{{upstream=\"a \\\"b\\\"\",id=\"{id}\"}} {at}")
        };
        let lines: Vec<&str> = page.0.lines().skip(2).collect();
        assert_eq!(lines, [line(&ends[1], 10), line(&ends[0], 20)]);
        let all: Vec<_> = (0..=MOST as i64).map(|n| end("x", n)).collect();
        let mut page = Page(String::new());
        write_clients(&mut page, &all);
        assert_eq!(page.0.lines().count(), MOST + 2);
    }

    #[test]
    fn those_that_end_first_are_told() {
        let end = |name: &str, hosts: usize, at| End {
            certificate: name.into(),
            hosts: (0..hosts).map(|n| format!("h{n}.test")).collect(),
            term: term(at),
        };
        let mut page = Page(String::new());
        write(&mut page, &[]);
        assert_eq!(page.0, "");
        write(
            &mut page,
            &[
                end("many", MOST, 30),
                end("a \"b\" \\\n", 1, 20),
                end("alone", 0, 10),
            ],
        );
        let lines: Vec<&str> = page.0.lines().skip(2).collect();
        let name = "portunus_certificate_not_after_seconds";
        assert_eq!(lines.len(), MOST);
        assert_eq!(
            lines[0],
            format!("{name}{{certificate=\"alone\",host=\"\"}} 10")
        );
        assert_eq!(
            lines[1],
            format!("{name}{{certificate=\"a \\\"b\\\" \\\\\\n\",host=\"h0.test\"}} 20")
        );
        assert!(lines[2].ends_with("30"), "{}", lines[2]);
    }
}
