//! `request_limits`: bounds of one route or plan, below those of the gateway.

use domain::policy;
use domain::problem::Code;

use super::Flow;
use crate::answer::Refusal;
use crate::call::Call;
use crate::fields::Fields;
use crate::record::NameId;
use crate::target;

/// The running form.
#[derive(Debug)]
pub(crate) struct RequestLimits {
    body: Option<u64>,
    headers: Option<u32>,
    header_bytes: Option<u32>,
    query: Option<u32>,
}

impl RequestLimits {
    pub(crate) fn compile(policy: &policy::RequestLimits) -> Self {
        Self {
            body: policy.body,
            headers: policy.headers,
            header_bytes: policy.header_bytes,
            query: policy.query,
        }
    }

    /// A body that says its length is judged now; another one while it comes, unless this only
    /// `observe`s.
    pub(crate) fn run(&self, call: &Call<'_>, label: NameId, observe: bool) -> Flow {
        if let Some(refusal) = self.judge(&call.head.fields, call.head.query()) {
            return Flow::refuse(refusal);
        }
        if let Some(limit) = self.body {
            if call.length.is_some_and(|length| length > limit) {
                return Flow::refuse(target::too_large(limit));
            }
            let client = &call.record.connection;
            if !observe && limit < client.body_limit.get() {
                client.body_limit.set(limit);
                client.body_limited_by.set(label);
            }
        }
        Flow::Next
    }

    fn judge(&self, fields: &Fields, query: Option<&str>) -> Option<Refusal> {
        let too_large = |detail: String| Some(Refusal::new(Code::HeadersTooLarge).detail(detail));
        if let Some(most) = self.headers
            && fields.iter().count() > most as usize
        {
            return too_large(format!("A request may have at most {most} header fields."));
        }
        if let Some(most) = self.header_bytes {
            let bytes: usize = fields
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum();
            if bytes > most as usize {
                return too_large(format!("The header fields may have at most {most} bytes."));
            }
        }
        if let Some(most) = self.query {
            let query = query.unwrap_or_default();
            let count = query.split('&').filter(|part| !part.is_empty()).count();
            if count > most as usize {
                let detail = format!("The query may have at most {most} parameters.");
                return Some(Refusal::new(Code::UriTooLong).detail(detail));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_is_refused() {
        let mut fields = Fields::new(b"");
        for name in ["host", "a", "b"] {
            fields.push(name, b"1234");
        }
        for (json, query, status) in [
            (r#"{"headers":3}"#, "", 0),
            (r#"{"headers":2}"#, "", 431),
            (r#"{"header_bytes":18}"#, "", 0),
            (r#"{"header_bytes":17}"#, "", 431),
            (r#"{"query":2}"#, "a=1&b=2", 0),
            (r#"{"query":2}"#, "a=1&&b=2&", 0),
            (r#"{"query":2}"#, "a&b&c", 414),
            (r#"{"query":0}"#, "", 0),
            (r#"{"query":0}"#, "a", 414),
            (r#"{"body":0}"#, "a", 0),
        ] {
            let policy = serde_json::from_str(json).unwrap();
            let refusal = RequestLimits::compile(&policy).judge(&fields, Some(query));
            let found = refusal.map_or(0, |refusal| refusal.status());
            assert_eq!(found, status, "{json} {query}");
        }
    }
}
