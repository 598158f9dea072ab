//! A schema in words: its kind, format and limits, on one line.

use domain::openapi::{Document, Kind, Limits, Schema, VariantRule, reference_name};
use serde_json::Value;

/// Most values of an enumeration that are shown.
pub(super) const MOST_VALUES: usize = 24;

/// What kind of value it is: `array of Book`, `string, 2 to 120`, `integer or null`.
pub(super) fn words(document: &Document, schema: &Schema) -> String {
    let mut text = kind(schema, 0);
    let whole = document.expanded(schema);
    if let Some(format) = &whole.format {
        push(&mut text, format);
    }
    if let Some(limits) = &whole.limits {
        limit_words(&mut text, limits);
    }
    if let Some(default) = &whole.notes.default {
        push(&mut text, &format!("default {}", short(default)));
    }
    if whole.notes.read_only {
        push(&mut text, "sent by the server only");
    }
    if whole.notes.write_only {
        push(&mut text, "never sent back");
    }
    text
}

/// The name of what it refers to, else its title.
pub(super) fn name(schema: &Schema) -> Option<String> {
    let named = schema.reference.as_deref().map(reference_name);
    named.or(schema.notes.title.as_deref()).map(str::to_owned)
}

fn kind(schema: &Schema, depth: usize) -> String {
    if let Some(name) = &schema.reference {
        return reference_name(name).to_owned();
    }
    if let Some(variants) = &schema.variants {
        if variants.schemas.len() > 4 || depth > 2 {
            return format!("one of {} forms", variants.schemas.len());
        }
        let parts: Vec<_> = variants
            .schemas
            .iter()
            .map(|variant| kind(variant, depth + 1))
            .collect();
        let joint = match variants.rule {
            VariantRule::One => " or ",
            VariantRule::Any => " and/or ",
        };
        return parts.join(joint);
    }
    if let Some(array) = &schema.array {
        let items = array.items.as_ref().filter(|_| depth < 4);
        let of = items.map(|items| format!(" of {}", kind(items, depth + 1)));
        return nullable(format!("array{}", of.unwrap_or_default()), schema);
    }
    if !schema.all_of.is_empty() {
        let parts: Vec<_> = schema.all_of.iter().filter_map(name).collect();
        if !parts.is_empty() {
            return parts.join(" with ");
        }
    }
    let kinds: Vec<_> = schema.kinds.iter().map(|kind| kind.as_str()).collect();
    match (kinds.is_empty(), schema.main_kind()) {
        (true, Some(kind)) => kind.as_str().to_owned(),
        (true, None) => "any value".to_owned(),
        (false, _) => kinds.join(" or "),
    }
}

fn nullable(text: String, schema: &Schema) -> String {
    if schema.kinds.contains(&Kind::Null) {
        format!("{text} or null")
    } else {
        text
    }
}

fn limit_words(text: &mut String, limits: &Limits) {
    let length = |least: Option<u64>, most: Option<u64>, unit: &str| match (least, most) {
        (Some(least), Some(most)) if least == most => Some(format!("exactly {least}{unit}")),
        (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
        (Some(1), None) => Some("not empty".to_owned()),
        (Some(least), None) if least > 0 => Some(format!("{least}{unit} or more")),
        (None, Some(most)) => Some(format!("up to {most}{unit}")),
        (Some(_) | None, None) => None,
    };
    let numbers = match (limits.minimum, limits.maximum) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}")),
        (Some(least), None) => Some(format!("{least} or more")),
        (None, Some(most)) => Some(format!("up to {most}")),
        (None, None) => None,
    };
    let found = [
        numbers,
        limits
            .exclusive_minimum
            .map(|least| format!("above {least}")),
        limits.exclusive_maximum.map(|most| format!("below {most}")),
        limits.multiple_of.map(|step| format!("in steps of {step}")),
        length(limits.min_length, limits.max_length, " characters"),
        length(limits.min_items, limits.max_items, " items"),
        length(limits.min_properties, limits.max_properties, " members"),
        limits.unique_items.then(|| "no two alike".to_owned()),
        limits
            .pattern
            .as_ref()
            .map(|pattern| format!("like {}", clipped(pattern, 80))),
    ];
    for words in found.into_iter().flatten() {
        push(text, &words);
    }
}

fn push(text: &mut String, words: &str) {
    text.push_str(", ");
    text.push_str(words);
}

/// A value on one line, clipped.
pub(super) fn short(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    clipped(&text, 60)
}

fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let head: String = text.chars().take(most).collect();
    format!("{head}…")
}
