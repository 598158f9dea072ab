//! A sample in Python with requests.

use super::super::operation::Method;
use super::quote::{double, sized, variable};
use super::{HeaderValue, SampleBody, SamplePart, SampleRequest};
use serde_json::Value;

pub(super) fn render(request: &SampleRequest) -> String {
    let mut code = String::new();
    let is_variable =
        |(_, value): &(String, HeaderValue)| matches!(value, HeaderValue::Variable(_));
    if request.headers.iter().any(is_variable) {
        code.push_str("import os\n\n");
    }
    code.push_str("import requests\n\n");
    code.push_str(&match request.method {
        Method::Trace => "response = requests.request(\n    \"TRACE\",\n".to_owned(),
        method => format!("response = requests.{}(\n", method.as_key()),
    });
    code.push_str(&format!("    {},\n", double(&request.url, sized)));
    if !request.headers.is_empty() {
        code.push_str("    headers={\n");
        for (name, value) in &request.headers {
            let value = match value {
                HeaderValue::Text(value) => double(value, sized),
                HeaderValue::Variable(key) => format!("os.environ[\"{}\"]", variable(key)),
            };
            code.push_str(&format!("        {}: {value},\n", double(name, sized)));
        }
        code.push_str("    },\n");
    }
    match &request.body {
        None => {}
        Some(SampleBody::Json(value)) => {
            code.push_str(&format!("    json={},\n", literal(value, 1)));
        }
        Some(SampleBody::Text(text)) => {
            code.push_str(&format!("    data={}.encode(),\n", double(text, sized)));
        }
        Some(SampleBody::File(name)) => {
            code.push_str(&format!(
                "    data=open({}, \"rb\"),\n",
                double(name, sized)
            ));
        }
        Some(SampleBody::Parts(parts)) => {
            code.push_str("    files={\n");
            code.extend(parts.iter().map(part));
            code.push_str("    },\n");
        }
    }
    code.push_str(")\nprint(response.status_code, response.text)\n");
    code
}

fn part(part: &SamplePart) -> String {
    let name = double(&part.name, sized);
    let value = double(&part.value, sized);
    match part.is_file {
        true => format!("        {name}: open({value}, \"rb\"),\n"),
        false => format!("        {name}: (None, {value}),\n"),
    }
}

/// JSON as a Python expression.
fn literal(value: &Value, depth: usize) -> String {
    let inner = "    ".repeat(depth + 1);
    let outer = "    ".repeat(depth);
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => double(text, sized),
        Value::Array(items) if items.is_empty() => "[]".to_owned(),
        Value::Object(object) if object.is_empty() => "{}".to_owned(),
        Value::Array(items) => {
            let items = items.iter();
            let lines = items.map(|item| format!("{inner}{},\n", literal(item, depth + 1)));
            format!("[\n{}{outer}]", lines.collect::<String>())
        }
        Value::Object(object) => {
            let lines = object.iter().map(|(key, value)| {
                let key = double(key, sized);
                format!("{inner}{key}: {},\n", literal(value, depth + 1))
            });
            format!("{{\n{}{outer}}}", lines.collect::<String>())
        }
    }
}
