//! What answers say about the end of their version: `Deprecation` (RFC 9745), `Sunset` (RFC 8594)
//! and `Link`, made when a state is compiled.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::id::{ApiId, OrganizationId, VersionId};
use domain::organization::ClientAddresses;
use domain::snapshot::Deprecation;

use crate::body::Answer;
use crate::fields::Fields;
use crate::head::Head;
use crate::policy::{Cors, Noted, cors};

/// The fields of a version that is deprecated, or gone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    deprecation: Box<str>,
    sunset: Option<Box<str>>,
    link: Option<Box<str>>,
    /// From then on it does not answer, in microseconds since 1970; `i64::MAX` where that is open.
    end_us: i64,
}

/// Where more is said.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// The page of the version itself, absolute.
    pub(crate) own: Option<String>,
    /// The page of the one that comes after it, or where that one answers.
    pub(crate) successor: Option<String>,
}

impl Notice {
    pub(crate) fn new(told: &Deprecation, links: &Links) -> Self {
        let relations = [
            ("deprecation", links.own.as_deref()),
            (
                "sunset",
                links.own.as_deref().filter(|_| told.sunset.is_some()),
            ),
            ("successor-version", links.successor.as_deref()),
        ];
        let written = relations.into_iter().filter_map(|(relation, target)| {
            let target = target?;
            let kind = match relation {
                "successor-version" => "",
                _ => r#"; type="text/html""#,
            };
            Some(format!(r#"<{target}>; rel="{relation}"{kind}"#))
        });
        let written: Vec<String> = written.collect();
        Self {
            deprecation: format!("@{}", told.since.timestamp()).into(),
            sunset: told.sunset.map(http_date),
            link: (!written.is_empty()).then(|| written.join(", ").into()),
            end_us: told.end().map_or(i64::MAX, |end| end.timestamp_micros()),
        }
    }

    /// Whether the version has reached its end. `now_us` is in microseconds since 1970.
    pub(crate) const fn is_over(&self, now_us: i64) -> bool {
        now_us >= self.end_us
    }

    /// What the upstream says of the same is not true of what the gateway serves, where the two
    /// differ; of links there may be several.
    pub(crate) fn write(&self, fields: &mut Fields) {
        fields.set("deprecation", self.deprecation.as_bytes());
        if let Some(sunset) = &self.sunset {
            fields.set("sunset", sunset.as_bytes());
        }
        if let Some(link) = &self.link {
            fields.push("link", link.as_bytes());
        }
    }
}

/// RFC 9110 §5.6.7.
fn http_date(at: DateTime<Utc>) -> Box<str> {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string().into()
}

/// A version that is retired, where it answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Retired {
    pub(crate) version: VersionId,
    pub(crate) api: ApiId,
    pub(crate) provider: OrganizationId,
    pub(crate) client_addresses: ClientAddresses,
    pub(crate) revision: u32,
    pub(crate) notice: Arc<Notice>,
    /// Which pages may read that it is gone.
    pub(crate) cors: Option<Cors>,
}

/// Who asks at the place of a retired version with `cors`, and what is told to anybody there.
#[derive(Debug)]
pub(crate) struct Page {
    told: Told,
    retired: Arc<Retired>,
    noted: Noted,
}

/// What an answer says, whatever it is, because of the place where the request went.
#[derive(Debug)]
pub(crate) enum Told {
    /// The fields by which the version was chosen, for `Vary`.
    Vary(Box<str>),
    Notice(Arc<Notice>),
    Both(Box<str>, Arc<Notice>),
    Page(Box<Page>),
}

impl Told {
    /// What was told before, and the notice with it.
    pub(crate) fn and(before: Option<Self>, notice: Arc<Notice>) -> Self {
        match before {
            Some(Self::Vary(vary) | Self::Both(vary, _)) => Self::Both(vary, notice),
            Some(Self::Notice(_) | Self::Page(_)) | None => Self::Notice(notice),
        }
    }

