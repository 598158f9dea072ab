//! `transform`: header fields of one message, changed as its policy says.

use domain::policy::template::{LONGEST_VALUE, Template};
use domain::policy::transform::{Message, Way};
use domain::problem::Code;

use super::Step;
use super::template::{self, TooLong};
use crate::answer::Refusal;
use crate::call::Call;
use crate::fields::Fields;

/// The running form of one way.
#[derive(Debug)]
pub(crate) struct Transform {
    rename: Box<[(Box<str>, Box<str>)]>,
    remove: Box<[Box<str>]>,
    set: Box<[(Box<str>, Template)]>,
    add: Box<[(Box<str>, Template)]>,
}

impl Transform {
    /// `None` when it does not check.
    pub(crate) fn compile(message: &Message, way: Way) -> Option<Self> {
        let read = |(name, value): (&String, &String)| {
            let template = way.template(value).ok()?;
            Some((name.as_str().into(), template))
        };
        let rename = message.rename.iter();
        let rename = rename.map(|(old, new)| (old.as_str().into(), new.as_str().into()));
        Some(Self {
            rename: rename.collect(),
            remove: message
                .remove
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
            set: message.set.iter().map(read).collect::<Option<_>>()?,
            add: message.add.iter().map(read).collect::<Option<_>>()?,
        })
    }

    /// Of the request, before the gateway's own fields and the upstream's credential are put in:
    /// no template can tell of them.
    /// `room` is what the message takes yet of fields that are made, in bytes.
    pub(crate) fn shape(&self, call: &mut Call<'_>, room: &mut usize) -> Result<(), Refusal> {
        let values = self.values(call, room).map_err(|TooLong| {
            let detail = "What the API's rules make of its header fields would be too long.";
            Refusal::new(Code::HeadersTooLarge).detail(detail)
        })?;
        self.change(&mut call.head.fields, values);
        Ok(())
    }

    /// Of an answer, which stays as it is where its fields cannot be made.
    pub(crate) fn finish(
        &self,
        call: &Call<'_>,
        fields: &mut Fields,
        room: &mut usize,
    ) -> Result<(), TooLong> {
        let values = self.values(call, room)?;
        self.change(fields, values);
        Ok(())
    }

    /// In observe mode: what it would make is made and thrown away, to find out whether that could
    /// be done. A refusal stays one in any case.
    pub(crate) fn try_out<R>(&self, step: &Step<R>, call: &mut Call<'_>, mut room: usize) {
        if call.record.status == 0 && self.values(call, &mut room).is_err() {
            step.decides(call);
        }
    }

    /// What it does without making anything: `rename` and `remove`.
    pub(crate) fn trim(&self, fields: &mut Fields) {
        self.change(fields, Vec::new());
    }

    /// The values of `set` and `add`, from the request as it is before the change.
    fn values(&self, call: &Call<'_>, room: &mut usize) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut values = Vec::with_capacity(self.set.len() + self.add.len());
        for (name, value) in self.set.iter().chain(&self.add) {
            let left = room.checked_sub(name.len()).ok_or(TooLong)?;
            let made = template::fill(value, call, left.min(LONGEST_VALUE))?;
            *room = left - made.len();
            values.push(made);
        }
        Ok(values)
    }

    fn change(&self, fields: &mut Fields, values: Vec<Vec<u8>>) {
        for (old, new) in &self.rename {
            let moved: Vec<Vec<u8>> = fields.named(old).map(<[u8]>::to_vec).collect();
            if moved.is_empty() {
                continue;
            }
            fields.remove_named(old.as_bytes());
            fields.remove_named(new.as_bytes());
            for value in moved {
                fields.push(new, &value);
            }
        }
        for name in &self.remove {
            fields.remove_named(name.as_bytes());
        }
        let mut values = values.into_iter();
        for ((name, _), value) in self.set.iter().zip(values.by_ref()) {
            fields.remove_named(name.as_bytes());
            // What is nothing is not set: an empty field would pass for a value.
            if !value.is_empty() {
                fields.push(name, &value);
            }
        }
        for ((name, _), value) in self.add.iter().zip(values) {
            if !value.is_empty() {
                fields.push(name, &value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_changed_in_order() {
        let headers: Message = serde_json::from_str(
            r#"{"rename":{"X-Old":"X-New","X-None":"X-Kept"},"remove":["Origin"],
                "set":{"X-Set":"1","X-Empty":""},"add":{"Via":"p"}}"#,
        )
        .unwrap();
        let transform = Transform::compile(&headers, Way::Request).unwrap();
        let mut fields = Fields::new(b"");
        for (name, value) in [
            ("x-new", "gone"),
            ("X-OLD", "a"),
            ("x-old", "b"),
            ("x-kept", "c"),
            ("origin", "d"),
            ("x-set", "e"),
            ("x-empty", "f"),
            ("via", "g"),
        ] {
            fields.push(name, value.as_bytes());
        }
        let values = ["1", "", "p"].map(|value: &str| value.as_bytes().to_vec());
        // Sorted by name, as the file's are.
        let values = vec![values[1].clone(), values[0].clone(), values[2].clone()];
        transform.change(&mut fields, values);
        let mut out = Vec::new();
        fields.write(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap().replace("\r\n", ";"),
            "x-kept: c;via: g;X-New: a;X-New: b;X-Set: 1;Via: p;"
        );
    }
}
