//! Stores: write and read sides of what processes write, not people. They work on the traffic
//! database and never take [`crate::database::begin_write`].

pub mod node;
pub mod quota;
pub mod traffic;
