//! A record as bytes in the spool: compact, and decoded from anything without a panic.
//!
//! Time as 8 bytes, a mask that names the ids that are not the zero id and the flags, those ids as
//! 16 bytes each, then numbers as LEB128 and strings as LEB128 length and UTF-8. The form's number
//! stands in the segment's head, once for all its records: form 2 has the variant behind form 1, form 3
//! the policies that observed behind that, form 4 what a cache did behind those, form 5 is form 4 with
//! more policies than its strings have room for and the trace behind, and all are read, as what a gateway
//! spooled must outlive its update.

use chrono::DateTime;
use domain::id::Id;
use domain::key::Environment;
use domain::traffic::{Cached, Record};
use uuid::Uuid;

/// The form that [`encode`] writes.
pub const FORM: Form = Form::Named;

/// What [`decode`] reads; a segment of any other form is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Without the variant.
    First,
    /// Without the names of policies that observed.
    Variant,
    /// Without what a cache did.
    Observed,
    /// Only a few of the policies that observed, and no trace.
    Cached,
    Named,
}

impl Form {
    pub const fn number(self) -> u8 {
        match self {
            Self::First => 1,
            Self::Variant => 2,
            Self::Observed => 3,
            Self::Cached => 4,
            Self::Named => 5,
        }
    }

    pub fn of_number(number: u8) -> Option<Self> {
        use Form::{Cached, First, Named, Observed, Variant};
        let forms = [First, Variant, Observed, Cached, Named];
        forms.into_iter().find(|form| form.number() == number)
    }
}

/// A string is cut here (on a character's border), so that no record grows past its frame.
pub const MAX_STRING: usize = 1024;

/// The same of the policies that observed: room for the longest name of each that a record has.
pub const MAX_NAMES: usize = 4096;

const IDS: usize = 9;
const TEST: u16 = 1 << 9;
const PATH_CUT: u16 = 1 << 10;
const KNOWN: u16 = (1 << 11) - 1;

/// The bytes are no record of this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a record of the spool")]
pub struct Malformed;

/// Appends `record` to `out`. Times finer than a microsecond are cut off.
pub fn encode(record: &Record, out: &mut Vec<u8>) {
    let ids = ids_of(record);
    let mut mask = 0_u16;
    for (bit, id) in ids.iter().enumerate() {
        mask |= u16::from(!id.is_nil()) << bit;
    }
    mask |= match record.environment {
        Environment::Live => 0,
        Environment::Test => TEST,
    };
    if record.path_cut {
        mask |= PATH_CUT;
    }
    out.extend_from_slice(&record.at.timestamp_micros().to_le_bytes());
    out.extend_from_slice(&mask.to_le_bytes());
    for id in ids.iter().filter(|id| !id.is_nil()) {
        out.extend_from_slice(id.as_bytes());
    }
    for number in numbers_of(record) {
        write_number(out, number);
    }
    for text in texts_of(record) {
        write_text(out, text);
    }
    write_names(out, &record.observed_by);
    write_number(out, record.cached.number().into());
    write_text(out, &record.trace_id);
}

