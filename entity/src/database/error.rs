//! Why a database cannot be opened, in one sentence without its password.

/// What to tell the operator before anything starts (exit code 64).
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error(
        "The database setting is not a URL of the form sqlite://PATH or postgres://USER@HOST/NAME."
    )]
    Url,
    #[error("The database {place} cannot be opened: {reason}.")]
    Open { place: String, reason: String },
}

impl DatabaseError {
    pub(super) fn open(place: String, error: &sqlx::Error) -> Self {
        let reason = match error {
            sqlx::Error::Database(error) => error.message().to_owned(),
            sqlx::Error::Io(error) => error.to_string(),
            sqlx::Error::PoolTimedOut => "it does not answer in time".to_owned(),
            other => other.to_string(),
        };
        Self::Open {
            place,
            reason: reason.trim_end_matches('.').to_owned(),
        }
    }
}
