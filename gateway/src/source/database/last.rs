//! The last good state on disk, which a node begins with: the database then tells only what has
//! changed since, or is away.

use domain::snapshot::{Mark, Parts, Snapshot};

use super::super::disk::{Disk, DiskError, Whole};
use super::keeper::Keep;

/// What was on disk.
pub(super) enum Last {
    Nothing,
    /// With what keeps changes behind it.
    State(Box<Snapshot>, Option<Keep>),
    /// For the gateway to refuse and to count.
    Newer(u32),
}

impl Last {
    /// Off the runtime's threads, as it may be large.
    pub(super) async fn read(disk: Disk) -> Self {
        match tokio::task::spawn_blocking(move || read(&disk)).await {
            Ok(Ok(last)) => last,
            Ok(Err(error)) => {
                tracing::error!(%error, "The last good state on disk is of no use.");
                match error {
                    DiskError::Newer(schema) => Self::Newer(schema),
                    DiskError::Read(_) | DiskError::Damaged | DiskError::Unknown => Self::Nothing,
                }
            }
            Err(error) => {
                tracing::error!(%error, "Reading the last good state ended abnormally.");
                Self::Nothing
            }
        }
    }

    /// By what its database is asked for changes. One without a mark, of an earlier release, could
    /// be of any database.
    pub(super) fn known(&self) -> Option<(u64, Option<Mark>)> {
        match self {
            Self::State(snapshot, _) => {
                let mark = snapshot.parts.mark.clone()?;
                Some((snapshot.state, Some(mark)))
            }
            Self::Nothing | Self::Newer(_) => None,
        }
    }

    /// For the gateway, and for what keeps it.
    pub(super) fn into_parts(self) -> Option<(Box<Snapshot>, Option<Keep>)> {
        match self {
            Self::Nothing => None,
            Self::State(snapshot, keep) => Some((snapshot, keep)),
            Self::Newer(schema) => {
                let (state, parts) = (0, Parts::default());
                let refused = Snapshot {
                    schema,
                    state,
                    parts,
                };
                Some((Box::new(refused), None))
            }
        }
    }
}

fn read(disk: &Disk) -> Result<Last, DiskError> {
    let Some((snapshot, kept)) = disk.resume()? else {
        return Ok(Last::Nothing);
    };
    let keep = match kept {
        Some(kept) => Keep::Resume(Box::new(kept)),
        None => Keep::Whole(Whole::of(&snapshot)?),
    };
    Ok(Last::State(Box::new(snapshot), Some(keep)))
}
