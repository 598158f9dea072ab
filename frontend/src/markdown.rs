//! Markdown that people wrote, as HTML that cannot act: comrak reads it, ammonia cleans it.

use comrak::{Options, markdown_to_html};
use leptos::prelude::*;

/// Renders Markdown (CommonMark with tables, strike-through and bare links). Raw HTML is
/// dropped; links open without referrer and tell search engines nothing; pictures from
/// elsewhere are refused by the policy of the portal anyway and are left out.
#[must_use]
pub fn to_html(markdown: &str) -> String {
    let mut options = Options::default();
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.autolink = true;
    let html = markdown_to_html(markdown, &options);
    ammonia::Builder::default()
        .rm_tags(["img"])
        .link_rel(Some("noopener noreferrer nofollow"))
        .url_schemes(["http", "https", "mailto"].into())
        .clean(&html)
        .to_string()
}

/// [`to_html`] in a box of prose.
#[must_use]
pub fn markdown(source: &str) -> AnyView {
    let html = to_html(source);
    view! { <div class="prose" inner_html=html></div> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::to_html;

    #[test]
    fn what_people_write_cannot_act() {
        let html = to_html(
            "**Bold** <script>alert(1)</script> [x](javascript:alert(1)) ![p](https://evil.example/p)\n\n\
             <a href=\"https://a.example\" onclick=\"x()\" style=\"color:red\">raw</a>",
        );
        assert!(html.contains("<strong>Bold</strong>"));
        for bad in ["<script", "javascript:", "<img", "onclick", "style="] {
            assert!(!html.contains(bad), "{bad} in {html}");
        }
    }
}
