//! Schemas as nested lists: properties with their kinds, folded where they go deeper. Cycles are
//! cut where a schema would contain itself, and the whole is bounded whatever the document says.

use domain::openapi::{Additional, Document, Schema};
use leptos::prelude::*;

use super::words::{MOST_VALUES, name, short, words};
use crate::{
    icon::{Icon, icon},
    markdown::markdown,
};

/// Most properties and variants written out for one operation.
const MAX_NODES: usize = 600;
/// Deepest nesting written out.
const MAX_DEPTH: usize = 7;

/// Writes schemas of one document.
pub(super) struct Reader<'d> {
    document: &'d Document,
    nodes: usize,
    /// References that are open around the present place.
    open: Vec<String>,
}

impl<'d> Reader<'d> {
    pub(super) fn new(document: &'d Document) -> Self {
        Self {
            document,
            nodes: 0,
            open: Vec::new(),
        }
    }

    /// What a body is: its kind, and what it consists of.
    pub(super) fn body(&mut self, schema: &Schema) -> AnyView {
        let kind = words(self.document, schema);
        let inside = self.inside(schema, 0);
        view! {
            <p class="small soft">{kind}</p>
            {inside}
        }
        .into_any()
    }

    /// A name with its kind: a property, a parameter, a header.
    pub(super) fn named(
        &mut self,
        name: &str,
        required: bool,
        schema: &Schema,
        description: &str,
        depth: usize,
    ) -> AnyView {
        self.nodes += 1;
        let whole = self.document.expanded(schema);
        let notes = &whole.notes;
        let text = match description.trim() {
            "" => notes.description.clone().unwrap_or_default(),
            text => text.to_owned(),
        };
        let description = (!text.trim().is_empty()).then(|| markdown(&text));
        let values = values(&whole);
        let example = notes
            .examples
            .first()
            .filter(|value| !value.is_object() && !value.is_array());
        let example =
            example.map(|value| view! { <p class="small">"Like " <code>{short(value)}</code></p> });
        let deprecated = notes
            .deprecated
            .then(|| view! { <span class="req">"deprecated"</span> });
        let nested = self.folded(schema, depth);
        view! {
            <div class="prop">
                <div class="prop-head">
                    <code>{name.to_owned()}</code>
                    <span class="type">{words(self.document, schema)}</span>
                    {values}
                    {required.then(|| view! { <span class="req">"required"</span> })}
                    {deprecated}
                </div>
                {description}
                {example}
                {nested}
            </div>
        }
        .into_any()
    }

    /// The inside of a schema behind a fold, if it has one.
    fn folded(&mut self, schema: &Schema, depth: usize) -> Option<AnyView> {
        let element = element(self.document, schema);
        if let Some(reference) = &element.reference
            && self.open.contains(reference)
        {
            let name = name(&element).unwrap_or_default();
            return Some(
                view! { <p class="small faint">{format!("{name} again, as above")}</p> }.into_any(),
            );
        }
        let whole = self.document.expanded(&element).into_owned();
        if !is_deep(&whole) {
            return None;
        }
        if depth >= MAX_DEPTH || self.nodes >= MAX_NODES {
            return Some(
                view! { <p class="small faint">"Goes deeper: see the document."</p> }.into_any(),
            );
        }
        let inside = self.inside(&element, depth + 1)?;
        let label = name(&element).unwrap_or_else(|| match &whole.variants {
            Some(variants) => format!("One of {}", variants.schemas.len()),
            None => "Members".to_owned(),
        });
        Some(
            view! {
                <details open=depth == 0>
                    <summary>{icon(Icon::Chevron)} {label}</summary>
                    {inside}
                </details>
            }
            .into_any(),
        )
    }

    /// The properties and variants of a schema, or of what its arrays hold.
    fn inside(&mut self, schema: &Schema, depth: usize) -> Option<AnyView> {
        let element = element(self.document, schema);
        let opened = element.reference.clone();
        self.open.extend(opened.clone());
        let whole = self.document.expanded(&element).into_owned();
        let mut rows: Vec<AnyView> = Vec::new();
        for property in whole.properties() {
            if self.nodes >= MAX_NODES {
                rows.push(
                    view! { <div class="prop faint">"More members: see the document."</div> }
                        .into_any(),
                );
                break;
            }
            rows.push(self.named(
                &property.name,
                property.required,
                &property.schema,
                "",
                depth,
            ));
        }
        if let Some(shape) = &whole.object
            && let Additional::Fitting(schema) = &shape.additional
        {
            rows.push(self.named("any other name", false, schema, "", depth));
        }
        if let Some(variants) = &whole.variants {
            for (index, variant) in variants.schemas.iter().enumerate() {
                if self.nodes >= MAX_NODES {
                    break;
                }
                let label = name(variant).unwrap_or_else(|| format!("Form {}", index + 1));
                rows.push(self.named(&label, false, variant, "", depth));
            }
        }
        if opened.is_some() {
            self.open.pop();
        }
        (!rows.is_empty()).then(|| view! { <div class="props">{rows}</div> }.into_any())
    }
}

/// The schema itself, or what its arrays hold: readers want the book, not the list.
fn element(document: &Document, schema: &Schema) -> Schema {
    let mut element = schema.clone();
    for _ in 0..4 {
        let whole = document.expanded(&element);
        let items = whole.array.as_ref().and_then(|array| array.items.clone());
        match items {
            Some(items) => element = items,
            None => break,
        }
    }
    element
}

fn is_deep(schema: &Schema) -> bool {
    let additional = schema.object.as_ref().map(|shape| &shape.additional);
    !schema.properties().is_empty()
        || matches!(additional, Some(Additional::Fitting(_)))
        || schema
            .variants
            .as_ref()
            .is_some_and(|variants| variants.schemas.len() > 1)
}

fn values(schema: &Schema) -> Option<AnyView> {
    if schema.values.is_empty() {
        return None;
    }
    let rest = schema.values.len().saturating_sub(MOST_VALUES);
    let tags = schema
        .values
        .iter()
        .take(MOST_VALUES)
        .map(|value| view! { <span class="tag mono">{short(value)}</span> " " })
        .collect_view();
    let more = (rest > 0).then(|| format!("and {rest} more"));
    Some(
        view! { <span class="type">"one of"</span> {tags} <span class="type">{more}</span> }
            .into_any(),
    )
}
