//! Short texts built on the stack, for header values on the request's way.

use std::net::Ipv4Addr;

/// Up to `N` bytes of ASCII; what does not fit marks it as too long.
pub(crate) struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
    too_long: bool,
}

impl<const N: usize> Text<N> {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; N],
            length: 0,
            too_long: false,
        }
    }

    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.put(text.as_bytes())
    }

    fn put(&mut self, text: &[u8]) -> &mut Self {
        match self.bytes.get_mut(self.length..self.length + text.len()) {
            Some(place) => {
                place.copy_from_slice(text);
                self.length += text.len();
            }
            None => self.too_long = true,
        }
        self
    }

    /// The text in double quotes; ours have none inside (policy names are plain).
    pub(crate) fn quoted(&mut self, text: &str) -> &mut Self {
        self.push("\"").push(text).push("\"")
    }

    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        self.put(digits(number, &mut [0; 20]))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// `None` when something did not fit.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        (!self.too_long).then(|| self.as_bytes())
    }
}

/// A number in decimal, written at the end of `room`; the longest fills it.
#[inline]
pub(crate) fn digits(mut number: u64, room: &mut [u8; 20]) -> &[u8] {
    let mut at = room.len();
    loop {
        at -= 1;
        room[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    &room[at..]
}

/// What formatting would write, in a tenth of its time: each request has one.
pub(crate) fn put_v4(text: &mut String, ip: Ipv4Addr) {
    for (index, part) in ip.octets().into_iter().enumerate() {
        if index > 0 {
            text.push('.');
        }
        for (place, digit) in [(100, part / 100), (10, part / 10 % 10), (1, part % 10)] {
            if part >= place || place == 1 {
                text.push(char::from(b'0' + digit));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ends() {
        let mut text = Text::<32>::new();
        text.quoted("a").push("=").number(0).number(u64::MAX);
        assert_eq!(text.whole().unwrap(), b"\"a\"=018446744073709551615");
        assert!(text.push("too long now").whole().is_none());
    }

    #[test]
    fn addresses_are_written_as_ever() {
        for ip in [
            "0.0.0.0",
            "127.0.0.1",
            "10.100.99.9",
            "255.255.255.255",
            "1.20.30.101",
        ] {
            let mut text = String::new();
            put_v4(&mut text, ip.parse().unwrap());
            assert_eq!(text, ip);
        }
    }
}
