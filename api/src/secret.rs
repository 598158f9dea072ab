//! Secrets that we hand out and keep only as digests: links by mail, sessions, personal tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::ctx::Ctx;
use crate::error::Result;

/// A token for a link: 256 random bits, fit for a URL.
pub struct LinkToken(String);

impl std::fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkToken")
    }
}

impl LinkToken {
    pub fn new(ctx: &Ctx) -> Result<Self> {
        Ok(Self(URL_SAFE_NO_PAD.encode(ctx.random::<32>()?)))
    }

    /// The text in the link.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn digest(&self) -> Vec<u8> {
        digest(self.0.as_bytes())
    }
}

/// What is stored of a secret with enough random bits: SHA-256. Looking it up by index takes no
/// time that would tell anything about it.
pub fn digest(secret: &[u8]) -> Vec<u8> {
    Sha256::digest(secret).to_vec()
}

/// The secret of a session: 128 random bits. Only its digest is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionSecret(pub [u8; 16]);

impl std::fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionSecret")
    }
}

impl SessionSecret {
    pub fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}
