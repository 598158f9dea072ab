//! What steps do that say nothing to a request.

use domain::policy::validate::Responses;

use crate::policy::{Answers, Checking, Finishing, Mirror, Shaping};

/// What a step looks at in what is sent.
pub(super) fn checks(running: &Checking) -> String {
    match running {
        Checking::JsonThreat(_) => "Looks into the body, which is not asked about.",
        Checking::Signature(_) => {
            "Compares a signed body with its digest; a body is not asked about."
        }
        Checking::ThreatPatterns(_) => {
            "Nothing of the head looks like an attack; a body is not asked about."
        }
        Checking::Validate(_) => {
            "What is checked of the parameters fits; a body is not asked about."
        }
    }
    .to_owned()
}

/// What a step does with what is answered.
pub(super) fn checks_answers(running: &Answers) -> String {
    match running.responses() {
        Responses::Observe => "Compares the answer with the document.",
        Responses::StripUndeclared => "Takes out of the answer what the document does not declare.",
        Responses::Block => "Keeps the answer back, if it does not fit the document.",
    }
    .to_owned()
}

/// What a step does to what goes to the upstream.
pub(super) fn shapes(running: &Shaping) -> String {
    match running {
        Shaping::Rewrite(_) => "Rewrites the path or query, where it is concerned.",
        Shaping::Transform(_) => "Changes header fields.",
    }
    .to_owned()
}

/// What is copied of it; chance decides. Which upstream gets that is not everybody's to see.
pub(super) fn mirrors(running: &Mirror) -> String {
    let percent = running.percent();
    format!("Sends copies of {percent} % of the requests to another upstream.")
}

/// What the cache does to it.
pub(super) fn caches() -> String {
    "Answers with what is kept, where that is fresh; else keeps what the upstream answers."
        .to_owned()
}

/// What a step does to the answer.
pub(super) fn finishes(running: &Finishing) -> String {
    match running {
        Finishing::Cors(_) => "Says which pages may read the answer.",
        Finishing::Transform(_) => "Changes header fields of the answer.",
        Finishing::Compress(_) => "Encodes the answer, where the client takes that.",
        Finishing::AuthGuard(_) => {
            "Counts the answer, if it is 401 or 403, by address, and a wrong password by user name."
        }
        Finishing::SecurityHeaders(_) => "Sets what browsers are told to be careful about.",
    }
    .to_owned()
}

/// What is kept of it beside its record.
pub(super) fn keeps_detail() -> String {
    "Keeps header fields and bodies for the request log, masked.".to_owned()
}
