//! JSON paths (RFC 9535) as far as a reader can follow them that sees a document once: names,
//! indices, wildcards and descendants. Slices, filters and indices from the end are none.

use std::borrow::Cow;

/// Most paths of one policy.
pub const MOST_PATHS: usize = 50;
/// Longest of them, in bytes.
pub const LONGEST_PATH: usize = 200;
/// Most steps of one: each is a bit of a `u16`, and so is its end.
const MOST_STEPS: usize = 8;

/// Paths, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Paths(Box<[Box<[Step]>]>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    key: Key,
    /// It begins with `..`: at any depth.
    is_deep: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    /// As [`fold`] has it.
    Name(Box<str>),
    Index(u64),
    Any,
}

/// What is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Child<'n> {
    /// A member of an object.
    Name(&'n str),
    /// An item of a list.
    Index(u64),
    /// An element of XML or a part of a form's field, where several of one name are a list: steps
    /// that choose items may be missing. One that is a number may be an item as well.
    Element(&'n str),
}

impl Paths {
    /// Reads them; `Err` is the place of the first that is no path.
    pub fn read<T: AsRef<str>>(texts: &[T]) -> Result<Self, usize> {
        let all = texts.iter().enumerate();
        let all = all.map(|(index, text)| path(text.as_ref()).ok_or(index));
        Ok(Self(all.collect::<Result<_, _>>()?))
    }

    /// Whether a text is one.
    pub fn is_path(text: &str) -> bool {
        path(text).is_some()
    }
}

fn path(text: &str) -> Option<Box<[Step]>> {
    if text.len() > LONGEST_PATH {
        return None;
    }
    let mut rest = text.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let deep = rest.strip_prefix("..");
        let (key, behind) = match (deep, rest.strip_prefix('.'), rest.strip_prefix('[')) {
            (Some(inner), _, _) => match inner.strip_prefix('[') {
                Some(inner) => bracketed(inner)?,
                None => shorthand(inner)?,
            },
            (None, Some(inner), _) => shorthand(inner)?,
            (None, None, Some(inner)) => bracketed(inner)?,
            (None, None, None) => return None,
        };
        steps.push(Step {
            key,
            is_deep: deep.is_some(),
        });
        rest = behind;
    }
    (1..=MOST_STEPS)
        .contains(&steps.len())
        .then(|| steps.into())
}

/// `*`, or a name of letters, digits and `_`.
fn shorthand(text: &str) -> Option<(Key, &str)> {
    if let Some(behind) = text.strip_prefix('*') {
        return Some((Key::Any, behind));
    }
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    let is_inside = |c: char| is_first(c) || c.is_ascii_digit();
    let end = text.find(|c: char| !is_inside(c)).unwrap_or(text.len());
    let (name, behind) = text.split_at(end);
    name.starts_with(is_first)
        .then(|| (Key::Name(fold(name).into()), behind))
}

/// What stands behind an opening bracket, up to the closing one: `*`, an index, or a name in quotes.
fn bracketed(text: &str) -> Option<(Key, &str)> {
    let text = text.trim_start_matches(' ');
    let (key, behind) = match text.chars().next()? {
        '*' => (Key::Any, &text[1..]),
        quote @ ('\'' | '"') => {
            let (name, behind) = quoted(&text[1..], quote)?;
            (Key::Name(fold(&name).into()), behind)
        }
        _ => {
            let end = text.find(|c: char| !c.is_ascii_digit())?;
            let (digits, behind) = text.split_at(end);
            let is_short = digits.len() <= 10 && (digits == "0" || !digits.starts_with('0'));
            let index = is_short.then(|| digits.parse().ok()).flatten()?;
            (Key::Index(index), behind)
        }
    };
    let behind = behind.trim_start_matches(' ').strip_prefix(']')?;
    Some((key, behind))
}

/// A name up to its quote, with its escapes undone.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let c = rest.chars().next()?;
        rest = &rest[c.len_utf8()..];
        match c {
            c if c == quote => return Some((name, rest)),
            '\\' => {
                let (c, behind) = escape(rest, quote)?;
                name.push(c);
                rest = behind;
            }
            c if c < ' ' => return None,
            c => name.push(c),
        }
    }
}

