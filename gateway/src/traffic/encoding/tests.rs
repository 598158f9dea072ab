//! What a record is after the spool, in each form, and what is no record.

use super::*;
use crate::record::MOST_WATCHED;
use domain::traffic::ObservedKey;
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
        trace_id in "([0-9a-f]{32})?",
        (at, state, bytes_in, bytes_out) in (-(1_i64 << 50)..1 << 55, any::<u64>(), any::<u64>(), any::<u64>()),
        (revision, observed, total_us, policies_us) in any::<(u32, u32, u32, u32)>(),
        (connect_us, first_byte_us, units) in any::<(u32, u32, u32)>(),
        (status, tries, path_cut, test) in any::<(u16, u8, bool, bool)>(),
        cached in proptest::sample::select(Cached::ALL.to_vec()),
    ) -> Record {
        Record {
            at: DateTime::from_timestamp_micros(at).unwrap(),
            environment: if test { Environment::Test } else { Environment::Live },
            request_id, trace_id, node, state, provider, consumer, api, version, revision, operation,
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
        let mut bytes = Vec::new();
        encode(&record, &mut bytes);
        prop_assert_eq!(&decode(&bytes, FORM).unwrap(), &record);
        let record = Record { trace_id: String::new(), ..record };
        bytes.clear();
        encode(&record, &mut bytes);
        // No trace is one byte at the end, which the form before did not have.
        prop_assert_eq!(bytes.pop(), Some(0));
        // What has few policies that observed looks the same in both.
        prop_assert_eq!(&decode(&bytes, Form::Cached).unwrap(), &record);
        prop_assert!(decode(&bytes, Form::Named).is_err());
        let record = Record { cached: Cached::None, ..record };
        bytes.clear();
        encode(&record, &mut bytes);
        // Nor is any cache, one form before that.
        prop_assert_eq!([bytes.pop(), bytes.pop()], [Some(0); 2]);
        prop_assert_eq!(&decode(&bytes, Form::Observed).unwrap(), &record);
        prop_assert!(decode(&bytes, Form::Cached).is_err());
        prop_assert!(decode(&bytes, Form::Named).is_err());
        let record = Record { observed_by: String::new(), ..record };
        bytes.clear();
        encode(&record, &mut bytes);
        prop_assert_eq!(bytes.pop(), Some(0));
        // It ends before what came later, and an empty text is its length alone.
        prop_assert_eq!([bytes.pop(), bytes.pop()], [Some(0); 2]);
        prop_assert_eq!(&decode(&bytes, Form::Variant).unwrap(), &record);
        prop_assert!(decode(&bytes, Form::Observed).is_err());
        let record = Record { variant: String::new(), ..record };
        bytes.clear();
        encode(&record, &mut bytes);
        bytes.truncate(bytes.len() - 4);
        prop_assert_eq!(decode(&bytes, Form::First).unwrap(), record);
        prop_assert!(decode(&bytes, Form::Variant).is_err());
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for form in [Form::First, Form::Variant, Form::Observed, Form::Cached, Form::Named] {
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
        (5, Some(Form::Named)),
        (6, None),
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

/// The longest name that a policy in observe mode can have.
fn longest(number: usize) -> String {
    format!("organization/oauth2_introspection/{number:040}")
}

#[test]
fn all_policies_that_observed_pass_and_are_counted() {
    let names: Vec<String> = (0..MOST_WATCHED).map(longest).collect();
    let record = Record {
        observed_by: names.join(" "),
        ..Record::default()
    };
    let mut bytes = Vec::new();
    encode(&record, &mut bytes);
    let read = decode(&bytes, FORM).unwrap();
    assert_eq!(read, record);
    let counted: Vec<String> = ObservedKey::of(&read).map(|key| key.policy).collect();
    assert_eq!(counted, names);
    // So much had no room in a string of the form before.
    assert_eq!(decode(&bytes, Form::Cached), Err(Malformed));
}

#[test]
fn names_are_left_out_whole() {
    for count in [1, 54, 55, 56, 200] {
        let names: Vec<String> = (0..count).map(longest).collect();
        let mut bytes = Vec::new();
        write_names(&mut bytes, &names.join(" "));
        let read = Input(&bytes).text_within(MAX_NAMES).unwrap();
        let most = (MAX_NAMES + 1) / (longest(0).len() + 1);
        assert_eq!(read, names[..count.min(most)].join(" "), "{count}");
    }
    let mut bytes = Vec::new();
    write_names(&mut bytes, &"x".repeat(MAX_NAMES + 1));
    assert_eq!(bytes, [0], "one that is none");
}
