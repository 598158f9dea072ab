//! When certificates begin and end: for the metrics, and for a warning while there is time to
//! renew them.

use chrono::{DateTime, TimeDelta, Utc};
use domain::certificate::Facts;
use domain::id::UpstreamId;
use domain::problem::Invalid;
use domain::snapshot::Parts;

use super::certificate::{self, Pair};
use super::revoked;

/// What ends sooner is warned of.
const SOON: TimeDelta = TimeDelta::days(14);

/// From when to when a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) from: DateTime<Utc>,
    pub(crate) to: DateTime<Utc>,
}

impl Term {
    pub(crate) const fn of(facts: &Facts) -> Self {
        Self {
            from: facts.not_before,
            to: facts.not_after,
        }
    }

    fn state(self, now: DateTime<Utc>) -> Option<Due> {
        if self.to <= now {
            Some(Due::Ended)
        } else if self.from > now {
            Some(Due::Early)
        } else {
            (self.to - now <= SOON).then_some(Due::Soon)
        }
    }
}

/// When a certificate that clients are shown ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    /// The certificate's name.
    pub(crate) certificate: String,
    /// Those that it is shown for; empty for one that is only the default.
    pub(crate) hosts: Vec<String>,
    pub(crate) term: Term,
}

impl End {
    /// `None` when the certificate does not tell.
    pub(crate) fn of(name: &str, pair: &Pair) -> Option<Self> {
        Some(Self {
            certificate: name.to_owned(),
            hosts: pair.hosts.clone(),
            term: pair.term?,
        })
    }
}

/// When the certificate that an upstream is shown ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientEnd {
    /// The upstream's name, which is unique in its organization only.
    pub(crate) upstream: String,
    pub(crate) id: UpstreamId,
    pub(crate) term: Term,
}

/// What is said of a certificate's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Early,
    Ended,
    Soon,
}

/// What was looked at before, and when.
#[derive(Debug)]
pub(crate) struct Last<'e, E> {
    pub(crate) ends: &'e [E],
    pub(crate) at: DateTime<Utc>,
}

/// Says which certificates are not good or will not be soon, but for those of which the same was to
/// say at the `last` look: once for a certificate, not for each handshake or change of another.
pub(crate) fn warn(ends: &[End], last: Last<'_, End>, now: DateTime<Utc>) {
    for (end, due) in due(ends, last, now, |end| end.term, Some) {
        let (certificate, hosts) = (&end.certificate, end.hosts.join(", "));
        let not_before = end.term.from.to_rfc3339();
        let not_after = end.term.to.to_rfc3339();
        match due {
            Due::Early => {
                tracing::error!(
                    certificate,
                    hosts,
                    not_before,
                    "A certificate has not begun: clients refuse it."
                );
            }
            Due::Ended => {
                tracing::error!(
                    certificate,
                    hosts,
                    not_after,
                    "A certificate has ended: clients refuse it."
                );
            }
            Due::Soon => {
                tracing::warn!(
                    certificate,
                    hosts,
                    not_after,
                    "A certificate ends within 14 days: renew it."
                );
            }
        }
    }
}

/// [`warn`] for what upstreams are shown.
pub(crate) fn warn_of_clients(ends: &[ClientEnd], last: Last<'_, ClientEnd>, now: DateTime<Utc>) {
    for (end, due) in due(ends, last, now, |end| end.term, Some) {
        let upstream = &end.upstream;
        let not_before = end.term.from.to_rfc3339();
        let not_after = end.term.to.to_rfc3339();
        match due {
            Due::Early => {
                tracing::error!(
                    upstream,
                    upstream.id = %end.id,
                    not_before,
                    "A client certificate has not begun: its upstream refuses it."
                );
            }
            Due::Ended => {
                tracing::error!(
                    upstream,
                    upstream.id = %end.id,
                    not_after,
                    "A client certificate has ended: its upstream refuses it."
                );
            }
            Due::Soon => {
                tracing::warn!(
                    upstream,
                    upstream.id = %end.id,
                    not_after,
                    "A client certificate ends within 14 days: renew it."
                );
            }
        }
    }
}