fn escape(text: &str, quote: char) -> Option<(char, &str)> {
    let kind = text.chars().next()?;
    let rest = &text[kind.len_utf8()..];
    let c = match kind {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '/' | '\\' => kind,
        kind if kind == quote => quote,
        'u' => return unicode(rest),
        _ => return None,
    };
    Some((c, rest))
}

fn unicode(text: &str) -> Option<(char, &str)> {
    let (first, rest) = unit(text)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first.into())?, rest));
    }
    let (second, rest) = unit(rest.strip_prefix("\\u")?)?;
    let c = char::decode_utf16([first, second]).next()?.ok()?;
    Some((c, rest))
}

fn unit(text: &str) -> Option<(u16, &str)> {
    let digits = text.get(..4)?;
    let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    let unit = is_hex.then(|| u16::from_str_radix(digits, 16).ok());
    Some((unit.flatten()?, &text[4..]))
}

/// A name as it is compared: without regard to case, and to what is no letter or digit. So
/// `client_secret` is `clientSecret`, and nobody hides a name behind a character that does not show.
fn fold(name: &str) -> Cow<'_, str> {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if name.bytes().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let kept = name.chars().filter(|c| c.is_alphanumeric());
    // The long s is a small letter, and one that is not s to most.
    let plain = |c: char| if c == '\u{17f}' { 's' } else { c };
    let folded: String = kept.flat_map(char::to_lowercase).map(plain).collect();
    match folded.is_empty() {
        true => Cow::Borrowed(name),
        false => Cow::Owned(folded),
    }
}

impl Step {
    fn fits(&self, child: Child<'_>, folded: &str) -> bool {
        match (&self.key, child) {
            (Key::Any, _) => true,
            (Key::Name(name), Child::Name(_) | Child::Element(_)) => **name == *folded,
            (Key::Index(index), Child::Index(at)) => *index == at,
            (Key::Name(_), Child::Index(_)) => false,
            (Key::Index(_), Child::Name(_)) => false,
            (Key::Index(index), Child::Element(at)) => at.parse::<u64>() == Ok(*index),
        }
    }
}

/// Where in a document a reader stands, as far as the paths are concerned: for each of them and each
/// level the steps that are behind, as bits.
#[derive(Debug)]
pub struct Walk<'p> {
    paths: &'p Paths,
    bits: Vec<u16>,
}

impl<'p> Walk<'p> {
    /// At the root.
    pub fn new(paths: &'p Paths) -> Self {
        Self {
            paths,
            bits: vec![1; paths.0.len()],
        }
    }

    /// Goes one level in. `true`: what is there is masked.
    pub fn enter(&mut self, child: Child<'_>) -> bool {
        let folded = match child {
            Child::Name(name) | Child::Element(name) => fold(name),
            Child::Index(_) => Cow::Borrowed(""),
        };
        let is_element = matches!(child, Child::Element(_));
        let from = self.bits.len() - self.paths.0.len();
        let mut is_masked = false;
        for (place, steps) in self.paths.0.iter().enumerate() {
            let mut left = self.bits[from + place];
            if is_element {
                left = without_items(left, steps);
            }
            let mut next = 0;
            while left != 0 {
                let at = left.trailing_zeros() as usize;
                left &= left - 1;
                let Some(step) = steps.get(at) else {
                    continue;
                };
                if step.is_deep {
                    next |= 1 << at;
                }
                if step.fits(child, &folded) {
                    next |= 1 << (at + 1);
                }
            }
            if is_element {
                next = without_items(next, steps);
            }
            is_masked |= (next >> steps.len()) & 1 == 1;
            self.bits.push(next);
        }
        is_masked
    }

    /// Goes back out.
    pub fn leave(&mut self) {
        let outer = self.bits.len().saturating_sub(self.paths.0.len());
        // The root is not left.
        self.bits.truncate(outer.max(self.paths.0.len()));
    }
}

