//! When certificates end, by certificate and host.

use std::fmt::Write;

use super::Page;
use crate::tls::End;

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
    ends.sort_by_key(|end| end.at);
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
            end.at.timestamp()
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
    use super::*;

    #[test]
    fn those_that_end_first_are_told() {
        let end = |name: &str, hosts: usize, at| End {
            certificate: name.into(),
            hosts: (0..hosts).map(|n| format!("h{n}.test")).collect(),
            at: chrono::DateTime::from_timestamp(at, 0).unwrap(),
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
