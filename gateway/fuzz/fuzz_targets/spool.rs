//! Any bytes as a segment of the traffic spool: read without a panic, and what is read is written
//! and read again as it was.

#![no_main]

use gateway::traffic::{encoding, spool};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for record in spool::read_segment(bytes) {
        let mut again = Vec::new();
        encoding::encode(&record, &mut again);
        assert_eq!(encoding::decode(&again, encoding::FORM), Ok(record));
    }
});
