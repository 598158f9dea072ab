//! From a JSON Schema (as schemars writes it, draft 2020-12) to the parts of a form.
//!
//! Besides the standard's own words it heeds `x-unit`, `x-lines` (of a text area), `x-pair` (labels
//! of names and values) and `x-without` (members that have no part). What it does not know becomes
//! a field for JSON, so a new type of a policy is never without a form.

use serde_json::{Map, Value};

use super::words::label;
use super::{Choice, Control, Line, Part, Rows, Sort, Way, text_of};

type Object = Map<String, Value>;

/// Deeper than any policy; a schema that holds itself ends here.
const MAX_DEPTH: usize = 12;

/// Reads the schemas of a document that has its definitions in `$defs`.
pub(super) struct Reader<'a> {
    pub(super) defs: Option<&'a Object>,
}

/// A schema with its references followed.
#[derive(Debug, Default)]
struct Plain {
    words: Object,
    /// The last definition that it was made of.
    name: Option<String>,
    nullable: bool,
}

impl Plain {
    fn text(&self, word: &str) -> Option<&str> {
        self.words.get(word).and_then(Value::as_str)
    }

    fn list(&self, word: &str) -> &[Value] {
        let list = self.words.get(word).and_then(Value::as_array);
        list.map(Vec::as_slice).unwrap_or_default()
    }

    fn number(&self, word: &str) -> Option<i128> {
        whole(self.words.get(word)?)
    }

    fn texts(&self, word: &str) -> Vec<String> {
        let texts = self.list(word).iter().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }

    fn is_type(&self, name: &str) -> bool {
        match self.words.get("type") {
            Some(Value::String(known)) => known == name,
            Some(Value::Array(known)) => known.iter().any(|known| known == name),
            _ => false,
        }
    }

    /// What it is called: its title, or its definition's name.
    fn title(&self, other: &str) -> String {
        let title = self.text("title").map(str::to_owned);
        title.unwrap_or_else(|| label(self.name.as_deref().unwrap_or(other)))
    }

    fn example(&self) -> Option<String> {
        let example = self.list("examples").first();
        let default = self.words.get("default").filter(|value| !value.is_null());
        example.or(default).map(text_of)
    }
}

fn whole(value: &Value) -> Option<i128> {
    let signed = value.as_i64().map(i128::from);
    signed.or_else(|| value.as_u64().map(i128::from))
}

