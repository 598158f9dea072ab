//! Bodies of XML against documents.

use serde_json::{Value, json};

use super::{contract, told};
use crate::contract::{Answered, Contract, Rules};

fn compiled(schema: &Value) -> Contract {
    let content = json!({"application/xml": {"schema": schema}});
    let operation = json!({"requestBody": {"content": content},
        "responses": {"200": {"content": content}}});
    contract("3.1.0", "/a", operation)
}

fn check(contract: &Contract, body: &str) -> String {
    let found = contract.body(
        0,
        Some("application/xml"),
        body.as_bytes(),
        Rules::default(),
    );
    told(found).join("; ")
}

/// Body; what of it is told.
#[test]
fn elements_are_members_of_what_the_schema_describes() {
    let schema = json!({"type": "object", "xml": {"name": "o:order", "namespace": "urn:o"},
        "required": ["id"], "additionalProperties": false, "properties": {
        "id": {"type": "integer", "xml": {"attribute": true, "name": "key"}},
        "note": {"type": ["string", "null"], "maxLength": 3},
        "paid": {"type": "boolean"},
        "lines": {"type": "array", "items": {"type": "integer", "xml": {"name": "line"}}},
        "tags": {"type": "array", "xml": {"wrapped": true, "name": "labels"},
            "items": {"$ref": "#/components/schemas/Tag", "xml": {"name": "label"}}},
        "codes": {"type": "array", "maxItems": 1, "xml": {"wrapped": true}, "items": {"type": "string"}},
        "cat": {"$ref": "#/components/schemas/Cat"},
        "pet": {"oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}]}
    }});
    let contract = compiled(&schema);
    for (inside, expected) in [
        ("", ""),
        ("<note>abc</note><paid> true </paid>", ""),
        (
            "<note>abcd</note>",
            "body /note This has at most 3 characters.",
        ),
        (
            "<x:note xmlns:x='urn:x'>abcd</x:note>",
            "body /note This has at most 3 characters.",
        ),
        ("<note xsi:nil='true'/>", ""),
        ("<note><b/></note>", "body /note This is a null or string."),
        (
            "<note>a</note><note>b</note>",
            "body /note This is a null or string.",
        ),
        ("<paid>yes</paid>", "body /paid This is a boolean."),
        (
            "<line>1</line><line>x</line>",
            "body /lines/1 This is an integer.",
        ),
        (
            "<lines>1</lines>",
            "body  In XML \"lines\" is not written so.",
        ),
        (
            "<labels><label>a</label><label>c</label></labels>",
            "body /tags/1 This is one of \"a\", \"b\".",
        ),
        (
            "<labels><tag>a</tag></labels>",
            "body  A list of the XML has an item of another name.",
        ),
        ("<labels/>", ""),
        ("<tags/>", "body  In XML \"tags\" is not written so."),
        (
            "<codes><codes>1</codes><codes>2</codes></codes>",
            "body /codes This has at most 1 items.",
        ),
        (
            "<codes>1</codes>",
            "body  The XML has text where elements alone are.",
        ),
        ("<id>1</id>", "body  In XML \"id\" is not written so."),
        ("<cat><kind>a</kind><lives>9</lives></cat>", ""),
        (
            "<cat kind='a'><lives>9</lives></cat>",
            "body  In XML \"kind\" is not written so.",
        ),
        (
            "<cat><kind>a</kind><lives>x</lives></cat>",
            "body /cat/lives This is an integer.",
        ),
        (
            "<cat/>",
            "body /cat The member \"kind\" is required.; body /cat The member \"lives\" is required.",
        ),
        ("<pet><kind>a</kind><tricks>b</tricks></pet>", ""),
        ("<other>1</other>", "body /other There is no such member."),
        ("text", "body  The XML has text where elements alone are."),
        ("<a></b>", "body  The body is no XML: at byte "),
    ] {
        let body = format!("<p:order xmlns:p='urn:o' key='7'>{inside}</p:order>");
        let found = check(&contract, &body);
        match expected.ends_with("byte ") {
            true => assert!(found.starts_with(expected), "{found}"),
            false => assert_eq!(found, expected, "{inside}"),
        }
    }
    for (body, expected) in [
        ("<order/>", "body  The member \"id\" is required."),
        ("<order key='x'/>", "body /id This is an integer."),
        (
            "<order key='1' more='1'/>",
            "body /more There is no such member.",
        ),
        (
            "<offer key='1'/>",
            "body  The root of the XML is \"order\".",
        ),
        (
            "<!DOCTYPE order [<!ENTITY x 'y'>]><order key='1'/>",
            "body  XML with a DTD is not read.",
        ),
        ("{}", "body  Text stands outside of the XML's root."),
    ] {
        assert_eq!(check(&contract, body), expected, "{body}");
        let answered = contract.answer(0, 200, Some("application/xml"), true);
        let Answered::Body(asked) = answered else {
            panic!("{answered:?}");
        };
        let found = contract.answer_body(asked, body.as_bytes(), Rules::default());
        assert_eq!(found.len(), 1, "{body}");
    }
}

/// Schema, body; whether it fits.
#[test]
fn what_is_no_object_is_read_as_it_is() {
    for (schema, body, fits) in [
        (
            json!({"type": "array", "items": {"type": "integer"}}),
            "<any><n>1</n><m>2</m></any>",
            true,
        ),
        (
            json!({"type": "array", "items": {"type": "integer"}}),
            "<any><n>1</n><n>x</n></any>",
            false,
        ),
        (
            json!({"type": "array", "items": {"type": "integer", "xml": {"name": "n"}}}),
            "<any><m>1</m></any>",
            false,
        ),
        (
            json!({"$ref": "#/components/schemas/Tree"}),
            "<t><left><right/></left></t>",
            true,
        ),
        (
            json!({"$ref": "#/components/schemas/Tree"}),
            "<t><left><up/></left></t>",
            false,
        ),
        (
            json!({"type": "object", "additionalProperties": {"type": "integer"}}),
            "<t><a>1</a><b>2</b></t>",
            true,
        ),
        (
            json!({"type": "object", "additionalProperties": {"type": "integer"}}),
            "<t><a>1</a><a>2</a></t>",
            false,
        ),
        // XML as it is.
        (json!({"type": "string"}), "<a", true),
        (json!({}), "<a", true),
    ] {
        let found = check(&compiled(&schema), body);
        assert_eq!(found.is_empty(), fits, "{schema} {body} {found}");
    }
}

#[test]
fn reading_xml_costs_no_more_than_its_steps() {
    let properties: serde_json::Map<String, Value> = (0..5000)
        .map(|n| (format!("p{n}"), json!({"type": "string"})))
        .collect();
    let part = json!({"type": "object", "properties": properties});
    let schema = json!({"allOf": vec![part; 10]});
    let found = check(&compiled(&schema), "<a/>");
    assert_eq!(
        found,
        "body  Reading the XML takes more steps than a request may cost."
    );
}
