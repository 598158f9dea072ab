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
    let lower = clear.to_lowercase();
    let words = context
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()).chain([*text]));
    let mut inputs: Vec<String> = words
        .filter(|word| word.chars().count() > 2)
        .map(str::to_lowercase)
        .collect();
    inputs.push("portunus".to_owned());
    // One own word repeated or decorated is found by the estimate; the whole of one, also when it
    // is too long for the estimator's window, is found here.
    if inputs.contains(&lower) {
        return Some("Do not use your own name or address.".to_owned());
    }
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    if zxcvbn::zxcvbn(clear, &inputs).guesses() < GUESSES {
        return Some(
            "This is among the passwords that are guessed first. Use a few unrelated words."
                .to_owned(),
        );
    }
    None
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
        assert!(objection("ines@lantern.example", 15, &["ines@lantern.example"]).is_some());
        assert!(objection("lanternlanternlantern", 15, &["ines@lantern.example"]).is_some());
        assert!(objection("portunusportunus", 15, &[]).is_some());
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
