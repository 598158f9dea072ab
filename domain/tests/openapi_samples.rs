//! Code samples run by the real interpreters: what they would send is what the request says,
//! however hostile the texts in the document are.

use domain::openapi::{Fill, HeaderValue, Language, SampleRequest, from_value};
use serde_json::{Value, json};
use std::process::Command;

const HOSTILE: &str = "a'b\"#c\\d`e$(exit 9)${f}\n#{g}&h=i;j\u{202e} %s é €😀 \"\"\" ''' \\u0041";

fn request(media_type: &str, example: &Value) -> SampleRequest {
    let root = json!({"openapi": "3.1.0", "paths": {"/{p}": {"post": {
        "parameters": [
            {"name": "p", "in": "path", "example": HOSTILE},
            {"name": HOSTILE, "in": "query", "example": HOSTILE},
            {"name": "X-A", "in": "header", "example": "it's $HOME"},
        ],
        "requestBody": {"content": {media_type: {"example": example}}},
    }}}});
    let document = from_value(&root).expect("a document");
    let key = Some(("X-Api-Key", HeaderValue::Variable("shop_key".to_owned())));
    let base = "https://gateway.example/a";
    SampleRequest::new(
        &document,
        &document.operations[0],
        base,
        key,
        Fill::Examples,
    )
}

fn header(request: &SampleRequest, name: &str) -> String {
    let mut headers = request.headers.iter();
    match headers.find(|(own, _)| own == name).map(|(_, value)| value) {
        Some(HeaderValue::Text(value)) => value.clone(),
        _ => panic!("no header {name}"),
    }
}

/// Runs a program; none where it is not installed.
fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .env("SHOP_KEY", "ptn_1")
        .output();
    let Ok(output) = output else {
        eprintln!("code samples: {program} is not installed, so its sample was not run");
        return None;
    };
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {told}");
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

fn example() -> Value {
    json!({HOSTILE: [HOSTILE, null, true, 1.5, {}, []], "__proto__": {"x": 1}, "plain": "x"})
}

#[test]
fn the_shell_gives_curl_what_is_meant() {
    let request = request("application/json", &example());
    // Stands for curl and shows its arguments.
    let script = format!(
        "curl() {{ printf '%s\\0' \"$@\"; }}\n{}",
        request.render(Language::Curl)
    );
    let Some(output) = run("sh", &["-c", &script]) else {
        return;
    };
    let words: Vec<_> = output.trim_end_matches('\0').split('\0').collect();
    assert_eq!(
        words[..6],
        [
            request.url.as_str(),
            "-H",
            "X-Api-Key: ptn_1",
            "-H",
            "X-A: it's $HOME",
            "-H",
        ]
    );
    assert_eq!(
        words[6..8],
        ["Content-Type: application/json", "--data-raw"]
    );
    assert_eq!(serde_json::from_str::<Value>(words[8]).unwrap(), example());
    assert_eq!(words.len(), 9);
}

#[test]
fn node_sends_what_is_meant() {
    for example in [example(), json!({"plain": HOSTILE})] {
        let request = request("application/json", &example);
        let script = format!(
            "globalThis.fetch = async (url, options) => {{
                console.log(JSON.stringify([url, options]));
                return {{ status: 200, text: async () => '' }};
            }};\n{}",
            request.render(Language::JavaScript)
        );
        let Some(output) = run("node", &["--input-type=module", "-e", &script]) else {
            return;
        };
        let sent: Value = serde_json::from_str(output.lines().next().unwrap()).unwrap();
        assert_eq!(sent[0], request.url);
        assert_eq!(sent[1]["method"], "POST");
        assert_eq!(sent[1]["headers"]["X-Api-Key"], "ptn_1");
        assert_eq!(sent[1]["headers"]["X-A"], header(&request, "X-A"));
        let body: Value = serde_json::from_str(sent[1]["body"].as_str().unwrap()).unwrap();
        assert_eq!(body, example);
    }
}

#[test]
fn python_sends_what_is_meant() {
    let prelude = "
import sys, types, json
module = types.ModuleType('requests')
class Answer: status_code = 200; text = ''
def send(url, headers=None, json=None, data=None):
    import json as j
    print(j.dumps([url, headers, json, data.decode() if data else None]))
    return Answer()
module.post = send
sys.modules['requests'] = module
";
    for (media_type, example) in [
        ("application/json", example()),
        ("text/plain", json!(HOSTILE)),
    ] {
        let request = request(media_type, &example);
        let script = format!("{prelude}{}", request.render(Language::Python));
        let Some(output) = run("python3", &["-c", &script]) else {
            return;
        };
        let sent: Value = serde_json::from_str(output.lines().next().unwrap()).unwrap();
        assert_eq!(sent[0], request.url);
        assert_eq!(sent[1]["X-Api-Key"], "ptn_1");
        assert_eq!(sent[1]["X-A"], header(&request, "X-A"));
        let body = if media_type == "text/plain" {
            &sent[3]
        } else {
            &sent[2]
        };
        assert_eq!(*body, example);
    }
}
