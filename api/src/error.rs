//! The one error of the management plane: what the caller is told and what the log keeps are
//! separate fields, so that nothing internal can leak by accident.

use domain::actor::Denied;
use domain::lifecycle::IllegalTransition;
use domain::problem::{Code, Invalid};
use sea_orm::{DbErr, SqlErr};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a use-case did not happen. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[error("{}: {detail}", code.as_str())]
pub struct Error {
    pub code: Code,
    /// One sentence for the caller.
    pub detail: String,
    /// Which parts of the input are wrong.
    pub invalid: Vec<Invalid>,
    /// Seconds after which trying again makes sense.
    pub retry_after: Option<u64>,
    /// For the log only.
    #[source]
    pub source: Option<Source>,
}

/// What every service answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            invalid: Vec::new(),
            retry_after: None,
            source: None,
        }
    }

    /// Absent, or not the caller's to see: the same answer for both, whatever the reason.
    pub fn not_found() -> Self {
        Self::new(
            Code::NotFound,
            "There is no such thing, or it is not yours to see.",
        )
    }

    pub fn invalid(invalid: Vec<Invalid>) -> Self {
        Self {
            invalid,
            ..Self::new(Code::ValidationFailed, "Parts of the input are wrong.")
        }
    }

    /// One wrong field: `Error::field("/name", "Enter a name.")`.
    pub fn field(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid(vec![Invalid::new(pointer, message)])
    }

    /// The name at `pointer` is taken.
    pub fn taken(pointer: &str, message: &str) -> Self {
        Self {
            invalid: vec![Invalid::new(pointer, message)],
            ..Self::new(Code::AlreadyExists, message)
        }
    }

    pub fn too_many(retry_after: u64) -> Self {
        Self {
            retry_after: Some(retry_after.max(1)),
            ..Self::new(
                Code::TooManyAttempts,
                "Too many attempts. Wait a little, then try again.",
            )
        }
    }

    /// Something that is our fault; `source` goes to the log.
    pub fn internal(source: impl Into<Source>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(Code::Internal, "Something went wrong on our side.")
        }
    }

    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Replaces a broken uniqueness rule by "taken" at a field; everything else stays.
    #[must_use]
    pub fn unique(self, pointer: &str, message: &str) -> Self {
        if self.code == Code::AlreadyExists {
            Self::taken(pointer, message)
        } else {
            self
        }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => {
                Self::new(Code::AlreadyExists, "Another one has this name.").with_source(error)
            }
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => Self::new(
                Code::Conflict,
                "Something else depends on it, or it is gone.",
            )
            .with_source(error),
            Some(_) | None => match error {
                DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => {
                    Self::new(Code::Unavailable, "The database does not answer.").with_source(error)
                }
                other => Self::internal(other),
            },
        }
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Anonymous => Self::new(Code::SignInRequired, "Sign in first."),
            Denied::Stranger => Self::not_found(),
            Denied::Role => Self::new(
                Code::Forbidden,
                "Your role, or this token, does not allow it.",
            ),
        }
    }
}

impl From<IllegalTransition> for Error {
    fn from(error: IllegalTransition) -> Self {
        let mut detail = error.to_string();
        if let Some(first) = detail.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        detail.push('.');
        Self::new(Code::IllegalTransition, detail)
    }
}

impl From<entity::row::RowError> for Error {
    fn from(error: entity::row::RowError) -> Self {
        Self::internal(error)
    }
}

impl From<domain::seal::SealError> for Error {
    fn from(error: domain::seal::SealError) -> Self {
        Self::internal(error)
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}
