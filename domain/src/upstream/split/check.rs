//! What can be wrong with a split.

use super::{MAX_VARIANTS, NamedBy, Split};
use crate::duration::Span;
use crate::policy::jwt::{CLAIM, is_claim};
use crate::problem::Invalid;
use crate::upstream::Target;

impl Split {
    /// What is wrong with it and with the variants that `targets` name; pointers from the
    /// upstream's root.
    pub(crate) fn check(split: Option<&Self>, targets: &[Target]) -> Vec<Invalid> {
        let mut found = Vec::new();
        let named = targets.iter().enumerate();
        for (index, target) in named {
            let message = match (split, &target.variant) {
                (None, None) => continue,
                (None, Some(_)) => "Only a split has variants.",
                (Some(_), None) => "Name the target's variant.",
                (Some(split), Some(name)) if split.knows(name) => continue,
                (Some(_), Some(_)) => "Name one of the split's variants.",
            };
            found.push(Invalid::new(format!("/targets/{index}/variant"), message));
        }
        if let Some(split) = split {
            let problems = split.own(targets).into_iter();
            found.extend(problems.map(|invalid| invalid.under("/split")));
        }
        found
    }

    /// With `live` any name is one.
    fn knows(&self, name: &str) -> bool {
        if self.variants.is_empty() {
            is_name(name)
        } else {
            self.variants.contains_key(name)
        }
    }

    fn own(&self, targets: &[Target]) -> Vec<Invalid> {
        let mut found = Vec::new();
        let mut that = |holds: bool, pointer: String, message: &str| {
            if !holds {
                found.push(Invalid::new(pointer, message));
            }
        };
        let has_target = |name: &str| {
            let mut takers = targets.iter().filter(|target| target.weight > 0);
            takers.any(|target| target.variant.as_deref() == Some(name))
        };
        const NO_TARGET: &str = "Give a target with a weight this variant.";
        if let Some(live) = &self.live {
            that(has_target(live), "/live".into(), NO_TARGET);
            that(
                self.variants.is_empty() && self.ramp.is_none() && self.rollback.is_none(),
                "/live".into(),
                "Use either live or shares, not both.",
            );
        } else {
            that(
                (1..=MAX_VARIANTS).contains(&self.variants.len()),
                "/variants".into(),
                "Name 1 to 8 variants, or the one that is live.",
            );
        }
        let ramped = self.ramp.as_ref().map(|ramp| ramp.variant.as_str());
        let mut shares = 0;
        for (name, variant) in &self.variants {
            let pointer = format!("/variants/{name}");
            that(
                is_name(name),
                pointer.clone(),
                "Use 1 to 32 lower-case letters, digits and hyphens.",
            );
            that(has_target(name), pointer.clone(), NO_TARGET);
            let share = format!("{pointer}/share");
            that(variant.share <= 1000, share.clone(), "Use 0 to 1000.");
            if ramped == Some(name) {
                that(
                    variant.share == 0,
                    share,
                    "The ramp gives this variant its share; leave it out.",
                );
            } else {
                shares += u32::from(variant.share);
            }
        }
        that(
            shares > 0 || self.variants.is_empty(),
            "/variants".into(),
            "Give at least one variant a share, beside the ramp's.",
        );
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        match &self.by {
            None => {}
            Some(NamedBy::Header(name) | NamedBy::Cookie(name)) => that(
                (1..=64).contains(&name.len()) && name.bytes().all(plain),
                "/by".into(),
                "Enter 1 to 64 letters, digits, - or _.",
            ),
            Some(NamedBy::Claim(name)) => that(is_claim(name), "/by".into(), CLAIM),
        }
        let known = |name: &String| self.variants.contains_key(name);
        const UNKNOWN: &str = "Name one of the split's variants.";
        if let Some(ramp) = &self.ramp {
            that(known(&ramp.variant), "/ramp/variant".into(), UNKNOWN);
            that(
                ramp.from < ramp.to && ramp.to <= 100,
                "/ramp/to".into(),
                "Use more than the begin's percentage, and at most 100.",
            );
            that(
                ramp.lasts <= Span::from_secs(90 * 86_400),
                "/ramp/lasts".into(),
                "Use at most 90d.",
            );
        }
        if let Some(rollback) = &self.rollback {
            that(
                known(&rollback.variant),
                "/rollback/variant".into(),
                UNKNOWN,
            );
            that(
                known(&rollback.against) && rollback.against != rollback.variant,
                "/rollback/against".into(),
                "Name another one of the split's variants.",
            );
            that(
                (1..=100).contains(&rollback.errors),
                "/rollback/errors".into(),
                "Use 1 to 100 percentage points.",
            );
            that(
                rollback.p95.is_none_or(|more| (10..=1000).contains(&more)),
                "/rollback/p95".into(),
                "Use 10 to 1000 percent.",
            );
            that(
                (1000..=3_600_000).contains(&rollback.window.as_millis()),
                "/rollback/window".into(),
                "Use 1s to 1h.",
            );
            that(
                (1..=1_000_000).contains(&rollback.least),
                "/rollback/least".into(),
                "Use 1 to 1,000,000 tries.",
            );
        }
        found
    }
}

fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=32).contains(&name.len()) && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: &str =
        r#"[{"url":"http://a","variant":"stable"},{"url":"http://b","variant":"canary"}]"#;

    fn check(targets: &str, split: &str) -> Vec<String> {
        let targets: Vec<Target> = serde_json::from_str(targets).unwrap();
        let split: Option<Split> = serde_json::from_str(split).unwrap();
        let found = Split::check(split.as_ref(), &targets);
        found.into_iter().map(|one| one.pointer).collect()
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        let both = r#""variants":{"stable":{"share":9},"canary":{"share":1}}"#;
        let ramped = r#""variants":{"stable":{"share":9},"canary":{}}"#;
        let ramp = r#""begins":"2026-12-01T00:00:00Z","lasts":"2h""#;
        for (split, pointers) in [
            (format!("{{{both}}}"), &[][..]),
            (r#"{"live":"canary"}"#.into(), &[]),
            (r#"{"live":"green"}"#.into(), &["/split/live"]),
            (format!(r#"{{"live":"canary",{both}}}"#), &["/split/live"]),
            ("{}".into(), &["/split/variants"]),
            (
                r#"{"variants":{"stable":{"share":1}}}"#.into(),
                &["/targets/1/variant"],
            ),
            (
                r#"{"variants":{"stable":{},"canary":{}}}"#.into(),
                &["/split/variants"],
            ),
            (
                r#"{"variants":{"stable":{"share":1001},"canary":{}}}"#.into(),
                &["/split/variants/stable/share"],
            ),
            (
                r#"{"variants":{"stable":{"share":1},"canary":{},"new":{}}}"#.into(),
                &["/split/variants/new"],
            ),
            (
                format!(r#"{{{both},"by":{{"header":"a b"}}}}"#),
                &["/split/by"],
            ),
            (
                format!(r#"{{{both},"by":{{"claim":"realm.variant"}}}}"#),
                &[],
            ),
            (
                format!(r#"{{{both},"by":{{"claim":"a b"}}}}"#),
                &["/split/by"],
            ),
            (
                format!(r#"{{{ramped},"ramp":{{"variant":"canary",{ramp}}}}}"#),
                &[],
            ),
            (
                format!(r#"{{{both},"ramp":{{"variant":"canary",{ramp}}}}}"#),
                &["/split/variants/canary/share"],
            ),
            (
                format!(r#"{{{ramped},"ramp":{{"variant":"canary","from":50,"to":50,{ramp}}}}}"#),
                &["/split/ramp/to"],
            ),
            (
                format!(r#"{{{ramped},"ramp":{{"variant":"new",{ramp}}}}}"#),
                &["/split/ramp/variant"],
            ),
            (
                format!(r#"{{{both},"rollback":{{"variant":"canary","against":"canary"}}}}"#),
                &["/split/rollback/against"],
            ),
            (
                format!(
                    r#"{{{both},"rollback":{{"variant":"canary","against":"stable","errors":0,"p95":9,"window":"2h","least":0}}}}"#
                ),
                &[
                    "/split/rollback/errors",
                    "/split/rollback/p95",
                    "/split/rollback/window",
                    "/split/rollback/least",
                ],
            ),
        ] {
            assert_eq!(check(TARGETS, &split), pointers, "{split}");
        }
        let none = r#"[{"url":"http://a"}]"#;
        assert_eq!(check(TARGETS, "null").len(), 2);
        assert_eq!(check(none, "null"), [""; 0]);
        assert_eq!(
            check(none, r#"{"live":"blue"}"#),
            ["/targets/0/variant", "/split/live"]
        );
    }

    #[test]
    fn what_is_set_comes_back() {
        let text = r#"{"variants":{"canary":{"share":0},"stable":{"share":1}},"by":{"header":"x-v"},"sticky":"address","ramp":{"variant":"canary","from":0,"to":100,"begins":"2026-12-01T00:00:00Z","lasts":"2h"},"rollback":{"variant":"canary","against":"stable","errors":5,"p95":50,"window":"60s","least":50}}"#;
        let split: Split = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&split).unwrap(), text);
        assert!(serde_json::from_str::<Split>(r#"{"lives":"a"}"#).is_err());
    }
}
