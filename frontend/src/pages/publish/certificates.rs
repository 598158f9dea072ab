//! Certificates of hosts, how long they last, and what these hosts ask of a connection: an
//! organization's, or for the operator all there are.

pub mod edit;
pub mod host;

use chrono::{DateTime, Utc};
use domain::certificate::TlsMode;
use domain::wire::certificates::{Certificate, Host};
use leptos::prelude::*;

use super::At;
use crate::{
    format,
    frame::Section as Menu,
    icon::{Icon, icon},
    part::{
        head::{PageHead, Section},
        state::{Badge, Tone, tag},
        table::{self, Empty, Shape, Table, pager},
    },
};

/// From here on a certificate is to be renewed, in days.
const SOON: i64 = 30;

/// What the list shows.
#[derive(Clone, Debug)]
pub struct Certificates {
    pub at: At,
    pub certificates: Vec<Certificate>,
    pub older: Option<String>,
    pub hosts: Vec<Host>,
    pub may_edit: bool,
    /// The operator's page.
    pub of_platform: bool,
}

const LEDE: &str =
    "What the gateway shows for your hosts. Changes are live at once, without a restart.";
const LEDE_OF_PLATFORM: &str =
    "Those of the platform, and of its organizations. Changes are live at once, without a restart.";
const NONE: &str = "A certificate lets clients call your hosts by https: the gateway shows it for the hosts that it is for. Add one with its private key for a host that the operator granted to the organization.";
const NONE_OF_PLATFORM: &str = "A certificate lets clients call hosts by https: the gateway shows it for the hosts that it is for. Add one of the platform with its private key; organizations add those of the hosts that you grant to them.";

#[must_use]
pub fn list(page: Certificates) -> AnyView {
    let base = format!("{}/certificates", page.at.base());
    let new = format!("{base}/new");
    let action = page.may_edit.then(|| {
        let new = new.clone();
        view! { <a class="btn btn--primary" href=new>{icon(Icon::Plus)} "Add a certificate"</a> }
    });
    let shown = format::counted(
        page.certificates.len() as u64,
        "certificate",
        "certificates",
    );
    let rows: Vec<_> = page
        .certificates
        .iter()
        .map(|certificate| row(certificate, &base, page.of_platform, page.at.now))
        .collect();
    let columns = vec![
        table::wide("Certificate"),
        table::text("Hosts"),
        table::text("Ends"),
        table::text("Key"),
    ];
    let mut empty = Empty::new(
        Icon::Lock,
        "No certificate yet",
        if page.of_platform {
            NONE_OF_PLATFORM
        } else {
            NONE
        },
    );
    if page.may_edit {
        empty = empty.next(view! { <a class="btn" href=new>"Add a certificate"</a> });
    }
    let lede = if page.of_platform {
        LEDE_OF_PLATFORM
    } else {
        LEDE
    };
    let content = view! {
        {PageHead::new("Certificates").lede(lede).actions(view! { {action} })}
        {Table::new(Shape::Rows, columns).rows(rows).or_empty(empty)}
        {page.older.clone().map(|older| pager(shown, None, Some(older)))}
        {hosts(&page.hosts, &base, page.may_edit)}
    };
    page.at.page(Menu::Certificates, content)
}

fn row(certificate: &Certificate, base: &str, of_platform: bool, now: DateTime<Utc>) -> AnyView {
    let is_theirs = of_platform && certificate.organization.is_some();
    let theirs = is_theirs.then(|| view! { " " {tag("an organization's")} });
    let default = certificate.default.then(|| view! { " " {tag("default")} });
    let hosts = certificate
        .hosts
        .iter()
        .map(|host| view! { <span class="line mono">{host.clone()}</span> })
        .collect_view();
    view! {
        <tr>
            <td>
                <a href=format!("{base}/{}", certificate.id)><b>{certificate.name.clone()}</b></a>
                {default} {theirs}
                <span class="sub">{certificate.facts.issuer.clone()}</span>
            </td>
            <td data-label="Hosts">{hosts}</td>
            <td data-label="Ends">
                {left(certificate.facts.not_after, now)}
                <span class="sub">{format::date(certificate.facts.not_after)}</span>
            </td>
            <td class="nowrap" data-label="Key">{certificate.facts.key.clone()}</td>
        </tr>
    }
    .into_any()
}

