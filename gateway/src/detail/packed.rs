//! A text that is base64 (RFC 4648 §4, §5): what it holds is read in its place, as nothing could be
//! masked in the text.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Shorter ones are words.
const SHORTEST: usize = 8;

/// Nothing depends on how the last group is filled up.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a text holds that is base64 and nothing else but blanks, with a text in it. Of one that was
/// cut off its last group is left out, where that is not whole.
pub(super) fn unpacked(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    let end = text.iter().rposition(|byte| *byte != b'=')? + 1;
    let mut digits = Vec::with_capacity(end);
    for byte in &text[..end] {
        match byte {
            b'-' => digits.push(b'+'),
            b'_' => digits.push(b'/'),
            b'+' | b'/' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => digits.push(*byte),
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => return None,
        }
    }
    // One digit is less than a byte.
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    if digits.len() < SHORTEST {
        return None;
    }
    let bytes = LENIENT.decode(&digits).ok()?;
    let readable = bytes.utf8_chunks().next()?.valid();
    let is_text = readable.len() + 4 > bytes.len();
    let is_plain = |c: char| !c.is_control() || c.is_ascii_whitespace();
    (is_text && readable.chars().all(is_plain)).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_holds_a_text_is_unpacked() {
        for (text, held) in [
            ("eyJhIjoxfQ==", Some("{\"a\":1}")),
            ("eyJhIjoxfQ", Some("{\"a\":1}")),
            (" eyJh\r\nIjoxfQ=\n", Some("{\"a\":1}")),
            ("eyJhIjoxf", Some("{\"a\":1")),
            ("Pj8-Pz4_", Some(">?>?>?")),
            ("eyJhIjox", Some("{\"a\":1")),
            ("eyJhIjo", None),
            ("eyJhIjoxfQ==x", None),
            ("eyJh:IjoxfQ", None),
            ("AAECAwQFBgc", None),
            ("/////////w==", None),
            ("====", None),
            ("", None),
        ] {
            let found = unpacked(text.as_bytes());
            let found = found.map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(found.as_deref(), held, "{text}");
        }
    }
}
