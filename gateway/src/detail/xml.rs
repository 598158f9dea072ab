//! XML that is copied element by element, without what is masked. An element is a member of the one
//! around it, and so are its attributes; elements of one name are a list. Comments and instructions
//! are left out, and nothing is kept behind what cannot be read, or of a document with a DTD.

use domain::mask::{Child, MASK, Masked, Paths, Walk, holds_key};
use quick_xml::XmlVersion;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// What is nested deeper is not kept.
const DEEPEST: usize = 128;

pub(super) fn xml(paths: &Paths, bytes: &[u8], is_whole: bool, most: usize) -> Masked {
    let valid = bytes.utf8_chunks().next();
    let text = valid.map_or("", |chunk| chunk.valid());
    // A mark of the byte order is no text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut copy = Copying {
        walk: Walk::new(paths),
        depth: 0,
        quiet: None,
        has_root: false,
        text: String::new(),
        out: String::new(),
        count: 0,
    };
    let is_read = copy.all(text).is_some();
    copy.flush();
    let mut masked = Masked {
        text: copy.out,
        count: copy.count,
        is_cut: !(is_read && is_whole),
    };
    masked.shorten(most);
    masked
}

struct Copying<'p> {
    walk: Walk<'p>,
    depth: usize,
    /// What is inside of so many elements is masked, and is not written.
    quiet: Option<usize>,
    has_root: bool,
    /// Of the innermost element, not written yet.
    text: String,
    out: String,
    count: u32,
}

impl Copying<'_> {
    /// `None` where nothing more can be kept.
    fn all(&mut self, text: &str) -> Option<()> {
        let mut reader = Reader::from_str(text);
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => self.open(&start, false)?,
                Event::Empty(start) => self.open(&start, true)?,
                Event::End(end) => self.close(end.name().as_ref()),
                Event::Text(text) => self.add(&text.xml10_content())?,
                Event::CData(text) => self.add(&text.xml10_content())?,
                Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                    Some(c) => self.add(c.encode_utf8(&mut [0; 4]))?,
                    None => self.add(resolve_predefined_entity(&reference)?)?,
                },
                Event::DocType(_) => return None,
                Event::Decl(declared) => match declared.encoding() {
                    None => {}
                    Some(name) => {
                        let name = name.ok()?;
                        name.eq_ignore_ascii_case("utf-8").then_some(())?;
                    }
                },
                Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => return (self.depth == 0 && self.has_root).then_some(()),
            }
        }
    }

    fn add(&mut self, text: &str) -> Option<()> {
        if self.depth == 0 {
            return text.trim().is_empty().then_some(());
        }
        self.text.push_str(text);
        Some(())
    }

    /// Writes the text before whatever comes next.
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        if self.quiet.is_some() || text.is_empty() {
            return;
        }
        self.write(&text);
    }

    fn write(&mut self, text: &str) {
        if holds_key(text) {
            self.out.push_str(MASK);
            self.count += 1;
            return;
        }
        let shown = text.chars().map(|c| match c {
            '\t' | '\n' | '\r' => c,
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        });
        let shown: String = shown.collect();
        self.out.push_str(&escape(shown.as_str()));
    }

    fn open(&mut self, start: &BytesStart<'_>, is_empty: bool) -> Option<()> {
        self.flush();
        let is_second = self.depth == 0 && self.has_root;
        if is_second || self.depth >= DEEPEST {
            return None;
        }
        self.has_root = true;
        let name = start.name();
        let name: &str = name.as_ref();
        if self.quiet.is_none() {
            let attributes = attributes(start)?;
            if self.walk.enter(Child::Element(local(name))) {
                self.out.push_str(&format!("<{name}>{MASK}</{name}>"));
                self.count += 1;
                self.quiet = Some(self.depth);
            } else {
                self.out.push('<');
                self.out.push_str(name);
                for (name, value) in attributes {
                    self.attribute(&name, &value);
                }
                self.out.push_str(if is_empty { "/>" } else { ">" });
            }
        }
        if is_empty {
            self.leave();
        } else {
            self.depth += 1;
        }
        Some(())
    }

    fn attribute(&mut self, name: &str, value: &str) {
        let is_masked = self.walk.enter(Child::Element(local(name)));
        self.walk.leave();
        self.out.push_str(&format!(" {name}=\""));
        if is_masked {
            self.out.push_str(MASK);
            self.count += 1;
        } else {
            self.write(value);
        }
        self.out.push('"');
    }

    fn close(&mut self, name: &str) {
        self.flush();
        self.depth = self.depth.saturating_sub(1);
        if self.quiet.is_none() {
            self.out.push_str(&format!("</{name}>"));
        }
        self.leave();
    }

    /// The element at this depth is over.
    fn leave(&mut self) {
        match self.quiet {
            Some(quiet) if quiet < self.depth => {}
            Some(_) => {
                self.quiet = None;
                self.walk.leave();
            }
            None => self.walk.leave(),
        }
    }
}

