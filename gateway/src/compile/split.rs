//! Variants with the targets that are theirs.

use std::sync::Arc;

use domain::id::UpstreamId;
use domain::upstream::{self, Target};

use crate::record::Names;
use crate::upstream::{Split, Trial, Variant, Watch, identity};

/// `targets` are those with a weight, in their places. The error is for the log.
pub(super) fn split(
    form: &upstream::Split,
    id: UpstreamId,
    targets: &[&Target],
    trial: &Arc<Trial>,
    labels: &Names,
) -> Result<Split, &'static str> {
    let mut names: Vec<&str> = form.variants.keys().map(String::as_str).collect();
    if form.live.is_some() {
        names = targets
            .iter()
            .filter_map(|t| t.variant.as_deref())
            .collect();
        names.sort_unstable();
        names.dedup();
    }
    let place = |name: &str| {
        let found = names.iter().position(|known| *known == name);
        found.ok_or("its split names a variant that it has not")
    };
    let mut variants: Vec<Variant> = names
        .iter()
        .map(|name| Variant {
            name: (*name).into(),
            label: labels.intern(name),
            members: 0,
            share: form.variants.get(*name).map_or(0, |one| one.share),
        })
        .collect();
    for (index, target) in targets.iter().enumerate() {
        let name = target.variant.as_deref();
        let own = place(name.ok_or("a target has no variant")?)?;
        variants[own].members |= 1 << index;
    }
    let live = form.live.as_deref().map(place).transpose()?;
    let ramp = form.ramp.as_ref();
    let ramp = ramp.map(|ramp| Ok::<_, &str>((place(&ramp.variant)?, ramp.clone())));
    let watch = form.rollback.as_ref().map(|rule| {
        Ok::<_, &str>(Watch {
            sides: [place(&rule.variant)?, place(&rule.against)?],
            rule: rule.clone(),
            trial: trial.clone(),
        })
    });
    Ok(Split {
        live,
        by: form.by.clone(),
        sticky: form.sticky,
        ramp: ramp.transpose()?,
        watch: watch.transpose()?,
        salt: identity(id.uuid().as_bytes()),
        variants: variants.into(),
    })
}
