//! The traffic's way out of the gateway: rings of the workers → [`spool`] on disk → store and
//! rollups (or JSON lines, where there is no database). Nothing here runs on a worker's thread.

pub mod encoding;
mod figures;
mod line;
mod lines;
pub mod spool;
pub mod writer;

pub use figures::Figures;
pub use lines::Lines;
pub use writer::{Destination, Writer, now_us};
