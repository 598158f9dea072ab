//! A problem as a small page: self-contained, light and dark, nothing loaded from anywhere.

use domain::problem::Problem;

/// The page; every value in it is escaped.
pub(super) fn page(problem: &Problem) -> String {
    let more = if problem.kind.starts_with("http") {
        format!(
            "<p><a href=\"{}\">About this answer</a></p>",
            escape(&problem.kind)
        )
    } else {
        String::new()
    };
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{status} {title}</title>\
         <style>:root{{color-scheme:light dark}}body{{font:16px/1.5 system-ui,sans-serif;max-width:36rem;\
         margin:15vh auto;padding:0 1rem}}h1{{font-size:1.4rem}}code{{font-size:.9em}}</style>\
         <h1>{status} {title}</h1><p>{detail}</p>{more}<p><code>{code}</code> · request <code>{id}</code></p></html>",
        status = problem.status,
        title = escape(&problem.title),
        detail = escape(&problem.detail),
        code = escape(&problem.code),
        id = escape(&problem.request_id),
    )
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::problem::Code;

    #[test]
    fn nothing_of_a_request_becomes_markup() {
        let problem = Problem::new(Code::NoRoute, "<script>\"'&", Some("https://p"), "<b>");
        let page = page(&problem);
        assert!(!page.contains("<script>") && !page.contains("<b>"));
        assert!(page.contains("https://p/docs/errors/no_route"));
    }
}
