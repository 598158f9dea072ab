//! Texts as tokens (CEL specification, "Syntax").

use super::Wrong;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Name(String),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// The longer ones first.
const SIGNS: [&str; 24] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",",
    "(", ")", "[", "]", "{", "}",
];

/// All tokens with the bytes where they begin; the last is the end.
pub(super) fn read(text: &str) -> Result<Vec<(usize, Token)>, Wrong> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n', '\u{c}']);
        let at = text.len() - rest.len();
        let wrong = |message: &str| wrong(text, at, message);
        let Some(first) = rest.chars().next() else {
            tokens.push((at, Token::End));
            return Ok(tokens);
        };
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, behind)| behind);
            continue;
        }
        let (token, length) = match first {
            '"' | '\'' => quoted(rest, false).map_err(wrong)?,
            'r' | 'R' if rest[1..].starts_with(['"', '\'']) => {
                let (token, length) = quoted(&rest[1..], true).map_err(wrong)?;
                (token, length + 1)
            }
            'b' | 'B' if rest[1..].starts_with(['"', '\'']) => {
                return Err(wrong("Bytes are not known here; write a text."));
            }
            '0'..='9' => number(rest).map_err(wrong)?,
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                number(rest).map_err(wrong)?
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
                (Token::Name(rest[..end].to_owned()), end)
            }
            _ => {
                let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
                let sign = sign.ok_or_else(|| wrong("This character means nothing here."))?;
                (Token::Sign(sign), sign.len())
            }
        };
        tokens.push((at, token));
        rest = &rest[length..];
    }
}

pub(super) fn wrong(text: &str, at: usize, message: &str) -> Wrong {
    Wrong {
        at: text[..at].chars().count() + 1,
        message: message.to_owned(),
    }
}

fn number(rest: &str) -> Result<(Token, usize), &'static str> {
    const LARGE: &str = "This number is too large.";
    if let Some(digits) = rest.strip_prefix("0x").or(rest.strip_prefix("0X")) {
        let length = digits.find(|c: char| !c.is_ascii_hexdigit());
        let length = length.unwrap_or(digits.len());
        let value = u64::from_str_radix(&digits[..length], 16).map_err(|_| LARGE)?;
        let is_unsigned = digits[length..].starts_with(['u', 'U']);
        return match is_unsigned {
            true => Ok((Token::Uint(value), length + 3)),
            false => {
                let value = i64::try_from(value).map_err(|_| LARGE)?;
                Ok((Token::Int(value), length + 2))
            }
        };
    }
    let digits = |text: &str| {
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len())
    };
    let mut end = digits(rest);
    let mut is_double = false;
    if let Some(behind) = rest[end..].strip_prefix('.')
        && digits(behind) > 0
    {
        is_double = true;
        end += 1 + digits(behind);
    }
    if let Some(behind) = rest[end..].strip_prefix(['e', 'E']) {
        let signed = behind.strip_prefix(['+', '-']).unwrap_or(behind);
        if digits(signed) > 0 {
            is_double = true;
            end += 1 + (behind.len() - signed.len()) + digits(signed);
        }
    }
    let text = &rest[..end];
    if is_double {
        let value: f64 = text.parse().map_err(|_| LARGE)?;
        return match value.is_finite() {
            true => Ok((Token::Double(value), end)),
            false => Err(LARGE),
        };
    }
    if rest[end..].starts_with(['u', 'U']) {
        let value = text.parse().map_err(|_| LARGE)?;
        return Ok((Token::Uint(value), end + 1));
    }
    Ok((Token::Int(text.parse().map_err(|_| LARGE)?), end))
}

/// A text in quotes; its end is where the same quote comes again.
fn quoted(rest: &str, is_raw: bool) -> Result<(Token, usize), &'static str> {
    let mut chars = rest.char_indices();
    let quote = chars.next().map(|(_, quote)| quote);
    let mut text = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            _ if Some(c) == quote => return Ok((Token::Text(text), at + 1)),
            '\n' | '\r' => break,
            '\\' if !is_raw => {
                let (_, escape) = chars.next().ok_or("This text has no end.")?;
                let mut code = |count: usize| {
                    let digits: String = chars.by_ref().take(count).map(|(_, c)| c).collect();
                    let code = u32::from_str_radix(&digits, 16).ok();
                    let is_whole = digits.len() == count;
                    code.filter(|_| is_whole).and_then(char::from_u32)
                };
                const NONE: &str = "This escape means nothing.";
                text.push(match escape {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    '\\' | '"' | '\'' | '`' | '?' => escape,
                    'x' | 'X' => code(2).ok_or(NONE)?,
                    'u' => code(4).ok_or(NONE)?,
                    'U' => code(8).ok_or(NONE)?,
                    _ => return Err(NONE),
                });
            }
            _ => text.push(c),
        }
    }
    Err("This text has no end.")
}
