//! The portal over its router: headers, refusals, static files, and every page as rendered HTML.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod accounts;
mod answers;
mod applications;
mod catalog;
mod looks;
mod operator;
mod pages;
mod people;
mod publishing;
mod samples;

mod sessions;
mod support;
