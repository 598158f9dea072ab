//! Imports of whole documents: our own bookshop in both dialects, real documents of others
//! where they lie beside the checkout, and documents broken at random.

use domain::openapi::{
    BOOKSHOP, Document, Fill, HeaderValue, Language, Method, ParseErrorCode, SampleRequest, Side,
    example, first_call, from_value, parse, read,
};
use proptest::prelude::*;
use serde_json::Value;
use std::path::Path;

const BOOKSHOP_31: &str = include_str!("documents/bookshop-3.1.json");

/// Does with a document all that the portal does, so that a panic anywhere is seen.
fn use_up(document: &Document) {
    let key = || Some(("X-Api-Key", HeaderValue::Variable("KEY".to_owned())));
    for operation in document.operations.iter().chain(&document.webhooks) {
        for fill in [Fill::Required, Fill::Examples] {
            let base = "https://gateway.example/shop";
            let request = SampleRequest::new(document, operation, base, key(), fill);
            for language in Language::ALL {
                assert!(!request.render(language).is_empty());
            }
        }
        for content in operation
            .responses
            .iter()
            .flat_map(|response| &response.content)
        {
            example(document, &content.schema, Side::Response);
        }
    }
    for schema in document.schemas.values() {
        document.expanded(schema);
        example(document, schema, Side::Request);
    }
    let text = serde_json::to_string(document).expect("a model is JSON");
    let read: Document = serde_json::from_str(&text).expect("what was written can be read");
    assert_eq!(read, *document);
}

#[test]
fn the_bookshop_is_the_same_in_both_dialects() {
    let yaml = parse(BOOKSHOP.as_bytes()).unwrap();
    let json = parse(BOOKSHOP_31.as_bytes()).unwrap();
    assert_eq!(yaml.findings, []);
    assert_eq!(yaml.openapi, "3.0.3");
    assert_eq!(json.openapi, "3.1.0");
    let openapi = json.openapi.clone();
    assert_eq!(
        Document {
            openapi,
            ..yaml.clone()
        },
        json
    );
    use_up(&yaml);
}

#[test]
fn the_bookshop_reads_as_it_is_written() {
    let document = parse(BOOKSHOP.as_bytes()).unwrap();
    let slugs: Vec<_> = document
        .operations
        .iter()
        .map(|op| op.slug.as_str())
        .collect();
    let expected = "list-books get-book search-books list-catalogue list-authors get-author \
                    create-order get-order";
    assert_eq!(slugs.join(" "), expected);
    let first = first_call(&document).unwrap();
    assert_eq!((first.method, first.path.as_str()), (Method::Get, "/books"));
    let order = document.operation("create-order").unwrap();
    let statuses: Vec<_> = order.responses.iter().map(|r| r.status.as_str()).collect();
    assert_eq!(statuses, ["201", "400", "409", "422"]);
    let key = Some(("X-Api-Key", HeaderValue::text("ptn_test_1")));
    let base = "http://127.0.0.1:8080/shop/";
    let sample = SampleRequest::new(&document, first, base, key.clone(), Fill::Required);
    assert_eq!(
        sample.render(Language::Curl),
        "curl http://127.0.0.1:8080/shop/books \\\n  -H 'X-Api-Key: ptn_test_1'"
    );
    let sample = SampleRequest::new(&document, first, base, key, Fill::Examples);
    assert_eq!(
        sample.url,
        "http://127.0.0.1:8080/shop/books?in_stock=true&limit=2"
    );
    // No example is written at the answer, so this one is made from the schema.
    let book = document.operation("get-book").unwrap().success().unwrap();
    let made = example(&document, &book.content[0].schema, Side::Response);
    assert_eq!(
        made["price"],
        serde_json::json!({"amount": 1250, "currency": "EUR"})
    );
    assert_eq!(made["similar"], serde_json::json!([]));
}

