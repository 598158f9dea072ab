//! Any text as a declarative file: refused with places, or a whole configuration.

#![no_main]

use domain::manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(manifest) = manifest::read(text, &|_| None) {
        let _ = manifest::resolve(&manifest, 1, &|name| Err(name.to_owned()));
    }
});
