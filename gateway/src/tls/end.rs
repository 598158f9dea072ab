//! When certificates end: for the metric, and for a warning while there is time to renew them.

use chrono::{DateTime, TimeDelta, Utc};

use super::certificate::Pair;

/// What ends sooner is warned of.
const SOON: TimeDelta = TimeDelta::days(14);

/// When a certificate ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    /// The certificate's name.
    pub(crate) certificate: String,
    /// Those that it is shown for; empty for one that is only the default.
    pub(crate) hosts: Vec<String>,
    pub(crate) at: DateTime<Utc>,
}

impl End {
    /// `None` when the certificate does not tell.
    pub(crate) fn of(name: &str, pair: &Pair) -> Option<Self> {
        Some(Self {
            certificate: name.to_owned(),
            hosts: pair.hosts.clone(),
            at: pair.not_after?,
        })
    }
}

/// What is said of a certificate's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Ended,
    Soon,
}

fn due(at: DateTime<Utc>, now: DateTime<Utc>) -> Option<Due> {
    if at <= now {
        Some(Due::Ended)
    } else {
        (at - now <= SOON).then_some(Due::Soon)
    }
}

/// Says which certificates have ended or will soon: once for a state, not for each handshake.
pub(crate) fn warn(ends: &[End], now: DateTime<Utc>) {
    for end in ends {
        let (certificate, hosts) = (&end.certificate, end.hosts.join(", "));
        let not_after = end.at.to_rfc3339();
        match due(end.at, now) {
            None => {}
            Some(Due::Ended) => {
                tracing::warn!(
                    certificate,
                    hosts,
                    not_after,
                    "A certificate has ended: clients refuse it."
                );
            }
            Some(Due::Soon) => {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_within_two_weeks_is_due() {
        let now: DateTime<Utc> = "2026-11-21T12:00:00Z".parse().unwrap();
        for (at, answer) in [
            ("2026-11-21T11:59:59Z", Some(Due::Ended)),
            ("2026-11-21T12:00:00Z", Some(Due::Ended)),
            ("2026-11-21T12:00:01Z", Some(Due::Soon)),
            ("2026-12-05T12:00:00Z", Some(Due::Soon)),
            ("2026-12-05T12:00:01Z", None),
        ] {
            assert_eq!(due(at.parse().unwrap(), now), answer, "{at}");
        }
    }
}
