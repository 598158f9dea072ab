//! What is read is what was written, where and by whom it was written, and nothing else is read.

use proptest::prelude::*;

use super::*;
use crate::cache::freshness::{Exchange, Usual};
use crate::cache::stored::{Asker, Rules, Source};
use crate::cache::tags;

const PLACE: Digest = [7; 32];
const VERSION: Uuid = Uuid::from_u128(9);

fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new(b"");
    for (name, value) in lines {
        fields.push(name, value.as_bytes());
    }
    fields
}

fn stored_at(now: u64, body: &[u8]) -> Stored {
    let rules = Rules {
        usual: Usual {
            stale_if_error: 7,
            ..Usual::default()
        },
        set_cookie: false,
    };
    let source = Source {
        request: &fields(&[]),
        asker: Asker {
            owner: Some(Owner::Caller(3)),
            has_cookie: false,
        },
        rules: &rules,
        times: Exchange {
            asked: 1000,
            answered: 1000,
        },
        now,
        target: "h/a?b",
        version: VERSION,
    };
    let answer = fields(&[
        ("cache-control", "max-age=60"),
        ("etag", "\"a\""),
        ("surrogate-key", "t"),
        ("x-a", "1"),
        ("X-A", "2"),
    ]);
    Draft::of(&source, 200, &answer)
        .unwrap()
        .finish(Bytes::copy_from_slice(body))
}

fn stamps() -> Stamps {
    Stamps {
        everything: 1,
        version: 2,
        address: 3,
        index: 9,
        tags: vec![(tags::number("t", VERSION), 4)],
    }
}

fn reading() -> Reading<'static> {
    Reading {
        owner: Owner::Caller(5),
        vary: Vary::default(),
        version: VERSION,
        target: "h/a?b",
        now: 500,
        wall: 2030,
    }
}

fn written(secret: &Secret) -> Vec<u8> {
    answer(
        secret,
        &PLACE,
        &stamps(),
        &stored_at(100, b"body"),
        (110, 2000),
    )
    .unwrap()
}

#[test]
fn an_answer_comes_back_as_it_was_and_older() {
    let secret = Secret::new(None);
    let bytes = written(&secret);
    let frame = read(&secret, &PLACE, &bytes, &reading()).unwrap();
    let Frame::Answer {
        stamps: found,
        stored,
    } = frame
    else {
        panic!("an answer");
    };
    assert_eq!((found, written_at(&bytes)), (stamps(), 2000));
    assert_eq!(written_at(&bytes[..13]), 0);
    let old = stored_at(100, b"body");
    let lines = |stored: &Stored| {
        let fields = stored.fields.fields();
        let lines = fields
            .iter()
            .map(|(name, value)| (name.to_vec(), value.to_vec()));
        lines.collect::<Vec<_>>()
    };
    assert_eq!(lines(&stored), lines(&old));
    assert_eq!((stored.status, &stored.body), (200, &old.body));
    assert_eq!((&stored.etag, &stored.tags), (&old.etag, &old.tags));
    assert_eq!((&*stored.target, stored.version), ("h/a?b", VERSION));
    // Whose it is says who reads it, by the name under which it stood.
    assert_eq!(stored.owner, Owner::Caller(5));
    // Ten seconds here, thirty there.
    assert_eq!(stored.usage.age_at(500), old.usage.age_at(100) + 40);
    assert_eq!(stored.usage.lifetime, 60);
    assert_eq!(stored.usage.if_error, 7);
}

#[test]
fn fields_that_tell_answers_apart_come_back() {
    let secret = Secret::new(None);
    let vary: Vary = [
        ("accept".into(), None),
        ("x-a".into(), Some(b"1"[..].into())),
    ]
    .into();
    let bytes = apart(&secret, &PLACE, &vary, 4, 3).unwrap();
    let Ok(Frame::Apart { names, stamp }) = read(&secret, &PLACE, &bytes, &reading()) else {
        panic!("names");
    };
    assert_eq!((names, stamp), (vec!["accept".into(), "x-a".into()], 4));
    assert_eq!(written_at(&bytes), 3);
}