    /// The same of a version that is retired, to whoever asks there.
    pub(crate) fn gone(before: Option<Self>, retired: &Arc<Retired>, noted: Noted) -> Self {
        let told = Self::and(before, retired.notice.clone());
        match retired.cors {
            None => told,
            Some(_) => Self::Page(Box::new(Page {
                told,
                retired: retired.clone(),
                noted,
            })),
        }
    }

    /// The answer to a preflight: the page is to hear why there is none to its request.
    pub(crate) fn preflight(&self, head: &Head) -> Option<Answer> {
        let Self::Page(page) = self else {
            return None;
        };
        let cors = page.retired.cors.as_ref()?;
        cors::asked_method(head)?;
        let mut answer = cors.preflight(head, &page.noted);
        cors.finish(&page.noted, true, &mut answer.fields);
        Some(answer)
    }

    pub(crate) fn write(&self, fields: &mut Fields) {
        if let Self::Vary(vary) | Self::Both(vary, _) = self {
            fields.push("vary", vary.as_bytes());
        }
        if let Self::Notice(notice) | Self::Both(_, notice) = self {
            notice.write(fields);
        }
        if let Self::Page(page) = self {
            page.told.write(fields);
            if let Some(cors) = &page.retired.cors {
                cors.finish(&page.noted, false, fields);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sunset: Option<&str>, retires: bool) -> Deprecation {
        Deprecation {
            since: "2026-03-01T00:00:00Z".parse().unwrap(),
            sunset: sunset.map(|at| at.parse().unwrap()),
            successor: None,
            retires,
        }
    }

    fn written(notice: &Notice, fields: &mut Fields) -> Vec<(String, String)> {
        notice.write(fields);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_lowercase();
        let all = fields.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value).into_owned();
            (text(name), value)
        });
        all.collect()
    }

    #[test]
    fn fields_say_what_is_known() {
        let links = Links {
            own: Some("https://p.test/a".into()),
            successor: Some("https://p.test/b".into()),
        };
        let notice = Notice::new(&told(Some("2026-09-06T08:00:00Z"), false), &links);
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            written(&notice, &mut Fields::new(b"")),
            [
                field("deprecation", "@1772323200"),
                field("sunset", "Sun, 06 Sep 2026 08:00:00 GMT"),
                field(
                    "link",
                    r#"<https://p.test/a>; rel="deprecation"; type="text/html", <https://p.test/a>; rel="sunset"; type="text/html", <https://p.test/b>; rel="successor-version""#
                ),
            ]
        );
        let notice = Notice::new(&told(None, false), &Links::default());
        assert_eq!(
            written(&notice, &mut Fields::new(b"")),
            [field("deprecation", "@1772323200")]
        );
    }

    #[test]
    fn what_the_upstream_says_stays_where_it_does_not_contradict() {
        let mut fields = Fields::new(b"");
        fields.push("Deprecation", b"@1");
        fields.push("Sunset", b"Thu, 01 Jan 1970 00:00:00 GMT");
        fields.push("Link", b"</next>; rel=\"next\"");
        let links = Links {
            successor: Some("/v2".into()),
            ..Links::default()
        };
        let found = written(&Notice::new(&told(None, false), &links), &mut fields);
        let values: Vec<&str> = found.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(
            values,
            [
                "Thu, 01 Jan 1970 00:00:00 GMT",
                "</next>; rel=\"next\"",
                "@1772323200",
                "</v2>; rel=\"successor-version\"",
            ]
        );
    }

    #[test]
    fn an_end_is_the_moment_of_the_sunset() {
        let sunset = Some("2026-09-06T08:00:00Z");
        let at = 1_788_681_600_000_000;
        for (told, now, over) in [
            (told(sunset, true), at - 1, false),
            (told(sunset, true), at, true),
            (told(sunset, false), at, false),
            (told(None, true), i64::MAX - 1, false),
        ] {
            let notice = Notice::new(&told, &Links::default());
            assert_eq!(notice.is_over(now), over, "{told:?} {now}");
        }
    }
}
