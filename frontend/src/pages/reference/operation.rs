//! One operation of the reference: what goes in, what comes out, and code that calls it.

use domain::openapi::{
    Content, Document, Fill, HeaderValue, Language, Location, Operation, Response, SampleRequest,
    Side, example,
};
use domain::route::Ask;
use leptos::prelude::*;
use serde_json::Value;

use super::schema::Reader;
use crate::{
    icon::{Icon, icon},
    island::copy::Copy,
    markdown::markdown,
    part::{
        boxes::callout,
        code::json,
        escape,
        state::{Tone, method, status, tag},
    },
};

/// What an operation's article needs to know besides the operation.
pub(super) struct Frame<'d> {
    pub(super) document: &'d Document,
    /// Where the version answers.
    pub(super) base: &'d str,
    /// How a request asks for the version, where others share its address.
    pub(super) ask: Option<&'d Ask>,
    pub(super) needs_key: bool,
    pub(super) language: Language,
    /// Address of this operation's page.
    pub(super) address: String,
}

pub(super) fn article(operation: &Operation, frame: &Frame<'_>) -> AnyView {
    let mut reader = Reader::new(frame.document);
    let title = title(operation);
    let description =
        (!operation.description.trim().is_empty()).then(|| markdown(&operation.description));
    let deprecated = operation
        .deprecated
        .then(|| callout(Tone::Warn, "This operation is deprecated."));
    let parameters = [
        Location::Path,
        Location::Query,
        Location::Header,
        Location::Cookie,
    ]
    .map(|location| parameters(&mut reader, operation, location));
    let body = operation.request_body.as_ref().map(|body| {
        let need = if body.required {
            "required"
        } else {
            "optional"
        };
        view! {
            <div>
                <h4>"Body " <span class="faint">{need}</span></h4>
                {(!body.description.trim().is_empty()).then(|| markdown(&body.description))}
                {contents(&mut reader, &body.content)}
            </div>
        }
    });
    let answers = answers(&mut reader, &operation.responses);
    view! {
        <article class="op" id=operation.slug.clone() aria-labelledby="op-h">
            <div class="op-text">
                <div class="stack stack--s">
                    <h2 id="op-h">{title}</h2>
                    <p class="op-path">
                        {method(operation.method.as_str())} <span>{operation.path.clone()}</span>
                    </p>
                </div>
                {deprecated}
                {description}
                {security(operation, frame)}
                {parameters}
                {body}
                {answers}
            </div>
            <div class="op-samples">{sample(operation, frame)} {answer_sample(operation, frame)}</div>
        </article>
    }
    .into_any()
}

/// What an operation is called: its summary, else its id, else its path.
pub(super) fn title(operation: &Operation) -> String {
    let named = match operation.summary.trim() {
        "" => operation.operation_id.clone().unwrap_or_default(),
        summary => summary.to_owned(),
    };
    if named.is_empty() {
        operation.path.clone()
    } else {
        named
    }
}

fn parameters(
    reader: &mut Reader<'_>,
    operation: &Operation,
    location: Location,
) -> Option<AnyView> {
    let found: Vec<_> = operation.parameters_in(location).collect();
    if found.is_empty() {
        return None;
    }
    let heading = match location {
        Location::Path => "Path",
        Location::Query => "Query",
        Location::Header => "Header",
        Location::Cookie => "Cookie",
    };
    let rows = found
        .into_iter()
        .map(|parameter| {
            reader.named(
                &parameter.name,
                parameter.required,
                &parameter.schema,
                &parameter.description,
                1,
            )
        })
        .collect_view();
    Some(
        view! {
            <div>
                <h4>{heading}</h4>
                <div class="props">{rows}</div>
            </div>
        }
        .into_any(),
    )
}

fn contents(reader: &mut Reader<'_>, contents: &[Content]) -> AnyView {
    contents
        .iter()
        .map(|content| {
            view! {
                <p class="small">{tag(content.media_type.clone())}</p>
                {reader.body(&content.schema)}
            }
        })
        .collect_view()
        .into_any()
}

