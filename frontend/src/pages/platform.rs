//! The operator's pages: what the platform runs on, and which tenants it carries.

pub mod nodes;
pub mod organizations;
pub mod outbox;
pub mod overview;
pub mod settings;
