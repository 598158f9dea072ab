//! The cookie that keeps a client at its target. Its value is a digest of upstream and target, so
//! it tells no address and fits nowhere else; it is no secret, and nothing is granted by it.

use domain::hex::hex;
use domain::id::UpstreamId;
use domain::upstream;
use sha2::{Digest, Sha256};

/// Length of a value: 16 bytes of the digest in hexadecimal.
const LENGTH: usize = 32;

/// What is common to the targets of an upstream, and the value of each, by index.
#[derive(Debug)]
pub(crate) struct Sticky {
    name: Box<str>,
    max_age: Option<u64>,
    values: Box<[String]>,
}

impl Sticky {
    pub(crate) fn new<'u>(
        form: &upstream::Sticky,
        id: UpstreamId,
        urls: impl Iterator<Item = &'u str>,
    ) -> Self {
        Self {
            name: form.cookie.as_str().into(),
            max_age: form.max_age.map(domain::duration::Span::as_secs_ceil),
            values: urls.map(|url| value(id, url)).collect(),
        }
    }

    /// The target that one of a request's `Cookie` lines names.
    pub(crate) fn find<'l>(&self, lines: impl Iterator<Item = &'l [u8]>) -> Option<usize> {
        let mut pairs = lines.flat_map(|line| line.split(|b| *b == b';'));
        pairs.find_map(|pair| {
            let pair = pair.trim_ascii();
            let value = pair
                .strip_prefix(self.name.as_bytes())?
                .strip_prefix(b"=")?;
            if value.len() != LENGTH {
                return None;
            }
            self.values
                .iter()
                .position(|known| known.as_bytes() == value)
        })
    }

    /// `Set-Cookie` for the target at `index`. `secure`: the client came over TLS.
    pub(crate) fn set(&self, index: usize, secure: bool) -> String {
        use std::fmt::Write;
        let value = &self.values[index];
        let mut text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax", self.name);
        if secure {
            text.push_str("; Secure");
        }
        if let Some(seconds) = self.max_age {
            let _ = write!(text, "; Max-Age={seconds}");
        }
        text
    }
}

fn value(id: UpstreamId, url: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(id.uuid().as_bytes());
    digest.update(url.as_bytes());
    hex(&digest.finalize()[..LENGTH / 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::duration::Span;

    #[test]
    fn a_cookie_names_its_target_and_nothing_else_does() {
        let form = upstream::Sticky {
            cookie: "at".into(),
            max_age: Some(Span::from_secs(60)),
        };
        let urls = ["http://a", "http://b"];
        let sticky = |name| {
            let id = UpstreamId::from_name("u", name);
            Sticky::new(&form, id, urls.into_iter())
        };
        let (own, other) = (sticky("x"), sticky("y"));
        let set = own.set(1, false);
        let pair = set.split(';').next().unwrap();
        assert!(!set.contains("http"), "{set}");
        assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"));
        assert!(own.set(0, true).contains("; Secure"));
        for (line, found) in [
            (pair.to_owned(), Some(1)),
            (format!("a=1; {pair} ; b=2"), Some(1)),
            (format!("{pair}0"), None),
            (format!("b{pair}"), None),
            ("at=; at".to_owned(), None),
            (format!("at={}", "0".repeat(32)), None),
            (pair.to_uppercase(), None),
            (format!("at=junk; {pair}"), Some(1)),
        ] {
            assert_eq!(own.find([line.as_bytes()].into_iter()), found, "{line}");
        }
        assert_eq!(other.find([pair.as_bytes()].into_iter()), None);
    }
}
