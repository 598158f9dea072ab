//! What must hold of every set of routes: the order of insertion does not matter, the longest
//! prefix on segment borders wins, and what was taken out leaves no trace.

use proptest::prelude::*;

use super::{Routes, covers};

const HOSTS: [Option<&str>; 5] = [
    None,
    Some("x.org"),
    Some("a.x.org"),
    Some("*.x.org"),
    Some("*.b.x.org"),
];

const ASKED: [&str; 6] = [
    "x.org",
    "a.x.org",
    "b.x.org",
    "c.b.x.org",
    "d.c.b.x.org",
    "y.org",
];

type Place = (Option<&'static str>, String);

/// Few and short segments, so that prefixes meet, and `ab` beside `a`, so that borders count.
fn prefix() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", "A"]), 0..4)
        .prop_map(|segments| format!("/{}", segments.join("/")))
}

fn places() -> impl Strategy<Value = Vec<Place>> {
    let place = (prop::sample::select(HOSTS.to_vec()), prefix());
    prop::collection::btree_set(place, 0..20).prop_map(|places| places.into_iter().collect())
}

/// How much a pattern tells about a host that it fits: an exact name most, then the longest
/// `*.x`, then any.
fn tells(pattern: Option<&str>, host: &str) -> Option<usize> {
    let Some(pattern) = pattern else {
        return Some(0);
    };
    match pattern.strip_prefix('*') {
        Some(suffix) => host.ends_with(suffix).then_some(suffix.len()),
        None => (pattern == host).then_some(usize::MAX),
    }
}

/// The rule of gateway.md §5 read aloud, over a plain list.
fn expected<'p>(places: &'p [Place], host: &str, path: &str) -> Option<&'p Place> {
    let telling = places.iter().filter_map(|(at, _)| tells(*at, host)).max()?;
    places
        .iter()
        .filter(|(at, prefix)| tells(*at, host) == Some(telling) && covers(prefix, path))
        .max_by_key(|(_, prefix)| prefix.trim_end_matches('/').len())
}

fn built(places: &[Place]) -> Routes<Place> {
    let mut routes = Routes::default();
    for (host, prefix) in places {
        let before = routes.insert(*host, prefix, (*host, prefix.clone()));
        assert_eq!(before, None);
    }
    routes
}

proptest! {
    #[test]
    fn the_most_telling_host_and_then_the_longest_prefix(places in places(), path in prefix(), slash: bool) {
        let path = if slash && path != "/" { format!("{path}/") } else { path };
        let routes = built(&places);
        for host in ASKED {
            let found = routes.find(host, &path);
            prop_assert_eq!(found.map(|(place, _)| place), expected(&places, host, &path), "{}", host);
            if let Some(((_, prefix), length)) = found {
                prop_assert_eq!(&path[..length], prefix.trim_end_matches('/'));
            }
        }
    }

    #[test]
    fn the_order_of_insertion_does_not_matter(
        (places, shuffled) in places().prop_flat_map(|places| (Just(places.clone()), Just(places).prop_shuffle())),
        path in prefix(),
    ) {
        let (one, other) = (built(&places), built(&shuffled));
        for host in ASKED {
            prop_assert_eq!(one.find(host, &path), other.find(host, &path), "{}", host);
        }
    }

    #[test]
    fn what_was_taken_out_leaves_no_trace(places in places(), gone in any::<u32>(), path in prefix()) {
        let mut routes = built(&places);
        let mut kept = Vec::new();
        for (index, (host, prefix)) in places.iter().enumerate() {
            if gone >> index & 1 == 1 {
                let removed = routes.remove(*host, prefix);
                prop_assert_eq!(removed, Some((*host, prefix.clone())));
            } else {
                kept.push((*host, prefix.clone()));
            }
        }
        let anew = built(&kept);
        for host in ASKED {
            prop_assert_eq!(routes.find(host, &path), anew.find(host, &path), "{}", host);
        }
    }
}
