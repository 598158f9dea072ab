//! Any bytes as a body in chunks: refused, or read alike wherever it is cut.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    gateway::fuzzing::chunks(bytes);
});
