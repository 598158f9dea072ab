//! What holds for every policy and for every form, right or wrong.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::*;
use super::{read, through_form, through_yaml};
use crate::form::{Control, Line, Sort};

/// Values of a control that a policy may hold, right or wrong by its own rules.
fn value(control: &Control) -> BoxedStrategy<Value> {
    match control {
        Control::Text {
            sort: Sort::Span, ..
        } => prop::sample::select(vec!["1s", "500ms", "7d"])
            .prop_map(|text| json!(text))
            .boxed(),
        Control::Text {
            sort: Sort::Time, ..
        } => Just(json!("2026-12-31T00:00:00Z")).boxed(),
        Control::Text { .. } => text().prop_map(|text| json!(text)).boxed(),
        Control::Number { least, most, .. } => {
            let most = (*most).min(i128::from(i64::MAX)) as i64;
            (*least as i64..=most)
                .prop_map(|number| json!(number))
                .boxed()
        }
        Control::Flag => any::<bool>().prop_map(|is| json!(is)).boxed(),
        Control::Choice(choices) => prop::sample::select(choices.clone())
            .prop_map(|one| one.value)
            .boxed(),
        Control::Set(choices) | Control::Lines(Line::Of(choices)) => {
            let one = prop::sample::select(choices.clone()).prop_map(|one| one.value);
            prop::collection::vec(one, 0..4)
                .prop_map(Value::Array)
                .boxed()
        }
        Control::Lines(Line::Text) => prop::collection::vec(text(), 0..4)
            .prop_map(|list| json!(list))
            .boxed(),
        Control::Lines(Line::Short(parts)) => {
            let whole = object(parts);
            let one = prop_oneof![text().prop_map(|text| json!(text)), whole];
            prop::collection::vec(one, 0..4)
                .prop_map(Value::Array)
                .boxed()
        }
        Control::Pairs { .. } => {
            prop::collection::btree_map(text(), prop_oneof![text(), Just(String::new())], 0..4)
                .prop_map(|map| json!(map))
                .boxed()
        }
        Control::Group(parts) => object(parts),
        Control::Rows(rows) => prop::collection::vec(value(&rows.item), 0..3)
            .prop_map(Value::Array)
            .boxed(),
        Control::Ways(ways) => {
            let ways = ways.iter().map(|way| {
                let name = way.name.clone();
                object(&way.parts)
                    .prop_map(move |inner| json!({ name.as_str(): inner }))
                    .boxed()
            });
            prop::strategy::Union::new(ways).boxed()
        }
        Control::Free => prop_oneof![
            text().prop_map(|text| json!(text)),
            text().prop_map(|text| json!({ "keys": [text, 1.5, true, null] })),
            Just(json!([])),
        ]
        .boxed(),
    }
}

fn object(parts: &[Part]) -> BoxedStrategy<Value> {
    let members: Vec<BoxedStrategy<Option<(String, Value)>>> = parts
        .iter()
        .map(|part| {
            let (name, is_needed) = (part.name.clone(), part.required);
            (any::<bool>(), value(&part.control))
                .prop_map(move |(is, value)| (is || is_needed).then(|| (name.clone(), value)))
                .boxed()
        })
        .collect();
    let whole = members.prop_map(|members| members.into_iter().flatten().collect::<Map<_, _>>());
    whole.prop_map(Value::Object).boxed()
}

/// An empty text says the same as none to a form, and no policy has one that is right.
fn text() -> BoxedStrategy<String> {
    prop_oneof![
        4 => "[a-z*/.:{}-]{1,8}",
        1 => "[ \\n\\r\\ta#'\":,\\[\\]{}&*!|>%@`~é\u{2028}\u{85}-]{1,8}",
        1 => prop::sample::select(vec!["true", "null", "~", "5", "1e3", "0x1f", "- a", "2026-01-01", "yes", " ", "\n"]).prop_map(str::to_owned),
    ]
    .boxed()
}

fn policies() -> BoxedStrategy<Policy> {
    let kinds = PolicyKind::ALL.iter().map(|kind| {
        object(parts(*kind))
            .prop_map(move |inner| read(json!({ kind.as_str(): inner })))
            .boxed()
    });
    prop::strategy::Union::new(kinds).boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_form_loses_nothing(policy in policies()) {
        prop_assert_eq!(through_form(&policy), policy);
    }

    #[test]
    fn yaml_loses_nothing(policy in policies()) {
        prop_assert_eq!(through_yaml(&policy), policy);
    }

    #[test]
    fn any_fields_are_read(
        kind in prop::sample::select(PolicyKind::ALL.to_vec()),
        typed in prop::collection::vec(
            (prop_oneof!["[a-z_]{1,8}(/[0-9]{1,2})?(/[a-z_]{1,8})?(:json)?", Just("issuers".to_owned()), Just("of".to_owned()), Just("of/0".to_owned()), Just("issuers/0/jwks".to_owned())], prop_oneof![text(), Just("2".to_owned()), Just("jwt".to_owned())]), 0..20),
    ) {
        let sheet = Sheet::typed(kind, &typed, &[]);
        let _ = (sheet.policy(), sheet.to_yaml(), sheet.to_fields());
    }
}