fn answers(reader: &mut Reader<'_>, responses: &[Response]) -> AnyView {
    let rows = responses
        .iter()
        .enumerate()
        .map(|(index, response)| {
            let badge = match response.status.parse() {
                Ok(code) => status(code),
                Err(_) => {
                    view! { <span class="status">{response.status.clone()}</span> }.into_any()
                }
            };
            let headers = response
                .headers
                .iter()
                .map(|header| {
                    reader.named(
                        &header.name,
                        header.required,
                        &header.schema,
                        &header.description,
                        1,
                    )
                })
                .collect::<Vec<_>>();
            let headers =
                (!headers.is_empty()).then(|| view! { <div class="props">{headers}</div> });
            // Only the first line of what may be long Markdown stands beside the code.
            let line = response
                .description
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            view! {
                <details open=index == 0>
                    <summary>{icon(Icon::Chevron)} {badge} <span>{line}</span></summary>
                    {headers}
                    {contents(reader, &response.content)}
                </details>
            }
        })
        .collect_view();
    view! {
        <div>
            <h4>"Answer"</h4>
            <div class="responses">{rows}</div>
        </div>
    }
    .into_any()
}

/// Through the gateway only its own key counts; what the document asks for beyond that is told.
fn security(operation: &Operation, frame: &Frame<'_>) -> AnyView {
    let key = if frame.needs_key {
        view! { <p class="small soft">"Send a key of your application in " <code>"X-Api-Key"</code> "."</p> }.into_any()
    } else {
        view! { <p class="small soft">"No key is needed."</p> }.into_any()
    };
    let scopes: Vec<_> = operation
        .security
        .iter()
        .flat_map(|requirement| &requirement.schemes)
        .flat_map(|used| &used.scopes)
        .map(|scope| tag(scope.clone()))
        .collect();
    let scopes = (!scopes.is_empty())
        .then(|| view! { <p class="small soft">"The document names the scopes " {scopes}</p> });
    view! { <div>{key} {scopes}</div> }.into_any()
}

fn sample(operation: &Operation, frame: &Frame<'_>) -> AnyView {
    let key = frame
        .needs_key
        .then(|| ("X-Api-Key", HeaderValue::Variable("API_KEY".to_owned())));
    let mut request =
        SampleRequest::new(frame.document, operation, frame.base, key, Fill::Examples);
    if let Some(ask) = frame.ask {
        ask.add_to(&mut request);
    }
    let source = request.render(frame.language);
    let tabs = Language::ALL
        .into_iter()
        .map(|language| {
            let here = (language == frame.language).then_some("true");
            let href = format!("{}?lang={}", frame.address, language.as_str());
            view! { <a href=href aria-current=here>{language.title()}</a> }
        })
        .collect_view();
    let head = view! { <nav class="code-tabs" aria-label="Language">{tabs}</nav> };
    let html = escape(&source);
    block(head, source, html)
}

/// An example of the first successful answer.
fn answer_sample(operation: &Operation, frame: &Frame<'_>) -> Option<AnyView> {
    let response = operation.success()?;
    let content = response.content.first()?;
    let value = match content.examples.first() {
        Some(example) => example.value.clone(),
        None => example(frame.document, &content.schema, Side::Response),
    };
    let (source, html) = match value {
        Value::Null => return None,
        Value::String(text) => (text.clone(), escape(&text)),
        other => (serde_json::to_string_pretty(&other).ok()?, json(&other)),
    };
    let badge = match response.status.parse() {
        Ok(code) => status(code),
        Err(_) => view! { <span class="status">{response.status.clone()}</span> }.into_any(),
    };
    Some(block(view! { <span>"Answer"</span> {badge} }, source, html))
}

/// `html` is what `source` looks like.
fn block(head: impl IntoAny, source: String, html: String) -> AnyView {
    let class = "btn--quiet btn--icon btn--s".to_owned();
    view! {
        <div class="code code--s">
            <div class="code-head">
                {head.into_any()}
                <span class="end"><Copy text=source label=String::new() class=class /></span>
            </div>
            <pre tabindex="0" inner_html=html></pre>
        </div>
    }
    .into_any()
}
