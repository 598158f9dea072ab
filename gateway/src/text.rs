//! Short texts built on the stack, for header values on the request's way.

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

    /// `None` when something did not fit.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        (!self.too_long).then(|| self.as_bytes())
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
}
