//! How the keys of issuers of tokens are asked for.

use std::sync::atomic::Ordering::Relaxed;

use super::Page;
use crate::token::KeySets;

pub(super) fn write(page: &mut Page, keys: &KeySets) {
    page.one(
        "issuer_keys_fetched_total",
        "counter",
        "Times that keys of issuers of tokens were asked for.",
        keys.fetched.load(Relaxed),
    );
    page.one(
        "issuer_keys_failed_total",
        "counter",
        "Of these, those that brought no keys.",
        keys.failed.load(Relaxed),
    );
}
