//! Where configuration comes from. Every source ends in the same channel of [`Change`]s; the
//! gateway compiles what arrives and never asks back.

pub mod database;
pub mod disk;
pub mod file;

use domain::snapshot::{Delta, Snapshot};
use tokio::sync::mpsc;

/// A whole state, or what changed since an earlier one.
///
/// A delta is applied when its `from` is at most the present state's number: what it puts and
/// removes is absolute, so overlap does no harm. One with a gap before it is refused, and
/// [`Status::needs_full`](crate::Status) is set until a full state arrives. A state with a newer
/// schema is refused as well.
#[derive(Debug, Clone)]
pub enum Change {
    Full(Box<Snapshot>),
    Delta(Box<Delta>),
}

/// A source's end. It is bounded: a source that is faster than the compiler waits.
pub type Changes = mpsc::Sender<Change>;

/// The channel between a source and the gateway.
pub fn channel() -> (Changes, mpsc::Receiver<Change>) {
    mpsc::channel(64)
}
