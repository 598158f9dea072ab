//! Attacks as they are seen, and what looks like them and is none.

mod texts;

use super::*;
use texts::{ATTACKS, HARMLESS};

fn all() -> Lookout {
    Lookout::new(&Group::ALL, &[], &[]).unwrap()
}

#[test]
fn attacks_are_seen_by_their_group() {
    for (group, texts) in ATTACKS {
        let one = Lookout::new(&[*group], &[], &[]).unwrap();
        let none = Lookout::new(&[], &[], &[]).unwrap();
        for text in *texts {
            let found = one.looks_like(text.as_bytes());
            assert_eq!(found, Some(group.words()), "{group:?}: {text}");
            assert!(all().looks_like(text.as_bytes()).is_some());
            assert_eq!(none.looks_like(text.as_bytes()), None);
        }
    }
}

#[test]
fn what_is_harmless_is_not() {
    let all = all();
    let seen: Vec<_> = HARMLESS
        .iter()
        .filter_map(|text| Some((text, all.looks_like(text.as_bytes())?)))
        .collect();
    assert_eq!(seen, []);
}

/// The way past the patterns is for words that none of them takes.
#[test]
fn words_of_attacks_are_seen_as_by_the_patterns() {
    let all = all();
    let texts = ATTACKS.iter().flat_map(|(_, texts)| texts.iter());
    let words = texts.flat_map(|text| {
        text.split(|char: char| !char.is_ascii_alphanumeric() && !matches!(char, '_' | '-'))
    });
    let mut seen = 0;
    for word in words {
        let by_patterns = all.matches(word.as_bytes());
        assert_eq!(all.looks_like(word.as_bytes()), by_patterns, "{word}");
        seen += usize::from(by_patterns.is_some());
    }
    assert!(seen > 5, "{seen}");
}

/// Their queries may hold further ones, and nothing else.
#[test]
fn addresses_are_looked_at_with_their_queries() {
    let hidden = Some(Group::Encoding.words());
    for (text, seen) in [
        ("https://a/?b=%252Fhome", None),
        ("https://a/%252Fhome?b=1", hidden),
        ("https://a/%252Fhome", hidden),
        ("https://a/%5Cb?c=%5Cd", hidden),
        ("ftp://a/?b=%252Fhome", hidden),
        ("https://a/?b=%252e%252e%252f", hidden),
        ("https://a/?b=%00", hidden),
        ("https://a/?b=%3Cscript%3E", Some(Group::Xss.words())),
        ("https://a/?b=%253Cscript%253E", Some(Group::Xss.words())),
        (
            "https://a/?b=%25253Cscript%25253E",
            Some(Group::Xss.words()),
        ),
        ("https://a/?b=%25252525252541", hidden),
    ] {
        assert_eq!(all().looks_like(text.as_bytes()), seen, "{text}");
    }
    let referer = b"https://a/?return=https%3A%2F%2Fx%2F%3Fnext%3D%252Fhome";
    assert_eq!(all().header("Referer", referer), None);
    let body = br#"{"to":"https://a/?return=https%3A%2F%2Fx%2F%3Fnext%3D%252Fhome"}"#;
    assert_eq!(all().json(body), None);
}

fn tell(found: Option<Violation>) -> String {
    found.map_or_else(String::new, |one| {
        format!("{} {} {}", one.place.as_str(), one.pointer, one.message)
    })
}