/// How long a certificate lasts: a word and a colour before it is too late.
pub(crate) fn left(not_after: DateTime<Utc>, now: DateTime<Utc>) -> AnyView {
    let (tone, words) = remaining(not_after, now);
    let symbol = match tone {
        Tone::Danger => Icon::Warn,
        Tone::Warn => Icon::Clock,
        Tone::Plain | Tone::Ok | Tone::Info => Icon::Ok,
    };
    let badge = Badge::new(tone, symbol, words);
    let badge = if tone == Tone::Ok {
        badge.quiet()
    } else {
        badge
    };
    view! { {badge} }.into_any()
}

fn remaining(not_after: DateTime<Utc>, now: DateTime<Utc>) -> (Tone, String) {
    let days = (not_after - now).num_days();
    let words = format::counted(days.unsigned_abs(), "day", "days");
    if not_after <= now {
        (Tone::Danger, format!("Ended {words} ago"))
    } else if days < SOON {
        (Tone::Warn, format!("{words} left"))
    } else {
        (Tone::Ok, format!("{words} left"))
    }
}

/// Hosts with settings of their own.
fn hosts(hosts: &[Host], base: &str, may_edit: bool) -> AnyView {
    let rows: Vec<_> = hosts.iter().map(|host| host_row(host, base)).collect();
    let columns = vec![
        table::wide("Host"),
        table::text("Plain HTTP"),
        table::text("Client certificates"),
    ];
    let empty = Empty::new(
        Icon::Globe,
        "No host with settings",
        "A host with a certificate sends plain HTTP on to https. Here it can be told to serve both, or to ask its clients for certificates.",
    );
    let action = may_edit.then(|| {
        let new = format!("{base}/hosts");
        view! { <a class="btn" href=new>"Set up a host"</a> }
    });
    let body = Table::new(Shape::Rows, columns).rows(rows).or_empty(empty);
    let section = Section::new("hosts", "Hosts")
        .note("What single hosts ask of a connection.")
        .actions(view! { {action} })
        .body(view! { {body} });
    view! { {section} }.into_any()
}

fn host_row(host: &Host, base: &str) -> AnyView {
    let plain = match host.tls {
        None => "as its certificate says",
        Some(TlsMode::Required) => "sent on to https",
        Some(TlsMode::Optional) => "served too",
    };
    let clients = match (&host.client_ca, &host.client_crl_facts) {
        (None, _) => "not asked for",
        (Some(_), None) => "required",
        (Some(_), Some(_)) => "required, unless revoked",
    };
    view! {
        <tr>
            <td>
                <a class="mono" href=format!("{base}/hosts?host={}", host.host)>{host.host.clone()}</a>
            </td>
            <td data-label="Plain HTTP">{plain}</td>
            <td data-label="Client certificates">{clients}</td>
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_within_a_month_is_a_warning() {
        let now: DateTime<Utc> = "2026-11-21T12:00:00Z".parse().unwrap();
        for (at, tone, words) in [
            ("2027-11-21T12:00:00Z", Tone::Ok, "365 days left"),
            ("2026-12-21T12:00:00Z", Tone::Ok, "30 days left"),
            ("2026-12-21T11:59:59Z", Tone::Warn, "29 days left"),
            ("2026-11-22T12:00:00Z", Tone::Warn, "1 day left"),
            ("2026-11-21T12:00:01Z", Tone::Warn, "0 days left"),
            ("2026-11-21T12:00:00Z", Tone::Danger, "Ended 0 days ago"),
            ("2026-11-18T12:00:00Z", Tone::Danger, "Ended 3 days ago"),
        ] {
            let found = remaining(at.parse().unwrap(), now);
            assert_eq!(found, (tone, words.to_owned()), "{at}");
        }
    }
}
