//! A sample in Go with its standard library.

use super::quote::{double, json, sized, variable};
use super::{HeaderValue, SampleBody, SamplePart, SampleRequest};
use std::collections::BTreeSet;

pub(super) fn render(request: &SampleRequest) -> String {
    let mut imports = BTreeSet::from(["fmt", "io", "log", "net/http"]);
    let mut before = String::new();
    let mut after = String::new();
    let body = match &request.body {
        None => "nil",
        Some(SampleBody::Json(value)) => {
            imports.insert("strings");
            let text = raw(&json(value));
            before.push_str(&format!("\tbody := strings.NewReader({text})\n"));
            "body"
        }
        Some(SampleBody::Text(text)) => {
            imports.insert("strings");
            let text = double(text, sized);
            before.push_str(&format!("\tbody := strings.NewReader({text})\n"));
            "body"
        }
        Some(SampleBody::File(name)) => {
            imports.insert("os");
            before.push_str(&open("body", name));
            "body"
        }
        Some(SampleBody::Parts(parts)) => {
            imports.extend(["bytes", "mime/multipart"]);
            before.push_str("\tvar body bytes.Buffer\n\tform := multipart.NewWriter(&body)\n");
            for (index, part) in parts.iter().enumerate() {
                if part.is_file {
                    imports.insert("os");
                }
                before.push_str(&write_part(part, index));
            }
            before.push_str("\tform.Close()\n");
            after.push_str("\trequest.Header.Set(\"Content-Type\", form.FormDataContentType())\n");
            "&body"
        }
    };
    for (name, value) in &request.headers {
        let value = match value {
            HeaderValue::Text(value) => double(value, sized),
            HeaderValue::Variable(key) => {
                imports.insert("os");
                format!("os.Getenv(\"{}\")", variable(key))
            }
        };
        let name = double(name, sized);
        after.push_str(&format!("\trequest.Header.Set({name}, {value})\n"));
    }
    let imports: String = imports
        .iter()
        .map(|import| format!("\t\"{import}\"\n"))
        .collect();
    let method = request.method;
    let url = double(&request.url, sized);
    format!(
        "package main\n\nimport (\n{imports})\n\nfunc main() {{\n{before}\
         \trequest, err := http.NewRequest(\"{method}\", {url}, {body})\n{FAIL}{after}\
         \tresponse, err := http.DefaultClient.Do(request)\n{FAIL}\
         \tdefer response.Body.Close()\n\
         \tanswer, err := io.ReadAll(response.Body)\n{FAIL}\
         \tfmt.Println(response.StatusCode, string(answer))\n}}\n"
    )
}

const FAIL: &str = "\tif err != nil {\n\t\tlog.Fatal(err)\n\t}\n";

fn open(variable: &str, name: &str) -> String {
    let name = double(name, sized);
    format!("\t{variable}, err := os.Open({name})\n{FAIL}")
}

fn write_part(part: &SamplePart, index: usize) -> String {
    let name = double(&part.name, sized);
    let value = double(&part.value, sized);
    if !part.is_file {
        return format!("\tform.WriteField({name}, {value})\n");
    }
    let file = format!("file{}", index + 1);
    let part_of = format!("part{}", index + 1);
    let opened = open(&file, &part.value);
    format!(
        "{opened}\t{part_of}, err := form.CreateFormFile({name}, {value})\n{FAIL}\
         \tif _, err := io.Copy({part_of}, {file}); err != nil {{\n\t\tlog.Fatal(err)\n\t}}\n"
    )
}

/// In back quotes where that can hold the text, so that JSON stays readable.
fn raw(text: &str) -> String {
    match text.contains(['`', '\r']) {
        true => double(text, sized),
        false => format!("`{text}`"),
    }
}
