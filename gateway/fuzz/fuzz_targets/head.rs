//! Any bytes as the head of a request: refused, or one that is read alike when it is written again.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    gateway::fuzzing::head(bytes);
});
