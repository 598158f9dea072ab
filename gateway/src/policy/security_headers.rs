//! `security_headers`: what browsers are told to be careful about.

use domain::policy::{self, security_headers::Frame};

use super::Noted;
use crate::fields::Fields;

/// The running form: fields as they are set.
#[derive(Debug)]
pub(crate) struct SecurityHeaders {
    hsts: Option<Box<str>>,
    nosniff: bool,
    frame: Frame,
    referrer: Option<&'static str>,
    remove: Box<[Box<[u8]>]>,
}

impl SecurityHeaders {
    pub(crate) fn compile(policy: &policy::SecurityHeaders) -> Self {
        let hsts = policy.hsts.as_ref().map(|hsts| {
            let mut value = format!("max-age={}", hsts.max_age.as_secs_ceil());
            if hsts.include_subdomains {
                value.push_str("; includeSubDomains");
            }
            if hsts.preload {
                value.push_str("; preload");
            }
            value.into()
        });
        let remove = policy.remove.iter().map(|name| name.as_bytes().into());
        Self {
            hsts,
            nosniff: policy.nosniff,
            frame: policy.frame,
            referrer: policy.referrer.value(),
            remove: remove.collect(),
        }
    }

    pub(crate) fn finish(&self, noted: &Noted, fields: &mut Fields) {
        for name in &self.remove {
            fields.remove_named(name);
        }
        // Over a plain connection anybody could have written it (RFC 6797 §7.2).
        if let Some(hsts) = self.hsts.as_ref().filter(|_| noted.is_secure) {
            fields.set("strict-transport-security", hsts.as_bytes());
        }
        if self.nosniff {
            fields.set("x-content-type-options", b"nosniff");
        }
        let frame: Option<(&[u8], &[u8])> = match self.frame {
            Frame::Deny => Some((b"DENY", b"frame-ancestors 'none'")),
            Frame::SameOrigin => Some((b"SAMEORIGIN", b"frame-ancestors 'self'")),
            Frame::Off => None,
        };
        if let Some((options, ancestors)) = frame {
            fields.set("x-frame-options", options);
            // Beside the upstream's own: of several policies all count (CSP3 §8.1).
            fields.push("content-security-policy", ancestors);
        }
        if let Some(referrer) = self.referrer {
            fields.set("referrer-policy", referrer.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_set_and_taken_out() {
        for (json, is_secure, is) in [
            (
                "{}",
                true,
                "content-security-policy: default-src 'self';x-content-type-options: nosniff;x-frame-options: DENY;content-security-policy: frame-ancestors 'none';referrer-policy: no-referrer;",
            ),
            (
                r#"{"hsts":{"max_age":"365d","include_subdomains":true,"preload":true},"nosniff":false,"frame":"off","referrer":"off"}"#,
                true,
                "content-security-policy: default-src 'self';X-Frame-Options: ALLOW;strict-transport-security: max-age=31536000; includeSubDomains; preload;",
            ),
            (
                r#"{"hsts":{"max_age":"1d"},"nosniff":false,"frame":"same_origin","referrer":"same-origin","remove":[]}"#,
                false,
                "Server: x;content-security-policy: default-src 'self';x-frame-options: SAMEORIGIN;content-security-policy: frame-ancestors 'self';referrer-policy: same-origin;",
            ),
        ] {
            let policy = serde_json::from_str(json).unwrap();
            let mut fields = Fields::new(b"");
            for (name, value) in [
                ("Server", "x"),
                ("content-security-policy", "default-src 'self'"),
                ("X-Frame-Options", "ALLOW"),
            ] {
                fields.push(name, value.as_bytes());
            }
            let noted = Noted {
                is_secure,
                ..Noted::default()
            };
            SecurityHeaders::compile(&policy).finish(&noted, &mut fields);
            let mut out = Vec::new();
            fields.write(&mut out);
            assert_eq!(
                String::from_utf8(out).unwrap().replace("\r\n", ";"),
                is,
                "{json}"
            );
        }
    }
}
