//! What the store holds: how much, for whom, and what goes first.

use bytes::Bytes;
use domain::api::Purge;
use proptest::prelude::*;

use super::freshness::Exchange;
use super::stored::{Asker, Draft, Owner, Source};
use super::*;
use crate::fields::Fields;

const VERSION: uuid::Uuid = uuid::Uuid::from_u128(7);

fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new(b"");
    for (name, value) in lines {
        fields.push(name, value.as_bytes());
    }
    fields
}

fn stored(owner: Owner, answer: &[(&str, &str)], target: &str, bytes: usize) -> Stored {
    let rules = Rules {
        usual: Usual::default(),
        set_cookie: false,
    };
    let source = Source {
        request: &fields(&[("foo", "1")]),
        asker: Asker {
            owner: Some(owner),
            has_cookie: false,
        },
        rules: &rules,
        times: Exchange {
            asked: 1000,
            answered: 1000,
        },
        now: 0,
        target,
        version: VERSION,
    };
    let mut lines = vec![("cache-control", "max-age=60")];
    lines.extend(answer);
    let draft = Draft::of(&source, 200, &fields(&lines)).unwrap();
    draft.finish(Bytes::from(vec![b'x'; bytes]))
}

/// To the request that all of them were kept of.
fn is_like(vary: &Vary) -> bool {
    vary::Values::default().fit(vary, &fields(&[("foo", "1")]))
}

fn moment(cache: &Cache, place: u128) -> Moment {
    cache.find(VERSION, place, None, |_| false).moment
}

fn put(cache: &Cache, place: u128, stored: Stored) {
    cache.insert(place, moment(cache, place), Arc::new(stored));
}

fn has(cache: &Cache, place: u128, owner: Owner) -> bool {
    let found = cache.find(VERSION, place, Some(owner), is_like);
    found.stored.is_some()
}

const ME: Owner = Owner::Caller(1);
const YOU: Owner = Owner::Caller(2);

#[test]
fn each_gets_what_is_its_own() {
    let cache = Cache::new(1 << 20);
    put(&cache, 1, stored(ME, &[], "h/a", 1));
    for (owner, is) in [(ME, true), (YOU, false), (Owner::Nobody, false)] {
        assert_eq!(has(&cache, 1, owner), is, "{owner:?}");
    }
    let found = cache.find(VERSION, 1, None, |_| true);
    assert!(found.stored.is_none(), "nobody knows who that is");
    put(
        &cache,
        1,
        stored(Owner::Nobody, &[("cache-control", "public")], "h/a", 1),
    );
    for owner in [YOU, Owner::Nobody] {
        assert!(has(&cache, 1, owner));
    }
    assert_eq!(cache.len(), 2);
    assert!(!has(&cache, 2, ME));
}

#[test]
fn what_replaces_what() {
    let cache = Cache::new(1 << 20);
    for (answer, count) in [
        (&[][..], 1),
        (&[], 1),
        // What it is told apart by has changed: the others are of the past.
        (&[("vary", "foo")], 1),
        (&[("vary", "foo")], 1),
        (&[("vary", "foo, bar")], 1),
    ] {
        put(&cache, 1, stored(ME, answer, "h/a", 1));
        assert_eq!(cache.len(), count, "{answer:?}");
    }
    for caller in 0..300 {
        put(&cache, 1, stored(Owner::Caller(caller), &[], "h/a", 1));
    }
    assert_eq!(cache.len(), 256, "one place is not everything");
}

#[test]
fn a_place_has_few_variants_for_each() {
    let cache = Cache::new(1 << 20);
    let variant = |owner, number: usize| {
        let mut one = stored(owner, &[("vary", "foo")], "h/a", 1);
        let (name, value): (Box<str>, Box<[u8]>) =
            ("foo".into(), number.to_string().into_bytes().into());
        one.vary = [(name, Some(value))].into();
        put(&cache, 1, one);
    };
    variant(YOU, 0);
    (0..100).for_each(|number| variant(ME, number));
    assert_eq!(cache.len(), 33, "nobody takes another's room");
    for (owner, number, is) in [
        (ME, 99, true),
        (ME, 68, true),
        (ME, 67, false),
        (YOU, 0, true),
    ] {
        let value = number.to_string();
        let found = cache.find(VERSION, 1, Some(owner), |vary| {
            vary[0].1.as_deref() == Some(value.as_bytes())
        });
        assert_eq!(found.stored.is_some(), is, "{owner:?} {number}");
    }
}

