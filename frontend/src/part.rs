//! The parts that pages are made of, one file per kind; their classes are those of `portal.css`.
//!
//! A part is a function, or a small struct that is written into a view as it is
//! (`{Field::text("name", "Name").of(&form)}`).

pub mod boxes;
pub mod chart;
pub mod code;
pub mod confirm;
pub mod field;
pub mod head;
mod lifecycle;
pub mod limits;
pub mod sheet;
pub mod state;
pub mod table;

pub use lifecycle::farewell;

/// Text that is mostly literal and sometimes made.
pub type Text = std::borrow::Cow<'static, str>;

/// Makes text safe inside an element or a quoted attribute, for markup that no view writes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// Lets a struct stand in a view as it is, by its `view` method.
macro_rules! part {
    ($name:ident) => {
        impl leptos::prelude::IntoRender for $name {
            type Output = leptos::prelude::AnyView;

            fn into_render(self) -> Self::Output {
                self.view()
            }
        }
    };
}
pub(crate) use part;
