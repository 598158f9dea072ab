//! An upstream's settings as its form shows them: what equals its default is left empty, so that the
//! page shows the default in its place.

use domain::problem::Invalid;
use domain::upstream::UpstreamSettings;
use frontend::form::Form;
use frontend::pages::publish::upstreams::plain::{self, default_of, words};
use serde_json::Value;

use crate::typed::Typed;

/// The settings, at their fields.
pub(super) fn shown(form: Form, settings: &UpstreamSettings) -> Form {
    let settings = serde_json::to_value(settings).unwrap_or_default();
    let at = |name: &str| settings.pointer(&format!("/{name}"));
    let mut form = form;
    for field in plain::all() {
        let value = words(at(field.name));
        if value != default_of(field.name) {
            form = form.with(field.name, value);
        }
    }
    for name in ["tls/ca", "split/live", "mirror/upstream"] {
        form = form.with(name, words(at(name)));
    }
    for (name, is_on) in [
        (
            "preserve_host",
            at("preserve_host") == Some(&Value::Bool(true)),
        ),
        ("health/active", at("health/active").is_some()),
        ("breaker/errors", at("breaker/errors").is_some()),
    ] {
        form = form.with(name, if is_on { "yes" } else { "" });
    }
    for name in ["balance/by", "split/by"] {
        form = named(form, name, at(name));
    }
    form = targets(form, at("targets"));
    form = fallback(form, at("fallback"));
    let variants = at("split/variants").and_then(Value::as_object);
    for (row, (name, variant)) in variants.into_iter().flatten().enumerate() {
        let place = format!("split/variants/{row}");
        form = form
            .with(&format!("{place}/name"), name.clone())
            .with(&format!("{place}/share"), unless(variant.get("share"), "0"));
    }
    for (name, default) in [
        ("ramp/variant", ""),
        ("ramp/from", "0"),
        ("ramp/to", "100"),
        ("ramp/begins", ""),
        ("ramp/lasts", ""),
        ("rollback/variant", ""),
        ("rollback/against", ""),
        ("rollback/errors", "5"),
        ("rollback/p95", ""),
        ("rollback/window", "60s"),
        ("rollback/least", "50"),
    ] {
        let name = format!("split/{name}");
        form = form.with(&name, unless(at(&name), default));
    }
    form
}

/// In words, but empty for the default.
fn unless(value: Option<&Value>, default: &str) -> String {
    let value = words(value);
    if value == default {
        String::new()
    } else {
        value
    }
}

/// `"path"`, or `{ "header": NAME }`. The address is the default.
fn named(form: Form, field: &str, value: Option<&Value>) -> Form {
    let only = value
        .and_then(Value::as_object)
        .and_then(|o| o.iter().next());
    match (value, only) {
        (_, Some((kind, name))) => form
            .with(field, kind.clone())
            .with(&format!("{field}/name"), words(Some(name))),
        (value, None) => form.with(field, unless(value, "address")),
    }
}

fn targets(mut form: Form, targets: Option<&Value>) -> Form {
    let targets = targets.and_then(Value::as_array);
    for (row, target) in targets.into_iter().flatten().enumerate() {
        for (field, default) in [
            ("url", ""),
            ("weight", "1"),
            ("tier", "0"),
            ("region", ""),
            ("variant", ""),
        ] {
            let name = format!("targets/{row}/{field}");
            form = form.with(&name, unless(target.get(field), default));
        }
    }
    form
}

fn fallback(form: Form, fallback: Option<&Value>) -> Form {
    let only = fallback.and_then(Value::as_object);
    let Some((kind, value)) = only.and_then(|only| only.iter().next()) else {
        return form;
    };
    let form = form.with("fallback", kind.clone());
    let inside = |name: &str, default: &str| unless(value.get(name), default);
    match kind.as_str() {
        "answer" => form
            .with("fallback/answer/status", inside("status", "200"))
            .with(
                "fallback/answer/content_type",
                inside("content_type", "application/json"),
            )
            .with("fallback/answer/body", inside("body", "")),
        "upstream" => form.with("fallback/upstream", words(Some(value))),
        _ => form,
    }
}

/// Brings what is wrong with the settings to the fields that show it.
pub(super) fn at_fields(typed: &Typed, found: &mut [Invalid]) {
    for invalid in found {
        let Some(inside) = invalid.pointer.strip_prefix("/settings") else {
            continue;
        };
        invalid.pointer = field(typed, inside.trim_start_matches('/'));
    }
}

fn field(typed: &Typed, place: &str) -> String {
    let parts: Vec<&str> = place.split('/').collect();
    let holding = |list: &str, first: &'static str| {
        let list = list.to_owned();
        (0..64).filter(move |row| !typed.get(&format!("{list}/{row}/{first}")).is_empty())
    };
    match parts.as_slice() {
        // Rows without an address were left out.
        ["targets", index, inside @ ..] if !inside.is_empty() => {
            let index = index.parse().unwrap_or(0);
            let row = holding("targets", "url").nth(index).unwrap_or(index);
            format!("/targets/{row}/{}", inside.join("/"))
        }
        ["split", "variants"] => "/split/variants/0/name".to_owned(),
        ["split", "variants", name, inside @ ..] => {
            let is_it = |row: &usize| typed.get(&format!("split/variants/{row}/name")) == *name;
            let row = holding("split/variants", "name").find(is_it).unwrap_or(0);
            let field = if inside.is_empty() { "name" } else { "share" };
            format!("/split/variants/{row}/{field}")
        }
        ["split", "by", ..] => "/split/by/name".to_owned(),
        ["hedge"] => "/hedge/after".to_owned(),
        ["balance", "by", "header" | "cookie"] => "/balance/by/name".to_owned(),
        _ => format!("/{place}"),
    }
}

#[cfg(test)]
mod tests;
