//! The use-cases, one file per resource: `verb(ctx, input) -> Result<domain or wire value>`.
//!
//! Each authorizes, loads, applies the domain's rule, saves, and appends audit, event and change
//! rows in one [`crate::write::Write`]. No axum or HTTP type appears here.

pub mod account;
pub mod apis;
pub mod applications;
pub mod audit;
pub mod authorization_server;
pub mod catalog;
pub mod certificates;
pub mod credentials;
pub mod demo;
mod documents;
pub mod explain;
pub mod first_call;
pub mod first_run;
mod founding;
pub mod hosts;
pub mod idempotency;
pub mod invitations;
pub mod ip_lists;
pub mod jobs;
mod links;
pub mod members;
mod named;
mod names;
pub mod nodes;
pub mod notifications;
pub mod organizations;
pub mod outbox;
pub mod password_resets;
pub mod people;
pub mod plans;
pub mod products;
mod reach;
pub mod refusals;
pub mod sessions;
pub mod settings;
pub mod sign_in;
pub mod sign_up;
pub mod subscriptions;
pub mod teams;
pub mod tokens;
pub mod traffic;
pub mod upstreams;
pub mod versions;
pub mod webhooks;
