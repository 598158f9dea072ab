//! `mock`: an answer in the upstream's place, fixed or from the examples of the version's document.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use domain::canned::{Asked, Canned, Preferences};
use domain::id::OperationId;
use domain::policy;

use super::{Flow, vary};
use crate::body::{Answer, Outflow};
use crate::call::Call;
use crate::fields::Fields;
use crate::text::Text;

/// The running form.
#[derive(Debug)]
pub(crate) struct Mock {
    status: u16,
    headers: Box<[(Box<str>, Box<str>)]>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Fixed {
        content_type: Box<str>,
        body: Box<[u8]>,
    },
    Canned {
        examples: Examples,
        /// Clients choose.
        prefer: bool,
    },
}

/// The examples of a version's document, and where its operations stand in it.
#[derive(Debug, Clone)]
pub(crate) struct Examples {
    pub(crate) canned: Arc<Canned>,
    pub(crate) operations: Arc<HashMap<OperationId, usize>>,
}

impl Mock {
    /// `examples` where the policy answers with those.
    pub(crate) fn compile(policy: &policy::Mock, examples: Option<Examples>) -> Self {
        let headers = policy.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str().into(), value.as_str().into()));
        Self {
            status: policy.status,
            headers: headers.collect(),
            body: match examples {
                None => Body::Fixed {
                    content_type: policy.content_type.as_str().into(),
                    body: policy.body.as_bytes().into(),
                },
                Some(examples) => Body::Canned {
                    examples,
                    prefer: policy.prefer,
                },
            },
        }
    }

    pub(crate) fn run(&self, call: &Call<'_>) -> Flow {
        match &self.body {
            Body::Fixed { content_type, body } => {
                let mut fields = Fields::new(b"");
                if !body.is_empty() {
                    fields.push("content-type", content_type.as_bytes());
                }
                self.answer(self.status, fields, body)
            }
            Body::Canned { examples, prefer } => self.example(examples, *prefer, call),
        }
    }

    /// What the document has for this request. An operation that it does not have goes on.
    fn example(&self, examples: &Examples, prefer: bool, call: &Call<'_>) -> Flow {
        let Some(index) = examples.operations.get(&call.record.operation) else {
            return Flow::Next;
        };
        let asked = &call.head.fields;
        let preferences = match prefer {
            true => {
                let lines = asked.named("prefer");
                Preferences::read(lines.filter_map(|line| std::str::from_utf8(line).ok()))
            }
            false => Preferences::default(),
        };
        let accept = joined(asked, "accept");
        let asked = Asked {
            accept: accept.as_deref(),
            status: preferences.status,
            example: preferences.example.as_deref(),
        };
        // 200 is the lowest that there is, which is what is given where nothing else is asked for.
        let usual = (self.status != 200).then_some(self.status);
        let given = examples.canned.answer(*index, usual, asked);
        let mut fields = Fields::new(b"");
        if let Some(media_type) = given.media_type {
            fields.push("content-type", media_type.as_bytes());
            vary(&mut fields, "Accept");
        }
        if prefer {
            vary(&mut fields, "Prefer");
        }
        // RFC 7240 §3; a name of an example is the client's own word, and not repeated.
        if given.by_status {
            let mut text = Text::<16>::new();
            text.push("code=").number(given.status.into());
            fields.push("preference-applied", text.as_bytes());
        }
        if given.by_example {
            fields.push("preference-applied", b"example");
        }
        self.answer(given.status, fields, given.body)
    }

    fn answer(&self, status: u16, mut fields: Fields, body: &[u8]) -> Flow {
        for (name, value) in &self.headers {
            fields.push(name, value.as_bytes());
        }
        if !matches!(status, 204 | 304) {
            let length = body.len() as u64;
            fields.push(
                "content-length",
                Text::<20>::new().number(length).as_bytes(),
            );
        }
        Flow::Answer(Box::new(Answer {
            status,
            fields,
            body: Outflow::Whole(body.to_vec(), 0),
            closes: false,
        }))
    }
}

/// The lines of a field, joined by commas.
fn joined<'f>(fields: &'f Fields, name: &str) -> Option<Cow<'f, str>> {
    let mut lines = fields.named(name).map(String::from_utf8_lossy);
    let first = lines.next()?;
    Some(lines.fold(first, |all, line| {
        let mut all = all.into_owned();
        all.push(',');
        all.push_str(&line);
        Cow::Owned(all)
    }))
}