#[test]
fn a_query_is_looked_at_decoded() {
    let lookout = Lookout::new(&Group::ALL, &[], &["comment".to_owned()]).unwrap();
    for (query, said) in [
        ("", ""),
        ("a=1&b=two&c", ""),
        ("q=O%27Brien&x=select+a+plan", ""),
        ("q=%27+or+1%3D1", "query /q This looks like SQL."),
        ("q=%27%20or%201=1", "query /q This looks like SQL."),
        ("comment=%27+or+1%3D1", ""),
        ("commen%74=%27+or+1%3D1", ""),
        (
            "Comment=%27+or+1%3D1",
            "query /Comment This looks like SQL.",
        ),
        (
            "user[$ne]=1",
            "query /user[$ne] This looks like an operator of a database.",
        ),
        ("%3Cscript%3E", "query /<script> This looks like a script."),
        // Twice: as a whole, and by what is only seen then.
        (
            "f=%252e%252e%252fx",
            "query /f This looks like something hidden by its encoding.",
        ),
        (
            "q=%2527%2520or%25201%253D1",
            "query /q This looks like SQL.",
        ),
        (
            "q=%25253Cscript%25253E",
            "query /q This looks like something hidden by its encoding.",
        ),
        (
            "f=..%2f..%2fetc%2fpasswd",
            "query /f This looks like a path that leads elsewhere.",
        ),
        (
            "f=%c0%ae%c0%ae/",
            "query /f This looks like something hidden by its encoding.",
        ),
        (
            "next=https%3A%2F%2Fa%2F%3Fq%3Da%2520b%26r%3Dhttps%253A%252F%252Fb",
            "",
        ),
        (
            "a/~b=%24%7Bjndi%3Adns%3A%2F%2Fx%7D",
            "query /a~1~0b This looks like an expression of a template.",
        ),
        (
            "%ff%fe=%00",
            "query /\u{fffd}\u{fffd} This looks like something hidden by its encoding.",
        ),
    ] {
        assert_eq!(tell(lookout.query(query)), said, "{query}");
        let of_form = said.replace("query /", "body /");
        assert_eq!(tell(lookout.form(query.as_bytes())), of_form);
    }
    let long = format!("{}=<script>", "n".repeat(5000));
    assert!(tell(lookout.query(&long)).len() < 150);
}

