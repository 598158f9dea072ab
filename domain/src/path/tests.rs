//! Which paths are one, in which form, and which could be read in two ways.

use super::*;
use proptest::prelude::*;

#[test]
fn canonical_forms() {
    for (path, form) in [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/a/b/", "/a/b/"),
        ("//", "/"),
        ("//a", "/a"),
        ("/a//b", "/a/b"),
        ("/a///", "/a/"),
        ("/./a", "/a"),
        ("/a/.", "/a/"),
        ("/a/..", "/"),
        ("/a/../b", "/b"),
        ("/a/b/../..", "/"),
        ("/a/%2e%2E/b", "/b"),
        ("/%61%2D%7e", "/a-~"),
        ("/a%3ab%2c", "/a%3Ab%2C"),
        ("/a%20b", "/a%20b"),
        ("/%c3%a9", "/%C3%A9"),
        ("/%E2%82%AC", "/%E2%82%AC"),
        ("/a;x=1/b", "/a;x=1/b"),
        ("/.well-known/x", "/.well-known/x"),
        ("/...", "/..."),
        ("/a%25b", "/a%25b"),
        ("/(a)'!*$&+,=:@", "/(a)'!*$&+,=:@"),
    ] {
        assert_eq!(canonical(path).as_deref(), Ok(form), "{path}");
    }
}

#[test]
fn ambiguous_paths_are_refused() {
    use PathError::*;
    for (path, why) in [
        ("", NotAbsolute),
        ("*", NotAbsolute),
        ("a", NotAbsolute),
        ("/..", Climbs),
        ("/a/../..", Climbs),
        ("/%2e%2e/a", Climbs),
        ("/.//../a", Climbs),
        ("/a\\b", Raw),
        ("/é", Raw),
        ("/a\0", Raw),
        ("/a b", Raw),
        ("/a#b", Raw),
        ("/%", Escape),
        ("/%2", Escape),
        ("/%zz", Escape),
        ("/%+1", Escape),
        ("/%00", Hidden),
        ("/%2f", Hidden),
        ("/%2F", Hidden),
        ("/%5c", Hidden),
        ("/%252e", Twice),
        ("/%25%32%65", Twice),
        ("/%25252F", Twice),
        ("/%255C", Twice),
        ("/..;/a", DotParameter),
        ("/.;/a", DotParameter),
        ("/%2e%2e%3b/a", DotParameter),
        ("/%ff", NotUtf8),
        ("/%c0%ae", NotUtf8),
        ("/%ed%a0%80", NotUtf8),
        ("/%c3", NotUtf8),
        ("/%c3/%a9", NotUtf8),
        ("/%80", NotUtf8),
    ] {
        assert_eq!(canonical(path), Err(why), "{path}");
    }
}

#[test]
fn encoded_slashes_may_stay() {
    for (path, form, has) in [
        ("/a/b", Ok("/a/b"), false),
        ("/a%2fb", Ok("/a%2Fb"), true),
        ("/a%5Cb/%2e%2e/c%2F", Ok("/c%2F"), true),
        ("/%2F%2f", Ok("/%2F%2F"), true),
        ("/a%2F..b", Ok("/a%2F..b"), true),
        ("/..%2Fa", Err(PathError::Hidden), true),
        ("/a%2F..", Err(PathError::Hidden), true),
        ("/a%2f%2e%2e%5cb", Err(PathError::Hidden), true),
        ("/a%5C.;x=1", Err(PathError::Hidden), true),
        ("/a%2F..%3bx", Err(PathError::Hidden), true),
        ("/a%2F/../..", Err(PathError::Climbs), true),
        ("/a%252fb", Err(PathError::Twice), true),
        ("/a%2f%00", Err(PathError::Hidden), true),
    ] {
        let found = keeping_slashes(path);
        assert_eq!(
            found.as_ref().map(|found| &*found.path),
            form.as_ref().map(|f| *f),
            "{path}"
        );
        if let Ok(found) = found {
            assert_eq!(found.has_encoded_slash, has, "{path}");
        }
    }
}

#[test]
fn a_glance_says_what_every_segment_says() {
    let parts = [
        "/", "a", ".", "%41", "%", "\\", "#", "?", " ", "é", "\u{7f}", "~", "!",
    ];
    for first in parts {
        for second in parts {
            for third in parts {
                let path = format!("/x{first}{second}{third}");
                assert_eq!(keeping_slashes(&path), resolve(&path), "{path}");
            }
        }
    }
    assert!(is_plain(b"/") && is_plain(b"/a.b/c;d=1/") && !is_plain(b"/.well-known"));
}

#[test]
fn what_is_canonical_is_not_copied() {
    for path in ["/", "/a/b/", "/a%20b/.well-known/%C3%A9"] {
        assert!(matches!(canonical(path), Ok(Cow::Borrowed(_))), "{path}");
    }
}

proptest! {
    #[test]
    fn canonical_is_stable_and_never_climbs(path in "(/|a|[.]|[.][.]|;|%2e|%2E|%25|%2|5|c|f|%41|%c3%a9|%3b|b){0,14}") {
        let path = format!("/{path}");
        if let Ok(form) = canonical(&path) {
            prop_assert!(form.starts_with('/') && !form.contains("//"));
            prop_assert!(form.split('/').all(|part| part != "." && part != ".."));
            let again = canonical(&form);
            prop_assert_eq!(again.as_deref(), Ok(&*form));
            prop_assert!(matches!(again, Ok(Cow::Borrowed(_))));
        }
    }

    #[test]
    fn with_encoded_slashes_it_is_stable_and_never_climbs(path in "(/|a|[.]|[.][.]|;|%2e|%2f|%5C|%5c|%2F|%25|%3b){0,14}") {
        let path = format!("/{path}");
        if let Ok(found) = keeping_slashes(&path) {
            let form = &*found.path;
            let climbs = |part: &str| matches!(part.split(';').next(), Some("." | ".."));
            prop_assert!(!form.replace("%2F", "/").replace("%5C", "/").replace("%3B", ";").split('/').any(climbs));
            let sent = path.to_ascii_lowercase();
            prop_assert_eq!(found.has_encoded_slash, sent.contains("%2f") || sent.contains("%5c"));
            let again = keeping_slashes(form);
            prop_assert_eq!(again.as_ref().map(|again| &*again.path), Ok(form));
        }
    }

    #[test]
    fn any_text_is_survived(path in "\\PC{0,40}") {
        let _ = canonical(&path);
    }
}
