//! The audit of an organization or of the platform: who did what to which, and what it changed.

use domain::wire::platform::{AuditEntry, AuditVerdict};
use leptos::prelude::*;
use serde_json::Value;

use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    icon::{Icon, icon},
    pages::publish::{At, button},
    part::{
        boxes::callout,
        field::{Field, refusal},
        head::PageHead,
        state::Tone,
        table::{self, Empty, Shape, Table, chip, pager},
    },
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Audit {
    pub at: At,
    pub entries: Vec<AuditEntry>,
    /// The filters' fields.
    pub form: Form,
    /// Filters that are on: name, value, and the address without it.
    pub filters: Vec<(String, String, String)>,
    /// For each entry: the address with its actor, and with its object, as a filter.
    pub narrower: Vec<(Option<String>, Option<String>)>,
    /// People to choose from: id and name.
    pub people: Vec<(String, String)>,
    pub newest: Option<String>,
    pub older: Option<String>,
    /// Address of all rows as JSON lines, with the filters.
    pub export: String,
    /// The answer to "is it whole".
    pub verdict: Option<AuditVerdict>,
}

#[must_use]
pub fn view(page: Audit) -> AnyView {
    let address = format!("{}/audit", page.at.base());
    let shown = format::counted(page.entries.len() as u64, "row", "rows");
    let chips = (!page.filters.is_empty()).then(|| {
        let chips = page
            .filters
            .iter()
            .map(|(name, value, without)| chip(name, value, without.clone()))
            .collect_view();
        view! { <div class="filters">{chips}</div> }
    });
    let rows: Vec<_> = page
        .entries
        .iter()
        .zip(&page.narrower)
        .map(|(entry, narrower)| row(entry, narrower))
        .collect();
    let columns = vec![
        table::text("When"),
        table::text("Who"),
        table::text("What"),
        table::text("On"),
        table::wide("Change"),
    ];
    let empty = if page.filters.is_empty() {
        Empty::new(
            Icon::Shield,
            "Nothing yet",
            "Every change is written here in the same transaction as the change itself.",
        )
    } else {
        Empty::new(
            Icon::Shield,
            "Nothing fits",
            "Take a filter away to see more.",
        )
    };
    let paged = (page.older.is_some() || page.newest.is_some())
        .then(|| pager(shown, page.newest.clone(), page.older.clone()));
    let actions = view! {
        {button(address.clone(), "verify", "btn", view! { {icon(Icon::Shield)} "Verify the chain" })}
        <a class="btn" href=page.export.clone()>{icon(Icon::Download)} "JSON lines"</a>
    };
    let content = view! {
        {PageHead::new("Audit")
            .lede("Each row carries a hash over itself and the row before: what is changed or taken out later shows. Times are UTC.")
            .actions(actions)}
        <div class="stack">{page.verdict.as_ref().map(verdict)} {filters(&page, address)}</div>
        {chips}
        {Table::new(Shape::Rows, columns).rows(rows).or_empty(empty)}
        {paged}
    };
    page.at.page(Menu::Audit, content)
}

fn verdict(found: &AuditVerdict) -> AnyView {
    let rows = format::counted(found.rows.unsigned_abs(), "row", "rows");
    let head = found.head.clone();
    match found.broken_at {
        None => callout(
            Tone::Ok,
            view! {
                <p><b>"The chain is whole: "</b> {format!("{rows} checked, each follows the one before.")}</p>
                <p class="small break">"Last hash " <code>{head}</code></p>
            },
        ),
        Some(at) => callout(
            Tone::Danger,
            view! {
                <p><b>{format!("The chain is broken at row {}. ", format::count(at.unsigned_abs()))}</b>
                    "This row was changed or taken out, or rows before it were, by somebody with access to the database."</p>
                <p class="small break">{format!("{rows} before it fit; the last good hash is ")} <code>{head}</code></p>
            },
        ),
    }
}

/// A plain form that puts the filters into the address.
fn filters(page: &Audit, address: String) -> AnyView {
    let form = &page.form;
    let mut people = vec![(String::new(), "Anybody".to_owned())];
    people.extend(page.people.iter().cloned());
    let object = form.value("object").to_owned();
    let object =
        (!object.is_empty()).then(|| view! { <input type="hidden" name="object" value=object /> });
    view! {
        <form class="form-row log-filters" role="search" action=address>
            {object}
            {Field::select("actor", "Who", people).optional().of(form)}
            {Field::text("action", "What").optional().mono().placeholder("member.edit").of(form)}
            {Field::date("from", "From day").optional().of(form)}
            {Field::date("to", "To day").optional().of(form)}
            <button class="btn">"Filter"</button>
        </form>
        {refusal(form, &["actor", "action", "from", "to"])}
    }
    .into_any()
}