/// Also where steps that choose items of a list are passed over.
fn without_items(mut bits: u16, steps: &[Step]) -> u16 {
    for (at, step) in steps.iter().enumerate() {
        let is_item = matches!(step.key, Key::Any | Key::Index(_));
        if is_item && (bits >> at) & 1 == 1 {
            bits |= 1 << (at + 1);
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read() {
        for (text, is) in [
            ("$.a", true),
            ("$.a.b_1", true),
            ("$..a", true),
            ("$..*", true),
            ("$.*", true),
            ("$[*]", true),
            ("$..[*]", true),
            ("$[0].a", true),
            ("$['a b']", true),
            ("$[\"a\\u0062\"]", true),
            ("$['\\'']", true),
            ("$[ 'a' ]", true),
            ("$.é", true),
            ("$['\\ud83d\\ude00']", true),
            ("$", false),
            ("", false),
            ("a", false),
            ("$a", false),
            ("$.", false),
            ("$..", false),
            ("$...a", false),
            ("$.a-b", false),
            ("$.1", false),
            ("$[-1]", false),
            ("$[01]", false),
            ("$[0:2]", false),
            ("$[?@.a]", false),
            ("$['a','b']", false),
            ("$['a", false),
            ("$['a'", false),
            ("$['\\x']", false),
            ("$['\\\"']", false),
            ("$['\\ud83d']", false),
            ("$['\\+123']", false),
            ("$[", false),
            ("$[]", false),
            ("$.[0]", false),
            ("$.a.b.c.d.e.f.g.h", true),
            ("$.a.b.c.d.e.f.g.h.i", false),
        ] {
            assert_eq!(Paths::is_path(text), is, "{text}");
        }
        assert!(!Paths::is_path(&format!("$.{}", "a".repeat(199))));
        assert_eq!(Paths::read(&["$.a", "b"]), Err(1));
    }

    #[test]
    fn places_are_found() {
        use Child::{Element, Index, Name};
        for (path, way, masked) in [
            ("$.a", &[Name("a")][..], true),
            ("$.a", &[Name("b")], false),
            ("$.a", &[Name("b"), Name("a")], false),
            ("$.a", &[Name("A")], true),
            ("$.client_secret", &[Name("clientSecret")], true),
            ("$.password", &[Name("pass\u{0}word")], true),
            ("$.password", &[Name("pa\u{17f}\u{17f}word")], true),
            ("$['pa\u{17f}sword']", &[Name("password")], true),
            ("$['@id']", &[Name("id")], true),
            ("$['$']", &[Name("$")], true),
            ("$['$']", &[Name("@")], false),
            ("$..a", &[Name("b"), Index(3), Name("a")], true),
            ("$..a.b", &[Name("a"), Name("a"), Name("b")], true),
            ("$..a.b", &[Name("a"), Name("c"), Name("b")], false),
            ("$.a[*].b", &[Name("a"), Index(7), Name("b")], true),
            ("$.a[1].b", &[Name("a"), Index(7), Name("b")], false),
            ("$.a[1].b", &[Name("a"), Index(1), Name("b")], true),
            ("$.a[1]", &[Name("a"), Name("1")], false),
            ("$.*.b", &[Name("x"), Name("b")], true),
            ("$..*", &[Index(0)], true),
            ("$[0]", &[Index(0)], true),
            (
                "$.o.a[*].b",
                &[Element("o"), Element("a"), Element("b")],
                true,
            ),
            ("$.o.a[0]", &[Element("o"), Element("a")], true),
            (
                "$.a[1].b",
                &[Element("a"), Element("1"), Element("b")],
                true,
            ),
            (
                "$.a[1].b",
                &[Element("a"), Element("7"), Element("b")],
                false,
            ),
            ("$['1'].b", &[Element("1"), Element("b")], true),
            ("$.o.a", &[Element("o"), Element("b")], false),
            ("$..a", &[Element("o"), Element("a")], true),
        ] {
            let paths = Paths::read(&[path]).unwrap();
            let mut walk = Walk::new(&paths);
            let found = way.iter().fold(false, |_, child| walk.enter(*child));
            assert_eq!(found, masked, "{path} {way:?}");
            way.iter().for_each(|_| walk.leave());
            assert_eq!(walk.bits, [1]);
        }
    }

    #[test]
    fn no_path_masks_nothing() {
        let paths = Paths::default();
        let mut walk = Walk::new(&paths);
        assert!(!walk.enter(Child::Name("password")));
        walk.leave();
        walk.leave();
    }
}
