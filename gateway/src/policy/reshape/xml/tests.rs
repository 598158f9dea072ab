//! What XML is read as, what is refused, and what is written.

use domain::xml::MOST;
use serde_json::json;

use super::*;

fn read(text: &str) -> Result<Value, String> {
    super::read(text.as_bytes(), &["line".into()].into())
}

#[test]
fn xml_is_read_as_json() {
    for (xml, wanted) in [
        ("<a/>", json!({"a": ""})),
        ("<a> x </a>", json!({"a": "x"})),
        (
            "<?xml version='1.0' encoding='UTF-8'?>\n<a b='1'>x</a>\n",
            json!({"a": {"@b": "1", "#text": "x"}}),
        ),
        (
            "<a><b>1</b><b>2</b><c/></a>",
            json!({"a": {"b": ["1", "2"], "c": ""}}),
        ),
        ("<a><line>1</line></a>", json!({"a": {"line": ["1"]}})),
        ("<a>1<b/>2</a>", json!({"a": {"b": "", "#text": "12"}})),
        ("<a>&lt;&#65;&#x42;&amp;</a>", json!({"a": "<AB&"})),
        ("<a><![CDATA[<b>&c;]]></a>", json!({"a": "<b>&c;"})),
        ("<a b='&quot;x&#10;y'/>", json!({"a": {"@b": "\"x\ny"}})),
        ("<!-- c --><a><?p i?><!-- d -->x</a>", json!({"a": "x"})),
        (
            "<s:Envelope xmlns:s='u'><s:Body/></s:Envelope>",
            json!({"s:Envelope": {"@xmlns:s": "u", "s:Body": ""}}),
        ),
        ("\u{feff}<ä>ö</ä>", json!({"ä": "ö"})),
    ] {
        assert_eq!(read(xml).as_ref(), Ok(&wanted), "{xml}");
    }
}

#[test]
fn what_is_no_xml_or_dangerous_is_refused() {
    let deep = "<a>".repeat(101);
    let bomb = "<!DOCTYPE a [<!ENTITY x 'xxxxxxxxxx'><!ENTITY y '&x;&x;'>]><a>&y;</a>";
    let outside = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>";
    for xml in [
        "",
        " ",
        "x",
        "<a>",
        "<a></b>",
        "</a>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "<a",
        "<a b=1/>",
        "<a b='1' b='2'/>",
        "<a>&unknown;</a>",
        "<a>&#0;</a>",
        "<a>&#xD800;</a>",
        "<a>&</a>",
        "<@a/>",
        "<1/>",
        "<a><![CDATA[x</a>",
        "<?xml version='1.0' encoding='latin1'?><a/>",
        bomb,
        outside,
        &deep,
        "<a b='&x;'/>",
    ] {
        assert!(read(xml).is_err(), "{xml}: {:?}", read(xml));
    }
    assert!(super::read(b"<a>\xff</a>", &HashSet::new()).is_err());
    let many = format!("<a>{}</a>", "<b/>".repeat(MOST));
    assert!(read(&many).is_err());
}

#[test]
fn json_is_written_as_xml() {
    const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
    for (value, wanted) in [
        (json!({"a": null}), "<a/>"),
        (
            json!({"a": {"@b": 1, "#text": "x<y"}}),
            r#"<a b="1">x&lt;y</a>"#,
        ),
        (
            json!({"a": {"@b": "\"&\r"}}),
            r#"<a b="&quot;&amp;&#13;"/>"#,
        ),
        (
            json!({"a": {"b": [1, true, {"c": []}], "d": {}}}),
            "<a><b>1</b><b>true</b><b/><d/></a>",
        ),
        (json!({"a": 1, "b": 2}), "<root><a>1</a><b>2</b></root>"),
        (json!({"a": [1, 2]}), "<root><a>1</a><a>2</a></root>"),
        (
            json!([1, [2]]),
            "<root><item>1</item><item><item>2</item></item></root>",
        ),
        (json!("x"), "<root>x</root>"),
    ] {
        let written = write(&value, "root").map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(written, Ok(format!("{HEAD}{wanted}")), "{value}");
    }
    for value in [
        json!({"a b": 1, "c": 2}),
        json!({"a": {"@b c": 1}}),
        json!({"a": {"@b": [1]}}),
        json!({"a": "\u{1}"}),
        json!({"a><b": 1, "c": 1}),
        json!({"x".repeat(201): 1, "c": 1}),
        json!({"x".repeat(200): vec![0; 20_000], "c": 1}),
        json!({"a": "x".repeat(LONGEST)}),
    ] {
        assert!(write(&value, "root").is_err(), "{value}");
    }
}

/// What counts is how long it is, and not how long it could be.
#[test]
fn xml_has_a_longest_length() {
    let around = r#"<?xml version="1.0" encoding="UTF-8"?><a></a>"#.len();
    let room = LONGEST - around;
    for (text, fits) in [
        ("x".repeat(700_000), true),
        ("x".repeat(room), true),
        ("x".repeat(room + 1), false),
        ("ü".repeat(room / 2), true),
        ("ü".repeat(room / 2 + 1), false),
        ("&".repeat(room / 5), true),
        ("&".repeat(room / 5 + 1), false),
    ] {
        let written = write(&json!({"a": text}), "root");
        let what = format!("{} of {:?}", text.len(), text.chars().next());
        assert_eq!(written.is_ok(), fits, "{what}");
        assert!(
            written.is_ok_and(|xml| xml.len() <= LONGEST) == fits,
            "{what}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn nothing_breaks_the_reader(text in "[<>/a-c='\"& ;!\\[\\]#x0-9-]{0,80}") {
        let _ = read(&text);
    }

    #[test]
    fn what_is_written_is_read_as_it_was(a in "[ -~äöü\u{2028}]{0,20}", b in "[a-z\r\n\t]{1,9}") {
        let value = json!({"r": {"@a": a.clone(), "b": [b.trim(), "x"], "#text": format!("t{a}t")}});
        let written = write(&value, "root").unwrap();
        proptest::prop_assert_eq!(super::read(&written, &HashSet::new()), Ok(value));
    }
}
