//! The HTML document around a page: head, the icons that it uses, the loader of the islands.

use leptos::{prelude::*, reactive::owner::Owner};

use crate::{icon, part::escape};

/// Colour scheme that a person chose; without a choice the system's counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    /// Reads the value of the cookie `theme`; anything unknown is the system's.
    #[must_use]
    pub fn from_cookie(value: &str) -> Self {
        match value {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }

    /// The value of `data-theme`; empty for the system's.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// Addresses of the static files, as the server hands them out.
#[derive(Clone, Debug)]
pub struct Assets {
    pub style: String,
    pub favicon: String,
    /// Absent when no browser part was built: pages then carry no script at all.
    pub script: Option<Script>,
}

/// Addresses of the browser part.
#[derive(Clone, Debug)]
pub struct Script {
    pub js: String,
    pub wasm: String,
}

/// What the document needs besides the page itself.
#[derive(Clone, Debug)]
pub struct Shell<'a> {
    /// Plain text; the name of the portal is appended.
    pub title: &'a str,
    /// Name of the portal, as in the top bar.
    pub site: &'a str,
    pub theme: Theme,
    /// Of the `Content-Security-Policy` of this very response; only `[A-Za-z0-9_-]`.
    pub nonce: &'a str,
    pub assets: &'a Assets,
}

/// Renders a whole page. `page` runs inside a reactive owner of its own, which is dropped after.
#[must_use]
pub fn render<V: IntoView>(shell: &Shell<'_>, page: impl FnOnce() -> V) -> String {
    // No shared context: nothing is streamed, and islands carry their props in the page itself.
    let owner = Owner::new_root(None);
    let body = owner.with(|| page().into_view().to_html());
    owner.cleanup();
    let theme = match shell.theme {
        Theme::System => String::new(),
        chosen => format!(" data-theme=\"{}\"", chosen.as_str()),
    };
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"{theme}><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{} · {}</title>\
         <link rel=\"icon\" href=\"{}\"><link rel=\"stylesheet\" href=\"{}\">",
        escape(shell.title),
        escape(shell.site),
        escape(&shell.assets.favicon),
        escape(&shell.assets.style),
    );
    if let Some(script) = &shell.assets.script {
        html.push_str(&loader(script, shell.nonce));
    }
    html.push_str("</head><body>");
    html.push_str(&icon::sprite(&body));
    html.push_str("<a class=\"skip\" href=\"#main\">Skip to content</a>");
    html.push_str(&body);
    html.push_str("</body></html>");
    html
}

/// The inline module that fetches the browser part and wakes each island. It carries no data of
/// the page: the two addresses are ours and hold only `[A-Za-z0-9/_.-]`.
fn loader(script: &Script, nonce: &str) -> String {
    format!(
        "<script type=\"module\" nonce=\"{nonce}\">{}(\"{}\",\"{}\")</script>",
        include_str!("document/loader.js").trim_end(),
        script.js,
        script.wasm
    )
}
