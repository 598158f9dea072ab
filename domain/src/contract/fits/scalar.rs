//! Numbers and texts.

use std::cmp::Ordering;

use super::super::schema::{Number, Text};
use super::super::value::{compare, is_multiple};
use super::{Fitting, is_a};

impl Fitting<'_> {
    pub(super) fn number(&mut self, rule: &Number, digits: &serde_json::Number) -> bool {
        let compared = |bound: &Option<serde_json::Number>| {
            let bound = bound.as_ref()?;
            Some((compare(digits, bound)?, bound.clone()))
        };
        if let Some((Ordering::Less, bound)) = compared(&rule.minimum) {
            return self.say(|| format!("This is at least {bound}."));
        }
        if let Some((Ordering::Greater, bound)) = compared(&rule.maximum) {
            return self.say(|| format!("This is at most {bound}."));
        }
        if let Some((Ordering::Less | Ordering::Equal, bound)) = compared(&rule.above) {
            return self.say(|| format!("This is more than {bound}."));
        }
        if let Some((Ordering::Greater | Ordering::Equal, bound)) = compared(&rule.below) {
            return self.say(|| format!("This is less than {bound}."));
        }
        match &rule.multiple_of {
            Some(of) if !is_multiple(digits, of) => {
                self.say(|| format!("This is a multiple of {of}."))
            }
            Some(_) | None => true,
        }
    }

    pub(super) fn text(&mut self, rule: &Text, text: &str) -> bool {
        if !self.spend(text.len() as u64 / 16) {
            return false;
        }
        if rule.least.is_some() || rule.most.is_some() {
            let length = text.chars().count() as u64;
            if let Some(least) = rule.least.filter(|least| length < *least) {
                return self.say(|| format!("This has at least {least} characters."));
            }
            if let Some(most) = rule.most.filter(|most| length > *most) {
                return self.say(|| format!("This has at most {most} characters."));
            }
        }
        self.wording(rule, text)
    }

    /// Their length is that of the bytes (OpenAPI "Working with Binary Data").
    pub(super) fn octets(&mut self, rule: &Text, bytes: &[u8]) -> bool {
        let length = bytes.len() as u64;
        if let Some(least) = rule.least.filter(|least| length < *least) {
            return self.say(|| format!("This has at least {least} bytes."));
        }
        if let Some(most) = rule.most.filter(|most| length > *most) {
            return self.say(|| format!("This has at most {most} bytes."));
        }
        if rule.pattern.is_none() && (rule.format.is_none() || !self.formats) {
            return true;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => self.spend(length / 16) && self.wording(rule, text),
            Err(_) => self.say(|| "This is a text.".to_owned()),
        }
    }

    fn wording(&mut self, rule: &Text, text: &str) -> bool {
        if let Some(pattern) = &rule.pattern
            && !(self.spend(pattern.cost(text)) && pattern.fits(text))
        {
            return self.say(|| "This does not match its pattern.".to_owned());
        }
        let format = rule
            .format
            .filter(|format| self.formats && !format.fits_text(text));
        format.is_none_or(|format| self.say(|| is_a(format.words())))
    }
}
