//! What a node shares through the database beside configuration and traffic: its quota counters,
//! and how it does.

mod explain;
mod joined;
pub mod node;
pub mod process;
pub mod quota;
pub(crate) mod traffic;

pub use explain::{DatabaseExplainer, NotExplained};
pub use joined::{Join, Joined};
pub use traffic::TrafficStore;
