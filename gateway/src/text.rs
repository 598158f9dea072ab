//! Short texts built on the stack, for header values on the request's way.

use http::HeaderValue;

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
        match self.bytes.get_mut(self.length..self.length + text.len()) {
            Some(place) => {
                place.copy_from_slice(text.as_bytes());
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

    pub(crate) fn number(&mut self, mut number: u64) -> &mut Self {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.push(std::str::from_utf8(&digits[at..]).unwrap_or_default())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// `None` when something did not fit or is no header value.
    pub(crate) fn value(&self) -> Option<HeaderValue> {
        if self.too_long {
            return None;
        }
        HeaderValue::from_bytes(&self.bytes[..self.length]).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ends() {
        let mut text = Text::<32>::new();
        text.quoted("a").push("=").number(0).number(u64::MAX);
        assert_eq!(text.value().unwrap(), "\"a\"=018446744073709551615");
        assert!(text.push("too long now").value().is_none());
    }
}
