//! Any text as a request's path: refused, or in a form that is stable and never climbs.

#![no_main]

use domain::path::canonical;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(form) = canonical(text) {
        assert!(form.starts_with('/') && !form.contains("//"));
        assert!(form.split('/').all(|part| part != "." && part != ".."));
        assert_eq!(canonical(&form).as_deref(), Ok(&*form));
    }
});