impl Reader<'_> {
    /// The parts of an object; none of what is no object with members.
    pub(super) fn parts(&self, schema: &Value) -> Vec<Part> {
        self.members(&self.plain(schema, 0), &[], 0)
    }

    fn plain(&self, schema: &Value, depth: usize) -> Plain {
        let Some(words) = schema.as_object().filter(|_| depth < MAX_DEPTH) else {
            return Plain::default();
        };
        let mut plain = Plain::default();
        let of = |word: &str| words.get(word).and_then(Value::as_array);
        let (mut inner, mut nullable) = (None, false);
        if let Some(name) = words.get("$ref").and_then(Value::as_str) {
            let name = name.rsplit('/').next().unwrap_or_default();
            inner = self.defs.and_then(|defs| defs.get(name));
            plain.name = Some(name.to_owned());
        } else if let Some([only]) = of("allOf").map(Vec::as_slice) {
            inner = Some(only);
        } else if let Some(any) = of("anyOf") {
            let is_null = |one: &&Value| one.get("type").is_some_and(|kind| kind == "null");
            let mut others = any.iter().filter(|one| !is_null(one));
            nullable = any.iter().any(|one| is_null(&one));
            if let (Some(only), None, true) = (others.next(), others.next(), nullable) {
                inner = Some(only);
            }
        }
        if let Some(inner) = inner {
            let below = self.plain(inner, depth + 1);
            plain.name = below.name.or(plain.name);
            plain.words = below.words;
            nullable |= below.nullable;
        }
        for (word, value) in words {
            let is_way = matches!(word.as_str(), "$ref" | "allOf" | "anyOf");
            if !(is_way && inner.is_some()) {
                plain.words.insert(word.clone(), value.clone());
            }
        }
        plain.nullable = nullable || plain.is_type("null");
        plain
    }

    fn members(&self, plain: &Plain, without: &[String], depth: usize) -> Vec<Part> {
        let members = plain.words.get("properties").and_then(Value::as_object);
        let required = plain.texts("required");
        let shown = members
            .into_iter()
            .flatten()
            .filter(|(name, _)| !without.contains(name));
        shown
            .map(|(name, schema)| self.part(name, schema, required.contains(name), depth))
            .collect()
    }

    fn part(&self, name: &str, schema: &Value, required: bool, depth: usize) -> Part {
        let plain = self.plain(schema, depth);
        // A definition has a title of its own, which is not that of whatever is of its type.
        let title = schema.get("title").and_then(Value::as_str);
        Part {
            name: name.to_owned(),
            title: title.map_or_else(|| label(name), str::to_owned),
            help: plain.text("description").map(one_line).unwrap_or_default(),
            required,
            nullable: plain.nullable,
            default: plain
                .words
                .get("default")
                .filter(|value| !value.is_null())
                .cloned(),
            control: self.control(&plain, depth + 1),
        }
    }

    fn control(&self, plain: &Plain, depth: usize) -> Control {
        if depth > MAX_DEPTH {
            return Control::Free;
        }
        if let Some(choices) = self.choices(plain) {
            return Control::Choice(choices);
        }
        if let Some(ways) = self.ways(plain, depth) {
            return Control::Ways(ways);
        }
        if plain.is_type("string") {
            return text(plain);
        }
        if plain.is_type("integer") {
            return number(plain);
        }
        if plain.is_type("boolean") {
            return Control::Flag;
        }
        if plain.is_type("array") {
            return self.list(plain, depth);
        }
        if plain.is_type("object") {
            return self.object(plain, depth);
        }
        Control::Free
    }

    fn object(&self, plain: &Plain, depth: usize) -> Control {
        let parts = self.members(plain, &plain.texts("x-without"), depth);
        if !parts.is_empty() {
            return Control::Group(parts);
        }
        let values = plain.words.get("additionalProperties");
        let values = values.map(|schema| self.plain(schema, depth));
        if !values.is_some_and(|values| values.is_type("string")) {
            return Control::Free;
        }
        let labels = plain.texts("x-pair");
        let label = |at: usize, other: &str| labels.get(at).cloned().unwrap_or(other.to_owned());
        Control::Pairs {
            name: label(0, "Name"),
            value: label(1, "Value"),
        }
    }

    fn list(&self, plain: &Plain, depth: usize) -> Control {
        let Some(items) = plain.words.get("items") else {
            return Control::Free;
        };
        let item = self.plain(items, depth);
        if let Some(parts) = self.short(&item, depth) {
            return Control::Lines(Line::Short(parts));
        }
        let is_set = plain.words.get("uniqueItems") == Some(&Value::Bool(true));
        let least = plain.number("minItems").unwrap_or(0).clamp(0, 5) as usize;
        match self.control(&item, depth) {
            Control::Choice(choices) if is_set => Control::Set(choices),
            Control::Choice(choices) => Control::Lines(Line::Of(choices)),
            Control::Text {
                sort: Sort::Plain, ..
            } => Control::Lines(Line::Text),
            control @ (Control::Group(_) | Control::Ways(_)) => Control::Rows(Box::new(Rows {
                title: item.title("Entry"),
                least,
                item: control,
            })),
            _ => Control::Free,
        }
    }

    /// The parts of an object that may also be written as a text alone.
    fn short(&self, item: &Plain, depth: usize) -> Option<Vec<Part>> {
        let [one, other] = item.list("anyOf") else {
            return None;
        };
        let (one, other) = (self.plain(one, depth), self.plain(other, depth));
        let parts = self.members(&other, &[], depth);
        let is_text = |part: &Part| matches!(part.control, Control::Text { .. });
        let fits = one.is_type("string") && parts.len() > 1 && parts.iter().all(is_text);
        fits.then_some(parts)
    }

    /// The values of an enumeration, however it is written.
    fn choices(&self, plain: &Plain) -> Option<Vec<Choice>> {
        let mut choices = Vec::new();
        let mut add = |value: &Value, one: Option<&Value>| {
            let text = |word: &str| one.and_then(|one| one.get(word)).and_then(Value::as_str);
            choices.push(Choice {
                title: text("title").map_or_else(|| label(&text_of(value)), str::to_owned),
                help: text("description").map(one_line).unwrap_or_default(),
                value: value.clone(),
            });
        };
        for value in plain.list("enum").iter().filter(|value| !value.is_null()) {
            add(value, None);
        }
        for one in plain.list("oneOf") {
            match (one.get("const"), one.get("enum").and_then(Value::as_array)) {
                (Some(value), _) => add(value, Some(one)),
                (None, Some(values)) => values.iter().for_each(|value| add(value, None)),
                (None, None) => return None,
            }
        }
        (!choices.is_empty()).then_some(choices)
    }

    /// Objects that have one member each, which names the kind.
    fn ways(&self, plain: &Plain, depth: usize) -> Option<Vec<Way>> {
        let without = plain.texts("x-without");
        let way = |one: &Value| {
            let members = one.get("properties").and_then(Value::as_object)?;
            let (name, schema) = members.iter().next().filter(|_| members.len() == 1)?;
            let inner = self.plain(schema, depth);
            Some(Way {
                name: name.clone(),
                title: label(name),
                help: inner.text("description").map(one_line).unwrap_or_default(),
                parts: self.members(&inner, &without, depth + 1),
            })
        };
        let ways: Option<Vec<Way>> = plain.list("oneOf").iter().map(way).collect();
        ways.filter(|ways| !ways.is_empty())
    }
}

fn text(plain: &Plain) -> Control {
    let sort = match (plain.text("pattern"), plain.text("format")) {
        (Some(pattern), _) if pattern.contains("(ms|s|m|h|d)") => Sort::Span,
        (_, Some("date-time")) => Sort::Time,
        _ => Sort::Plain,
    };
    let lines = plain.number("x-lines").unwrap_or(1).clamp(1, 40);
    Control::Text {
        sort,
        lines: lines as u8,
        example: plain.example(),
    }
}

fn number(plain: &Plain) -> Control {
    let (least, most) = match plain.text("format") {
        Some("uint8") => (0, i128::from(u8::MAX)),
        Some("uint16") => (0, i128::from(u16::MAX)),
        Some("uint32") => (0, i128::from(u32::MAX)),
        Some("int32") => (i128::from(i32::MIN), i128::from(i32::MAX)),
        Some("uint64" | "uint") => (0, i128::from(u64::MAX)),
        _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
    };
    Control::Number {
        least: plain.number("minimum").unwrap_or(least),
        most: plain.number("maximum").unwrap_or(most),
        unit: plain.text("x-unit").map(str::to_owned),
        example: plain.example(),
    }
}

/// A description without the line breaks of the source.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