/// Says which lists of revoked certificates are over, or have not begun, but for those of which the
/// same was to say at the `last` look.
pub(crate) fn warn_of_lists(ends: &[End], last: Last<'_, End>, now: DateTime<Utc>) {
    // The next one comes shortly before the end, as a rule.
    let over = |due: Due| Some(due).filter(|due| *due != Due::Soon);
    for (end, due) in due(ends, last, now, |end| end.term, over) {
        let (issuer, hosts) = (&end.certificate, end.hosts.join(", "));
        let at = match due {
            Due::Early => end.term.from,
            Due::Ended | Due::Soon => end.term.to,
        };
        tracing::warn!(
            issuer,
            hosts,
            at = at.to_rfc3339(),
            "A list of revoked certificates is not of now: bring the present one."
        );
    }
}

/// Those of which there is something to say that counts, and was not to say at the last look.
fn due<'e, E: PartialEq>(
    ends: &'e [E],
    last: Last<'e, E>,
    now: DateTime<Utc>,
    term: impl Fn(&E) -> Term + 'e,
    counts: impl Fn(Due) -> Option<Due> + 'e,
) -> impl Iterator<Item = (&'e E, Due)> {
    ends.iter().filter_map(move |end| {
        let term = term(end);
        let due = term.state(now).and_then(&counts)?;
        let was = term.state(last.at).and_then(&counts);
        let is_known = was == Some(due) && last.ends.contains(end);
        (!is_known).then_some((end, due))
    })
}

/// Certificates of a written configuration that are not good at `now`, their authorities included,
/// with pointers into the declarative file. They can be served, but nobody would take them.
pub(crate) fn out_of_time(parts: &Parts, now: DateTime<Utc>) -> Vec<Invalid> {
    let served = parts.certificates.iter();
    let served = served.map(|one| (format!("/certificates/{}", one.name), &one.certificate));
    let shown = parts.upstreams.iter().filter_map(|upstream| {
        let own = upstream.client_certificate.as_ref()?;
        let place = format!("/upstreams/{}/tls/client_certificate", upstream.name);
        Some((place, &own.certificate))
    });
    let mut found = Vec::new();
    for (place, pem) in served.chain(shown) {
        for (index, facts) in certificate::facts(pem).iter().enumerate() {
            let which = match index {
                0 => "The certificate".to_owned(),
                _ => format!("The authority {} in the chain", facts.subject),
            };
            let message = match Term::of(facts).state(now) {
                None | Some(Due::Soon) => continue,
                Some(Due::Early) => format!("{which} begins on {}.", day(facts.not_before)),
                Some(Due::Ended) => {
                    format!("{which} has expired: it ended on {}.", day(facts.not_after))
                }
            };
            found.push(Invalid::new(format!("{place}/certificate"), message));
        }
    }
    for host in &parts.hosts {
        for (issuer, to) in revoked::ends(host.client_crl.as_deref().unwrap_or_default()) {
            if to <= now {
                let message = format!("The list of {issuer} is over since {}.", day(to));
                let place = format!("/hosts/{}/client_crl", host.host);
                found.push(Invalid::new(place, message));
            }
        }
    }
    found
}

fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d at %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use domain::snapshot::Snapshot;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn what_ends_within_two_weeks_is_due() {
        let now = at("2026-11-21T12:00:00Z");
        let long_ago = "2020-01-01T00:00:00Z";
        for (from, to, answer) in [
            (long_ago, "2026-11-21T11:59:59Z", Some(Due::Ended)),
            (long_ago, "2026-11-21T12:00:00Z", Some(Due::Ended)),
            (long_ago, "2026-11-21T12:00:01Z", Some(Due::Soon)),
            (long_ago, "2026-12-05T12:00:00Z", Some(Due::Soon)),
            (long_ago, "2026-12-05T12:00:01Z", None),
            ("2026-11-21T12:00:00Z", "2027-01-01T00:00:00Z", None),
            (
                "2026-11-21T12:00:01Z",
                "2027-01-01T00:00:00Z",
                Some(Due::Early),
            ),
            (
                "2026-11-21T12:00:01Z",
                "2026-11-22T00:00:00Z",
                Some(Due::Early),
            ),
        ] {
            let term = Term {
                from: at(from),
                to: at(to),
            };
            assert_eq!(term.state(now), answer, "{from} to {to}");
        }
    }

    #[test]
    fn what_was_said_of_one_is_not_said_again() {
        let end = |name: &str, to: &str| End {
            certificate: name.to_owned(),
            hosts: Vec::new(),
            term: Term {
                from: at("2020-01-01T00:00:00Z"),
                to: at(to),
            },
        };
        let now = at("2026-11-21T12:00:00Z");
        let (old, soon) = (
            end("old", "2021-01-01T00:00:00Z"),
            end("soon", "2026-11-22T00:00:00Z"),
        );
        let long = end("long", "2036-11-22T00:00:00Z");
        let renewed = end("old", "2026-11-30T00:00:00Z");
        let at_last = |ends: &[End], last: &[End], at: DateTime<Utc>| {
            let due = due(ends, Last { ends: last, at }, now, |end| end.term, Some);
            due.map(|(end, due)| (end.clone(), due)).collect::<Vec<_>>()
        };
        let said = |ends: &[End], known: &[End]| at_last(ends, known, now);
        let first = [old.clone(), soon.clone(), long];
        let both = [(old, Due::Ended), (soon.clone(), Due::Soon)];
        assert_eq!(said(&first, &[]), both);
        assert_eq!(said(&first, &first), []);
        // What has come to be so meanwhile is said, though nothing was changed.
        for (at, new) in [
            ("2026-11-21T11:00:00Z", &both[..0]),
            ("2026-11-08T00:00:00Z", &both[..0]),
            ("2026-11-07T23:59:59Z", &both[1..]),
            ("2020-12-01T00:00:00Z", &both[..]),
        ] {
            assert_eq!(at_last(&first, &first, self::at(at)), new, "{at}");
        }
        assert_eq!(
            said(&[renewed.clone(), soon], &first),
            [(renewed, Due::Soon)]
        );
    }

    #[test]
    fn what_is_out_of_time_is_named_by_its_place() {
        let indented = |pem: &str| pem.replace('\n', "\n      ");
        let [good, key, ended, ended_key] = [
            include_str!("../../tests/it/tls/b.pem"),
            include_str!("../../tests/it/tls/b.key"),
            include_str!("../../tests/it/tls/ended.pem"),
            include_str!("../../tests/it/tls/ended.key"),
        ]
        .map(indented);
        let text = format!(
            "portunus: 1
certificates:
  good:
    certificate: |
      {good}
    key: |
      {key}
  chained:
    certificate: |
      {good}
      {ended}
    key: |
      {key}
  old:
    certificate: |
      {ended}
    key: |
      {ended_key}
upstreams:
  u:
    targets: [{{ url: 'https://127.0.0.1:1' }}]
    tls:
     client_certificate:
      certificate: |
       {}
      key: |
       {}
",
            ended.replace('\n', "\n "),
            ended_key.replace('\n', "\n "),
        );
        let manifest = domain::manifest::read(&text, &|_| None).unwrap();
        let snapshot: Snapshot =
            domain::manifest::resolve(&manifest, 1, &|_| Err("no file".to_owned())).unwrap();
        let told = |now: &str| {
            let found = out_of_time(&snapshot.parts, at(now));
            let told = found
                .iter()
                .map(|one| format!("{}: {}", one.pointer, one.message));
            let mut told: Vec<_> = told.collect();
            told.sort();
            told
        };
        let expired = "has expired: it ended on 2021-01-01 at 00:00 UTC.";
        assert_eq!(
            told("2027-01-01T00:00:00Z"),
            [
                format!(
                    "/certificates/chained/certificate: The authority CN=ended.test in the chain {expired}"
                ),
                format!("/certificates/old/certificate: The certificate {expired}"),
                format!(
                    "/upstreams/u/tls/client_certificate/certificate: The certificate {expired}"
                ),
            ]
        );
        // Before any of them begins.
        let early = told("2019-12-31T23:59:59Z");
        assert_eq!(early.len(), 5);
        assert!(early[4].ends_with("begins on 2020-01-01 at 00:00 UTC."));
    }
}
