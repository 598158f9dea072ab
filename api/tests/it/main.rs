//! The management API as its callers see it: one file per resource, mirroring the route table.
//! Every test has databases of its own, SQLite and (where a server is named) PostgreSQL.

// A test fails by panicking, and its support is shared by name.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod accounts;
mod apis;
mod applications;
mod asked;
mod audit;
mod authorization_server;
mod canary;
mod catalog;
mod certificates;
mod claims;
mod concurrency;
mod expiry;
mod explain;
mod first_run;
mod invitations;
mod ip_lists;
mod jobs;
mod lifecycle;
mod mail;
mod matrix;
mod members;
mod organizations;
mod outgoing;
mod passwords;
mod platform;
mod products;
mod selectors;
mod sign_in;
mod subscriptions;
mod support;
mod teams;
mod tokens;
mod traffic;
mod unreadable;
mod upstreams;
mod versions;
mod webhook_messages;
mod webhooks;
