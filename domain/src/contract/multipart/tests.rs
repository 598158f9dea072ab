//! What is read of bodies of several parts, and what is refused.

use super::*;

#[test]
fn a_boundary_is_one_that_may_be_and_only_one() {
    let long = format!("multipart/form-data; boundary={}", "a".repeat(71));
    for (media_type, expected) in [
        ("multipart/form-data; boundary=a-b_1", Some("a-b_1")),
        (
            "multipart/form-data;BOUNDARY=\"a b:?\" ; x=y",
            Some("a b:?"),
        ),
        ("multipart/form-data; boundary=a;", Some("a")),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ("multipart/form-data; boundary=\"\"", None),
        ("multipart/form-data; boundary=\"a \"", None),
        ("multipart/form-data; boundary=\"a", None),
        ("multipart/form-data; boundary=a b", None),
        ("multipart/form-data; boundary=a\u{e4}", None),
        ("multipart/form-data; boundary=a; boundary=b", None),
        ("multipart/form-data; boundary*=a", None),
        ("multipart/form-data; boundary*0=a; boundary*1=b", None),
        ("multipart/form-data; boundary", None),
        // What some readers find first, or end sooner.
        ("multipart/form-data; x=\"boundary=b\"; boundary=a", None),
        ("multipart/form-data; x-boundary=b; boundary=a", None),
        ("multipart/form-data; x=boundary; y=b; boundary=a", None),
        ("multipart/form-data; x=\"; boundary=b\"; boundary=a", None),
        ("multipart/form-data; boundary=a,b", None),
        ("multipart/form-data; boundary=a(b)", None),
        ("multipart/form-data; boundary='a'", None),
        ("multipart/form-data; boundary=\"a,b\"", Some("a,b")),
        (
            "multipart/form-data; charset=utf-8 ; Boundary=aBoundary",
            Some("aBoundary"),
        ),
        (&*long, None),
    ] {
        assert_eq!(boundary(media_type), expected, "{media_type}");
    }
}

fn names(body: &str) -> Result<Vec<(&str, &[u8])>, &'static str> {
    let parts = read(body.as_bytes(), "b", true)?;
    let named = parts.into_iter().map(|one| (one.name.unwrap(), one.body));
    Ok(named.collect())
}

#[test]
fn what_all_readers_see_alike_is_read() {
    let a = "Content-Disposition: form-data; name=\"a\"";
    for (body, expected) in [
        ("--b--".to_owned(), &[][..]),
        (format!("--b\r\n{a}\r\n\r\n1\r\n--b--\r\n"), &[("a", "1")]),
        (format!("\r\n--b\r\n{a}\r\n\r\n\r\n--b--"), &[("a", "")]),
        (
            format!("--b\r\n{a}\r\n\r\n1\r\n--b\r\n{a}; filename=\"C:\\x\"\r\n\r\n2\r\n--b--"),
            &[("a", "1"), ("a", "2")],
        ),
        // What only looks like the end.
        (
            format!("--b\r\n{a}\r\n\r\nx--b\r\r\n-b\r\n--\r\n--b--"),
            &[("a", "x--b\r\r\n-b\r\n--")],
        ),
        (
            "--b\r\nX-Own: 1\r\ncontent-disposition:FORM-DATA ;Name=a;filename*=utf-8''x\r\n\r\n1\r\n--b--".to_owned(),
            &[("a", "1")],
        ),
    ] {
        let expected: Vec<_> = expected.iter().map(|(n, b)| (*n, b.as_bytes())).collect();
        assert_eq!(names(&body), Ok(expected), "{body}");
    }
    let body = "--b\r\nContent-Type: text/a;b=c\r\nContent-Transfer-Encoding: 8bit\r\n\
                Content-Disposition: form-data; name=a\r\n\r\n1\r\n--b--";
    let only = Part {
        name: Some("a"),
        media_type: Some("text/a;b=c"),
        encoding: Some("8bit"),
        head: &body[5..body.len() - 12],
        body: b"1",
    };
    assert_eq!(read(body.as_bytes(), "b", true), Ok(vec![only]));
}