#[test]
fn real_documents_import() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/openapi");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("real documents: ../shared/openapi is not there, so only our own were imported");
        return;
    };
    let mut imported = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        if name.contains("2.0") {
            let error = parse(&bytes).unwrap_err();
            assert_eq!(
                error.code,
                ParseErrorCode::UnsupportedVersion,
                "{name}: {error}"
            );
            continue;
        }
        let document = parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let calls = document.operations.len() + document.webhooks.len();
        assert!(calls > 0, "{name} has nothing to call");
        use_up(&document);
        imported += 1;
    }
    eprintln!("real documents: {imported} from ../shared/openapi were imported");
    assert!(imported > 0, "the folder is there but holds no document");
}

/// A change to the text of a document.
#[derive(Debug, Clone)]
enum Change {
    Cut(usize, usize),
    Put(usize, String),
    Byte(usize, u8),
    Copy(usize, usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let pieces = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "'",
        "&a ",
        "*a",
        "<<: ",
        "- ",
        "? ",
        "|\n",
        "\n",
        "\t",
        "!!str ",
        "null",
        "$ref",
        "\"$ref\":\"#/components/schemas/Book\"",
        "allOf: [",
        "#",
        "---\n",
        "1e999",
        "\u{0}",
        "\u{feff}",
        "é",
    ]);
    let at = 0..20_000_usize;
    prop_oneof![
        (at.clone(), 1..200_usize).prop_map(|(at, n)| Change::Cut(at, n)),
        (at.clone(), pieces).prop_map(|(at, text)| Change::Put(at, text.to_owned())),
        (at.clone(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (at.clone(), at, 1..400_usize).prop_map(|(to, from, n)| Change::Copy(to, from, n)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let length = bytes.len();
    match change {
        Change::Cut(at, n) => {
            bytes.drain((*at).min(length)..(at + n).min(length));
        }
        Change::Put(at, text) => {
            let at = (*at).min(length);
            bytes.splice(at..at, text.bytes());
        }
        Change::Byte(at, byte) => {
            if let Some(place) = bytes.get_mut(*at) {
                *place = *byte;
            }
        }
        Change::Copy(to, from, n) => {
            let piece = bytes[(*from).min(length)..(from + n).min(length)].to_vec();
            let to = (*to).min(length);
            bytes.splice(to..to, piece);
        }
    }
}

/// Replaces the `n`th value of a tree by another.
fn replace(value: &mut Value, n: &mut usize, by: &Value) {
    if *n == 0 {
        *value = by.clone();
    }
    *n = n.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, n, by)),
        Value::Object(object) => object.values_mut().for_each(|item| replace(item, n, by)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn strange() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        serde_json::json!(null),
        serde_json::json!(true),
        serde_json::json!(-1.5),
        serde_json::json!("x"),
        serde_json::json!(""),
        serde_json::json!([]),
        serde_json::json!([[], {}, null, "a", 1]),
        serde_json::json!({}),
        serde_json::json!({"$ref": "#"}),
        serde_json::json!({"$ref": "#/paths"}),
        serde_json::json!({"$ref": "#/components/schemas/Book"}),
        serde_json::json!({"$ref": "#/components/parameters/Limit"}),
        serde_json::json!({"$ref": "other.yaml#/a"}),
        serde_json::json!({"$ref": 1}),
        serde_json::json!({"type": ["object", "array", "null"], "items": {"$ref": "#/info"}}),
        serde_json::json!({"allOf": [{"$ref": "#/components/schemas/Order"}, {"oneOf": [1]}]}),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn broken_texts_never_panic(
        json in any::<bool>(),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let text = if json { BOOKSHOP_31 } else { BOOKSHOP };
        let mut bytes = text.as_bytes().to_vec();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        if let Ok(document) = parse(&bytes) {
            use_up(&document);
        }
    }

    #[test]
    fn strange_values_never_panic(
        changes in prop::collection::vec((0..900_usize, strange()), 1..8),
    ) {
        let mut root = read(BOOKSHOP.as_bytes()).unwrap();
        for (place, by) in &changes {
            replace(&mut root, &mut place.clone(), by);
        }
        if let Ok(document) = from_value(&root) {
            use_up(&document);
        }
    }
}
