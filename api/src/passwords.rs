//! Passwords: the rules for choosing one, and argon2id behind a bound so that many sign-ins at
//! once neither exhaust memory nor stall other pages.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use domain::problem::Code;
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// Longest password in bytes; far above the 64 characters that everyone must be allowed, and
/// short enough that hashing cost does not depend on it.
pub const MAX_BYTES: usize = 1024;

/// Below this number of guesses a password counts as common. It covers the 30,000 most used ones
/// with their usual disguises, repeats, keyboard walks and the context words.
const GUESSES: u64 = 1_000_000;

/// A password with own words in it must have this many letters besides them.
const OWN_LETTERS: usize = 8;

/// What everybody here knows: the product's name and what its site is.
const PRODUCT: [&str; 2] = ["portunus", "developer portal"];

/// Waiting longer than this for a place is answered with 503.
const PATIENCE: Duration = Duration::from_secs(15);

/// How many may wait for a place; more are refused at once.
const QUEUE: usize = 1024;

/// OWASP's second profile: 19 MiB, two passes, one lane.
fn hasher() -> Argon2<'static> {
    let params = Params::new(19_456, 2, 1, Some(32)).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// What a check of a password found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub right: bool,
    /// Right, but hashed with other parameters than today's: hash it anew.
    pub outdated: bool,
}

/// The bounded hasher; one per process.
#[derive(Debug)]
pub struct Passwords {
    places: Semaphore,
    waiting: AtomicUsize,
    /// What an unknown address is checked against, so that it takes as long as a known one.
    dummy: String,
}

impl Passwords {
    /// `salt` is for the dummy hash; any random bytes.
    pub fn new(salt: [u8; 16]) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            places: Semaphore::new((cores / 2).max(1)),
            waiting: AtomicUsize::new(0),
            dummy: compute("no account has this password", salt)?,
        })
    }

    /// The PHC string of `clear`.
    pub async fn hash(&self, clear: &str, salt: [u8; 16]) -> Result<String> {
        let clear = clear.to_owned();
        self.bounded(move || compute(&clear, salt)).await?
    }

    /// Checks `clear` against `stored`; `None` does the same work and is never right.
    pub async fn verify(&self, clear: &str, stored: Option<String>) -> Result<Verdict> {
        const WRONG: Verdict = Verdict {
            right: false,
            outdated: false,
        };
        if clear.len() > MAX_BYTES {
            return Ok(WRONG);
        }
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.dummy.clone());
        let clear = clear.to_owned();
        let verdict = self.bounded(move || {
            let Ok(hash) = PasswordHash::new(&stored) else {
                return WRONG;
            };
            let right = Argon2::default()
                .verify_password(clear.as_bytes(), &hash)
                .is_ok();
            Verdict {
                right,
                outdated: right && is_outdated(&hash),
            }
        });
        let verdict = verdict.await?;
        Ok(if known { verdict } else { WRONG })
    }

    async fn bounded<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let full = || Error {
            retry_after: Some(5),
            ..Error::new(
                Code::Unavailable,
                "Too many sign-ins at once. Try again in a moment.",
            )
        };
        let queued = Queued::enter(&self.waiting).ok_or_else(full)?;
        let place = tokio::time::timeout(PATIENCE, self.places.acquire())
            .await
            .map_err(|_| full())?
            .map_err(Error::internal)?;
        drop(queued);
        let done = tokio::task::spawn_blocking(work)
            .await
            .map_err(Error::internal);
        drop(place);
        done
    }
}

/// A place in the queue, given back when dropped, also when the caller goes away.
struct Queued<'a>(&'a AtomicUsize);

