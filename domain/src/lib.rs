//! The language of Portunus: pure types and rules, shared by server, gateway and browser.
//!
//! Nothing in this crate does I/O, reads a clock or draws random numbers: bytes and times are
//! handed in. So every rule here can be tested as data and compiled to WebAssembly.

// One table of a test has every policy.
#![cfg_attr(test, recursion_limit = "512")]

pub mod actor;
pub mod address;
pub mod api;
pub mod application;
pub mod bound;
pub mod canned;
pub mod certificate;
pub mod contract;
pub mod duration;
pub mod effective;
mod escape;
pub mod explain;
pub mod expression;
pub mod form;
pub mod hex;
pub mod id;
pub mod ip_list;
pub mod key;
pub mod label;
pub mod lifecycle;
pub mod manifest;
pub mod mask;
pub mod name;
pub mod openapi;
pub mod organization;
pub mod password_hash;
pub mod path;
pub mod plan;
pub mod policy;
pub mod prefix;
pub mod problem;
pub mod proof;
pub mod route;
pub mod seal;
pub mod signing;
pub mod snapshot;
pub mod subscription;
pub mod threat;
pub mod traffic;
pub mod upstream;
pub mod wire;
pub mod xml;
