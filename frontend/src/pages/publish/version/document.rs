//! The tab of the document: its operations, what the lint found, and replacing it.

use domain::wire::versions::LintFinding;
use leptos::prelude::*;

use super::Frame;
use crate::{
    form::Form,
    format,
    icon::{Icon, icon},
    part::{
        field::{Field, refusal},
        head::Section,
        state::method,
        table::{self, Empty, Shape, Table},
    },
};

/// The tab of the document: what is in it, what its lint says, and replacing it.
#[derive(Clone, Debug)]
pub struct Document {
    pub frame: Frame,
    pub form: Form,
}

#[must_use]
pub fn document(page: Document) -> AnyView {
    let draft = &page.frame.version.draft;
    let home = page.frame.home_address();
    let info = draft.document.as_ref().map(|info| {
        let words = format!(
            "{} {}, OpenAPI {}, {}",
            info.title,
            info.version,
            info.openapi,
            format::size(info.bytes)
        );
        view! { <p class="small soft">{words}</p> {findings(&info.findings)} }
    });
    let rows: Vec<_> = draft
        .operations
        .iter()
        .map(|operation| {
            let href = format!("{home}/operations/{}/policies", operation.id);
            let words = match operation.policies.len() {
                0 => "none of its own".to_owned(),
                count => format::counted(count as u64, "policy", "policies"),
            };
            let label = format!("Policies of {} {}", operation.method, operation.template);
            view! {
                <tr>
                    <td>{method(&operation.method)} " " <code>{operation.template.clone()}</code></td>
                    <td class="grow">{operation.summary.clone()}</td>
                    <td class="nowrap"><a href=href aria-label=label>{words}</a></td>
                </tr>
            }
        })
        .collect();
    let count = rows.len() as u64;
    let empty = Empty::new(
        Icon::Book,
        "No document",
        "Without a document the version passes everything under its path and shows no reference.",
    );
    let operations = Table::new(
        Shape::Tight,
        vec![
            table::text("Operation"),
            table::wide("Summary"),
            table::text("Policies"),
        ],
    )
    .rows(rows)
    .or_empty(empty);
    let replace = page.frame.may_edit.then(|| {
        let form = &page.form;
        let body = view! {
            <form class="form form--page" method="post" enctype="multipart/form-data">
                {refusal(form, &["file", "document"])}
                {Field::file("file", "File").unmarked().of(form)}
                {Field::area("document", "Or paste it here", 10).unmarked().mono().of(form)}
                <div class="actions"><button class="btn">"Replace in the draft"</button></div>
            </form>
        };
        view! { {Section::new("replace", "Replace the document").body(body)} }
    });
    let content = view! {
        {info}
        {Section::new("operations", "Operations").count(count).body(view! { {operations} })}
        {replace}
    };
    page.frame.around("document", content)
}

fn findings(found: &[LintFinding]) -> Option<AnyView> {
    if found.is_empty() {
        return None;
    }
    let lines = found
        .iter()
        .take(50)
        .map(|finding| view! { <li>{finding.message.clone()} " " <code>{finding.pointer.clone()}</code></li> })
        .collect_view();
    let more =
        (found.len() > 50).then(|| view! { <li>{format!("and {} more", found.len() - 50)}</li> });
    let title = format::counted(found.len() as u64, "finding", "findings");
    Some(
        view! {
            <details class="more">
                <summary>{icon(Icon::Chevron)} {title} " of the lint"</summary>
                <ul>{lines}{more}</ul>
            </details>
        }
        .into_any(),
    )
}
