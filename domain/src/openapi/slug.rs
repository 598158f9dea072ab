//! Names of operations for addresses: readable, unique in a document, and the same at each
//! import of the same document.

use std::collections::{HashMap, HashSet};

/// Longest slug, in bytes, before a number makes it unique.
const MAX_SLUG: usize = 80;

/// Hands out slugs, each once.
#[derive(Default)]
pub(crate) struct Slugs {
    used: HashSet<String>,
    next: HashMap<String, usize>,
}

impl Slugs {
    /// A slug that nothing else in this document has: `listBooks` gives `list-books`, and where
    /// that is taken `list-books-2`.
    pub(crate) fn take(&mut self, name: &str) -> String {
        let slug = slug(name);
        if self.used.insert(slug.clone()) {
            return slug;
        }
        let next = self.next.entry(slug.clone()).or_insert(2);
        loop {
            let numbered = format!("{slug}-{next}");
            *next += 1;
            if self.used.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

fn slug(name: &str) -> String {
    let mut slug = String::new();
    let mut after_lower = false;
    for c in name.chars() {
        if slug.len() >= MAX_SLUG {
            break;
        }
        if c.is_ascii_uppercase() && after_lower {
            slug.push('-');
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        match c {
            c if c.is_ascii_alphanumeric() => slug.push(c.to_ascii_lowercase()),
            '_' => slug.push('_'),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    if slug.is_empty() {
        slug.push_str("operation");
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_readable_and_unique() {
        let mut slugs = Slugs::default();
        for (name, expected) in [
            ("listBooks", "list-books"),
            ("list-books", "list-books-2"),
            ("list_books", "list_books"),
            ("listBooks", "list-books-3"),
            ("list-books-2", "list-books-2-2"),
            ("GET /books/{id}", "get-books-id"),
            ("v1.application.list", "v1-application-list"),
            ("HTTPServer", "httpserver"),
            ("Œuvres/é", "uvres"),
            ("…", "operation"),
            ("", "operation-2"),
        ] {
            assert_eq!(slugs.take(name), expected, "{name}");
        }
        assert!(slugs.take(&"x".repeat(10_000)).len() <= MAX_SLUG);
    }
}
