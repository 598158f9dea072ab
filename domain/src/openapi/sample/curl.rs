//! A sample as one curl command for a POSIX shell.

use super::super::operation::Method;
use super::quote::{json, shell, variable};
use super::{HeaderValue, SampleBody, SamplePart, SampleRequest};

pub(super) fn render(request: &SampleRequest) -> String {
    let mut words = vec![format!("curl {}", shell(&request.url))];
    match (request.method, &request.body) {
        (Method::Get, None) | (Method::Post, Some(_)) => {}
        (Method::Head, None) => words.push("--head".to_owned()),
        (method, _) => words.push(format!("-X {method}")),
    }
    for (name, value) in &request.headers {
        words.push(match value {
            // curl sends an empty header only when it ends in a semicolon.
            HeaderValue::Text(value) if value.is_empty() => {
                format!("-H {}", shell(&format!("{name};")))
            }
            HeaderValue::Text(value) => format!("-H {}", shell(&format!("{name}: {value}"))),
            HeaderValue::Variable(key) => {
                let key = variable(key);
                // A name is a token, and some tokens mean something between double quotes.
                match name.contains(['$', '`', '!']) {
                    true => format!("-H {}\"${key}\"", shell(&format!("{name}: "))),
                    false => format!("-H \"{name}: ${key}\""),
                }
            }
        });
    }
    match &request.body {
        None => {}
        // Raw, because a plain `--data` would read a file for a text that starts with `@`.
        Some(SampleBody::Json(value)) => words.push(format!("--data-raw {}", shell(&json(value)))),
        Some(SampleBody::Text(text)) => words.push(format!("--data-raw {}", shell(text))),
        Some(SampleBody::File(name)) => {
            words.push(format!("--data-binary {}", shell(&format!("@{name}"))));
        }
        Some(SampleBody::Parts(parts)) => words.extend(parts.iter().map(part)),
    }
    words.join(" \\\n  ")
}

fn part(part: &SamplePart) -> String {
    let SamplePart {
        name,
        value,
        is_file,
    } = part;
    match is_file {
        true => format!("-F {}", shell(&format!("{name}=@{value}"))),
        // As a string, because `-F` gives `@`, `<` and `;` a meaning of their own.
        false => format!("--form-string {}", shell(&format!("{name}={value}"))),
    }
}
