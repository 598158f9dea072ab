//! Bytes as digests are written: two small hexadecimal digits each.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// All of them.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    push(&mut text, bytes);
    text
}

/// Behind what is there.
pub fn push(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(DIGITS[usize::from(digit)]));
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
    }
}
