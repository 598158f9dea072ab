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

/// Those of sixteen, as ids have, eight at a time: a digit is a byte of a word, and all of a word are
/// made in the same few steps.
#[inline]
pub fn sixteen(bytes: &[u8; 16]) -> [u8; 32] {
    let mut digits = [0; 32];
    for (four, place) in bytes
        .as_chunks::<4>()
        .0
        .iter()
        .zip(digits.as_chunks_mut::<8>().0)
    {
        *place = eight(u32::from_be_bytes(*four)).to_be_bytes();
    }
    digits
}

/// The digits of four bytes, the first one highest.
const fn eight(four: u32) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // Half-bytes, each into a byte of its own.
    let mut half = four as u64;
    half = (half | half << 16) & 0x0000_ffff_0000_ffff;
    half = (half | half << 8) & 0x00ff_00ff_00ff_00ff;
    half = (half | half << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // From ten on, letters: what is above nine has a bit of 16 once six are added.
    let letters = (half + 6 * EACH) >> 4 & EACH;
    half + b'0' as u64 * EACH + letters * (b'a' - b'0' - 10) as u64
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
            let ids = std::array::from_fn(|at| byte.wrapping_add((at as u8).wrapping_mul(37)));
            assert_eq!(sixteen(&ids).as_slice(), hex(&ids).as_bytes());
        }
    }
}
