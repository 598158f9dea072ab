//! `compress`: which answers are encoded, and how (RFC 9110 §12.5.3).

use domain::policy::{self, compress::Coding};

use super::Noted;
use super::reshape::weaken;
use crate::body::{Answer, Outflow};
use crate::call::Call;
use crate::fields::{Fields, Name};
use crate::packed::Packed;

/// The running form.
#[derive(Debug)]
pub(crate) struct Compress {
    codings: Box<[Coding]>,
    types: Box<[Type]>,
    min_bytes: u64,
}

/// Media types in small letters.
#[derive(Debug)]
enum Type {
    Whole(Box<str>),
    /// `text/`
    Kind(Box<str>),
    /// `+json`
    Suffix(Box<str>),
}

impl Type {
    fn read(text: &str) -> Self {
        if let Some(suffix) = text.strip_prefix("*/*") {
            return Self::Suffix(suffix.into());
        }
        match text.strip_suffix('*') {
            Some(kind) => Self::Kind(kind.into()),
            None => Self::Whole(text.into()),
        }
    }

    fn holds(&self, media_type: &str) -> bool {
        match self {
            Self::Whole(whole) => media_type == &**whole,
            Self::Kind(kind) => media_type.starts_with(&**kind),
            Self::Suffix(suffix) => media_type.ends_with(&**suffix),
        }
    }
}

impl Compress {
    pub(crate) fn compile(policy: &policy::Compress) -> Self {
        Self {
            codings: policy.encodings.clone().into(),
            types: policy.types.iter().map(|text| Type::read(text)).collect(),
            min_bytes: policy.min_bytes.into(),
        }
    }

    pub(crate) fn finish(&self, call: &Call<'_>, noted: &Noted, answer: &mut Answer) {
        if !self.concerns(answer.status, &answer.fields) {
            return;
        }
        super::vary(&mut answer.fields, "Accept-Encoding");
        if matches!(answer.status, 206 | 304) {
            return self.agree(noted, &mut answer.fields);
        }
        let is_head = call.head.method == http::Method::HEAD;
        let held = match &answer.body {
            Outflow::Whole(bytes, _) => Some(bytes.len() as u64),
            Outflow::Made(made) => Some(made.bytes.len() as u64),
            Outflow::Shared(given) => Some(given.len() as u64),
            Outflow::Switched(_) | Outflow::Packed(_) => return,
            Outflow::Link(_) | Outflow::Stream(_) | Outflow::Keeping(_) | Outflow::Passing(_) => {
                None
            }
        };
        // One to HEAD has no body, and may tell how long GET's would be.
        let held = held.filter(|length| !is_head || *length > 0);
        let length = held.or_else(|| {
            let told = answer.fields.get(Name::ContentLength)?;
            std::str::from_utf8(told).ok()?.parse().ok()
        });
        if length.is_some_and(|length| length < self.min_bytes.max(1)) {
            return;
        }
        let Some(coding) = choose(&self.codings, &noted.accepts) else {
            return;
        };
        if is_head {
            // It says what an answer to GET would (RFC 9110 §9.3.2).
            return mark(&mut answer.fields, coding);
        }
        let body = std::mem::replace(&mut answer.body, Outflow::empty());
        match Packed::new(body, coding, call.worker, &call.record.connection) {
            Err(body) => answer.body = body,
            Ok(packed) => {
                answer.body = Outflow::Packed(Box::new(packed));
                mark(&mut answer.fields, coding);
            }
        }
    }

    /// What speaks of a whole that this client gets encoded says the same of it (RFC 9110 §15.3.7,
    /// §15.4.5), unless the client tells that it has it as it is.
    fn agree(&self, noted: &Noted, fields: &mut Fields) {
        let is_short = whole_length(fields).is_some_and(|length| length < self.min_bytes.max(1));
        let is_encoded = !is_short && choose(&self.codings, &noted.accepts).is_some();
        if is_encoded && !noted.holds_unchanged(fields) {
            weaken(fields);
        }
    }

