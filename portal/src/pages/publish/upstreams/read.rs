//! An upstream's form as settings: what was typed is written over the stored settings where it
//! stands, so that what the form does not show stays as it is.

use chrono::{DateTime, Utc};
use domain::problem::Invalid;
use domain::upstream::{MAX_TARGETS, MAX_VARIANTS, UpstreamSettings};
use frontend::pages::publish::upstreams::plain::{self, Kind};
use serde_json::{Map, Value, json};

use super::super::fields::ungrouped;
use crate::typed::Typed;

const OTHER: &str = "Choose another upstream.";
const SPAN: &str = "Write a duration like 500ms, 60s, 5m or 24h.";

/// The settings that the form describes, over those that there are.
pub(super) fn read(
    typed: &Typed,
    before: Option<&UpstreamSettings>,
    now: DateTime<Utc>,
) -> Result<UpstreamSettings, Vec<Invalid>> {
    let before = before.cloned().unwrap_or_default();
    let broken = |error: serde_json::Error| vec![Invalid::new("", error.to_string())];
    let mut form = Reading {
        typed,
        settings: serde_json::to_value(before).map_err(broken)?,
        wrong: Vec::new(),
    };
    form.targets();
    form.switches();
    form.made();
    for field in plain::all() {
        form.plain(field.name, field.kind);
    }
    form.hashed();
    form.boolean("preserve_host", "protocol");
    form.plain("tls/ca", Kind::Text);
    form.fallback();
    form.split(now);
    if !form.wrong.is_empty() {
        return Err(form.wrong);
    }
    serde_json::from_value(form.settings).map_err(broken)
}

/// Parts whose fields are read only where the part itself is there.
const OPTIONAL: [&str; 6] = [
    "health/active",
    "breaker/errors",
    "balance/sticky",
    "split",
    "hedge",
    "mirror",
];

struct Reading<'t> {
    typed: &'t Typed,
    settings: Value,
    wrong: Vec<Invalid>,
}

