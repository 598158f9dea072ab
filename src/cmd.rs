//! One file per role: it builds what the role needs from the crates, runs it, and ends it.

// These are the only places that speak on stdout.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod admin;
pub mod audit;
pub mod cache;
pub mod check;
pub mod config;
mod data_plane;
pub mod exit;
pub mod explain;
pub mod gateway;
pub mod health;
mod keys;
mod management;
pub mod migrate;
pub mod portal;
mod preflight;
pub mod sample;
mod say;
mod services;
mod start;
mod store;
mod takeover;
pub mod token;
pub mod up;
