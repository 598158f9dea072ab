//! `basic_auth`: finds the application by a user name and its password (RFC 7617).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::key::KeyDigest;
use domain::policy;
use domain::problem::Code;
use sha2::{Digest, Sha256};

use super::Flow;
use crate::answer::Refusal;
use crate::call::{Call, Caller};
use crate::fields::Name;

/// Longest pair that is looked at, in bytes.
const LONGEST: usize = 1024;

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

    pub(crate) fn run<'a>(&'a self, call: &mut Call<'a>) -> Flow {
        self.clear(call);
        if !Self::is_shown(call) {
            return match self.optional {
                true => Flow::Next,
                false => Flow::refuse(Refusal::new(Code::PasswordMissing)),
            };
        }
        let pair = {
            let mut lines = call.head.fields.all(Name::Authorization);
            match (lines.next(), lines.next()) {
                (Some(only), None) => pair(only),
                _ => None,
            }
        };
        let refuse = |code| Flow::refuse(Refusal::new(code));
        let Some(pair) = pair else {
            let refusal = Refusal::new(Code::PasswordInvalid);
            let why = "Send one user name and password, as Authorization: Basic (RFC 7617).";
            return Flow::refuse(refusal.detail(why));
        };
        let digest = KeyDigest::of_password(&Sha256::digest(&pair).into());
        let state = call.state;
        let Some(key) = state.keys.find(&digest) else {
            return refuse(Code::PasswordInvalid);
        };
        let caller = Caller {
            key,
            application: &key.application,
            subscription: None,
        };
        // Known from here on, so that the record of a refusal says whose it was.
        call.recognize(&caller);
        match state.keys.judge(key, call.wall_us, call.peer_address()) {
            // It has authenticated here: it goes no further.
            Ok(()) => {
                call.head.fields.remove(Name::Authorization);
                call.identify(caller);
            }
            Err(Code::IpDenied) => return refuse(Code::IpDenied),
            Err(_) => {
                let refusal = Refusal::new(Code::PasswordInvalid);
                let why = "The password was revoked, or its time is over.";
                return Flow::refuse(refusal.detail(why));
            }
        }
        if let Some(name) = &self.header {
            let user = pair.split(|byte| *byte == b':').next().unwrap_or_default();
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

fn is_basic(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let (scheme, rest) = value.split_at_checked(5).unwrap_or((value, b""));
    scheme.eq_ignore_ascii_case(b"basic") && rest.first().is_none_or(u8::is_ascii_whitespace)
}

/// User name, colon and password; `None` when that is not what it is.
pub(crate) fn pair(value: &[u8]) -> Option<Vec<u8>> {
    let value = value.trim_ascii();
    if !is_basic(value) {
        return None;
    }
    let encoded = value.get(5..)?.trim_ascii();
    if encoded.len() > LONGEST * 4 / 3 {
        return None;
    }
    let pair = STANDARD.decode(encoded).ok()?;
    (pair.contains(&b':') && pair.len() <= LONGEST).then_some(pair)
}

#[cfg(test)]
mod tests {
    use super::*;

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
