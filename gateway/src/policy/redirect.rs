//! `redirect`: sends the client elsewhere.

use domain::policy;
use domain::policy::template::{LONGEST_LOCATION, Template};
use domain::problem::Code;

use super::{Flow, template};
use crate::answer::Refusal;
use crate::body::{Answer, Outflow};
use crate::call::Call;
use crate::fields::Fields;

/// The running form.
#[derive(Debug)]
pub(crate) struct Redirect {
    status: u16,
    to: Template,
}

impl Redirect {
    /// `None` when it does not check.
    pub(crate) fn compile(policy: &policy::Redirect) -> Option<Self> {
        Some(Self {
            status: policy.status,
            to: policy.template()?,
        })
    }

    pub(crate) fn run(&self, call: &Call<'_>) -> Flow {
        let Ok(mut location) = template::fill(&self.to, call, LONGEST_LOCATION) else {
            let detail = "The address that it is sent to would be longer than 8 KiB.";
            return Flow::refuse(Refusal::new(Code::UriTooLong).detail(detail));
        };
        if location.is_empty() {
            // A version at its very prefix has nothing behind it.
            location.push(b'/');
        }
        if location.ends_with(b"?") {
            location.pop();
        }
        let mut fields = Fields::new(b"");
        fields.push("location", &location);
        fields.push("content-length", b"0");
        Flow::Answer(Box::new(Answer {
            status: self.status,
            fields,
            body: Outflow::empty(),
            closes: false,
        }))
    }
}
