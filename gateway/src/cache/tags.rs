//! What answers can be purged by: the groups and keys that the upstream puts on them
//! (`Cache-Groups`, RFC 9875, and `Surrogate-Key`).

use sha2::{Digest, Sha256};

use super::directives::members;
use crate::fields::Fields;

/// Of one answer; RFC 9875 §2 asks for 32 at least.
const MOST: usize = 64;
const LONGEST: usize = 256;

/// The number of a tag: of one version alone, so that nobody names another's, and on every node the
/// same.
pub(crate) fn number(tag: &str, version: uuid::Uuid) -> u64 {
    let digest = Sha256::new().chain_update(version.as_bytes());
    let digest = digest.chain_update(tag.as_bytes()).finalize();
    // Two that meet are purged together, which does no harm.
    digest[..8]
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// What stands in the place of tags that are too many or too long: every purge by a tag takes out
/// what has it, as it may have that tag. No tag has this number, or none that anybody finds.
pub(crate) fn beyond(version: uuid::Uuid) -> u64 {
    let (high, low) = version.as_u64_pair();
    high ^ low
}

pub(crate) fn of(answer: &Fields, version: uuid::Uuid) -> Box<[u64]> {
    let mut found: Vec<u64> = Vec::new();
    let mut is_beyond = false;
    let mut add = |tag: &str| {
        // A head has room for tens of thousands: those beyond are not made numbers of.
        if tag.is_empty() || is_beyond {
            return;
        }
        if tag.len() > LONGEST {
            is_beyond = true;
            return;
        }
        let number = number(tag, version);
        if !found.contains(&number) {
            is_beyond = found.len() == MOST;
            found.push(number);
        }
    };
    for line in answer.named("surrogate-key") {
        let line = String::from_utf8_lossy(line);
        line.split_ascii_whitespace().for_each(&mut add);
    }
    groups(answer, "cache-groups", &mut add);
    if is_beyond {
        return [beyond(version)].into();
    }
    found.into()
}

/// Those of two.
pub(super) fn joined(one: &[u64], other: &[u64], version: uuid::Uuid) -> Box<[u64]> {
    let mut all = one.to_vec();
    all.extend(other.iter().filter(|tag| !one.contains(tag)));
    if all.len() > MOST {
        return [beyond(version)].into();
    }
    all.into()
}

/// Those that an answer to an unsafe request invalidates (RFC 9875 §3).
pub(crate) fn invalidated(answer: &Fields, version: uuid::Uuid) -> Vec<u64> {
    let mut found = Vec::new();
    groups(answer, "cache-group-invalidation", &mut |group| {
        if found.len() < MOST {
            found.push(number(group, version));
        }
    });
    found
}

/// The strings of a list (RFC 9651 §3.1); parameters mean nothing.
fn groups(answer: &Fields, name: &str, met: &mut dyn FnMut(&str)) {
    for line in answer.named(name) {
        let line = String::from_utf8_lossy(line);
        members(&line, b',', |member| {
            let text = member
                .strip_prefix('"')
                .and_then(|rest| rest.split_once('"'));
            if let Some((group, _)) = text {
                met(group);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found() {
        let version = uuid::Uuid::from_u128(1);
        let tag = |text| number(text, version);
        for (name, value, is) in [
            ("Surrogate-Key", "a b  a", vec![tag("a"), tag("b")]),
            (
                "Cache-Groups",
                "\"a\", \"b c\";x=1",
                vec![tag("a"), tag("b c")],
            ),
            ("Cache-Groups", "a, 1", vec![]),
        ] {
            let mut fields = Fields::new(b"");
            fields.push(name, value.as_bytes());
            assert_eq!(*of(&fields, version), *is, "{name}: {value}");
        }
        assert_ne!(tag("a"), number("a", uuid::Uuid::from_u128(2)));
    }

    #[test]
    fn tags_beyond_the_bound_have_one_number() {
        let version = uuid::Uuid::from_u128(1);
        let many = |count: usize| -> String { (0..count).map(|key| format!("k{key} ")).collect() };
        for (keys, count) in [
            (many(MOST), MOST),
            (many(MOST).repeat(2), MOST),
            (many(MOST + 1), 1),
            (many(1000), 1),
            ("a".repeat(LONGEST) + " b", 2),
            ("a".repeat(LONGEST + 1) + " b", 1),
        ] {
            let mut fields = Fields::new(b"");
            fields.push("Surrogate-Key", keys.as_bytes());
            let found = of(&fields, version);
            assert_eq!(found.len(), count, "{keys}");
            assert_eq!(found.contains(&beyond(version)), count == 1, "{keys}");
        }
        assert_ne!(beyond(version), beyond(uuid::Uuid::from_u128(2)));
    }
}
