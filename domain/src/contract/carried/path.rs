//! Parameters of the path: simple, as a label (`.a.b`), and as a matrix (`;p=a`).

use std::borrow::Cow;

use serde_json::Value;

use super::{Carried, Kinds, OTHERWISE, Parameter, Sent, Style, plain};
use crate::openapi::Segment;

impl Carried<'_> {
    pub(super) fn in_path(&self, parameter: &Parameter) -> Sent {
        let Some(template) = &self.template else {
            return Ok(None);
        };
        let path = self.asked.path();
        let segments = path.strip_prefix('/').unwrap_or(path).split('/');
        for (written, sent) in template.segments().iter().zip(segments) {
            match written {
                Segment::Parameter(name) if *name == parameter.name => {
                    let value = match parameter.style {
                        Style::Matrix => self.matrix(parameter, sent),
                        Style::Label => {
                            let sent = sent.strip_prefix('.').ok_or(OTHERWISE)?;
                            let separator = if parameter.explode { '.' } else { ',' };
                            self.text(parameter, sent, separator)
                        }
                        _ => self.text(parameter, sent, ','),
                    };
                    return value.map(Some);
                }
                // What a segment like `{id}.json` mixes is not looked at.
                Segment::Literal(_) | Segment::Parameter(_) | Segment::Mixed { .. } => {}
            }
        }
        Ok(None)
    }

    /// `;p=a,b`; exploded a list is `;p=a;p=b`, and an object has its members' names in the place of
    /// its own (RFC 6570 §3.2.7).
    fn matrix(&self, parameter: &Parameter, sent: &str) -> Result<Value, &'static str> {
        let sent = sent.strip_prefix(';').ok_or(OTHERWISE)?;
        let kinds = self.schemas.kinds(parameter.schema);
        let named = |part| named(part, &parameter.name).ok_or(OTHERWISE);
        if parameter.explode && kinds.has(Kinds::ARRAY) {
            let parts = sent.split(';').map(|part| plain(named(part)?));
            let parts: Vec<Cow<'_, str>> = parts.collect::<Result<_, _>>()?;
            return self.items(parameter.schema, parts.into_iter());
        }
        if parameter.explode && kinds.has(Kinds::OBJECT) {
            return self.text(parameter, sent, ';');
        }
        self.text(parameter, named(sent)?, ',')
    }
}

/// What stands behind a name and its `=`, which is left out where there is nothing.
fn named<'s>(part: &'s str, name: &str) -> Option<&'s str> {
    match part.strip_prefix(name)? {
        "" => Some(""),
        behind => behind.strip_prefix('='),
    }
}
