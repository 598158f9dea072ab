//! What a file says about the end of a version, with the version that comes after it.

use super::super::{Deprecated, Manifest};
use super::{Resolver, id};
use crate::snapshot::Deprecation;

impl Resolver<'_> {
    /// `names` are those of the API and of the version that goes.
    pub(super) fn deprecation(
        &mut self,
        pointer: &str,
        manifest: &Manifest,
        names: [&str; 2],
        written: &Deprecated,
    ) -> Deprecation {
        let at = format!("{pointer}/deprecated");
        if written.sunset.is_some_and(|sunset| sunset < written.since) {
            self.refuse(
                format!("{at}/sunset"),
                "A version goes after it is deprecated, not before.",
            );
        }
        if written.retire_at_sunset && written.sunset.is_none() {
            self.refuse(
                format!("{at}/retire_at_sunset"),
                "Say in `sunset` when that is.",
            );
        }
        let successor = written.successor.as_deref().and_then(|named| {
            let other = match named.split_once('/') {
                Some((api, version)) => [api, version],
                None => [names[0], named],
            };
            let api = manifest.apis.get(other[0]);
            if api.is_none_or(|api| !api.versions.contains_key(other[1])) {
                let message = format!("There is no version {named}.");
                self.refuse(format!("{at}/successor"), message);
                return None;
            }
            if other == names {
                self.refuse(format!("{at}/successor"), "Name another version.");
                return None;
            }
            Some(id("version", self.prefix, &other))
        });
        Deprecation {
            since: written.since,
            sunset: written.sunset,
            successor,
            retires: written.retire_at_sunset,
        }
    }
}
