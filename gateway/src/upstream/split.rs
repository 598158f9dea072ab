//! Which variant of an upstream a request goes to: the one that it names, or one by share, the
//! same for the same caller.

mod trial;

use std::sync::Arc;

use domain::upstream::{Kept, NamedBy, Ramp, Rollback};

use super::identity;
use crate::record::NameId;

pub(crate) use trial::Trial;

/// Of one upstream.
#[derive(Debug)]
pub(crate) struct Split {
    pub(crate) variants: Box<[Variant]>,
    /// The variant that takes everything, by index.
    pub(crate) live: Option<usize>,
    pub(crate) by: Option<NamedBy>,
    pub(crate) sticky: Kept,
    pub(crate) ramp: Option<(usize, Ramp)>,
    pub(crate) watch: Option<Watch>,
    /// So that the same callers are not the first everywhere.
    pub(crate) salt: u64,
}

#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) name: Box<str>,
    /// The same, for the record.
    pub(crate) label: NameId,
    /// Its targets, as bits.
    pub(crate) members: u64,
    pub(crate) share: u16,
}

/// A variant that loses its share when it does worse than another.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) rule: Rollback,
    /// By index: the watched one, and the one that it is compared with.
    pub(crate) sides: [usize; 2],
    pub(crate) trial: Arc<Trial>,
}

impl Split {
    /// The variant of a request. `named` is what its header, cookie or claim says; `subject` is whose
    /// requests stay together, `wall_us` the time since 1970 in microseconds.
    pub(crate) fn choose(&self, named: Option<&[u8]>, subject: &[u8], wall_us: u64) -> usize {
        self.fixed(named)
            .unwrap_or_else(|| self.by_share(identity(subject) ^ self.salt, wall_us))
    }

    /// The variant of a request whoever sends it, if that is settled.
    pub(crate) fn fixed(&self, named: Option<&[u8]>) -> Option<usize> {
        named.and_then(|named| self.find(named)).or(self.live)
    }

    /// The one that a target is of, by the target's index.
    pub(crate) fn of(&self, target: usize) -> Option<&Variant> {
        let mut variants = self.variants.iter();
        variants.find(|variant| variant.members & 1 << target != 0)
    }

    fn find(&self, name: &[u8]) -> Option<usize> {
        let mut variants = self.variants.iter();
        variants.position(|variant| variant.name.as_bytes() == name)
    }

    /// `point` is even over all its values.
    fn by_share(&self, point: u64, wall_us: u64) -> usize {
        let watch = self.watch.as_ref();
        let out = watch
            .filter(|watch| watch.trial.is_lost())
            .map(|watch| watch.sides[0]);
        if let Some((index, ramp)) = &self.ramp
            && out != Some(*index)
            && is_below(point, ramp, wall_us)
        {
            return *index;
        }
        // Of the ramp's points only its own tell it apart; the rest is dealt out by another number,
        // so that nobody else moves while it grows.
        let point = identity(&point.to_be_bytes());
        let shares = || {
            let all = self.variants.iter().enumerate();
            all.filter(|(index, _)| out != Some(*index))
                .map(|(index, variant)| (index, u64::from(variant.share)))
        };
        let total: u64 = shares().map(|(_, share)| share).sum();
        let mut left = ((u128::from(point) * u128::from(total)) >> 64) as u64;
        for (index, share) in shares() {
            if left < share {
                return index;
            }
            left -= share;
        }
        watch.map_or(0, |watch| watch.sides[1])
    }
}

