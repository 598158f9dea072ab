//! A sample in JavaScript: `fetch`, as in Node 18 and later and in browsers.

use super::quote::{braced, double, indented, json, variable};
use super::{HeaderValue, SampleBody, SampleRequest};
use serde_json::Value;

pub(super) fn render(request: &SampleRequest) -> String {
    let mut code = String::new();
    let mut options = vec![format!("method: \"{}\",", request.method)];
    if !request.headers.is_empty() {
        let headers = request.headers.iter().map(|(name, value)| {
            let value = match value {
                HeaderValue::Text(value) => double(value, braced),
                HeaderValue::Variable(key) => format!("process.env.{}", variable(key)),
            };
            format!("    {}: {value},\n", double(name, braced))
        });
        options.push(format!("headers: {{\n{}  }},", headers.collect::<String>()));
    }
    match &request.body {
        None => {}
        Some(SampleBody::Json(value)) if is_literal(value) => {
            let literal = indented(&json(value), "  ");
            options.push(format!("body: JSON.stringify({literal}),"));
        }
        Some(SampleBody::Json(value)) => {
            options.push(format!("body: {},", double(&json(value), braced)));
        }
        Some(SampleBody::Text(text)) => options.push(format!("body: {},", double(text, braced))),
        Some(SampleBody::File(name)) => {
            code.push_str("import { readFile } from \"node:fs/promises\";\n\n");
            options.push(format!("body: await readFile({}),", double(name, braced)));
        }
        Some(SampleBody::Parts(parts)) => {
            if parts.iter().any(|part| part.is_file) {
                code.push_str("import { openAsBlob } from \"node:fs\";\n\n");
            }
            code.push_str("const form = new FormData();\n");
            for part in parts {
                let name = double(&part.name, braced);
                let value = double(&part.value, braced);
                code.push_str(&match part.is_file {
                    true => format!("form.append({name}, await openAsBlob({value}), {value});\n"),
                    false => format!("form.append({name}, {value});\n"),
                });
            }
            options.push("body: form,".to_owned());
        }
    }
    let url = double(&request.url, braced);
    let options = options.join("\n  ");
    code.push_str(&format!(
        "const response = await fetch({url}, {{\n  {options}\n}});\n\
         console.log(response.status, await response.text());\n"
    ));
    code
}

/// Whether JSON means the same as a JavaScript literal: a key `__proto__` would not.
fn is_literal(value: &Value) -> bool {
    match value {
        Value::Object(object) => {
            let mut members = object.iter();
            members.all(|(key, value)| key != "__proto__" && is_literal(value))
        }
        Value::Array(items) => items.iter().all(is_literal),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}
