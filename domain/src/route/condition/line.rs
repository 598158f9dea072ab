//! A condition as one line, for forms, answers and explaining: `header x-beta = yes`.

use std::fmt;
use std::str::FromStr;

use super::Condition;

/// A line that is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "Write method GET, or header, query or cookie, a name, and one of: present; absent; = and the value; ^= and how it begins; ~ and a regular expression."
)]
pub struct NoCondition;

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.method.is_empty() {
            return write!(f, "method {}", self.method.join(" "));
        }
        let (kind, name) = match (&self.header, &self.query, &self.cookie) {
            (Some(name), _, _) => ("header", name),
            (None, Some(name), _) => ("query", name),
            (None, None, Some(name)) => ("cookie", name),
            (None, None, None) => return Ok(()),
        };
        match (&self.exact, &self.prefix, &self.regex, self.present) {
            (Some(value), ..) => write!(f, "{kind} {name} = {value}"),
            (None, Some(value), ..) => write!(f, "{kind} {name} ^= {value}"),
            (None, None, Some(pattern), _) => write!(f, "{kind} {name} ~ {pattern}"),
            (None, None, None, Some(false)) => write!(f, "{kind} {name} absent"),
            (None, None, None, Some(true) | None) => write!(f, "{kind} {name} present"),
        }
    }
}

impl FromStr for Condition {
    type Err = NoCondition;

    fn from_str(line: &str) -> Result<Self, NoCondition> {
        let (kind, rest) = word(line.trim());
        let mut condition = Self::default();
        if kind == "method" {
            condition.method = rest.split_whitespace().map(str::to_owned).collect();
            return if rest.is_empty() {
                Err(NoCondition)
            } else {
                Ok(condition)
            };
        }
        let (name, rest) = word(rest);
        let named = Some(name.to_owned()).filter(|name| !name.is_empty());
        match kind {
            "header" => condition.header = named,
            "query" => condition.query = named,
            "cookie" => condition.cookie = named,
            _ => return Err(NoCondition),
        }
        let (test, value) = word(rest);
        let value = value.to_owned();
        match test {
            "present" if value.is_empty() => condition.present = Some(true),
            "absent" if value.is_empty() => condition.present = Some(false),
            "=" => condition.exact = Some(value),
            "^=" => condition.prefix = Some(value),
            "~" => condition.regex = Some(value),
            _ => return Err(NoCondition),
        }
        Ok(condition)
    }
}

/// The first word, and what is behind it.
fn word(text: &str) -> (&str, &str) {
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim()),
        None => (text, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_and_back() {
        for line in [
            "method GET HEAD",
            "header X-Beta present",
            "header X-Beta absent",
            "query q = a b",
            "query q = ",
            "cookie group ^= b",
            "header User-Agent ~ curl/.* (x|y)",
        ] {
            let condition: Condition = line.parse().unwrap();
            assert_eq!(condition.to_string(), line);
            assert_eq!(condition.check(), [], "{line}");
        }
        for line in [
            "",
            "x",
            "method",
            "header",
            "header a",
            "header a is b",
            "header a present x",
            "body a = b",
        ] {
            assert_eq!(line.parse::<Condition>(), Err(NoCondition), "{line}");
        }
    }
}