#[test]
fn what_readers_see_in_two_ways_is_refused() {
    let one = |head: &str| format!("--b\r\n{head}\r\n\r\n1\r\n--b--");
    let of = |rest: &str| one(&format!("Content-Disposition: form-data{rest}"));
    let inside = |content: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n{content}\r\n--b--")
    };
    let long = of(&format!("; name=a; filename=\"{}\"", "x".repeat(MOST_HEAD)));
    let no_end = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1";
    for body in [
        String::new(),
        "--".to_owned(),
        "--b".to_owned(),
        "--b\r\n".to_owned(),
        "--b\r\n\r\n\r\n--b--".to_owned(),
        // In front of the first part, and behind the last.
        format!("x\r\n{}", of("; name=a")),
        format!("{}\r\n--b\r\n", of("; name=a")),
        "--b--x".to_owned(),
        // The boundary begins what is none.
        "--bb\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--bb--".to_owned(),
        inside("1\r\n--bc\r\n"),
        inside("1\n--b\r\nContent-Disposition: form-data; name=role\r\n\r\n1"),
        inside("1\r--b--"),
        inside("--b\r\nContent-Disposition: form-data; name=role\r\n\r\n1"),
        no_end.to_owned(),
        format!("{no_end}\r\n--"),
        format!("{no_end}\r\n--b"),
        // Headers.
        one("Content-Type: text/plain"),
        one("Content-Disposition : form-data; name=a"),
        one("Content-Disposition: form-data;\r\n name=a"),
        one("Content-Disposition: form-data; name=a\nX: y"),
        one("Content-Disposition: form-data; name=a\r\nno field"),
        one("Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b"),
        one("Content-Disposition: form-data; name=a\r\nContent-Type: a/b\r\ncontent-type: c/d"),
        one("Content-Disposition: attachment; name=a"),
        of(""),
        of("; filename=a"),
        of("; name="),
        of("; name=\"\""),
        of("; name=a; name=b"),
        of("; name=a; NAME=a"),
        of("; name*=utf-8''a"),
        of("; name=a; name*=utf-8''b"),
        of("; name=\"a\\\"; name=\\\"b\""),
        of("; filename=\"x\\\"; name=a"),
        of("; name=\"a\" b"),
        of("; name=a b"),
        of("; name=\"a\u{0}\""),
        of("; name"),
        // What is quoted to some.
        of("; name='a'"),
        of("; name=a; x='; y=\"'; name=b; z=\""),
        of("; name=a; filename*=utf-8'; y=\"'; name=b; z=\""),
        of("; name=a; x'=1; y'=2"),
        of("; name=a; x'=\"1\""),
        long,
    ] {
        assert!(names(&body).is_err(), "{body}");
    }
    let latin1 = b"--b\r\nContent-Disposition: form-data; name=\xe4\r\n\r\n1\r\n--b--";
    assert!(read(latin1, "b", true).is_err());
}

#[test]
fn there_are_so_many_parts_and_no_more() {
    let one = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n";
    for (count, fits) in [(MOST_PARTS, true), (MOST_PARTS + 1, false)] {
        let body = format!("{}--b--", one.repeat(count));
        assert_eq!(names(&body).is_ok(), fits, "{count}");
    }
}

/// What begins like the boundary again and again is looked at once.
#[test]
fn reading_costs_what_the_body_is_long() {
    let boundary = "a".repeat(LONGEST_BOUNDARY);
    let near = format!("\r\n--{}", &boundary[1..]);
    let content = near.repeat(50_000);
    let body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=a\r\n\r\n{content}\r\n--{boundary}--"
    );
    let began = std::time::Instant::now();
    let parts = read(body.as_bytes(), &boundary, true).unwrap();
    assert_eq!(parts[0].body.len(), content.len());
    assert!(began.elapsed().as_millis() < 3000, "{:?}", began.elapsed());
}

/// Outside of forms parts need no names, and no headers.
#[test]
fn parts_of_other_bodies_may_have_no_name() {
    let body = "--b\r\n\r\n1\r\n--b\r\nContent-Type: a/b\r\nX-Own: 1\r\nx-own:\t2 \r\n\r\n2\r\n\
                --b\r\nContent-Disposition: attachment; name=a\r\n\r\n\r\n\
                --b\r\nContent-Disposition: form-data; name=a\r\n\r\n4\r\n--b--";
    let parts = read(body.as_bytes(), "b", false).unwrap();
    let seen: Vec<_> = parts
        .iter()
        .map(|one| (one.name, one.media_type, one.body))
        .collect();
    assert_eq!(
        seen,
        [
            (None, None, &b"1"[..]),
            (None, Some("a/b"), b"2"),
            (None, None, b""),
            (Some("a"), None, b"4"),
        ]
    );
    assert_eq!(parts[1].header("X-OWN").as_deref(), Some("1, 2"));
    assert_eq!(parts[0].header("x-own"), None);
    assert!(read(body.as_bytes(), "b", true).is_err());
    for wrong in [
        "--b\r\nno field\r\n\r\n1\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\"a\\\"\r\n\r\n1\r\n--b--",
        "--b\r\nContent-Type: a/b\r\ncontent-type: c/d\r\n\r\n1\r\n--b--",
        "--b\r\n1\r\n--b--",
    ] {
        assert!(read(wrong.as_bytes(), "b", false).is_err(), "{wrong}");
    }
}