impl Reading<'_> {
    /// Whether the page that was sent has the field. A box that is not ticked is not sent: a field
    /// beside it tells.
    fn has(&self, name: &str) -> bool {
        self.typed.all(name).next().is_some()
    }

    fn wrong<T>(&mut self, name: &str, message: &str) -> Option<T> {
        self.wrong.push(Invalid::new(format!("/{name}"), message));
        None
    }

    /// A field's value; `None` for an empty one, and for a wrong one, which is noted.
    fn value(&mut self, name: &str, kind: Kind) -> Option<Value> {
        let text = self.typed.get(name);
        if text.is_empty() {
            return None;
        }
        let number = |text: &str, most: u64| {
            let number = ungrouped(text).and_then(|text| text.parse().ok());
            number.filter(|number: &u64| *number <= most)
        };
        match kind {
            Kind::Text | Kind::OneOf(_) => Some(text.into()),
            Kind::Span => match text.parse::<domain::duration::Span>() {
                Ok(span) => Some(span.to_string().into()),
                Err(_) => self.wrong(name, SPAN),
            },
            Kind::After => match text.parse::<domain::upstream::After>() {
                Ok(after) => Some(after.to_string().into()),
                Err(error) => self.wrong(name, &error.to_string()),
            },
            Kind::Upstream => match text.parse::<domain::id::UpstreamId>() {
                Ok(id) => Some(id.to_string().into()),
                Err(_) => self.wrong(name, OTHER),
            },
            Kind::Number(most) => match number(text, most) {
                Some(number) => Some(number.into()),
                None => self.wrong(name, &format!("Write a whole number of at most {most}.")),
            },
            Kind::Numbers => {
                let words = text.split([' ', ',']).filter(|word| !word.is_empty());
                let numbers: Option<Vec<u64>> = words.map(|word| number(word, 65_535)).collect();
                match numbers {
                    Some(numbers) => Some(numbers.into()),
                    None => self.wrong(name, "Write numbers with blanks between them."),
                }
            }
        }
    }

    /// Writes a field's value where its name says. An empty one goes, and its default holds; one
    /// inside of something that is not there is not read.
    fn plain(&mut self, name: &str, kind: Kind) {
        if !self.has(name) {
            return;
        }
        let (parent, key) = name.rsplit_once('/').unwrap_or(("", name));
        let is_optional = OPTIONAL.contains(&parent);
        if is_optional && self.settings.pointer(&format!("/{parent}")).is_none() {
            return;
        }
        let value = self.value(name, kind);
        set(self.object(parent), key, value);
    }

    /// The object at a place, which is made on the way.
    fn object(&mut self, place: &str) -> &mut Map<String, Value> {
        let mut at = &mut self.settings;
        for part in place.split('/').filter(|part| !part.is_empty()) {
            at = member(at, part);
        }
        object(at)
    }

    fn boolean(&mut self, name: &str, beside: &str) {
        if self.has(name) || self.has(beside) {
            let ticked = self.typed.is_ticked(name);
            self.object("").insert(name.to_owned(), ticked.into());
        }
    }

    /// Boxes that say whether a part is there at all.
    fn switches(&mut self) {
        for (name, beside) in [
            ("health/active", "health/active/path"),
            ("breaker/errors", "breaker/errors/ratio"),
        ] {
            let (parent, key) = name.rsplit_once('/').unwrap_or(("", name));
            if self.typed.is_ticked(name) {
                object(member(&mut self.settings, parent))
                    .entry(key)
                    .or_insert_with(|| json!({}));
            } else if self.has(beside) {
                object(member(&mut self.settings, parent)).remove(key);
            }
        }
    }

    /// Parts that are there where one of their fields holds something.
    fn made(&mut self) {
        for (part, field, kind) in [
            ("balance/sticky", "cookie", Kind::Text),
            ("hedge", "after", Kind::After),
            ("mirror", "upstream", Kind::Upstream),
        ] {
            let name = format!("{part}/{field}");
            if !self.has(&name) {
                continue;
            }
            let value = self.value(&name, kind);
            if value.is_some() {
                set(self.object(part), field, value);
            } else {
                let (parent, key) = part.rsplit_once('/').unwrap_or(("", part));
                self.object(parent).remove(key);
            }
        }
    }

    /// A kind, and the name that a header, a cookie or a claim has.
    fn named(&self, field: &str) -> Option<Value> {
        let kind = self.typed.get(field).to_owned();
        let name = format!("{field}/name");
        match kind.as_str() {
            "header" | "cookie" | "claim" => {
                let name = self.typed.get(&name);
                Some(json!({ kind.as_str(): name }))
            }
            "" => None,
            _ => Some(kind.into()),
        }
    }

    fn hashed(&mut self) {
        if self.has("balance/by") {
            let by = self.named("balance/by");
            set(self.object("balance"), "by", by);
        }
    }

    /// Rows are the stored targets, in their places, and new ones behind.
    fn targets(&mut self) {
        let stored = self.settings["targets"].as_array().cloned();
        let stored = stored.unwrap_or_default();
        if !(0..MAX_TARGETS).any(|row| self.has(&format!("targets/{row}/url"))) {
            return;
        }
        let mut targets = Vec::new();
        for row in 0..MAX_TARGETS {
            let name = |field: &str| format!("targets/{row}/{field}");
            if self.typed.get(&name("url")).is_empty() {
                continue;
            }
            let mut target = stored.get(row).cloned().unwrap_or_else(|| json!({}));
            for (field, kind) in [
                ("url", Kind::Text),
                ("weight", Kind::Number(65_535)),
                ("tier", Kind::Number(255)),
                ("region", Kind::Text),
                ("variant", Kind::Text),
            ] {
                if self.has(&name(field)) {
                    let value = self.value(&name(field), kind);
                    set(object(&mut target), field, value);
                }
            }
            targets.push(target);
        }
        self.settings["targets"] = targets.into();
    }

    fn fallback(&mut self) {
        if !self.has("fallback") {
            return;
        }
        let value = match self.typed.get("fallback") {
            "" => None,
            "answer" => {
                let mut answer = self.settings["fallback"]["answer"].clone();
                let status = self.value("fallback/answer/status", Kind::Number(65_535));
                let kind = self.value("fallback/answer/content_type", Kind::Text);
                let body = self.typed.raw("fallback/answer/body").replace("\r\n", "\n");
                let answer_object = object(&mut answer);
                set(answer_object, "status", Some(status.unwrap_or(200.into())));
                set(answer_object, "content_type", kind);
                set(answer_object, "body", Some(body.into()));
                Some(json!({ "answer": answer }))
            }
            "upstream" => {
                const NAME: &str = "fallback/upstream";
                match self.value(NAME, Kind::Upstream) {
                    Some(id) => Some(json!({ "upstream": id })),
                    None if self.typed.get(NAME).is_empty() => self.wrong(NAME, OTHER),
                    None => None,
                }
            }
            // Set elsewhere, in a form that the page does not know.
            _ => return,
        };
        set(self.object(""), "fallback", value);
    }

    /// There is a split where any of its fields holds something.
    fn split(&mut self, now: DateTime<Utc>) {
        if !self.has("split/variants/0/name") {
            return;
        }
        let live = self.value("split/live", Kind::Text);
        let variants = self.variants();
        let by = self.named("split/by");
        let ramp = self.part("ramp", now);
        let rollback = self.part("rollback", now);
        let is_empty = live.is_none()
            && variants.is_empty()
            && [&by, &ramp, &rollback].iter().all(|part| part.is_none())
            && self.typed.get("split/sticky").is_empty();
        if is_empty {
            self.object("").remove("split");
            return;
        }
        let sticky = self.value("split/sticky", Kind::Text);
        let split = self.object("split");
        set(split, "live", live);
        set(split, "by", by);
        set(split, "sticky", sticky);
        set(split, "ramp", ramp);
        set(split, "rollback", rollback);
        let variants = (!variants.is_empty()).then(|| Value::Object(variants));
        set(split, "variants", variants);
    }

    fn variants(&mut self) -> Map<String, Value> {
        let stored = self.settings["split"]["variants"].clone();
        let mut variants = Map::new();
        for row in 0..MAX_VARIANTS {
            let name = self.typed.get(&format!("split/variants/{row}/name"));
            if name.is_empty() {
                continue;
            }
            let field = format!("split/variants/{row}/share");
            let share = self.value(&field, Kind::Number(65_535));
            let mut variant = stored[name].clone();
            set(object(&mut variant), "share", share);
            if variants.insert(name.to_owned(), variant).is_some() {
                let field = format!("split/variants/{row}/name");
                self.wrong::<()>(&field, "Name each variant once.");
            }
        }
        variants
    }

    /// Ramp and roll-back: their variant is what makes them.
    fn part(&mut self, part: &str, now: DateTime<Utc>) -> Option<Value> {
        let name = |field: &str| format!("split/{part}/{field}");
        let variant = self.value(&name("variant"), Kind::Text)?;
        let mut value = self.settings["split"][part].clone();
        set(object(&mut value), "variant", Some(variant));
        let fields: &[(&str, Kind)] = match part {
            "ramp" => &[
                ("from", Kind::Number(255)),
                ("to", Kind::Number(255)),
                ("lasts", Kind::Span),
            ],
            _ => &[
                ("against", Kind::Text),
                ("errors", Kind::Number(255)),
                ("p95", Kind::Number(65_535)),
                ("window", Kind::Span),
                ("least", Kind::Number(4_294_967_295)),
            ],
        };
        for (field, kind) in fields {
            let found = self.value(&name(field), *kind);
            set(object(&mut value), field, found);
        }
        let missing = match part {
            "ramp" => {
                let begins = self.moment(&name("begins"), now);
                set(object(&mut value), "begins", begins);
                ("lasts", "Say how long it lasts, like 2h.")
            }
            _ => ("against", "Name the variant that it is compared with."),
        };
        if self.typed.get(&name(missing.0)).is_empty() {
            self.wrong::<()>(&name(missing.0), missing.1);
        }
        Some(value)
    }

    fn moment(&mut self, name: &str, now: DateTime<Utc>) -> Option<Value> {
        let text = self.typed.get(name);
        if text.is_empty() {
            return serde_json::to_value(now).ok();
        }
        match text.parse::<DateTime<Utc>>() {
            Ok(at) => serde_json::to_value(at).ok(),
            Err(_) => self.wrong(name, "Write a time like 2026-12-01T08:00:00Z."),
        }
    }
}

/// Nothing is the default, which is not written.
fn set(object: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    match value {
        Some(value) => object.insert(key.to_owned(), value),
        None => object.remove(key),
    };
}

/// As an object, whatever it was.
fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    let Value::Object(members) = value else {
        unreachable!("it was made one");
    };
    members
}

fn member<'v>(value: &'v mut Value, key: &str) -> &'v mut Value {
    object(value)
        .entry(key)
        .or_insert_with(|| Value::Object(Map::new()))
}
