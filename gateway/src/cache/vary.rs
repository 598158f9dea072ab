//! Which requests an answer is for (RFC 9111 §4.1): the values of the fields that its `Vary` names.

use crate::fields::Fields;

/// Names in small letters, and what the request had in them.
pub(crate) type Vary = Box<[Value]>;

/// A field's name with its value; `None`: there is no such field.
type Value = (Box<str>, Option<Box<[u8]>>);

/// Names beyond this make an answer one for one request.
const MOST: usize = 20;

/// What `answer` says of `request`. `None`: it is for nobody else.
pub(crate) fn of(answer: &Fields, request: &Fields) -> Option<Vary> {
    let mut names: Vec<Box<str>> = Vec::new();
    for line in answer.named("vary") {
        let line = std::str::from_utf8(line).ok()?;
        for name in line
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            let name = name.to_ascii_lowercase();
            // What is asked on condition is asked anew each time.
            if name == "*" || name.starts_with("if-") || names.len() >= MOST {
                return None;
            }
            if !names.iter().any(|known| **known == *name) {
                names.push(name.into());
            }
        }
    }
    let with_value = names.into_iter().map(|name| {
        let value = value(request, &name);
        (name, value)
    });
    Some(with_value.collect())
}

/// What `request` has in fields of these names.
pub(crate) fn values(names: &[Box<str>], request: &Fields) -> Vary {
    let with_value = names.iter().map(|name| {
        let name: Box<str> = name.to_ascii_lowercase().into();
        let value = value(request, &name);
        (name, value)
    });
    with_value.collect()
}

/// What was read of one request to compare it with many answers: each field once, as a client may
/// make both long, and others wait. Of as many names as one answer has, since upstreams may name others
/// each time.
#[derive(Debug, Default)]
pub(crate) struct Values(Vec<Value>);

impl Values {
    /// Whether an answer that is told apart so is for `request`.
    pub(crate) fn fit(&mut self, vary: &Vary, request: &Fields) -> bool {
        vary.iter()
            .all(|(name, kept)| self.is(name, kept.as_deref(), request))
    }

    fn is(&mut self, name: &str, kept: Option<&[u8]>, request: &Fields) -> bool {
        if let Some((_, found)) = self.0.iter().find(|(known, _)| **known == *name) {
            return found.as_deref() == kept;
        }
        let found = value(request, name);
        let is_it = found.as_deref() == kept;
        if self.0.len() < MOST {
            self.0.push((name.into(), found));
        }
        is_it
    }
}

/// Whether both tell requests apart by the same fields.
pub(crate) fn has_same_names(one: &Vary, other: &Vary) -> bool {
    let pairs = one.iter().zip(other);
    one.len() == other.len() && pairs.into_iter().all(|((one, _), (other, _))| one == other)
}

/// All lines as one list without the blanks around its commas, which mean nothing
/// (RFC 9110 §5.6.1); languages and codings also in small letters.
fn value(request: &Fields, name: &str) -> Option<Box<[u8]>> {
    let mut lines = request.named(name).peekable();
    lines.peek()?;
    let mut out = Vec::new();
    for line in lines {
        if !out.is_empty() {
            out.push(b',');
        }
        plain(line, &mut out);
    }
    if matches!(name, "accept-language" | "accept-encoding") {
        out.make_ascii_lowercase();
    }
    Some(out.into())
}

fn plain(line: &[u8], out: &mut Vec<u8>) {
    let (mut quoted, mut escaped, mut blanks) = (false, false, 0);
    for byte in line.trim_ascii() {
        if !quoted && matches!(byte, b' ' | b'\t') {
            blanks += 1;
            continue;
        }
        let is_border = *byte == b',' && !quoted;
        if blanks > 0 && !is_border && out.last() != Some(&b',') {
            out.extend(std::iter::repeat_n(b' ', blanks));
        }
        blanks = 0;
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        out.push(*byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::new(b"");
        for (name, value) in lines {
            fields.push(name, value.as_bytes());
        }
        fields
    }

    #[test]
    fn a_request_is_read_once() {
        let request = fields(&[("foo", "1"), ("bar", "2")]);
        let mut values = Values::default();
        for (vary, asked, is) in [
            ("foo", &[("foo", "0")][..], false),
            ("foo, bar", &[("foo", "1"), ("bar", "1")], false),
            ("foo, bar", &[("foo", "1"), ("bar", "2")], true),
            ("foo", &[("foo", "1")], true),
        ] {
            let kept = of(&fields(&[("vary", vary)]), &fields(asked)).unwrap();
            assert_eq!(values.fit(&kept, &request), is, "{vary} {asked:?}");
        }
        assert_eq!(values.0.len(), 2);
        // Whatever upstreams name, no more is remembered, and each is still looked at.
        for round in 0..5 {
            let names: Vec<String> = (0..MOST - 1).map(|at| format!("x{round}-{at}")).collect();
            let vary = format!("{}, foo", names.join(", "));
            for (asked, is) in [("1", true), ("0", false)] {
                let kept = of(&fields(&[("vary", &vary)]), &fields(&[("foo", asked)])).unwrap();
                assert_eq!(values.fit(&kept, &request), is, "{vary}");
            }
            assert!(values.0.len() <= MOST);
        }
        let kept = of(&fields(&[("vary", "new")]), &fields(&[("new", "1")])).unwrap();
        assert!(!values.fit(&kept, &request));
        assert!(values.fit(&kept, &fields(&[("new", "1")])));
    }

    #[test]
    fn requests_are_told_apart() {
        for (vary, first, second, same) in [
            ("", &[("foo", "1")][..], &[][..], true),
            ("Foo", &[("foo", "1")], &[("Foo", "1")], true),
            ("Foo", &[("foo", "1")], &[("foo", "2")], false),
            ("Foo", &[("foo", "1")], &[], false),
            ("Foo", &[], &[("foo", "")], false),
            ("Foo, Bar", &[("foo", "1")], &[("foo", "1")], true),
            (
                "Foo",
                &[("foo", "1, 2")],
                &[("foo", "1"), ("foo", "2")],
                true,
            ),
            ("Foo", &[("foo", "1 ,\t2")], &[("foo", " 1,2 ")], true),
            ("Foo", &[("foo", "1 2")], &[("foo", "12")], false),
            ("Foo", &[("foo", "\"1, 2\"")], &[("foo", "\"1,2\"")], false),
            ("Foo", &[("foo", "a")], &[("foo", "A")], false),
            (
                "Accept-Language",
                &[("accept-language", "en, de")],
                &[("accept-language", "EN,De")],
                true,
            ),
        ] {
            let kept = of(&fields(&[("vary", vary)]), &fields(first)).unwrap();
            let is_same = Values::default().fit(&kept, &fields(second));
            assert_eq!(is_same, same, "{vary} {second:?}");
        }
        for vary in ["*", "Foo, *", ", *", "If-None-Match"] {
            assert!(of(&fields(&[("vary", vary)]), &fields(&[])).is_none());
        }
        assert!(of(&fields(&[("vary", ""), ("vary", "*")]), &fields(&[])).is_none());
    }
}
