//! The harness of the journeys: the real binary on free ports, an HTTP client, an upstream of the
//! test's own, and a real browser. The journeys themselves are in `tests/`.

pub mod browser;
pub mod client;
pub mod postgres;
pub mod process;
pub mod redis;
pub mod upstream;
pub mod wait;
