//! The portal over its router: headers, refusals, static files, and every page as rendered HTML.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod accounts;
mod answers;
mod applications;
mod bodies;
mod catalog;
mod certificates;
mod explains;
mod hostile;
mod ip_lists;
mod lifecycle;
mod listener;
mod looks;
mod matrix;
mod operator;
mod overtaken;
mod pages;
mod people;
mod places;
mod policies;
mod publishing;
mod refusals;
mod requests;
mod routes;
mod samples;
mod sessions;
mod support;
mod unreadable;
mod upstream_secrets;
mod upstreams;
mod webhooks;