fn row(entry: &AuditEntry, (by_actor, by_object): &(Option<String>, Option<String>)) -> AnyView {
    let who = match (entry.actor_kind.as_str(), entry.actor_name.as_str()) {
        ("person", "") => "an erased person".to_owned(),
        ("person", name) => name.to_owned(),
        ("anonymous", _) => "nobody signed in".to_owned(),
        (kind, _) => kind
            .strip_prefix("system:")
            .map_or(kind, |name| name)
            .to_owned(),
    };
    let who = match by_actor.clone() {
        Some(href) => view! { <a href=href>{who}</a> }.into_any(),
        None => view! { <span>{who}</span> }.into_any(),
    };
    let from = match (entry.actor_email.as_str(), entry.address.as_str()) {
        ("", address) => address.to_owned(),
        (email, "") => email.to_owned(),
        (email, address) => format!("{email}, {address}"),
    };
    let object = entry.object.map(|id| id.to_string());
    let object = object.map(|id| {
        // The end of an id tells objects of one hour apart, its beginning does not.
        let short = format!("…{}", id.get(id.len() - 8..).unwrap_or_default());
        match by_object.clone() {
            Some(href) => view! { <a class="sub mono" href=href title=id>{short}</a> }.into_any(),
            None => view! { <span class="sub mono" title=id>{short}</span> }.into_any(),
        }
    });
    view! {
        <tr>
            <td class="nowrap">
                <time datetime=entry.at.to_rfc3339()>{entry.at.format("%H:%M:%S").to_string()}</time>
                <span class="sub">{format::day(entry.at)}</span>
            </td>
            <td data-label="Who">{who} <span class="sub break">{from}</span></td>
            <td data-label="What"><span class="mono">{entry.action.clone()}</span> <span class="sub">{format!("row {}", format::count(entry.sequence.unsigned_abs()))}</span></td>
            <td data-label="On">{entry.object_kind.replace('_', " ")} {object}</td>
            <td data-label="Change">{change(&entry.before, &entry.after)}</td>
        </tr>
    }
    .into_any()
}

/// Lines shown at once; a longer change folds the rest.
const FEW: usize = 4;

/// What differs, one line per value: taken away, then put in. Secrets were masked when it was
/// written.
fn change(before: &Value, after: &Value) -> AnyView {
    let lines = lines(before, after);
    if lines.is_empty() {
        return view! { <span class="faint">"–"</span> }.into_any();
    }
    let rest = lines
        .get(FEW..)
        .filter(|rest| !rest.is_empty())
        .map(|rest| {
            let words = format::counted(rest.len() as u64, "more line", "more lines");
            view! {
                <details class="more">
                    <summary>{icon(Icon::Chevron)} {words}</summary>
                    {block(rest)}
                </details>
            }
        });
    view! { {block(&lines[..lines.len().min(FEW)])} {rest} }.into_any()
}

fn block(lines: &[(bool, String)]) -> AnyView {
    let lines = lines
        .iter()
        .map(|(added, text)| {
            let (class, sign) = if *added {
                ("add", "+ ")
            } else {
                ("del", "− ")
            };
            view! { <span class=class>{sign} {text.clone()}</span> }
        })
        .collect_view();
    view! { <div class="diff diff--s"><pre>{lines}</pre></div> }.into_any()
}

/// `true` for a line that was put in.
fn lines(before: &Value, after: &Value) -> Vec<(bool, String)> {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    leaves("", before, &mut old);
    leaves("", after, &mut new);
    let mut lines = Vec::new();
    for (name, value) in &old {
        if new
            .iter()
            .any(|known| known == &(name.clone(), value.clone()))
        {
            continue;
        }
        lines.push((false, format!("{name}: {value}")));
        if let Some((_, now)) = new.iter().find(|(known, _)| known == name) {
            lines.push((true, format!("{name}: {now}")));
        }
    }
    for (name, value) in &new {
        if old.iter().all(|(known, _)| known != name) {
            lines.push((true, format!("{name}: {value}")));
        }
    }
    lines
}

/// Longest value shown, in characters; the export has all of it.
const LONGEST: usize = 160;

/// The values of an object by their path; lists stand in one line.
fn leaves(path: &str, value: &Value, out: &mut Vec<(String, String)>) {
    let text = match value {
        // Nothing there: an empty side, or a choice that was not made.
        Value::Null => return,
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                leaves(&path, value, out);
            }
            return;
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let cut = if text.chars().count() > LONGEST {
        "…"
    } else {
        ""
    };
    let text: String = text.chars().take(LONGEST).chain(cut.chars()).collect();
    out.push((path.to_owned(), text.replace(['\n', '\r'], " ")));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        let lines = lines(
            &json!({ "role": "owner", "team": null, "kept": 1 }),
            &json!({ "role": "member", "kept": 1, "limits": { "rate": [5, 60] } }),
        );
        let text: Vec<_> = lines
            .iter()
            .map(|(added, line)| format!("{}{line}", if *added { '+' } else { '-' }))
            .collect();
        assert_eq!(
            text,
            ["-role: owner", "+role: member", "+limits.rate: [5,60]"]
        );
        assert!(super::lines(&Value::Null, &Value::Null).is_empty());
    }
}
