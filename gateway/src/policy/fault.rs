//! `fault`: delays and failures on purpose.

use domain::policy;
use domain::problem::Problem;
use http::StatusCode;

use super::Flow;
use crate::body::{Answer, Outflow};
use crate::call::Call;
use crate::fields::Fields;
use crate::text::Text;

/// The running form.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Percent, and milliseconds.
    delay: Option<(u8, u64)>,
    /// Percent, and status.
    abort: Option<(u8, u16)>,
}

impl Fault {
    pub(crate) fn compile(policy: &policy::Fault) -> Self {
        let delay = policy.delay.as_ref();
        let abort = policy.abort.as_ref();
        Self {
            delay: delay.map(|delay| (delay.percent, delay.time.as_millis())),
            abort: abort.map(|abort| (abort.percent, abort.status)),
        }
    }

    /// `chance` is asked for each of the two.
    pub(crate) fn run(
        &self,
        call: &mut Call<'_>,
        observe: bool,
        mut chance: impl FnMut() -> u64,
    ) -> Flow {
        let mut hits = |percent: u8| chance() % 100 < u64::from(percent);
        if let Some((percent, millis)) = self.delay
            && hits(percent)
            && !observe
        {
            call.delay_ms = call.delay_ms.saturating_add(millis);
        }
        match self.abort {
            Some((percent, status)) if hits(percent) => {
                Flow::Answer(Box::new(aborted(status, call.record.request_id.as_str())))
            }
            Some(_) | None => Flow::Next,
        }
    }

    /// What it does, in words.
    pub(crate) fn words(&self) -> String {
        let delay = self.delay;
        let delay = delay.map(|(percent, millis)| format!("{percent} % wait {millis} ms"));
        let abort = self.abort;
        let abort = abort.map(|(percent, status)| format!("{percent} % are answered {status}"));
        let both: Vec<_> = delay.into_iter().chain(abort).collect();
        format!("By chance, {}.", both.join(", "))
    }
}

/// A problem without a type of its own (RFC 9457 §4.2.1): it is none.
fn aborted(status: u16, request_id: &str) -> Answer {
    let title = StatusCode::from_u16(status).ok();
    let title = title.and_then(|status| status.canonical_reason());
    let text = serde_json::json!({
        "type": "about:blank",
        "title": title.unwrap_or("Error"),
        "status": status,
        "detail": "The API's owner lets some requests fail on purpose.",
        "request_id": request_id,
    });
    let text = text.to_string().into_bytes();
    let mut fields = Fields::new(b"");
    fields.push("content-type", Problem::MEDIA_TYPE.as_bytes());
    let length = text.len() as u64;
    fields.push(
        "content-length",
        Text::<20>::new().number(length).as_bytes(),
    );
    fields.push("cache-control", b"no-store");
    Answer {
        status,
        fields,
        body: Outflow::Whole(text, 0),
        closes: false,
    }
}
