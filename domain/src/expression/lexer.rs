//! Texts as tokens (CEL specification, "Syntax").

use std::str::CharIndices;

use super::Wrong;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Name(String),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
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
        if let Some((in_front, quotes)) = quotes(rest) {
            let (token, length) = quoted(&rest[in_front..], quotes).map_err(wrong)?;
            tokens.push((at, token));
            rest = &rest[in_front + length..];
            continue;
        }
        let (token, length) = match first {
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

/// What stands between quotes.
#[derive(Debug, Clone, Copy)]
struct Quotes {
    is_bytes: bool,
    /// Nothing in it is an escape.
    is_raw: bool,
}

/// What quotes come next, and how many bytes stand in front of them to say so.
fn quotes(rest: &str) -> Option<(usize, Quotes)> {
    let is_bytes = rest.starts_with(['b', 'B']);
    let at = usize::from(is_bytes);
    let is_raw = rest[at..].starts_with(['r', 'R']);
    let at = at + usize::from(is_raw);
    let comes = rest[at..].starts_with(['"', '\'']);
    comes.then_some((at, Quotes { is_bytes, is_raw }))
}

const ENDLESS: &str = "This text has no end.";
const MEANINGLESS: &str = "This escape means nothing.";

/// A text or bytes in quotes; its end is where the same quote comes again.
fn quoted(rest: &str, quotes: Quotes) -> Result<(Token, usize), &'static str> {
    let mut chars = rest.char_indices();
    let quote = chars.next().map(|(_, quote)| quote);
    let mut found = Vec::new();
    while let Some((at, c)) = chars.next() {
        match c {
            _ if Some(c) == quote => {
                let token = match quotes.is_bytes {
                    true => Token::Bytes(found),
                    false => Token::Text(String::from_utf8(found).map_err(|_| MEANINGLESS)?),
                };
                return Ok((token, at + 1));
            }
            '\n' | '\r' => break,
            '\\' if !quotes.is_raw => {
                let code = escape(&mut chars, quotes.is_bytes)?;
                match quotes.is_bytes {
                    // Of one byte each: not of a character.
                    true => found.push(u8::try_from(code).map_err(|_| MEANINGLESS)?),
                    false => push(&mut found, char::from_u32(code).ok_or(MEANINGLESS)?),
                }
            }
            _ => push(&mut found, c),
        }
    }
    Err(ENDLESS)
}

fn push(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// What an escape stands for, behind its backslash.
fn escape(chars: &mut CharIndices<'_>, is_byte: bool) -> Result<u32, &'static str> {
    let (_, escape) = chars.next().ok_or(ENDLESS)?;
    let code = match escape {
        'a' => Some(0x07),
        'b' => Some(0x08),
        't' => Some(0x09),
        'n' => Some(0x0a),
        'v' => Some(0x0b),
        'f' => Some(0x0c),
        'r' => Some(0x0d),
        '\\' | '"' | '\'' | '`' | '?' => Some(u32::from(escape)),
        'x' | 'X' => code(chars, 0, 2, 16),
        'u' if !is_byte => code(chars, 0, 4, 16),
        'U' if !is_byte => code(chars, 0, 8, 16),
        '0'..='3' => code(chars, u32::from(escape) - u32::from('0'), 2, 8),
        _ => None,
    };
    code.ok_or(MEANINGLESS)
}

/// The number that goes on from `first` with so many digits.
fn code(chars: &mut CharIndices<'_>, first: u32, count: usize, radix: u32) -> Option<u32> {
    (0..count).try_fold(first, |code, _| {
        let (_, c) = chars.next()?;
        code.checked_mul(radix)?.checked_add(c.to_digit(radix)?)
    })
}
