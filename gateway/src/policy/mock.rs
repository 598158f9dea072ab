//! `mock`: a fixed answer in the upstream's place.

use domain::policy;

use super::Flow;
use crate::body::{Answer, Outflow};
use crate::fields::Fields;
use crate::text::Text;

/// The running form.
#[derive(Debug)]
pub(crate) struct Mock {
    status: u16,
    content_type: Box<str>,
    headers: Box<[(Box<str>, Box<str>)]>,
    body: Box<[u8]>,
}

impl Mock {
    pub(crate) fn compile(policy: &policy::Mock) -> Self {
        let headers = policy.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str().into(), value.as_str().into()));
        Self {
            status: policy.status,
            content_type: policy.content_type.as_str().into(),
            headers: headers.collect(),
            body: policy.body.as_bytes().into(),
        }
    }

    pub(crate) fn run(&self) -> Flow {
        let mut fields = Fields::new(b"");
        if !self.body.is_empty() {
            fields.push("content-type", self.content_type.as_bytes());
        }
        for (name, value) in &self.headers {
            fields.push(name, value.as_bytes());
        }
        if !matches!(self.status, 204 | 304) {
            let length = self.body.len() as u64;
            fields.push(
                "content-length",
                Text::<20>::new().number(length).as_bytes(),
            );
        }
        Flow::Answer(Box::new(Answer {
            status: self.status,
            fields,
            body: Outflow::Whole(self.body.to_vec(), 0),
            closes: false,
        }))
    }
}
