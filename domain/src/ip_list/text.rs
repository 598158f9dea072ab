//! A list as text: one network per line, with an end and a comment behind it.

use chrono::{DateTime, Utc};

use super::{Entries, Entry, MAX_BYTES, MAX_ENTRIES, MAX_NOTE, MOST_PROBLEMS, NET, OVER};
use crate::policy::ip_filter;
use crate::problem::Invalid;

/// Longest line, in bytes.
const LONGEST_LINE: usize = 1000;

/// Reads lines such as `192.0.2.0/24 until 2026-12-31T00:00:00Z # why`. What is behind `#` or `;`
/// is the entry's note; empty lines count for nothing. What is wrong is told by its line, all with
/// the pointer of the whole.
pub fn read(text: &str) -> Result<Entries, Vec<Invalid>> {
    lines(text, None)
}

/// The same, where what has ended is wrong, too: people who write it mean something else.
pub fn read_lasting(text: &str, now: DateTime<Utc>) -> Result<Entries, Vec<Invalid>> {
    lines(text, Some(now))
}

fn lines(text: &str, now: Option<DateTime<Utc>>) -> Result<Entries, Vec<Invalid>> {
    if text.len() > MAX_BYTES {
        let message = "The text of a list has at most 8 MiB.";
        return Err(vec![Invalid::new("", message)]);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut entries, mut found) = (Entries::default(), Vec::new());
    for (index, line) in text.split('\n').enumerate() {
        let is_over = |entry: &Entry| now.is_some_and(|now| entry.is_over(now));
        let read = match of_line(line) {
            Ok(Some((_, entry))) if is_over(&entry) => Err(OVER),
            read => read,
        };
        match read {
            Ok(None) => {}
            Ok(Some((net, entry))) => entries.add(net, entry),
            Err(message) => {
                let message = format!("Line {}: {message}", index + 1);
                found.push(Invalid::new("", message));
            }
        }
        if found.len() >= MOST_PROBLEMS || entries.len() > MAX_ENTRIES {
            break;
        }
    }
    found.extend(entries.check_count());
    match found.is_empty() {
        true => Ok(entries),
        false => Err(found),
    }
}

fn of_line(line: &str) -> Result<Option<(ipnet::IpNet, Entry)>, &'static str> {
    if line.len() > LONGEST_LINE {
        return Err("It is longer than 1000 bytes.");
    }
    let (written, note) = match line.split_once(['#', ';']) {
        Some((written, note)) => (written, note),
        None => (line, ""),
    };
    let mut words = written.split_whitespace();
    let Some(net) = words.next() else {
        return Ok(None);
    };
    let net = ip_filter::net(net).ok_or(NET)?;
    let until = match words.next() {
        None => None,
        Some("until") => {
            Some(time(words.next()).ok_or("Write behind until a time like 2026-12-31T00:00:00Z.")?)
        }
        Some(_) => {
            return Err(
                "Behind a network stands an end like until 2026-12-31T00:00:00Z, or a comment behind #.",
            );
        }
    };
    if words.next().is_some() {
        return Err("Behind its end stands nothing but a comment behind #.");
    }
    let entry = Entry {
        net: String::new(),
        until,
        note: comment(note),
    };
    Ok(Some((net, entry)))
}

fn time(word: Option<&str>) -> Option<DateTime<Utc>> {
    let at = DateTime::parse_from_rfc3339(word?).ok()?;
    Some(at.to_utc())
}

/// The words of a comment, cut where they are too long: it is somebody else's, and no ground to
/// refuse the network.
fn comment(text: &str) -> Option<String> {
    let plain = |one: char| if one.is_control() { ' ' } else { one };
    let note: String = text.trim().chars().take(MAX_NOTE).map(plain).collect();
    let note = note.trim();
    (!note.is_empty()).then(|| note.to_owned())
}