/// Whether `point` lies in the part of all points that the ramp has by now.
fn is_below(point: u64, ramp: &Ramp, wall_us: u64) -> bool {
    let begins = u64::try_from(ramp.begins.timestamp_micros()).unwrap_or(0);
    let whole = u128::from(ramp.lasts.as_millis()) * 1000;
    let gone = u128::from(wall_us.saturating_sub(begins)).min(whole);
    let (from, to) = (u128::from(ramp.from), u128::from(ramp.to));
    let scale = whole.max(1) * 100;
    let part = from * whole.max(1) + to.saturating_sub(from) * gone;
    u128::from(point) * scale < part << 64
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::duration::Span;

    fn split(shares: &[(&str, u16)]) -> Split {
        let variants = shares.iter().enumerate();
        let variants = variants.map(|(index, (name, share))| Variant {
            name: (*name).into(),
            label: NameId::NONE,
            members: 1 << index,
            share: *share,
        });
        Split {
            variants: variants.collect(),
            live: None,
            by: None,
            sticky: Kept::Caller,
            ramp: None,
            watch: None,
            salt: 7,
        }
    }

    /// How many of 10,000 callers each variant gets.
    fn dealt(split: &Split, wall_us: u64) -> Vec<u32> {
        let mut counts = vec![0; split.variants.len()];
        for caller in 0..10_000_u32 {
            counts[split.choose(None, &caller.to_be_bytes(), wall_us)] += 1;
        }
        counts
    }

    #[test]
    fn shares_are_dealt_out_and_kept() {
        let split = split(&[("a", 3), ("b", 1), ("c", 0)]);
        let counts = dealt(&split, 0);
        assert!(
            (7300..7700).contains(&counts[0]) && counts[2] == 0,
            "{counts:?}"
        );
        assert_eq!(dealt(&split, 1_000_000), counts);
        for (named, index) in [(&b"c"[..], 2), (b"b", 1)] {
            assert_eq!(split.choose(Some(named), b"x", 0), index);
        }
        let own = split.choose(None, b"x", 0);
        for unknown in [&b"C"[..], b"", b"d"] {
            assert_eq!(split.choose(Some(unknown), b"x", 0), own);
        }
        let live = Split {
            live: Some(2),
            ..split
        };
        assert_eq!(dealt(&live, 0), [0, 0, 10_000]);
    }

    #[test]
    fn a_ramp_takes_callers_one_way() {
        let begins = chrono::DateTime::from_timestamp(1000, 0).unwrap();
        let ramp = Ramp {
            variant: "b".into(),
            from: 10,
            to: 60,
            begins,
            lasts: Span::from_secs(100),
        };
        let split = Split {
            ramp: Some((1, ramp)),
            ..split(&[("a", 1), ("b", 0), ("c", 1)])
        };
        let mut before: Vec<usize> = Vec::new();
        for (second, percent) in [(0, 10), (1000, 10), (1050, 35), (1100, 60), (9000, 60)] {
            let now: Vec<usize> = (0..10_000_u32)
                .map(|caller| split.choose(None, &caller.to_be_bytes(), second * 1_000_000))
                .collect();
            let own = now.iter().filter(|index| **index == 1).count();
            assert!(own.abs_diff(percent * 100) < 200, "{second}: {own}");
            for (before, now) in before.iter().zip(&now) {
                assert!(before == now || *now == 1, "moved from {before} to {now}");
            }
            before = now;
        }
    }

    #[test]
    fn a_lost_variant_gets_nothing_but_what_names_it() {
        let rule: Rollback =
            serde_json::from_str(r#"{"variant":"b","against":"a","least":1,"window":"1s"}"#)
                .unwrap();
        for (shares, ramped) in [([1, 1], false), ([1, 0], true), ([0, 1], false)] {
            let trial = Arc::new(Trial::default());
            let begins = chrono::DateTime::from_timestamp(0, 0).unwrap();
            let ramp = Ramp {
                variant: "b".into(),
                from: 50,
                to: 100,
                begins,
                lasts: Span::from_secs(1),
            };
            let split = Split {
                ramp: ramped.then_some((1, ramp)),
                watch: Some(Watch {
                    rule: rule.clone(),
                    sides: [1, 0],
                    trial: trial.clone(),
                }),
                ..split(&[("a", shares[0]), ("b", shares[1])])
            };
            assert!(dealt(&split, 9_000_000)[1] > 4000);
            for now in [1, 5000] {
                trial.note(&rule, 1, false, Some(10), now);
                trial.note(&rule, 0, true, None, now);
            }
            assert!(trial.is_lost());
            assert_eq!(dealt(&split, 9_000_000), [10_000, 0], "{shares:?}");
            assert_eq!(split.choose(Some(b"b"), b"x", 0), 1);
        }
    }
}
