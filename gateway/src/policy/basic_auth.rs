//! `basic_auth`: finds the application by a user name and its password (RFC 7617).

mod chosen;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::key::KeyDigest;
use domain::policy;
use domain::problem::Code;
use sha2::{Digest, Sha256};

use super::Flow;
use crate::answer::Refusal;
use crate::asking::Learned;
use crate::call::{Call, Caller};
use crate::fields::Name;
use crate::passwords::Unheard;

/// Longest pair that is looked at, in bytes.
const LONGEST: usize = 1024;
/// What may be decoded before that is known, in bytes.
const ROOM: usize = LONGEST + 3;

/// The running form.
#[derive(Debug)]
pub(crate) struct BasicAuth {
    optional: bool,
    header: Option<Box<str>>,
}

impl BasicAuth {
    pub(crate) fn compile(policy: &policy::BasicAuth) -> Self {
        let header = policy.header.as_deref();
        Self {
            optional: policy.optional,
            header: header.map(|name| name.to_ascii_lowercase().into()),
        }
    }

    pub(super) fn is_shown(call: &Call<'_>) -> bool {
        let mut lines = call.head.fields.all(Name::Authorization);
        lines.any(is_basic)
    }

    /// Whether a password is shown that may be one that somebody chose: it is compared with a hash.
    pub(crate) fn would_compare(call: &Call<'_>) -> bool {
        let keys = &call.state.keys;
        if keys.hashes.is_empty() {
            return false;
        }
        let pair = only(call).and_then(pair);
        pair.is_some_and(|pair| !is_ours(&pair) && keys.find(&digest(&pair)).is_none())
    }

    /// Compares what is shown with the hashes of those who have the user name, where somebody has
    /// chosen a password.
    pub(crate) async fn ask(call: &Call<'_>) -> Option<Learned> {
        if !Self::would_compare(call) {
            return None;
        }
        let pair = only(call).and_then(pair)?;
        let (user, password) = halves(&pair);
        // In a box of its own: few chains need its size.
        let found = Box::pin(chosen::find(call, user, password)).await;
        Some(Learned::Password(found))
    }

    /// Takes out what was shown and is not looked at.
    pub(super) fn forget(call: &mut Call<'_>) {
        let fields = &mut call.head.fields;
        fields.retain(|kind, _, value| kind != Name::Authorization || !is_basic(value));
    }

    /// Takes the field out that is its word to the upstream, whoever sent it.
    pub(super) fn clear(&self, call: &mut Call<'_>) {
        if let Some(name) = &self.header {
            call.head.fields.remove_named(name.as_bytes());
        }
    }

    /// One that only `observe`s tells the upstream nothing.
    pub(crate) fn run<'a>(&'a self, call: &mut Call<'a>, observe: bool) -> Flow {
        self.clear(call);
        let learned = call.learned.take().map(|learned| *learned);
        if !Self::is_shown(call) {
            return match self.optional {
                true => Flow::Next,
                false => Flow::refuse(Refusal::new(Code::PasswordMissing)),
            };
        }
        let pair = only(call).and_then(pair);
        let refuse = |code| Flow::refuse(Refusal::new(code));
        let Some(pair) = pair else {
            let refusal = Refusal::new(Code::PasswordInvalid);
            let why = "Send one user name and password, as Authorization: Basic (RFC 7617).";
            return Flow::refuse(refusal.detail(why));
        };
        let state = call.state;
        let mut found = state.keys.find(&digest(&pair));
        let is_chosen = found.is_none();
        if let (None, Some(Learned::Password(compared))) = (found, learned) {
            found = match compared {
                Ok(place) => place.and_then(|place| state.keys.at(place)),
                Err(unheard) => return unanswered(unheard),
            };
        }
        let Some(key) = found else {
            return refuse(Code::PasswordInvalid);
        };
        let caller = Caller::of(key);
        // Known from here on, so that the record of a refusal says whose it was.
        call.recognize(&caller);
        match state.keys.judge(key, call.wall_us, call.peer_address()) {
            // It has authenticated here: it goes no further. One that somebody chose may be the
            // upstream's as well, while this policy only observes.
            Ok(()) => {
                if !(observe && is_chosen) {
                    call.head.fields.remove(Name::Authorization);
                }
                call.identify(caller);
                if let Some(noted) = &mut call.noted {
                    noted.is_proved = true;
                }
            }
            Err(Code::IpDenied) => return refuse(Code::IpDenied),
            Err(_) => {
                let refusal = Refusal::new(Code::PasswordInvalid);
                let why = "The password was revoked, or its time is over.";
                return Flow::refuse(refusal.detail(why));
            }
        }
        if let Some(name) = self.header.as_ref().filter(|_| !observe) {
            let (user, _) = halves(&pair);
            // A name of other letters cannot stand in a field (RFC 9110 §5.5).
            if let Ok(user) = str::from_utf8(user)
                && user.bytes().all(|b| matches!(b, b' '..=b'~'))
            {
                call.told.push((name, user.to_owned()));
            }
        }
        Flow::Next
    }
}