#[test]
fn what_would_not_be_read_is_not_written() {
    let secret = Secret::new(None);
    let (long, many) = ("x".repeat(300), "x".repeat(20_000));
    type Change<'a> = Box<dyn Fn(&mut Stored, &mut Stamps) + 'a>;
    let push = |name: &'static str, value: &'static [u8], count: usize| -> Change<'_> {
        Box::new(move |stored, _| {
            let mut fields = stored.fields.fields();
            (0..count).for_each(|_| fields.push(name, value));
            stored.fields = crate::fields::Copied::of(&fields);
        })
    };
    let changes: [(Change<'_>, bool); 8] = [
        (Box::new(|_, _| {}), true),
        (push("x-b", b"2", 200), true),
        (push("x-b", b"2", 300), false),
        (push("te", b"trailers", 1), false),
        (
            Box::new(|stored, _| stored.target = many.as_str().into()),
            false,
        ),
        (
            Box::new(|stored, _| stored.usage.lifetime = u64::MAX),
            false,
        ),
        (Box::new(|_, stamps| stamps.tags = vec![(1, 1); 65]), false),
        (
            Box::new(|stored, _| stored.body = Bytes::from(vec![b'x'; MOST])),
            false,
        ),
    ];
    for (number, (change, is)) in changes.iter().enumerate() {
        let (mut stored, mut stamps) = (stored_at(100, b"body"), stamps());
        change(&mut stored, &mut stamps);
        let written = answer(&secret, &PLACE, &stamps, &stored, (110, 2000));
        assert_eq!(written.is_some(), *is, "{number}");
        if let Some(bytes) = written {
            assert!(
                read(&secret, &PLACE, &bytes, &reading()).is_ok(),
                "{number}"
            );
        }
    }
    for (name, is) in [("accept", true), ("a b", false), (long.as_str(), false)] {
        let vary: Vary = [(name.into(), None)].into();
        assert_eq!(apart(&secret, &PLACE, &vary, 1, 1).is_some(), is, "{name}");
    }
}

#[test]
fn what_is_of_tomorrow_is_not_read() {
    let secret = Secret::new(None);
    for (wall, is) in [(2030, true), (1995, true), (1994, false), (0, false)] {
        let reading = Reading { wall, ..reading() };
        let found = read(&secret, &PLACE, &written(&secret), &reading);
        assert_eq!(found.is_ok(), is, "{wall}");
    }
}

#[test]
fn what_stands_elsewhere_or_is_anothers_is_not_read() {
    use domain::seal::KeyRing;
    let keyed = |key| Secret::new(Some(&KeyRing::new(vec![[key; 32]])));
    let (own, other, none) = (keyed(1), keyed(2), Secret::new(None));
    let bytes = written(&own);
    assert!(read(&own, &PLACE, &bytes, &reading()).is_ok());
    assert!(read(&own, &[8; 32], &bytes, &reading()).is_err());
    for secret in [other, none] {
        assert!(read(&secret, &PLACE, &bytes, &reading()).is_err());
    }
    let elsewhere = Reading {
        target: "h/b",
        ..reading()
    };
    assert!(read(&own, &PLACE, &bytes, &elsewhere).is_err());
}

/// With a seal that is right, as anybody can make it where the gateway has no key.
fn forged(change: impl FnOnce(&mut Vec<u8>)) -> Result<Frame, Strange> {
    let secret = Secret::new(None);
    let mut bytes = written(&secret);
    bytes.truncate(bytes.len() - SEAL);
    change(&mut bytes);
    read(&secret, &PLACE, &sealed(&secret, &PLACE, bytes), &reading())
}

#[test]
fn what_no_upstream_could_have_said_is_refused() {
    let replace = |from: &'static [u8], to: &'static [u8]| {
        forged(move |bytes| {
            let at = memchr::memmem::find(bytes, from).unwrap();
            bytes.splice(at..at + from.len(), to.iter().copied());
        })
    };
    assert!(forged(|_| {}).is_ok());
    for (from, to) in [
        (&b"x-a\x01\0\0\x001"[..], &b"x-a\x01\0\0\x00\n"[..]),
        (b"x-a\x01\0\0\x001", b"x a\x01\0\0\x001"),
        (b"x-a\x01\0\0\x001", b"te"),
        (b"PTNC", b"PTND"),
        (b"PTNC\x01", b"PTNC\x02"),
        (b"PTNC\x01\0", b"PTNC\x01\x02"),
        (b"\xc8\0", b"\xce\0"),
        (
            b"content-length\x01\0\0\x004",
            b"content-length\x01\0\0\x005",
        ),
        (b"body", b"bodyy"),
        (b"body", b"bod"),
    ] {
        let found = replace(from, to);
        assert!(found.is_err(), "{from:?} {to:?}: {found:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), whole in any::<bool>()) {
        let secret = Secret::new(None);
        let bytes = match whole {
            true => sealed(&secret, &PLACE, bytes),
            false => bytes,
        };
        let _ = read(&secret, &PLACE, &bytes, &reading());
    }

    #[test]
    fn a_damaged_one_is_refused(at in any::<prop::sample::Index>(), to in any::<u8>(), keeps in any::<prop::sample::Index>()) {
        let secret = Secret::new(None);
        let bytes = written(&secret);
        let mut damaged = bytes.clone();
        let at = at.index(bytes.len());
        damaged[at] = to;
        prop_assert_eq!(read(&secret, &PLACE, &damaged, &reading()).is_ok(), damaged == bytes);
        let cut = &bytes[..keeps.index(bytes.len())];
        prop_assert!(read(&secret, &PLACE, cut, &reading()).is_err());
        // Its seal says nothing where anybody can make it: what is read even so is bounded.
        damaged.truncate(damaged.len() - SEAL);
        let _ = read(&secret, &PLACE, &sealed(&secret, &PLACE, damaged), &reading());
    }
}