/// Another node's is of use where nothing newer was seen here, be it for other fields.
#[test]
fn what_is_older_takes_nothing_of_a_newer_ones_place() {
    for (answer, owner, age, is) in [
        (&[][..], ME, "5", false),
        (&[], ME, "0", true),
        (&[("vary", "foo")], ME, "5", false),
        (&[("vary", "foo")], ME, "0", true),
        // It is in nobody's place.
        (&[], YOU, "5", true),
    ] {
        let cache = Cache::new(1 << 20);
        put(
            &cache,
            1,
            stored(ME, &[("age", "2"), ("x", "here")], "h/a", 1),
        );
        let lines: Vec<_> = answer.iter().copied().chain([("age", age)]).collect();
        let other = Arc::new(stored(owner, &lines, "h/a", 1));
        let moment = moment(&cache, 1);
        assert_eq!(cache.adopt(1, moment, &other, 0), is, "{lines:?} {owner:?}");
        let count = if owner == YOU { 2 } else { 1 };
        assert_eq!(cache.len(), count, "{lines:?} {owner:?}");
        let found = cache.find(VERSION, 1, Some(owner), is_like);
        let is_other = found
            .stored
            .is_some_and(|found| Arc::ptr_eq(&found, &other));
        assert_eq!(is_other, is, "{lines:?} {owner:?}");
    }
}

#[test]
fn what_is_validated_has_no_more_tags_than_others() {
    let rules = Rules {
        usual: Usual::default(),
        set_cookie: false,
    };
    let request = fields(&[("foo", "1")]);
    let source = Source {
        request: &request,
        asker: Asker {
            owner: Some(ME),
            has_cookie: false,
        },
        rules: &rules,
        times: Exchange {
            asked: 1000,
            answered: 1000,
        },
        now: 0,
        target: "h/a",
        version: VERSION,
    };
    let words: Vec<String> = (0..60).map(|number| format!("t{number}")).collect();
    let kept = stored(ME, &[("surrogate-key", &words.join(" "))], "h/a", 1);
    for (groups, count) in [
        ("\"a\", \"b\"", 62),
        // One number stands for all.
        ("\"a\", \"b\", \"c\", \"d\", \"e\"", 1),
    ] {
        let fresh = kept.freshened(&source, &fields(&[("cache-groups", groups)]));
        assert_eq!(fresh.unwrap().tags.len(), count, "{groups}");
    }
}

#[test]
fn what_is_used_stays() {
    let weight = stored(ME, &[], "h/a", 1000).weight();
    let cache = Cache::new(weight * 20);
    for place in 0..16 {
        put(&cache, place, stored(ME, &[], "h/a", 1000));
    }
    for place in 16..2000 {
        assert!(has(&cache, 3, ME), "{place}");
        put(&cache, place, stored(ME, &[], "h/a", 1000));
        assert!(cache.held() <= cache.bound());
    }
    assert!(cache.counts.evicted.load(Relaxed) > 1900);
    put(&cache, 5000, stored(ME, &[], "h/a", weight * 11));
    assert!(!has(&cache, 5000, ME), "one takes no more than a half");
}

#[test]
fn what_was_taken_out_meanwhile_does_not_come_back() {
    let cache = Cache::new(1 << 20);
    let before = moment(&cache, 1);
    cache.invalidate(1);
    cache.insert(1, before, Arc::new(stored(ME, &[], "h/a", 1)));
    assert!(!has(&cache, 1, ME));
    let before = moment(&cache, 1);
    cache.purge(Purge::Url("h/none".to_owned()));
    cache.insert(1, before, Arc::new(stored(ME, &[], "h/a", 1)));
    assert!(!has(&cache, 1, ME));
}

/// Places share the cells in which removals are counted.
#[test]
fn what_is_taken_out_beside_it_does_not_keep_it_out() {
    // Of the shard and the cell of 1.
    const BESIDE: u128 = 1 | 1 << 20;
    for (taken_out, is_kept) in [
        (&[][..], true),
        (&[BESIDE], true),
        (&[1], false),
        (&[1, BESIDE], false),
        (&[BESIDE, 1], false),
        (&[BESIDE, BESIDE], false),
    ] {
        let cache = Cache::new(1 << 20);
        let before = moment(&cache, 1);
        taken_out.iter().for_each(|place| cache.invalidate(*place));
        cache.insert(1, before, Arc::new(stored(ME, &[], "h/a", 1)));
        assert_eq!(has(&cache, 1, ME), is_kept, "{taken_out:?}");
    }
}

#[test]
fn what_is_under_way_is_not_for_others_to_unkeep() {
    let other = uuid::Uuid::from_u128(99);
    type TakeOut = fn(&Cache, uuid::Uuid) -> usize;
    let group: TakeOut = |cache, id| cache.remove_tags(id, &[tags::number("a", id)]);
    let all: TakeOut = |cache, id| {
        let versions = [domain::id::VersionId::from_uuid(id)].into();
        cache.purge_of(&versions, Purge::All(true))
    };
    for take_out in [group, all] {
        for (of, is_kept) in [(other, true), (VERSION, false)] {
            let cache = Cache::new(1 << 20);
            let before = moment(&cache, 1);
            take_out(&cache, of);
            cache.insert(1, before, Arc::new(stored(ME, &[], "h/a", 1)));
            assert_eq!(has(&cache, 1, ME), is_kept, "{of}");
        }
    }
}

