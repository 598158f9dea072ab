//! A record as bytes in the spool: compact, and decoded from anything without a panic.
//!
//! Time as 8 bytes, a mask that names the ids that are not the zero id and the flags, those ids as
//! 16 bytes each, then numbers as LEB128 and strings as LEB128 length and UTF-8. The form's number
//! stands in the segment's head, once for all its records: form 2 has the variant behind form 1, form 3
//! the policies that observed behind that, form 4 what a cache did behind those, and all are read, as
//! what a gateway spooled must outlive its update.

use chrono::DateTime;
use domain::id::Id;
use domain::key::Environment;
use domain::traffic::{Cached, Record};
use uuid::Uuid;

/// The form that [`encode`] writes.
pub const FORM: Form = Form::Cached;

/// What [`decode`] reads; a segment of any other form is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Without the variant.
    First,
    /// Without the names of policies that observed.
    Variant,
    /// Without what a cache did.
    Observed,
    Cached,
}

impl Form {
    pub const fn number(self) -> u8 {
        match self {
            Self::First => 1,
            Self::Variant => 2,
            Self::Observed => 3,
            Self::Cached => 4,
        }
    }

    pub fn of_number(number: u8) -> Option<Self> {
        let forms = [Self::First, Self::Variant, Self::Observed, Self::Cached];
        forms.into_iter().find(|form| form.number() == number)
    }
}

/// A string is cut here (on a character's border), so that no record grows past its frame.
pub const MAX_STRING: usize = 1024;

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
    write_number(out, record.cached.number().into());
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
            Form::Variant | Form::Observed | Form::Cached => input.text()?,
        },
        observed_by: match form {
            Form::First | Form::Variant => String::new(),
            Form::Observed | Form::Cached => input.text()?,
        },
        cached: match form {
            Form::First | Form::Variant | Form::Observed => Cached::None,
            Form::Cached => Cached::of_number(input.number()?),
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

fn texts_of(record: &Record) -> [&str; 10] {
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
        &record.observed_by,
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
    let text = &text[..text.floor_char_boundary(MAX_STRING)];
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
        let length: usize = self.narrow()?;
        if length > MAX_STRING {
            return Err(Malformed);
        }
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|_| Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id<K>() -> impl Strategy<Value = Id<K>> {
        prop_oneof![
            Just(Uuid::nil()),
            any::<[u8; 16]>().prop_map(Uuid::from_bytes)
        ]
        .prop_map(Id::from_uuid)
    }

    fn text() -> impl Strategy<Value = String> {
        "\\PC{0,40}"
    }

    prop_compose! {
        fn record()(
            (provider, consumer, api, version, operation) in (id(), id(), id(), id(), id()),
            (application, credential, subscription, plan) in (id(), id(), id(), id()),
            (request_id, node, client, method) in (text(), text(), text(), text()),
            (path, code, decided_by, target, variant, observed_by) in (text(), text(), text(), text(), text(), text()),
            (at, state, bytes_in, bytes_out) in (-(1_i64 << 50)..1 << 55, any::<u64>(), any::<u64>(), any::<u64>()),
            (revision, observed, total_us, policies_us) in any::<(u32, u32, u32, u32)>(),
            (connect_us, first_byte_us, units) in any::<(u32, u32, u32)>(),
            (status, tries, path_cut, test) in any::<(u16, u8, bool, bool)>(),
            cached in proptest::sample::select(Cached::ALL.to_vec()),
        ) -> Record {
            Record {
                at: DateTime::from_timestamp_micros(at).unwrap(),
                environment: if test { Environment::Test } else { Environment::Live },
                request_id, node, state, provider, consumer, api, version, revision, operation,
                application, credential, subscription, plan, client, method, path, path_cut, status,
                code, decided_by, observed, observed_by, target, variant, tries, bytes_in, bytes_out, total_us, policies_us,
                connect_us, first_byte_us, units, cached,
            }
        }
    }

    proptest! {
        #[test]
        fn a_record_survives_the_spool(record in record()) {
            let mut bytes = Vec::new();
            encode(&record, &mut bytes);
            prop_assert_eq!(decode(&bytes, FORM).unwrap(), record);
        }

        #[test]
        fn a_record_of_a_former_form_is_read(record in record()) {
            let record = Record { cached: Cached::None, ..record };
            let mut bytes = Vec::new();
            encode(&record, &mut bytes);
            // No cache is one byte at the end, which the form before did not have.
            prop_assert_eq!(bytes.pop(), Some(0));
            prop_assert_eq!(&decode(&bytes, Form::Observed).unwrap(), &record);
            prop_assert!(decode(&bytes, Form::Cached).is_err());
            let record = Record { observed_by: String::new(), ..record };
            bytes.clear();
            encode(&record, &mut bytes);
            prop_assert_eq!(bytes.pop(), Some(0));
            // It ends before what came later, and an empty text is its length alone.
            prop_assert_eq!(bytes.pop(), Some(0));
            prop_assert_eq!(&decode(&bytes, Form::Variant).unwrap(), &record);
            prop_assert!(decode(&bytes, Form::Observed).is_err());
            let record = Record { variant: String::new(), ..record };
            bytes.clear();
            encode(&record, &mut bytes);
            bytes.truncate(bytes.len() - 3);
            prop_assert_eq!(decode(&bytes, Form::First).unwrap(), record);
            prop_assert!(decode(&bytes, Form::Variant).is_err());
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for form in [Form::First, Form::Variant, Form::Observed, Form::Cached] {
                let _ = decode(&bytes, form);
            }
        }

        #[test]
        fn a_damaged_record_is_refused_or_read_whole(record in record(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let mut bytes = Vec::new();
            encode(&record, &mut bytes);
            let at = at.index(bytes.len());
            bytes[at] = to;
            if let Ok(read) = decode(&bytes, FORM) {
                let mut again = Vec::new();
                encode(&read, &mut again);
                prop_assert_eq!(decode(&again, FORM).unwrap(), read);
            }
            prop_assert!(decode(&bytes[..at], FORM).is_err());
        }
    }

    #[test]
    fn forms_are_known_by_their_numbers() {
        for (number, form) in [
            (0, None),
            (1, Some(Form::First)),
            (2, Some(Form::Variant)),
            (3, Some(Form::Observed)),
            (4, Some(Form::Cached)),
            (5, None),
        ] {
            assert_eq!(Form::of_number(number), form, "{number}");
        }
    }

    #[test]
    fn long_strings_are_cut_on_a_character() {
        let mut bytes = Vec::new();
        write_text(&mut bytes, &"ü".repeat(MAX_STRING));
        assert_eq!(Input(&bytes).text().unwrap(), "ü".repeat(MAX_STRING / 2));
        bytes.clear();
        write_text(&mut bytes, &format!("x{}", "ü".repeat(MAX_STRING)));
        assert_eq!(Input(&bytes).text().unwrap().len(), MAX_STRING - 1);
    }
}
