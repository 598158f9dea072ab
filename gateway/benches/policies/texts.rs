//! What is sent and answered.

/// 1 kB of JSON that fits the document: notes in notes.
pub fn note() -> String {
    let mut text = String::from(r#"{"title":"a note"}"#);
    let mut number = 0;
    while text.len() < 980 {
        number += 1;
        text = format!(
            r#"{{"title":"note {number}","tags":["t{number}","a tag","and another"],"parent":{text}}}"#
        );
    }
    text
}

/// About the same in XML.
pub fn note_in_xml() -> String {
    let mut text = String::from("<title>a note</title>");
    let mut number = 0;
    while text.len() < 980 {
        number += 1;
        text = format!(
            "<title>note {number}</title><tags>t{number}</tags><tags>a tag</tags><parent>{text}</parent>"
        );
    }
    format!("<note>{text}</note>")
}

/// 10 kB of JSON, of which no two parts are the same and most are alike, as in lists that are
/// answered.
pub fn notes() -> String {
    const WORDS: [&str; 8] = [
        "bread", "from", "the", "market", "tomorrow", "and", "twelve", "eggs",
    ];
    let mut notes = Vec::new();
    let mut length = 0;
    let mut random = 1_u32;
    while length < 10_000 {
        let mut words = Vec::new();
        for _ in 0..8 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            words.push(WORDS[(random >> 16) as usize % WORDS.len()]);
        }
        let (id, text) = (random, words.join(" "));
        let note = format!(
            r#"{{"id":"{id:08x}","title":"{text}","created":"2026-11-{:02}T08:00:00Z","tags":["{}"]}}"#,
            1 + id % 30,
            words[0]
        );
        length += note.len() + 1;
        notes.push(note);
    }
    format!(r#"{{"notes":[{}]}}"#, notes.join(","))
}
