//! A version's upstreams for some callers in a form: a row each, whose fields are empty for what does
//! not matter.

use domain::id::{ApplicationId, UpstreamId};
use domain::key::Environment;
use domain::problem::Invalid;
use domain::upstream::{CallerIs, Chosen, ClaimIs, MAX_CHOSEN};
use domain::wire::versions::DraftChosen;
use frontend::form::Form;

use crate::typed::Typed;

const FIELDS: [&str; 6] = [
    "plan",
    "application",
    "environment",
    "claim",
    "value",
    "upstream",
];

fn field(row: usize, name: &str) -> String {
    format!("upstreams/{row}/{name}")
}

/// The list as the form shows it.
pub(super) fn shown(form: Form, all: &[DraftChosen]) -> Form {
    all.iter().enumerate().fold(form, |form, (row, one)| {
        let when = &one.when;
        let claim = when.claim.as_ref();
        form.with(&field(row, "plan"), when.plan.clone().unwrap_or_default())
            .with(
                &field(row, "application"),
                when.application
                    .map(|id| id.to_string())
                    .unwrap_or_default(),
            )
            .with(
                &field(row, "environment"),
                when.environment.map_or("", Environment::as_str),
            )
            .with(
                &field(row, "claim"),
                claim.map(|claim| claim.name.clone()).unwrap_or_default(),
            )
            .with(
                &field(row, "value"),
                claim.map(|claim| claim.value.clone()).unwrap_or_default(),
            )
            .with(&field(row, "upstream"), one.upstream.id.to_string())
    })
}

/// Rows in which something stands.
fn rows(typed: &Typed) -> impl Iterator<Item = usize> {
    let holds = |row: usize| {
        let mut values = FIELDS.iter().map(|name| typed.get(&field(row, name)));
        values.any(|value| !value.is_empty())
    };
    // One more than may be, so that it is refused and not forgotten.
    (0..=MAX_CHOSEN).filter(move |row| holds(*row))
}

/// The list as it was typed, or what cannot be read of it.
pub(super) fn read(typed: &Typed) -> Result<Vec<Chosen>, Vec<Invalid>> {
    let mut wrong = Vec::new();
    let mut all = Vec::new();
    for row in rows(typed) {
        let text = |name: &str| typed.optional(&field(row, name));
        let mut refuse = |name: &str, message: &str| {
            wrong.push(Invalid::new(format!("/{}", field(row, name)), message));
        };
        let upstream = text("upstream").and_then(|id| id.parse::<UpstreamId>().ok());
        if upstream.is_none() {
            refuse("upstream", "Choose an upstream.");
        }
        let written = text("application");
        let application = written.map(|id| id.parse::<ApplicationId>().ok());
        if let Some(None) = application {
            refuse("application", "Enter the application's id.");
        }
        let environment = text("environment").map(|name| Environment::parse(&name));
        if let Some(None) = environment {
            refuse("environment", "Choose live or test.");
        }
        let name = text("claim");
        let value = text("value");
        if name.is_none() && value.is_some() {
            refuse("claim", "Name the claim that has this value.");
        }
        all.push(Chosen {
            when: CallerIs {
                plan: text("plan"),
                application: application.flatten(),
                environment: environment.flatten(),
                claim: name.map(|name| ClaimIs {
                    name,
                    value: value.unwrap_or_default(),
                }),
            },
            upstream: upstream.unwrap_or(UpstreamId::NIL),
        });
    }
    match wrong.is_empty() {
        true => Ok(all),
        false => Err(wrong),
    }
}

/// Brings what is wrong with the list to the fields that show it.
pub(super) fn at_fields(error: &mut api::Error, typed: &Typed) {
    let rows: Vec<usize> = rows(typed).collect();
    for invalid in &mut error.invalid {
        let Some(inside) = invalid.pointer.strip_prefix("/upstreams") else {
            continue;
        };
        let mut parts = inside.split('/').skip(1);
        let index = parts.next().and_then(|index| index.parse::<usize>().ok());
        let row = index.and_then(|index| rows.get(index)).copied();
        let name = match (parts.next(), parts.next(), parts.next()) {
            (Some("upstream"), ..) => "upstream",
            (Some("when"), Some("claim"), Some("value")) => "value",
            (Some("when"), Some("claim"), _) => "claim",
            (Some("when"), Some("application"), _) => "application",
            (Some("when"), Some("environment"), _) => "environment",
            _ => "plan",
        };
        invalid.pointer = format!("/{}", field(row.unwrap_or(0), name));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn typed(values: &[(&str, &str)]) -> Typed {
        let values = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Typed::new(values.collect()).unwrap()
    }

    #[test]
    fn a_list_is_shown_and_read_again() {
        let upstream = UpstreamId::from_name("upstream", "u");
        let application = ApplicationId::from_name("application", "a");
        let all = [
            json!({ "plan": "gold", "environment": "test" }),
            json!({ "application": application, "claim": { "name": "a.b", "value": "c d" } }),
        ];
        let all = all.map(|when| DraftChosen {
            when: serde_json::from_value(when).unwrap(),
            upstream: domain::wire::NamedUpstream {
                id: upstream,
                name: "u".into(),
                slug: String::new(),
            },
        });
        let form = shown(Form::default(), &all);
        let names: Vec<String> = (0..3)
            .flat_map(|row| FIELDS.map(|name| field(row, name)))
            .collect();
        let values: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), form.value(name)))
            .collect();
        let read = read(&typed(&values)).unwrap();
        let sent = all.map(|one| Chosen {
            when: one.when,
            upstream,
        });
        assert_eq!(read, sent);
    }

    #[test]
    fn what_is_wrong_comes_to_its_field() {
        let found = read(&typed(&[
            ("upstreams/1/plan", "gold"),
            ("upstreams/1/application", "mine"),
            ("upstreams/1/value", "x"),
        ]));
        let found: Vec<String> = found
            .unwrap_err()
            .into_iter()
            .map(|one| one.pointer)
            .collect();
        assert_eq!(
            found,
            [
                "/upstreams/1/upstream",
                "/upstreams/1/application",
                "/upstreams/1/claim"
            ]
        );
        let pointers = [
            ("/upstreams/0/when/plan", "/upstreams/2/plan"),
            ("/upstreams/0/when", "/upstreams/2/plan"),
            ("/upstreams/0/when/claim/value", "/upstreams/2/value"),
            ("/upstreams/0/when/claim/name", "/upstreams/2/claim"),
            ("/upstreams/0/upstream", "/upstreams/2/upstream"),
            ("/upstream", "/upstream"),
        ];
        let invalid = pointers.map(|(pointer, _)| Invalid::new(pointer, "x"));
        let mut error = api::Error::invalid(invalid.to_vec());
        at_fields(&mut error, &typed(&[("upstreams/2/plan", "gold")]));
        for (found, (pointer, field)) in error.invalid.iter().zip(pointers) {
            assert_eq!(found.pointer, field, "{pointer}");
        }
    }
}