#[test]
fn texts_in_json_are_looked_at_where_they_are() {
    let exclude = ["/note", "/items/*/html", "/list/1"].map(str::to_owned);
    let lookout = Lookout::new(&Group::ALL, &[], &exclude).unwrap();
    let sql = "This looks like SQL.";
    for (body, said) in [
        (r#"{"a":"b","n":[1,2.5,null,true,{}]}"#, String::new()),
        (r#"{"a":"' or 1=1"}"#, format!("body /a {sql}")),
        (r#"{"a":"\u0027 or 1=1"}"#, format!("body /a {sql}")),
        (
            r#"{"a":[{"b/c":["x","' or 1=1"]}]}"#,
            format!("body /a/0/b~1c/1 {sql}"),
        ),
        (r#"{"' or 1=1":2}"#, format!("body /' or 1=1 {sql}")),
        (r#""' or 1=1""#, format!("body  {sql}")),
        (
            r#"{"user":{"$ne":null}}"#,
            "body /user/$ne This looks like an operator of a database.".to_owned(),
        ),
        (
            r#"{"note":"' or 1=1","items":[{"html":{"x":"<script>"}},{"html":"<svg>"}],"list":[1,"<svg>"]}"#,
            String::new(),
        ),
        (
            r#"{"items":[{"html":"<svg>","text":"<svg>"}]}"#,
            "body /items/0/text This looks like a script.".to_owned(),
        ),
        (
            r#"{"list":["<svg>"]}"#,
            "body /list/0 This looks like a script.".to_owned(),
        ),
        (
            r#"{"a":"%3Cscript%3E"}"#,
            "body /a This looks like a script.".to_owned(),
        ),
        // A member that comes twice is looked at twice.
        (r#"{"a":"x","a":"' or 1=1"}"#, format!("body /a {sql}")),
        // Whoever reads it may be less strict.
        (r#"{"a":"' or 1=1"#, format!("body  {sql}")),
        (
            "\u{feff}{\"a\":\"<script>\"}",
            "body /a This looks like a script.".to_owned(),
        ),
        (r#"{"a":1e999,"b":"\u0027 or 1=1"}"#, format!("body  {sql}")),
        (
            r#"{"a":1e999,"b":"\u003cscript\u003E\ud83d\ude00\u12"}"#,
            "body  This looks like a script.".to_owned(),
        ),
        (
            r#"{"a":"\ud800","b":{"\u0024ne":1}}"#,
            "body  This looks like an operator of a database.".to_owned(),
        ),
        (r#"{"a":1e999,"b":"a\/b \"c\" \\"}"#, String::new()),
        ("{\"a\":\"' or 1=1\"} x", format!("body /a {sql}")),
        ("{", String::new()),
        ("", String::new()),
    ] {
        assert_eq!(tell(lookout.json(body.as_bytes())), said, "{body}");
    }
    let deep = format!("{}\"<script>\"{}", "[".repeat(500), "]".repeat(500));
    assert_eq!(
        tell(lookout.json(deep.as_bytes())),
        "body  This looks like a script."
    );
    assert!(lookout.json(b"{\"a\":\"\xff<script>\"}").is_some());
}

#[test]
fn fields_and_own_patterns() {
    let own = ["(?i)forbidden".to_owned(), "^x{3}$".to_owned()];
    let lookout = Lookout::new(&[], &own, &[]).unwrap();
    let said = "This looks like what this API does not take.";
    assert_eq!(
        tell(lookout.query("a=Forbidden+fruit")),
        format!("query /a {said}")
    );
    assert_eq!(tell(lookout.query("a=xxxx&b=%27+or+1=1")), "");
    assert_eq!(tell(lookout.query("a=xxx")), format!("query /a {said}"));
    assert_eq!(
        tell(lookout.header("X-Note", b"not FORBIDDEN.")),
        format!("header /x-note {said}")
    );
    let agent = b"${jndi:ldap://x}";
    assert_eq!(
        tell(all().header("User-Agent", agent)),
        "header /user-agent This looks like an expression of a template."
    );
    assert!(
        all()
            .header("Referer", b"https://a/?q=%3Cscript%3E")
            .is_some()
    );
    for (pattern, is) in [
        ("a+b", true),
        ("(a+)+$", true),
        ("(", false),
        ("(?=a)", false),
        ("a{1000}{1000}", false),
        // Of bytes.
        ("[^a]b", true),
        (r"\w{50}", true),
        (r"\p{L}", false),
        (r"(?u)\w{50}", false),
    ] {
        assert_eq!(are_patterns(&[pattern.to_owned()]), is, "{pattern}");
    }
    assert!(!are_patterns(&vec!["a{200}".to_owned(); 20]));
    assert!(Lookout::new(&[], &["(".to_owned()], &[]).is_none());
}

/// No text makes a look take long: neither the usual ones, nor those that are made for it.
#[test]
fn a_look_takes_as_long_as_its_text() {
    let all = all();
    let prose =
        "The quick brown fox, which isn't (or wasn't) red; jumps over 2 < 3 lazy dogs & cats. ";
    let usual = serde_json::to_vec(&vec![prose; 12]).unwrap();
    assert!((1000..1200).contains(&usual.len()));
    let mut times: Vec<_> = (0..200)
        .map(|_| {
            let began = std::time::Instant::now();
            assert_eq!(all.json(&usual), None);
            began.elapsed()
        })
        .collect();
    times.sort();
    eprintln!("1 kB of JSON: {:?} (median of 200)", times[100]);
    for hostile in [
        "<a ".to_owned(),
        "' or ".to_owned(),
        "${ {{ <% ".to_owned(),
        "union select ".to_owned(),
        "<a<b/on".to_owned(),
        "%25".to_owned(),
        "../".to_owned(),
        "; ; | & ` ( ".to_owned(),
        "j\ta\tv\ta\ts\tc\tr\ti\tp\tt".to_owned(),
        ATTACKS
            .iter()
            .flat_map(|(_, texts)| texts.iter())
            .map(|text| &text[..text.len() / 2])
            .filter(|text| all.looks_like(text.as_bytes()).is_none())
            .collect::<Vec<_>>()
            .join(" \n"),
    ] {
        let text = hostile.repeat(1_000_000 / hostile.len());
        let began = std::time::Instant::now();
        let _ = all.looks_like(text.as_bytes());
        let took = began.elapsed();
        eprintln!("1 MB of {:?}: {took:?}", &hostile[..hostile.len().min(20)]);
        assert!(took.as_millis() < 5000, "{took:?}: {hostile}");
    }
}