    /// Whether an answer, or the whole that it speaks of, may be encoded at all: of a listed type, not
    /// encoded yet, and with nothing that says what its bytes are.
    fn concerns(&self, status: u16, fields: &Fields) -> bool {
        const SETTLED: [&str; 5] = [
            "content-encoding",
            "content-digest",
            "repr-digest",
            "digest",
            "content-md5",
        ];
        let is_part = fields.named("content-range").next().is_some();
        if matches!(status, 100..=199 | 204 | 205) || is_part && status != 206 {
            return false;
        }
        let media_type = fields.get(Name::ContentType).unwrap_or_default();
        let media_type = media_type.split(|b| *b == b';').next().unwrap_or_default();
        let media_type = String::from_utf8_lossy(media_type.trim_ascii()).to_ascii_lowercase();
        // Of which type the whole is, these need not say.
        let is_untold = matches!(
            (status, &*media_type),
            (304, "") | (206, "multipart/byteranges")
        );
        // Each event is to be there at once.
        media_type != "text/event-stream"
            && (is_untold || self.types.iter().any(|one| one.holds(&media_type)))
            && SETTLED
                .iter()
                .all(|name| fields.named(name).next().is_none())
            && !fields.named("cache-control").any(forbids)
    }
}

/// `no-transform` (RFC 9111 §5.2.2.6).
fn forbids(line: &[u8]) -> bool {
    let mut directives = line.split(|b| *b == b',');
    directives.any(|one| one.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
}

/// Says what was done. The bytes are others now: a strong validator would be a lie.
fn mark(fields: &mut Fields, coding: Coding) {
    fields.remove(Name::ContentLength);
    fields.remove_named(b"accept-ranges");
    fields.push("content-encoding", coding.as_str().as_bytes());
    weaken(fields);
}

/// Of what a part is of, where it tells.
fn whole_length(fields: &Fields) -> Option<u64> {
    let told = fields.named("content-range").next()?;
    let (_, length) = std::str::from_utf8(told).ok()?.split_once('/')?;
    length.trim().parse().ok()
}

/// The coding that the client likes best, and at least as much as none.
fn choose(codings: &[Coding], accepts: &[u8]) -> Option<Coding> {
    let text = std::str::from_utf8(accepts).ok()?;
    let quality = |name: &str| -> Option<u16> {
        let mut any = None;
        for entry in text.split(',') {
            let (coding, rest) = entry.split_once(';').unwrap_or((entry, ""));
            let coding = coding.trim();
            if coding.eq_ignore_ascii_case(name) {
                return Some(weight(rest));
            }
            if coding == "*" {
                any = Some(weight(rest));
            }
        }
        any
    };
    // Named or not, no coding is always there; named, it can be liked better.
    let identity = text
        .to_ascii_lowercase()
        .contains("identity")
        .then(|| quality("identity"));
    let least = identity.flatten().unwrap_or(0).max(1);
    let mut best: Option<(u16, Coding)> = None;
    for coding in codings {
        if let Some(quality) = quality(coding.as_str())
            && quality >= least
            && best.is_none_or(|(other, _)| quality > other)
        {
            best = Some((quality, *coding));
        }
    }
    best.map(|(_, coding)| coding)
}

/// In thousandths; what cannot be read is not wanted.
fn weight(parameters: &str) -> u16 {
    let mut parameters = parameters.split(';').map(str::trim);
    let value =
        parameters.find_map(|one| one.strip_prefix("q=").or_else(|| one.strip_prefix("Q=")));
    match value.map(str::parse::<f32>) {
        None => 1000,
        Some(Ok(weight)) if (0.0..=1.0).contains(&weight) => (weight * 1000.0) as u16,
        Some(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_chooses() {
        use Coding::{Br, Gzip, Zstd};
        for (accepts, coding) in [
            ("gzip, deflate, br", Some(Br)),
            ("gzip", Some(Gzip)),
            ("GZIP;q=0.5", Some(Gzip)),
            ("br;q=0.5, gzip", Some(Gzip)),
            ("br;q=0, *", Some(Gzip)),
            ("*;q=0", None),
            ("*", Some(Br)),
            ("", None),
            ("identity", None),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip", Some(Gzip)),
            ("gzip;q=nonsense", None),
            ("gzip;q=2", None),
            ("deflate, zstd", None),
            ("gzip;q=0, br;q=0", None),
        ] {
            assert_eq!(choose(&[Br, Gzip], accepts.as_bytes()), coding, "{accepts}");
        }
        for (accepts, coding) in [
            ("gzip, deflate, br, zstd", Some(Br)),
            ("gzip, zstd", Some(Zstd)),
            ("zstd;q=0.5, gzip", Some(Gzip)),
            ("br;q=0.4, ZSTD;q=0.6, gzip;q=0.5", Some(Zstd)),
            ("br;q=0, *", Some(Zstd)),
            ("zstd;q=0, br;q=0, *;q=0.1", Some(Gzip)),
            ("zstd;q=0", None),
            ("zstd;q=0.2, identity;q=0.3", None),
            ("zstd;q=0.3, identity;q=0.3", Some(Zstd)),
            ("zst", None),
        ] {
            let chosen = choose(&[Br, Zstd, Gzip], accepts.as_bytes());
            assert_eq!(chosen, coding, "{accepts}");
        }
        assert_eq!(choose(&[Gzip, Br], b"br, gzip"), Some(Gzip));
        assert_eq!(choose(&[Zstd, Br], b"br, zstd"), Some(Zstd));
        assert_eq!(choose(&[Gzip], b"\xff"), None);
    }

    #[test]
    fn which_answers_are_concerned() {
        let compress = Compress::compile(&policy::Compress::default());
        for (status, media_type, name, value, is) in [
            (200, "application/json", "x", "", true),
            (
                200,
                "Application/Problem+JSON; charset=utf-8",
                "x",
                "",
                true,
            ),
            (404, "text/html", "x", "", true),
            (200, "image/png", "x", "", false),
            (200, "", "x", "", false),
            (200, "text/event-stream", "x", "", false),
            (200, "application/grpc", "x", "", false),
            (206, "text/plain", "content-range", "bytes 0-1/5", true),
            (206, "image/png", "content-range", "bytes 0-1/5", false),
            (206, "multipart/byteranges", "x", "", true),
            (416, "text/plain", "content-range", "bytes */5", false),
            (304, "text/plain", "x", "", true),
            (304, "", "x", "", true),
            (304, "image/png", "x", "", false),
            (304, "", "cache-control", "no-transform", false),
            (204, "text/plain", "x", "", false),
            (200, "text/plain", "content-encoding", "gzip", false),
            (200, "text/plain", "content-digest", "x", false),
            (
                200,
                "text/plain",
                "cache-control",
                "public, No-Transform",
                false,
            ),
            (200, "text/plain", "cache-control", "public", true),
        ] {
            let mut fields = Fields::new(b"");
            fields.push("content-type", media_type.as_bytes());
            fields.push(name, value.as_bytes());
            assert_eq!(
                compress.concerns(status, &fields),
                is,
                "{status} {media_type} {name}"
            );
        }
    }

    #[test]
    fn what_is_said_of_it() {
        for (etag, is) in [("\"a\"", "W/\"a\""), ("W/\"a\"", "W/\"a\"")] {
            let mut fields = Fields::new(b"");
            for (name, value) in [
                ("content-length", "5"),
                ("accept-ranges", "bytes"),
                ("etag", etag),
            ] {
                fields.push(name, value.as_bytes());
            }
            mark(&mut fields, Coding::Gzip);
            assert_eq!(fields.named("etag").next(), Some(is.as_bytes()));
            assert_eq!(fields.iter().count(), 2);
        }
    }
}
