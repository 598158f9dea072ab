//! `log_detail`: what of requests and answers is kept beside the record. What keeps it is
//! [`crate::detail`].

use domain::mask::Paths;
use domain::policy;
use domain::policy::log_detail::{Class, Piece, Type};

/// The running form.
#[derive(Debug)]
pub(crate) struct LogDetail {
    pub(crate) request: Pieces,
    pub(crate) answer: Pieces,
    pub(crate) types: Box<[Type]>,
    /// Of each body.
    pub(crate) max_bytes: usize,
    pub(crate) paths: Paths,
    /// Header fields that are masked beside those that always are.
    pub(crate) fields: Box<[Box<str>]>,
    /// Percent.
    pub(crate) sample: u8,
    /// Nothing: all.
    only: Box<[Class]>,
}

/// Of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pieces {
    pub(crate) headers: bool,
    pub(crate) body: bool,
}

impl Pieces {
    fn of(pieces: &[Piece]) -> Self {
        Self {
            headers: pieces.contains(&Piece::Headers),
            body: pieces.contains(&Piece::Body),
        }
    }
}

impl LogDetail {
    /// `None`: a path cannot be read.
    pub(crate) fn compile(policy: &policy::LogDetail) -> Option<Self> {
        let fields = policy.mask_headers.iter();
        Some(Self {
            request: Pieces::of(&policy.request),
            answer: Pieces::of(&policy.answer),
            types: policy.types.clone().into(),
            max_bytes: usize::try_from(policy.max_bytes).ok()?,
            paths: Paths::read(&policy.mask).ok()?,
            fields: fields.map(|name| name.as_str().into()).collect(),
            sample: policy.sample,
            only: policy.only.clone().into(),
        })
    }

    /// Whether it is kept of answers with this status.
    pub(crate) fn keeps(&self, status: u16) -> bool {
        self.only.is_empty() || self.only.iter().any(|class| class.holds(status))
    }
}
