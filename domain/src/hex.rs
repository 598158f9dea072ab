//! Bytes as digests are written: two small hexadecimal digits each.

/// The digits of each byte.
static PAIRS: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    pairs
};

/// Those of one, in ASCII: a look into a table, for whoever writes many.
#[inline]
pub fn pair(byte: u8) -> [u8; 2] {
    PAIRS[usize::from(byte)]
}

/// All of them.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    push(&mut text, bytes);
    text
}

/// Behind what is there.
pub fn push(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for digit in pair(*byte) {
            text.push(char::from(digit));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_two_digits() {
        assert_eq!(hex(&[]), "");
        assert_eq!(hex(&[0, 9, 10, 0x7f, 0xa0, 255]), "00090a7fa0ff");
        let mut text = "a:".to_owned();
        push(&mut text, &[1]);
        assert_eq!(text, "a:01");
        for byte in 0..=u8::MAX {
            assert_eq!(pair(byte), format!("{byte:02x}").as_bytes());
        }
    }
}