#[test]
fn a_purge_of_an_api_takes_nothing_of_others() {
    let cache = Cache::new(1 << 20);
    put(&cache, 1, stored(ME, &[], "h/a", 1));
    let versions = |id| [domain::id::VersionId::from_uuid(id)].into();
    let other = uuid::Uuid::from_u128(99);
    assert_eq!(cache.purge_of(&versions(other), Purge::All(true)), 0);
    assert_eq!(
        cache.purge_of(&versions(VERSION), Purge::Url("h/b".into())),
        0
    );
    assert_eq!(cache.purge_of(&versions(VERSION), Purge::All(true)), 1);
}

#[test]
fn purges_take_what_they_name() {
    let tagged = [("surrogate-key", "a b"), ("cache-groups", "\"c d\"")];
    for (purge, count) in [
        (r#"{"all":true}"#, 4),
        (r#"{"all":false}"#, 0),
        (r#"{"url":"http://H/a/b"}"#, 1),
        (r#"{"url":"h/a"}"#, 1),
        (r#"{"prefix":"h/a"}"#, 3),
        (r#"{"prefix":"h/a/"}"#, 1),
        (r#"{"prefix":"h/"}"#, 4),
        (r#"{"prefix":"h/a/b/c"}"#, 0),
        (r#"{"tag":"a"}"#, 1),
        (r#"{"tag":"c d"}"#, 1),
        (r#"{"tag":"x"}"#, 0),
    ] {
        let cache = Cache::new(1 << 20);
        put(&cache, 1, stored(ME, &tagged, "h/a/b", 1));
        put(&cache, 2, stored(ME, &[], "h/a?b", 1));
        put(&cache, 3, stored(ME, &[], "h/a", 1));
        put(&cache, 4, stored(ME, &[], "h/ab", 1));
        assert_eq!(
            cache.purge(serde_json::from_str(purge).unwrap()),
            count,
            "{purge}"
        );
        assert_eq!(cache.len(), 4 - count);
        if count == 4 {
            assert_eq!(cache.held(), 0);
        }
    }
}

/// It may have the tag: too much taken out does no harm.
#[test]
fn what_has_too_many_tags_goes_with_every_tag() {
    let words: Vec<String> = (0..65).map(|number| format!("t{number}")).collect();
    let many = words.join(" ");
    let long = "t".repeat(257);
    let tag: fn(&Cache) -> usize = |cache| cache.purge(Purge::Tag("t64".into()));
    let of_version: fn(&Cache) -> usize = |cache| {
        let versions = [domain::id::VersionId::from_uuid(VERSION)].into();
        cache.purge_of(&versions, Purge::Tag("t64".into()))
    };
    let answer: fn(&Cache) -> usize =
        |cache| cache.remove_tags(VERSION, &[tags::number("t64", VERSION)]);
    let another: fn(&Cache) -> usize = |cache| {
        let other = uuid::Uuid::from_u128(99);
        cache.remove_tags(other, &[tags::number("t64", other)])
    };
    let none: fn(&Cache) -> usize = |cache| cache.remove_tags(VERSION, &[]);
    for (take_out, count) in [
        (tag, 2),
        (of_version, 2),
        (answer, 2),
        (another, 0),
        (none, 0),
    ] {
        let cache = Cache::new(1 << 20);
        put(&cache, 1, stored(ME, &[("surrogate-key", &many)], "h/a", 1));
        put(&cache, 2, stored(ME, &[("surrogate-key", &long)], "h/b", 1));
        put(&cache, 3, stored(ME, &[("surrogate-key", "t1")], "h/c", 1));
        put(&cache, 4, stored(ME, &[], "h/d", 1));
        assert_eq!(take_out(&cache), count);
        assert_eq!(cache.len(), 4 - count);
    }
}

#[test]
fn what_is_not_kept_is_forgotten_for_another() {
    let mut shard = Shard::default();
    // Of one cell.
    for (flight, now, forgets) in [
        (1, 100, false),
        (1, 101, false),
        (2, 102, true),
        (1, 103, true),
        (2, 200, false),
    ] {
        assert_eq!(shard.note_unkept(flight, now), forgets, "{flight} {now}");
        assert!(shard.is_unkept(flight, now) && !shard.is_unkept(3 - flight, now));
    }
}

proptest! {
    /// Whatever is put in and taken out: the bound holds, and the sum is that of what is there.
    #[test]
    fn the_books_are_right(steps in proptest::collection::vec((0..5_u8, 0..40_u128, 0..3000_usize), 1..300)) {
        let cache = Cache::new(40_000);
        for (what, place, bytes) in steps {
            let owner = Owner::Caller(u128::from(what));
            match what {
                0 => cache.invalidate(place),
                1 => { has(&cache, place, owner); }
                2 => { cache.remove_tags(VERSION, &[tags::number("a", VERSION)]); }
                _ => put(&cache, place, stored(owner, &[("surrogate-key", "a")], "h/a", bytes)),
            }
            prop_assert!(cache.held() <= cache.bound());
            let sum: usize = (0..SHARDS).map(|index| cache.lock(index).bytes).sum();
            prop_assert_eq!(sum, cache.held());
        }
        cache.purge(Purge::All(true));
        prop_assert_eq!((cache.len(), cache.held()), (0, 0));
        prop_assert!((0..SHARDS).all(|index| cache.lock(index).is_clear()));
    }
}