/// A name without its prefix, or several of them.
fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

fn attributes(start: &BytesStart<'_>) -> Option<Vec<(String, String)>> {
    let all = start.attributes().map(|attribute| {
        let attribute = attribute.ok()?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
        let name: &str = attribute.key.as_ref();
        Some((name.to_owned(), value.into_owned()))
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_and_attributes_are_masked() {
        for (body, is_whole, kept, count) in [
            (
                "<a><b>1</b><pin>2</pin></a>",
                true,
                "<a><b>1</b><pin>***</pin></a>",
                1,
            ),
            (
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a x=\"1\" pin=\"2\"><!-- pin 3 --><pin y='4'><z>5</z></pin>t&amp;</a>",
                true,
                "<a x=\"1\" pin=\"***\"><pin>***</pin>t&amp;</a>",
                2,
            ),
            (
                "<s:a xmlns:s=\"u\"><s:PIN>1</s:PIN></s:a>",
                true,
                "<s:a xmlns:s=\"u\"><s:PIN>***</s:PIN></s:a>",
                1,
            ),
            ("<a><pin/><b/></a>", true, "<a><pin>***</pin><b/></a>", 1),
            ("<pin>1</pin>", true, "<pin>***</pin>", 1),
            ("<x:y:pin>1</x:y:pin>", true, "<x:y:pin>***</x:y:pin>", 1),
            (
                "<o><c><n>1</n></c><c><n>2</n><m>3</m></c></o>",
                true,
                "<o><c><n>***</n></c><c><n>***</n><m>3</m></c></o>",
                2,
            ),
            ("<a>p&#116;n_live_x</a>", true, "<a>***</a>", 1),
            (
                "<a><![CDATA[<pin>1</pin>]]></a>",
                true,
                "<a>&lt;pin&gt;1&lt;/pin&gt;</a>",
                0,
            ),
            // What was cut off.
            ("<a><pin>12", false, "<a><pin>***</pin>", 1),
            ("<a><b>12", false, "<a><b>12", 0),
            ("<a><b x=\"1", false, "<a>", 0),
            ("<a><b>1</b><pi", false, "<a><b>1</b>", 0),
            ("<a><pin>1</pin><b>2", false, "<a><pin>***</pin><b>2", 1),
            // What cannot be read.
            ("{\"pin\":1}", true, "", 0),
            ("pin=1", true, "", 0),
            ("<!DOCTYPE a [<!ENTITY e \"1\">]><a>&e;</a>", true, "", 0),
            (
                "<?xml version=\"1.0\" encoding=\"utf-7\"?><a>+ADw-pin+AD4-</a>",
                true,
                "",
                0,
            ),
            ("<a>&e;<pin>1</pin></a>", true, "<a>", 0),
            ("<a><b></a><pin>1</pin>", true, "<a><b>", 0),
            ("<a/><pin>1</pin>", true, "<a/>", 0),
            ("<a>1</a>pin", true, "<a>1</a>", 0),
            ("", true, "", 0),
        ] {
            let paths = Paths::read(&["$..pin", "$.o.c[*].n"]).unwrap();
            let found = xml(&paths, body.as_bytes(), is_whole, 10_000);
            assert_eq!((found.text.as_str(), found.count), (kept, count), "{body}");
        }
    }

    #[test]
    fn bytes_depth_and_length_have_bounds() {
        let paths = Paths::read(&["$..pin"]).unwrap();
        for bytes in [&b"\xff\xfe<\0p\0"[..], b"<\0p\0i\0n\0", b"\x1f\x8b\x08"] {
            assert_eq!(xml(&paths, bytes, true, 100).text, "", "{bytes:?}");
        }
        let found = xml(&paths, b"<a>x\xff<pin>1</pin></a>", true, 100);
        assert_eq!((found.text.as_str(), found.is_cut), ("<a>x", true));
        let deep = "<a>".repeat(DEEPEST + 1);
        assert_eq!(
            xml(&paths, deep.as_bytes(), true, 10_000).text.len(),
            3 * DEEPEST
        );
        let found = xml(&paths, b"<a>&amp;&amp;</a>", true, 5);
        assert_eq!((found.text.len(), found.is_cut), (5, true));
    }
}
