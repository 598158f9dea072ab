//! The table of error codes, and the page of each: `/docs/errors/{code}`.

use domain::problem::{Code, Entry};
use leptos::prelude::*;

use crate::{
    frame::{self, Area, Visitor},
    part::{
        boxes::pairs,
        code::code as block,
        head::{Link, PageHead, crumbs},
        state::status,
        table::{self, Shape, Table},
    },
};

/// All codes, in the order of the table.
#[must_use]
pub fn list(visitor: &Visitor) -> AnyView {
    let rows = Code::ALL.iter().map(|code| {
        let Entry {
            code,
            status: number,
            title,
            help,
        } = code.entry();
        view! {
            <tr>
                <td class="nowrap">
                    {status(number)}
                    " "
                    <a class="mono" href=format!("/docs/errors/{code}")>{code}</a>
                </td>
                <td data-label="Title">{title}</td>
                <td class="soft" data-label="What to do">{help}</td>
            </tr>
        }
    });
    let columns = vec![
        table::text("Code"),
        table::text("Title"),
        table::text("What to do"),
    ];
    let content = view! {
        {PageHead::new("Errors")
            .lede(view! {
                "Every refusal of the gateway and of the management API is a problem document (RFC 9457) with one of these codes. Codes are stable. The operations of the management API are in its "
                <a href="/api/openapi.json">"OpenAPI document"</a> "."
            })}
        {Table::new(Shape::Rows, columns).rows(rows.collect::<Vec<_>>())}
    };
    frame::public(visitor, Area::Errors, content)
}

/// One code, with the document that a client receives.
#[must_use]
pub fn one(visitor: &Visitor, code: Code, portal_url: &str) -> AnyView {
    let entry = code.entry();
    let facts = pairs(vec![
        ("Status".into(), status(entry.status)),
        (
            "Code".into(),
            view! { <code>{entry.code}</code> }.into_any(),
        ),
        (
            "Type".into(),
            view! { <code>{code.type_uri(Some(portal_url))}</code> }.into_any(),
        ),
    ]);
    let content = view! {
        {crumbs(vec![Link::new("/docs/errors", "Errors")], entry.code)}
        {PageHead::new(entry.title).beside(status(entry.status)).lede(entry.help)}
        {facts}
        <section class="section" aria-labelledby="answer-h">
            <div class="section-head">
                <h2 id="answer-h">"What a client receives"</h2>
            </div>
            {block("application/problem+json", sample(code, portal_url))}
        </section>
    };
    frame::public(visitor, Area::Errors, content)
}

/// The members that the document always has, written as the servers write them.
fn sample(code: Code, portal_url: &str) -> String {
    let entry = code.entry();
    format!(
        "{{\n  \"type\": \"{}\",\n  \"title\": \"{}\",\n  \"status\": {},\n  \"code\": \"{}\",\n  \"request_id\": \"…\"\n}}",
        code.type_uri(Some(portal_url)),
        entry.title,
        entry.status,
        entry.code
    )
}