/// The one value that says who calls.
fn only<'c>(call: &'c Call<'_>) -> Option<&'c [u8]> {
    let mut lines = call.head.fields.all(Name::Authorization);
    let first = lines.next();
    first.filter(|_| lines.next().is_none())
}

/// What `made` makes of the user name that comes with a password, right or wrong.
pub(super) fn shown_user<T>(call: &Call<'_>, made: impl FnOnce(&[u8]) -> T) -> Option<T> {
    let mut room = [0; ROOM];
    let pair = pair_in(only(call)?, &mut room)?;
    Some(made(halves(pair).0))
}

/// User name and password.
fn halves(pair: &[u8]) -> (&[u8], &[u8]) {
    let end = pair.iter().position(|byte| *byte == b':');
    let end = end.unwrap_or(pair.len());
    (&pair[..end], pair.get(end + 1..).unwrap_or_default())
}

/// By which a password is found that nobody chose.
fn digest(pair: &[u8]) -> KeyDigest {
    KeyDigest::of_password(&Sha256::digest(pair).into())
}

/// Whether the password is one that the platform made, or something else of its own: nobody may
/// choose one that begins so.
fn is_ours(pair: &[u8]) -> bool {
    halves(pair).1.starts_with(b"ptn_")
}

/// Of a password that was not compared.
fn unanswered(unheard: Unheard) -> Flow {
    Flow::refuse(match unheard {
        Unheard::Crowded => Refusal::new(Code::Overloaded).retry_after(1),
        Unheard::Guessed(left) => Refusal::new(Code::Guarded)
            .detail(
                "Too many wrong passwords came with this user name, or from this address. It is \
                 heard again after Retry-After.",
            )
            .retry_after(left.div_ceil(1000)),
    })
}

fn is_basic(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let (scheme, rest) = value.split_at_checked(5).unwrap_or((value, b""));
    scheme.eq_ignore_ascii_case(b"basic") && rest.first().is_none_or(u8::is_ascii_whitespace)
}

/// User name, colon and password; `None` when that is not what it is.
pub(crate) fn pair(value: &[u8]) -> Option<Vec<u8>> {
    pair_in(value, &mut [0; ROOM]).map(<[u8]>::to_vec)
}

fn pair_in<'r>(value: &[u8], room: &'r mut [u8; ROOM]) -> Option<&'r [u8]> {
    let value = value.trim_ascii();
    if !is_basic(value) {
        return None;
    }
    let encoded = value.get(5..)?.trim_ascii();
    if encoded.len() > LONGEST * 4 / 3 {
        return None;
    }
    let length = STANDARD.decode_slice(encoded, room).ok()?;
    let pair = &room[..length];
    (pair.contains(&b':') && length <= LONGEST).then_some(pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_colon_parts_user_name_and_password() {
        for (pair, user, password, made) in [
            ("a:b", "a", "b", false),
            (":b", "", "b", false),
            ("a:", "a", "", false),
            ("a:b:ptn_c", "a", "b:ptn_c", false),
            ("a:ptn_pw_c", "a", "ptn_pw_c", true),
            ("a", "a", "", false),
        ] {
            let pair = pair.as_bytes();
            assert_eq!(halves(pair), (user.as_bytes(), password.as_bytes()));
            assert_eq!(is_ours(pair), made, "{user}:{password}");
        }
    }

    #[test]
    fn pairs() {
        for (value, found) in [
            ("Basic YTpi", Some("a:b")),
            ("basic   YTpi ", Some("a:b")),
            ("Basic OmI=", Some(":b")),
            ("Basic YQ==", None),
            ("Basic", None),
            ("Basic !", None),
            ("Basical YTpi", None),
            ("Bearer YTpi", None),
            ("", None),
        ] {
            let pair = pair(value.as_bytes());
            let pair = pair.map(|pair| String::from_utf8(pair).unwrap());
            assert_eq!(pair.as_deref(), found, "{value}");
        }
        let long = format!("Basic {}", "YTpi".repeat(1000));
        assert_eq!(pair(long.as_bytes()), None);
    }
}