/// Reads one record that fills `bytes` exactly.
pub fn decode(bytes: &[u8], form: Form) -> Result<Record, Malformed> {
    let mut input = Input(bytes);
    let micros = i64::from_le_bytes(input.array()?);
    let at = DateTime::from_timestamp_micros(micros).ok_or(Malformed)?;
    let mask = u16::from_le_bytes(input.array()?);
    if mask & !KNOWN != 0 {
        return Err(Malformed);
    }
    let mut ids = [Uuid::nil(); IDS];
    for (bit, id) in ids.iter_mut().enumerate() {
        if mask & (1 << bit) != 0 {
            *id = Uuid::from_bytes(input.array()?);
        }
    }
    let [
        provider,
        consumer,
        api,
        version,
        operation,
        application,
        credential,
        subscription,
        plan,
    ] = ids;
    let record = Record {
        at,
        provider: Id::from_uuid(provider),
        consumer: Id::from_uuid(consumer),
        api: Id::from_uuid(api),
        version: Id::from_uuid(version),
        operation: Id::from_uuid(operation),
        application: Id::from_uuid(application),
        credential: Id::from_uuid(credential),
        subscription: Id::from_uuid(subscription),
        plan: Id::from_uuid(plan),
        environment: if mask & TEST == 0 {
            Environment::Live
        } else {
            Environment::Test
        },
        path_cut: mask & PATH_CUT != 0,
        state: input.number()?,
        revision: input.narrow()?,
        status: input.narrow()?,
        observed: input.narrow()?,
        tries: input.narrow()?,
        bytes_in: input.number()?,
        bytes_out: input.number()?,
        total_us: input.narrow()?,
        policies_us: input.narrow()?,
        connect_us: input.narrow()?,
        first_byte_us: input.narrow()?,
        units: input.narrow()?,
        request_id: input.text()?,
        node: input.text()?,
        client: input.text()?,
        method: input.text()?,
        path: input.text()?,
        code: input.text()?,
        decided_by: input.text()?,
        target: input.text()?,
        variant: match form {
            Form::First => String::new(),
            Form::Variant | Form::Observed | Form::Cached | Form::Named => input.text()?,
        },
        observed_by: match form {
            Form::First | Form::Variant => String::new(),
            Form::Observed | Form::Cached => input.text()?,
            Form::Named => input.text_within(MAX_NAMES)?,
        },
        cached: match form {
            Form::First | Form::Variant | Form::Observed => Cached::None,
            Form::Cached | Form::Named => Cached::of_number(input.number()?),
        },
        trace_id: match form {
            Form::First | Form::Variant | Form::Observed | Form::Cached => String::new(),
            Form::Named => input.text()?,
        },
    };
    if input.0.is_empty() {
        Ok(record)
    } else {
        Err(Malformed)
    }
}

fn ids_of(record: &Record) -> [Uuid; IDS] {
    [
        record.provider.uuid(),
        record.consumer.uuid(),
        record.api.uuid(),
        record.version.uuid(),
        record.operation.uuid(),
        record.application.uuid(),
        record.credential.uuid(),
        record.subscription.uuid(),
        record.plan.uuid(),
    ]
}

fn numbers_of(record: &Record) -> [u64; 12] {
    [
        record.state,
        record.revision.into(),
        record.status.into(),
        record.observed.into(),
        record.tries.into(),
        record.bytes_in,
        record.bytes_out,
        record.total_us.into(),
        record.policies_us.into(),
        record.connect_us.into(),
        record.first_byte_us.into(),
        record.units.into(),
    ]
}

fn texts_of(record: &Record) -> [&str; 9] {
    [
        &record.request_id,
        &record.node,
        &record.client,
        &record.method,
        &record.path,
        &record.code,
        &record.decided_by,
        &record.target,
        &record.variant,
    ]
}

fn write_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_whole(out, &text[..text.floor_char_boundary(MAX_STRING)]);
}

/// With blanks between. What there is no room for is left out whole: a part of a name would be
/// another one.
fn write_names(out: &mut Vec<u8>, names: &str) {
    let mut kept = &names[..names.floor_char_boundary(MAX_NAMES)];
    if kept.len() < names.len() && !names[kept.len()..].starts_with(' ') {
        kept = kept.rsplit_once(' ').map_or("", |(whole, _)| whole);
    }
    write_whole(out, kept);
}

fn write_whole(out: &mut Vec<u8>, text: &str) {
    write_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    fn number(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    fn narrow<T: TryFrom<u64>>(&mut self) -> Result<T, Malformed> {
        T::try_from(self.number()?).map_err(|_| Malformed)
    }

    fn text(&mut self) -> Result<String, Malformed> {
        self.text_within(MAX_STRING)
    }

    fn text_within(&mut self, most: usize) -> Result<String, Malformed> {
        let length: usize = self.narrow()?;
        if length > most {
            return Err(Malformed);
        }
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|_| Malformed)
    }
}

#[cfg(test)]
mod tests;