impl<'a> Queued<'a> {
    fn enter(waiting: &'a AtomicUsize) -> Option<Self> {
        let queued = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < QUEUE).then_some(queued)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn compute(clear: &str, salt: [u8; 16]) -> Result<String> {
    let hash: PasswordHash = hasher()
        .hash_password_with_salt(clear.as_bytes(), &salt)
        .map_err(|error| Error::internal(error.to_string()))?;
    Ok(hash.to_string())
}

fn is_outdated(hash: &PasswordHash) -> bool {
    let wanted = hasher();
    let wanted = wanted.params();
    Params::try_from(hash).map_or(true, |had| {
        hash.algorithm != Algorithm::Argon2id.ident()
            || had.m_cost() != wanted.m_cost()
            || had.t_cost() != wanted.t_cost()
            || had.p_cost() != wanted.p_cost()
    })
}

/// Why `clear` cannot be chosen, as a sentence; `None` if it can. `context` holds the person's
/// own words: address, name, organization. Any Unicode is welcome; nothing is folded or cut.
pub fn objection(clear: &str, min: usize, context: &[&str]) -> Option<String> {
    if clear.len() > MAX_BYTES {
        return Some(format!("Use at most {MAX_BYTES} bytes."));
    }
    if clear.chars().count() < min {
        return Some(format!(
            "Use at least {min} characters; a few unrelated words do well."
        ));
    }
    let words = own_words(context);
    let lower = clear.to_lowercase();
    if letters_beside(&lower, &words).is_some_and(|left| left < OWN_LETTERS) {
        return Some(
            "Do not build it from your own name or address. Use a few unrelated words.".to_owned(),
        );
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if zxcvbn::zxcvbn(clear, &words).guesses() < GUESSES {
        return Some(
            "This is among the passwords that are guessed first. Use a few unrelated words."
                .to_owned(),
        );
    }
    None
}

/// What somebody who knows the person and this product would try: each text whole and by its
/// words, in lower case, the longest first.
fn own_words(context: &[&str]) -> Vec<String> {
    let texts = context.iter().copied().chain(PRODUCT);
    let mut words: Vec<String> = texts
        .flat_map(|text| {
            let parts = text.split(|c: char| !c.is_alphanumeric());
            parts.chain([text]).map(str::to_lowercase)
        })
        .filter(|word| word.chars().count() > 2)
        .collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.dedup();
    words
}

/// How many letters of `lower` are left without the words; `None` if none of them is in it, and
/// then nothing is asked: a password of digits and signs is as good as any.
fn letters_beside(lower: &str, words: &[String]) -> Option<usize> {
    let mut left = lower.to_owned();
    for word in words.iter().filter(|word| lower.contains(*word)) {
        // Blanks, so that what stood around a word does not become another.
        left = left.replace(word, " ");
    }
    (left != lower).then(|| left.chars().filter(|c| c.is_alphabetic()).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_what_counts_not_composition() {
        for good in [
            "correct horse battery staple",
            "пароль для книжного магазина",
            "violet anchor seldom brick",
            &"ab7 q".repeat(30),
        ] {
            assert_eq!(objection(good, 15, &[]), None, "{good}");
        }
        assert!(objection("short", 15, &[]).unwrap().contains("15"));
        assert!(objection(&"x".repeat(1_000_000), 15, &[]).is_some());
    }

    #[test]
    fn common_and_own_words_are_refused() {
        for bad in [
            "password",
            "12345678",
            "iloveyou",
            "Passw0rd",
            "qwertyuiop",
            "aaaaaaaaaaaaaaaaaaaa",
            "passwordpassword",
        ] {
            assert!(objection(bad, 8, &[]).is_some(), "{bad}");
        }
        assert!(objection("portunusportunus", 15, &[]).is_some());
    }

    #[test]
    fn own_words_count_for_nothing() {
        let eve = ["eve@evil.example", "Eve", "Evil Books Ltd"];
        let ines = ["ines@lantern.example", "Ines", "Foxglove Books"];
        let olga = ["ольга@книги.example", "Ольга", "Книги"];
        for (clear, context, good) in [
            ("ines ines ines ines", &ines, false),
            ("ines@lantern.example", &ines, false),
            ("lanternlanternlantern", &ines, false),
            ("Ines-Lantern-1987-07", &ines, false),
            ("foxglovebooks!!!2026", &ines, false),
            ("Portunus2026!!!", &ines, false),
            ("developerportal", &ines, false),
            ("Developer Portal 1!", &ines, false),
            ("eve@evil.exampl1", &eve, false),
            ("ольга ольга ольга", &olga, false),
            ("violet anchor seldom brick", &ines, true),
            ("ines likes quiet thunder", &ines, true),
            ("books under a slow lantern", &ines, true),
            ("portunus guards old harbours", &ines, true),
            ("seldom evenings believe", &eve, true),
            ("8302 9471 6620 1753", &ines, true),
            ("x8$K2!p9@4Lq7#z1", &ines, true),
        ] {
            let found = objection(clear, 15, context);
            assert_eq!(found.is_none(), good, "{clear}: {found:?}");
        }
    }

    #[tokio::test]
    async fn verify_tells_right_wrong_unknown_and_old() {
        let passwords = Passwords::new([1; 16]).unwrap();
        let hash = passwords
            .hash("violet anchor seldom", [2; 16])
            .await
            .unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        let right = passwords
            .verify("violet anchor seldom", Some(hash.clone()))
            .await
            .unwrap();
        assert_eq!(
            right,
            Verdict {
                right: true,
                outdated: false
            }
        );
        assert!(
            !passwords
                .verify("Violet anchor seldom", Some(hash))
                .await
                .unwrap()
                .right
        );
        assert!(
            !passwords
                .verify("no account has this password", None)
                .await
                .unwrap()
                .right
        );

        let weak = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(8192, 1, 1, Some(32)).unwrap(),
        );
        let old: PasswordHash = weak
            .hash_password_with_salt(b"violet anchor seldom", &[3; 16])
            .unwrap();
        let verdict = passwords
            .verify("violet anchor seldom", Some(old.to_string()))
            .await
            .unwrap();
        assert_eq!(
            verdict,
            Verdict {
                right: true,
                outdated: true
            }
        );
    }
}
