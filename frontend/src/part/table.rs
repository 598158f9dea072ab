//! Tables, the pager below them and the empty state inside.

use leptos::prelude::*;

use super::{Text, part};
use crate::icon::{Icon, icon};

/// How a table turns on a narrow screen, and how dense it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Rows become blocks; each cell but the first needs a `data-label`.
    #[default]
    Rows,
    /// Cells flow without labels: for logs.
    Lines,
    /// Few narrow columns that fit everywhere.
    Tight,
}

/// A column's head.
#[derive(Clone, Debug)]
pub struct Column {
    class: &'static str,
    label: Text,
}

/// A column of text.
pub fn text(label: impl Into<Text>) -> Column {
    Column {
        class: "",
        label: label.into(),
    }
}

/// A column of numbers, which stand right.
pub fn number(label: impl Into<Text>) -> Column {
    Column {
        class: "n",
        label: label.into(),
    }
}

/// A column that takes what width is left.
pub fn wide(label: impl Into<Text>) -> Column {
    Column {
        class: "grow",
        label: label.into(),
    }
}

/// The last column: what can be done with a row.
#[must_use]
pub fn actions() -> Column {
    Column {
        class: "act",
        label: Text::Borrowed(""),
    }
}

/// A table in its box. Rows are `<tr>` views of the page.
pub struct Table {
    shape: Shape,
    columns: Vec<Column>,
    rows: Vec<AnyView>,
    empty: Option<AnyView>,
}

impl Table {
    #[must_use]
    pub fn new(shape: Shape, columns: Vec<Column>) -> Self {
        Self {
            shape,
            columns,
            rows: Vec::new(),
            empty: None,
        }
    }

    #[must_use]
    pub fn rows<V: IntoAny>(mut self, rows: impl IntoIterator<Item = V>) -> Self {
        self.rows = rows.into_iter().map(IntoAny::into_any).collect();
        self
    }

    /// What stands in the box when there are no rows: mostly an [`Empty`].
    #[must_use]
    pub fn or_empty(mut self, empty: Empty) -> Self {
        self.empty = Some(empty.view());
        self
    }

    fn view(self) -> AnyView {
        if self.rows.is_empty()
            && let Some(empty) = self.empty
        {
            return view! { <div class="table-box">{empty}</div> }.into_any();
        }
        let class = match self.shape {
            Shape::Rows => "table table--rows",
            Shape::Lines => "table table--rows table--lines",
            Shape::Tight => "table table--tight",
        };
        let heads = self.columns.into_iter().map(head).collect_view();
        view! {
            <div class="table-box">
                <table class=class>
                    <thead>
                        <tr>{heads}</tr>
                    </thead>
                    <tbody>{self.rows}</tbody>
                </table>
            </div>
        }
        .into_any()
    }
}
part!(Table);

fn head(column: Column) -> AnyView {
    if column.class == "act" {
        return view! { <th class="act"><span class="vh">"Actions"</span></th> }.into_any();
    }
    let class = (!column.class.is_empty()).then_some(column.class);
    view! { <th class=class scope="col">{column.label}</th> }.into_any()
}

/// An empty state teaches: what this is for, and the exact next step.
pub struct Empty {
    icon: Icon,
    title: Text,
    words: Text,
    next: Option<AnyView>,
}

impl Empty {
    pub fn new(icon: Icon, title: impl Into<Text>, words: impl Into<Text>) -> Self {
        Self {
            icon,
            title: title.into(),
            words: words.into(),
            next: None,
        }
    }

    /// The button or the command that comes next.
    #[must_use]
    pub fn next(mut self, view: impl IntoAny) -> Self {
        self.next = Some(view.into_any());
        self
    }

    pub(crate) fn view(self) -> AnyView {
        view! {
            <div class="empty">
                {icon(self.icon)}
                <h3>{self.title}</h3>
                <p>{self.words}</p>
                {self.next}
            </div>
        }
        .into_any()
    }
}
part!(Empty);

/// Links to the neighbours of a cursor page; absent ends are shown as such.
#[must_use]
pub fn pager(shown: impl Into<Text>, newer: Option<String>, older: Option<String>) -> AnyView {
    let shown: Text = shown.into();
    view! {
        <nav class="pager" aria-label="Pages">
            <span>{shown}</span>
            <span class="btn-group">{step("Newer", newer)} {step("Older", older)}</span>
        </nav>
    }
    .into_any()
}

fn step(label: &'static str, href: Option<String>) -> AnyView {
    match href {
        Some(href) => view! { <a class="btn btn--s" href=href>{label}</a> }.into_any(),
        None => view! { <span class="btn btn--s" aria-disabled="true">{label}</span> }.into_any(),
    }
}

/// A filter that is on, written like the address, with a link that takes it away.
#[must_use]
pub fn chip(name: &str, value: &str, without: String) -> AnyView {
    view! {
        <span class="chip">
            <span>
                <i>{format!("{name}=")}</i>
                {value.to_owned()}
            </span>
            <a href=without aria-label=format!("Remove filter {name}")>
                {icon(Icon::Close)}
            </a>
        </span>
    }
    .into_any()
}
