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
        (
            "<note i:nil=' 1 ' xmlns:i='http://www.w3.org/2001/XMLSchema-instance'/>",
            "",
        ),
        // By its namespace, and not by its prefix; and nothing stands beside it unseen.
        (
            "<note xsi:nil='true' xmlns:xsi='urn:own'/>",
            "body /note This is a null or string.",
        ),
        (
            "<note xsi:nil='true' role='a'/>",
            "body /note This is a null or string.",
        ),
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
            "<codes><codes>1</codes></codes><codes><codes>2</codes></codes>",
            "body  A list of the XML is there twice.",
        ),
        // To some this is space.
        (
            "<labels>\u{a0}</labels>",
            "body  The XML has text where elements alone are.",
        ),
        ("<paid>\u{a0}true</paid>", "body /paid This is a boolean."),
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
        let xsi = "xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'";
        let body = format!("<p:order xmlns:p='urn:o' {xsi} key='7'>{inside}</p:order>");
        let found = check(&contract, &body);
        match expected.ends_with("byte ") {
            true => assert!(found.starts_with(expected), "{found}"),
            false => assert_eq!(found, expected, "{inside}"),
        }
    }
    for (body, expected) in [
        (
            "<order xmlns='urn:o'/>",
            "body  The member \"id\" is required.",
        ),
        (
            "<order xmlns='urn:o' key='x'/>",
            "body /id This is an integer.",
        ),
        (
            "<order xmlns='urn:o' key='1' more='1'/>",
            "body /more There is no such member.",
        ),
        (
            "<order xmlns='urn:o' key='1' xsi:more='1' xmlns:xsi='urn:own'/>",
            "body /more There is no such member.",
        ),
        (
            "<order key='1'/>",
            "body  The root of the XML is in the namespace \"urn:o\".",
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

/// Body, with two prefixes declared; what of it is told.
#[test]
fn names_are_compared_by_namespace_where_the_schema_has_one() {
    let in_a = |name: &str| json!({"type": "integer", "xml": {"name": name, "namespace": "urn:a"}});
    let in_b = |name: &str| json!({"type": "boolean", "xml": {"name": name, "namespace": "urn:b", "prefix": "q"}});
    let schema = json!({"type": "object", "properties": {
        "one": in_a("n"), "other": in_b("n"), "any": {"type": "integer"}, "far": in_a("far"),
        "key": {"type": "integer", "xml": {"attribute": true, "namespace": "urn:a"}},
        "list": {"type": "array", "items": in_a("item")},
        "whole": {"type": "array", "items": in_a("item"),
            "xml": {"wrapped": true, "namespace": "urn:b"}}}});
    let contract = compiled(&schema);
    let twice = "body  An element of the XML has an attribute twice.";
    let undeclared = "body  The XML has a prefix that is not declared.";
    let no_namespace = "body  The XML declares a namespace that may not be declared so.";
    let no_name = "body  The XML has a name with a colon that is none.";
    let not_so = |name: &str| format!("body  In XML \"{name}\" is not written so.");
    for (attributes, inside, expected) in [
        ("", "<a:n>1</a:n><b:n>true</b:n>", String::new()),
        (
            "",
            "<a:n>x</a:n><b:n>x</b:n>",
            "body /one This is an integer.; body /other This is a boolean.".to_owned(),
        ),
        (
            "",
            "<n xmlns='urn:a'>1</n><b:n xmlns:b='urn:a'>1</b:n>",
            "body /one This is an integer.".to_owned(),
        ),
        (
            "xmlns='urn:a'",
            "<n>x</n>",
            "body /one This is an integer.".to_owned(),
        ),
        ("xmlns='urn:a'", "<n xmlns=''>1</n>", not_so("n")),
        ("", "<n>1</n>", not_so("n")),
        ("", "<b:far>1</b:far>", not_so("far")),
        ("", "<any>1</any>", String::new()),
        (
            "",
            "<a:any>x</a:any>",
            "body /any This is an integer.".to_owned(),
        ),
        // What is declared inside ends there.
        (
            "",
            "<any xmlns:c='urn:a'>1</any><c:n>1</c:n>",
            undeclared.to_owned(),
        ),
        (
            "",
            "<any xmlns:a='urn:c'>1</any><a:n>1</a:n>",
            String::new(),
        ),
        // The default is none of attributes.
        ("a:key='x'", "", "body /key This is an integer.".to_owned()),
        ("xmlns='urn:a' key='1'", "", not_so("key")),
        ("b:key='1'", "", not_so("key")),
        ("a:key='1' c:key='1' xmlns:c='urn:a'", "", twice.to_owned()),
        // Lists.
        (
            "",
            "<a:item>1</a:item><a:item>x</a:item>",
            "body /list/1 This is an integer.".to_owned(),
        ),
        (
            "",
            "<b:whole><a:item>x</a:item></b:whole>",
            "body /whole/0 This is an integer.".to_owned(),
        ),
        (
            "",
            "<b:whole><item>1</item></b:whole>",
            "body  A list of the XML has an item of another name.".to_owned(),
        ),
        ("", "<whole/>", not_so("whole")),
        // Namespaces in XML 1.0.
        ("", "<c:any/>", undeclared.to_owned()),
        ("c:x='1'", "", undeclared.to_owned()),
        ("xml:lang='en'", "", String::new()),
        ("xmlns:c=''", "", no_namespace.to_owned()),
        ("xmlns:xml='urn:c'", "", no_namespace.to_owned()),
        ("xmlns:xmlns='urn:c'", "", no_namespace.to_owned()),
        (
            "xmlns='http://www.w3.org/2000/xmlns/'",
            "",
            no_namespace.to_owned(),
        ),
        ("xmlns:='urn:c'", "", no_namespace.to_owned()),
        ("", "<a:b:c/>", no_name.to_owned()),
        ("", "<a:/>", no_name.to_owned()),
        ("", "<:a/>", no_name.to_owned()),
        ("", "<a:1/>", no_name.to_owned()),
    ] {
        let body = format!("<r xmlns:a='urn:a' xmlns:b='urn:b' {attributes}>{inside}</r>");
        assert_eq!(check(&contract, &body), expected, "{attributes} {inside}");
    }
}

/// Each value that a schema without a type lists is compared, and each name of it kept.
#[test]
fn what_a_document_makes_of_xml_is_bounded() {
    let values: Vec<u32> = (0..1000).collect();
    let properties: serde_json::Map<String, Value> = (0..9000)
        .map(|n| (format!("p{n}"), json!({"type": "object", "properties": {}})))
        .collect();
    let mut schemas = json!({"type": "object", "properties": {"v": {"enum": values}}});
    for n in 0..20 {
        let own: serde_json::Map<String, Value> = properties
            .iter()
            .map(|(name, schema)| (format!("{name}-{n}"), schema.clone()))
            .collect();
        schemas["properties"][format!("o{n}")] = json!({"type": "object", "properties": own});
    }
    let contract = compiled(&schemas);
    let too_much = "body  Reading the XML takes more steps than a request may cost.";
    let all: String = (0..20).map(|n| format!("<o{n}/>")).collect();
    let space = " ".repeat(500_000);
    for (inside, expected) in [
        ("<v>1</v>".to_owned(), ""),
        ("<v>x</v>".repeat(50_000), too_much),
        (format!("<o0/>{space}"), ""),
        (format!("{all}{space}"), too_much),
    ] {
        let found = check(&contract, &format!("<a>{inside}</a>"));
        assert_eq!(found, expected, "{}", &inside[..20.min(inside.len())]);
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
