//! Journeys against the real binary: over HTTP, and in a real browser.

// The journeys print what they measured.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod by_api;
mod by_browser;
mod caching;
mod claims;
mod credentials;
mod details;
mod drain;
mod explains;
mod floods;
mod issuer;
mod lasting;
mod lifecycle;
mod networks;
mod older;
mod outage;
mod overload;
mod policies;
mod product;
mod purging;
mod scene;
mod scopes;
mod shared_cache;
mod starts;
mod steady;
mod successor;
mod takeover;
mod webhooks;
