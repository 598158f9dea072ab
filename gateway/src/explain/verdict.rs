//! How a request ends, in the words of an explanation.

use domain::explain::Verdict;

use crate::answer::Refusal;

pub(super) fn forwarded() -> Verdict {
    Verdict {
        forwarded: true,
        status: None,
        code: None,
        why: "It goes to the upstream.".to_owned(),
        decided_by: None,
    }
}

/// Refused by the reader, before it is a request: a bare status.
pub(super) fn unreadable() -> Verdict {
    Verdict {
        forwarded: false,
        status: Some(400),
        code: None,
        why: "It cannot be read as a request of HTTP/1.1.".to_owned(),
        decided_by: None,
    }
}

/// By a policy, which refuses nothing with it.
pub(super) fn answered(status: u16, decided_by: Option<String>) -> Verdict {
    Verdict {
        forwarded: false,
        status: Some(status),
        code: None,
        why: "A policy answers it.".to_owned(),
        decided_by,
    }
}

pub(super) fn refused(refusal: &Refusal, decided_by: Option<String>) -> Verdict {
    Verdict {
        forwarded: false,
        status: Some(refusal.code.status()),
        code: Some(refusal.code.as_str().to_owned()),
        why: refusal.sentence().to_owned(),
        decided_by,
    }
}
