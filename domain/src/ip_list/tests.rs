//! Lists as people, files and foreign servers write them.

use super::*;

fn nets(entries: &Entries) -> Vec<String> {
    entries.iter().map(|entry| entry.net.clone()).collect()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[test]
fn texts_are_read_as_they_come() {
    for (text, is) in [
        ("", &[][..]),
        (
            "\u{feff}10.0.0.0/8\r\n\r\n  # nothing\r\n192.0.2.1\r\n",
            &["10.0.0.0/8", "192.0.2.1"],
        ),
        (
            "1.10.16.0/20 ; SBL256894\n;only a comment",
            &["1.10.16.0/20"],
        ),
        ("0.0.0.0/0\n::/0", &["0.0.0.0/0", "::/0"]),
        ("::ffff:10.0.0.0/104\n10.0.0.0/8", &["10.0.0.0/8"]),
        (
            "2001:DB8::1\n2001:db8::/32",
            &["2001:db8::/32", "2001:db8::1"],
        ),
        ("9.9.9.9\n1.1.1.1/32\n9.9.9.9", &["1.1.1.1", "9.9.9.9"]),
    ] {
        let entries = read(text).unwrap();
        assert_eq!(nets(&entries), is, "{text:?}");
    }
    let one = read("10.0.0.0/8 until 2026-12-31T00:00:00+01:00 # why\tnot").unwrap();
    let entry = one.iter().next().unwrap();
    assert_eq!(entry.until, Some(at("2026-12-30T23:00:00Z")));
    assert_eq!(entry.note.as_deref(), Some("why not"));
}

#[test]
fn what_is_wrong_is_told_by_its_line() {
    let long = format!("10.0.0.0/8\n{}", "1".repeat(1 << 20));
    let all = "x\n".repeat(1000);
    for (text, count, first) in [
        ("10.0.0.0/8\n10.0.0.1/8", 1, "Line 2: Write a network"),
        ("10.0.0.0/33\nlocalhost", 2, "Line 1: Write a network"),
        ("<html>\n<body>", 2, "Line 1: Write a network"),
        ("10.0.0.0/8,office", 1, "Line 1: Write a network"),
        ("10.0.0.0/8 office", 1, "Line 1: Behind a network"),
        ("10.0.0.0/8 until", 1, "Line 1: Write behind until"),
        ("10.0.0.0/8 until monday", 1, "Line 1: Write behind until"),
        (
            "10.0.0.0/8 until 2026-12-31T00:00:00Z x",
            1,
            "Line 1: Behind its end",
        ),
        (&long, 1, "Line 2: It is longer than 1000 bytes."),
        (&all, MOST_PROBLEMS, "Line 1: Write a network"),
        ("10.0.0.0/8\r11.0.0.0/8", 1, "Line 1: Behind a network"),
    ] {
        let found = read(text).unwrap_err();
        assert_eq!(found.len(), count, "{first}");
        assert!(found[0].message.starts_with(first), "{:?}", found[0]);
        assert!(found[0].message.len() < 300, "nothing of the text is in it");
    }
    let large = "# \n".repeat(MAX_BYTES / 3 + 1);
    assert!(read(&large).is_err());
    let many: String = (0..=MAX_ENTRIES as u32)
        .map(|number| format!("{}\n", std::net::Ipv4Addr::from(number)))
        .collect();
    assert_eq!(read(&many).unwrap_err().len(), 1);
    let (most, _) = many.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(read(most).unwrap().len(), MAX_ENTRIES);
}

#[test]
fn of_the_same_network_the_longer_one_stands() {
    let lines = [
        "10.0.0.0/8 until 2026-01-01T00:00:00Z",
        "10.0.0.0/8 until 2027-01-01T00:00:00Z",
        "::ffff:10.0.0.0/104 until 2026-06-01T00:00:00Z",
    ];
    let mut entries = read(&lines.join("\n")).unwrap();
    let until = |entries: &Entries| entries.iter().next().unwrap().until;
    assert_eq!(until(&entries), Some(at("2027-01-01T00:00:00Z")));
    let for_good = read(&[lines[1], "10.0.0.0/8"].join("\n")).unwrap();
    assert_eq!(until(&for_good), None);
    // The same between two of them, whichever comes first.
    let mut joined = for_good.clone();
    joined.join(entries.clone());
    assert_eq!(until(&joined), None);
    let mut joined = entries.clone();
    joined.join(for_good.clone());
    assert_eq!(until(&joined), None);
    // What is put later takes the place of what was there.
    entries.put(read(lines[0]).unwrap());
    assert_eq!(until(&entries), Some(at("2026-01-01T00:00:00Z")));
    entries.drop_ended(at("2026-01-01T00:00:00Z"));
    assert!(entries.is_empty());
}

#[test]
fn entries_are_checked_together() {
    let entry = |net: &str, note: &str| Entry {
        net: net.to_owned(),
        until: None,
        note: Some(note.to_owned()),
    };
    let long = "x".repeat(MAX_NOTE + 1);
    let found = Entries::new([
        entry("10.0.0.1/8", ""),
        entry("10.0.0.0/8", &long),
        entry("10.0.0.0/8", "a\nb"),
        entry("::1", "fine"),
    ]);
    let pointers: Vec<_> = found
        .unwrap_err()
        .into_iter()
        .map(|one| one.pointer)
        .collect();
    assert_eq!(pointers, ["/0/net", "/1/note", "/2/note"]);
}

#[test]
fn what_is_over_is_no_entry_that_people_write() {
    let now = at("2026-06-01T00:00:00Z");
    let text =
        "10.0.0.0/8\n192.0.2.1 until 2026-06-01T00:00:00Z\n192.0.2.2 until 2026-06-01T00:00:01Z";
    assert_eq!(read(text).unwrap().len(), 3);
    let found = read_lasting(text, now).unwrap_err();
    assert_eq!(found, [Invalid::new("", "Line 2: This time is over.")]);
    assert_eq!(
        read_lasting(text, at("2026-05-31T00:00:00Z"))
            .unwrap()
            .len(),
        3
    );
    let entry = |until: Option<&str>| Entry {
        net: "10.0.0.0/8".to_owned(),
        until: until.map(at),
        note: None,
    };
    let all = [
        entry(None),
        entry(Some("2026-01-01T00:00:00Z")),
        entry(Some("2027-01-01T00:00:00Z")),
    ];
    let found = check_until(&all, now);
    assert_eq!(found, [Invalid::new("/1/until", "This time is over.")]);
    let many = vec![entry(Some("2026-01-01T00:00:00Z")); 1000];
    assert_eq!(check_until(&many, now).len(), MOST_PROBLEMS);
}

#[test]
fn addresses_are_shown_without_their_query() {
    for (url, is) in [
        ("https://a.example/x?key=secret&b=?", "https://a.example/x"),
        ("https://a.example/x", "https://a.example/x"),
        ("https://a.example?k", "https://a.example"),
    ] {
        let source = Source {
            url: url.to_owned(),
            every: HOUR,
        };
        assert_eq!(source.without_query().url, is);
    }
}

#[test]
fn entries_are_found_and_removed() {
    let text = "10.0.0.0/8 # office\n10.1.2.3\n192.0.2.0/24 # Home\n2001:db8::/32";
    let mut entries = read(text).unwrap();
    for (find, is) in [
        (
            "",
            &["10.0.0.0/8", "10.1.2.3", "192.0.2.0/24", "2001:db8::/32"][..],
        ),
        ("10.1.2.3", &["10.0.0.0/8", "10.1.2.3"]),
        ("10.1.0.0/16", &["10.0.0.0/8", "10.1.2.3"]),
        ("::ffff:192.0.2.9", &["192.0.2.0/24"]),
        ("home", &["192.0.2.0/24"]),
        ("db8", &["2001:db8::/32"]),
        ("nowhere", &[]),
    ] {
        let found: Vec<_> = entries
            .found(None, find)
            .map(|one| one.net.as_str())
            .collect();
        assert_eq!(found, is, "{find}");
    }
    let after: Vec<_> = entries
        .found(Some("10.1.2.3"), "")
        .map(|one| &*one.net)
        .collect();
    assert_eq!(after, ["192.0.2.0/24", "2001:db8::/32"]);
    assert!(entries.remove(" 10.1.2.3/32 "));
    assert!(!entries.remove("10.1.2.3"));
    assert!(!entries.remove("office"));
    assert_eq!(entries.len(), 3);
}

#[test]
fn addresses_of_sources_are_plain() {
    let check = |url: &str, every: &str| {
        let source = Source {
            url: url.to_owned(),
            every: every.parse().unwrap(),
        };
        let found = source.check();
        found.err().map_or_else(Vec::new, |found| {
            found.into_iter().map(|one| one.pointer).collect()
        })
    };
    let none: [&str; 0] = [];
    assert_eq!(check("https://lists.example/drop.txt?x=1", "1h"), none);
    for url in [
        "http://lists.example/drop.txt",
        "https://user:secret@lists.example/",
        "https://user@lists.example/",
        "https://lists.example/#x",
        "file:///etc/passwd",
        "lists.example",
        "",
    ] {
        assert_eq!(check(url, "1h"), ["/url"], "{url}");
    }
    assert_eq!(check("https://lists.example/", "1m"), ["/every"]);
    assert_eq!(check("", "31d"), ["/url", "/every"]);
    assert_eq!(
        check(&format!("https://a.example/{}", "x".repeat(2000)), "1h"),
        ["/url"]
    );
}

#[test]
fn names_are_plain() {
    for (name, is) in [
        ("blocked", true),
        ("a-1_b", true),
        ("", false),
        ("Blocked", false),
        ("a b", false),
        ("ü", false),
    ] {
        assert_eq!(is_name(name), is, "{name}");
    }
    assert!(is_name(&"a".repeat(40)) && !is_name(&"a".repeat(41)));
}
