//! A sample in Rust with reqwest.

use super::super::operation::Method;
use super::quote::{braced, double, json, variable};
use super::{HeaderValue, SampleBody, SampleRequest};

pub(super) fn render(request: &SampleRequest) -> String {
    let mut before = String::new();
    let mut calls = Vec::new();
    let url = double(&request.url, braced);
    calls.push(match request.method {
        Method::Options | Method::Trace => {
            format!("request(reqwest::Method::{}, {url})", request.method)
        }
        method => format!("{}({url})", method.as_key()),
    });
    for (name, value) in &request.headers {
        let value = match value {
            HeaderValue::Text(value) => double(value, braced),
            HeaderValue::Variable(key) => format!("std::env::var(\"{}\")?", variable(key)),
        };
        calls.push(format!("header({}, {value})", double(name, braced)));
    }
    match &request.body {
        None => {}
        Some(SampleBody::Json(value)) => calls.push(format!("body({})", raw(&json(value)))),
        Some(SampleBody::Text(text)) => calls.push(format!("body({})", double(text, braced))),
        Some(SampleBody::File(name)) => {
            calls.push(format!("body(std::fs::read({})?)", double(name, braced)));
        }
        Some(SampleBody::Parts(parts)) => {
            before.push_str("    let form = reqwest::multipart::Form::new()");
            for part in parts {
                let name = double(&part.name, braced);
                let value = double(&part.value, braced);
                before.push_str(&match part.is_file {
                    true => format!("\n        .file({name}, {value})\n        .await?"),
                    false => format!("\n        .text({name}, {value})"),
                });
            }
            before.push_str(";\n");
            calls.push("multipart(form)".to_owned());
        }
    }
    let calls = calls.join("\n        .");
    format!(
        "#[tokio::main]\n\
         async fn main() -> Result<(), Box<dyn std::error::Error>> {{\n{before}    \
             let response = reqwest::Client::new()\n        .{calls}\n        .send()\n        \
                 .await?;\n    \
             println!(\"{{}}\", response.status());\n    \
             println!(\"{{}}\", response.text().await?);\n    \
             Ok(())\n}}\n"
    )
}

/// A raw literal with as many hashes as the text needs, so that JSON stays readable.
fn raw(text: &str) -> String {
    let mut hashes = String::from("#");
    while text.contains(&format!("\"{hashes}")) {
        hashes.push('#');
        if hashes.len() > 8 {
            return double(text, braced);
        }
    }
    format!("r{hashes}\"{text}\"{hashes}")
}
