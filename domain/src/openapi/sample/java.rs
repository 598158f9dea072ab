//! A sample in Java 17 with its `HttpClient`.

use super::quote::{double, indented, json, units, variable};
use super::{HeaderValue, SampleBody, SamplePart, SampleRequest};

/// Separates parts: a text that no part holds by chance.
const BOUNDARY: &str = "----PortunusSampleBoundary";

pub(super) fn render(request: &SampleRequest) -> String {
    let publishers = "HttpRequest.BodyPublishers";
    let mut headers = String::new();
    let mut header = |name: &str, value: &str| {
        headers.push_str(&format!("\n            .header({name}, {value})"));
    };
    for (name, value) in &request.headers {
        let value = match value {
            HeaderValue::Text(value) => double(value, units),
            HeaderValue::Variable(key) => format!("System.getenv(\"{}\")", variable(key)),
        };
        header(&double(name, units), &value);
    }
    let mut has_files = false;
    let body = match &request.body {
        None => format!("{publishers}.noBody()"),
        Some(SampleBody::Json(value)) => {
            format!("{publishers}.ofString({})", block(&json(value)))
        }
        Some(SampleBody::Text(text)) => {
            format!("{publishers}.ofString({})", double(text, units))
        }
        Some(SampleBody::File(name)) => {
            has_files = true;
            format!("{publishers}.ofFile(Path.of({}))", double(name, units))
        }
        Some(SampleBody::Parts(parts)) => {
            has_files = parts.iter().any(|part| part.is_file);
            let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
            header("\"Content-Type\"", &double(&content_type, units));
            format!("{publishers}.ofByteArrays(List.of({}))", all_parts(parts))
        }
    };
    let mut imports = vec!["java.net.URI", "java.net.http.HttpClient"];
    imports.extend(["java.net.http.HttpRequest", "java.net.http.HttpResponse"]);
    if has_files {
        imports.extend(["java.nio.file.Files", "java.nio.file.Path"]);
    }
    if matches!(request.body, Some(SampleBody::Parts(_))) {
        imports.push("java.util.List");
    }
    let imports: String = imports
        .iter()
        .map(|import| format!("import {import};\n"))
        .collect();
    let method = request.method;
    let url = double(&request.url, units);
    format!(
        "{imports}\npublic class Call {{\n    \
             public static void main(String[] arguments) throws Exception {{\n        \
                 var request = HttpRequest.newBuilder(URI.create({url})){headers}\n            \
                     .method(\"{method}\", {body})\n            \
                     .build();\n        \
                 var response = HttpClient.newHttpClient()\n            \
                     .send(request, HttpResponse.BodyHandlers.ofString());\n        \
                 System.out.println(response.statusCode() + \" \" + response.body());\n    \
             }}\n}}\n"
    )
}

fn all_parts(parts: &[SamplePart]) -> String {
    let mut pieces = Vec::new();
    for part in parts {
        let name = part.name.replace('"', "%22").replace(['\r', '\n'], " ");
        let file = match part.is_file {
            true => format!("; filename=\"{}\"", part.value.replace('"', "%22")),
            false => String::new(),
        };
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n"
        );
        if part.is_file {
            pieces.push(format!("{}.getBytes()", double(&head, units)));
            let path = double(&part.value, units);
            pieces.push(format!("Files.readAllBytes(Path.of({path}))"));
            pieces.push("\"\\r\\n\".getBytes()".to_owned());
        } else {
            let whole = format!("{head}{}\r\n", part.value);
            pieces.push(format!("{}.getBytes()", double(&whole, units)));
        }
    }
    let end = double(&format!("--{BOUNDARY}--\r\n"), units);
    pieces.push(format!("{end}.getBytes()"));
    format!("\n                {}", pieces.join(",\n                "))
}

/// A text block, so that JSON stays readable.
fn block(text: &str) -> String {
    let mut text = text.replace('\\', "\\\\").replace("\"\"\"", "\\\"\"\"");
    // A quote before the three that end the block would be taken as one of them.
    if text.ends_with('"') {
        text.insert(text.len() - 1, '\\');
    }
    let by = " ".repeat(16);
    format!("\"\"\"\n{by}{}\"\"\"", indented(&text, &by))
}
