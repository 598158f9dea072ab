//! Traffic as people look at it: dashboards from rollups, and the log of single requests. Each
//! side of a call sees its own part.

mod detail;
mod entry;
mod log;
mod observed;
mod past;
mod subject;
mod title;
mod usage;
mod variants;

pub use entry::entry;
pub use log::log;
pub use observed::observed;
pub(crate) use past::{Past, past};
pub use subject::Subject;
pub use usage::usage;
pub use variants::variants;
