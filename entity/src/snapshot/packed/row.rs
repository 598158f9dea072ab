//! A packed row, as [`super::form::Form`] has it, and what is left of it while it is read.

use chrono::{DateTime, Utc};
use domain::id::Id;
use uuid::Uuid;

pub(super) struct Row<'a> {
    pub(super) id: Uuid,
    /// Its words are the few of a usual row.
    pub(super) is_usual: bool,
    /// Columns of fixed size: nothing, where one has another.
    fixed: &'a [u8],
    /// With a space between.
    pub(super) words: &'a str,
}

/// The id of the last row.
pub(super) fn last(rows: &[u8]) -> Option<Uuid> {
    rows.last_chunk().map(|id| Uuid::from_bytes(*id))
}

impl<'a> Row<'a> {
    /// Takes the first row, with columns of `size` bytes. `None` where there is none.
    pub(super) fn take(rows: &mut &'a [u8], size: usize) -> Option<Self> {
        let (sign, rest) = rows.split_first()?;
        let nothing: (&[u8], &str) = (&[], "");
        let ((fixed, words), rest) = match *sign {
            b'!' => (nothing, rest),
            b'-' | b'+' => {
                let (fixed, rest) = rest.split_at_checked(size)?;
                let end = rest.iter().position(|byte| *byte == b'\n')?;
                let words = std::str::from_utf8(&rest[..end]);
                let read = words.map_or(nothing, |words| (fixed, words));
                (read, &rest[end + 1..])
            }
            _ => return None,
        };
        let (id, rest) = rest.split_first_chunk()?;
        *rows = rest;
        Some(Self {
            id: Uuid::from_bytes(*id),
            is_usual: *sign == b'-',
            fixed,
            words,
        })
    }

    /// Its id as that of its kind.
    pub(super) fn own<K>(&self) -> Id<K> {
        Id::from_uuid(self.id)
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.fixed.split_first_chunk()?;
        self.fixed = rest;
        Some(*bytes)
    }

    pub(super) fn id<K>(&mut self) -> Option<Id<K>> {
        self.bytes().map(|id| Id::from_uuid(Uuid::from_bytes(id)))
    }

    pub(super) fn word(&mut self) -> Option<&'a str> {
        let (word, rest) = self.words.split_once(' ').unwrap_or((self.words, ""));
        self.words = rest;
        (!word.is_empty()).then_some(word)
    }

    pub(super) fn time(&mut self) -> Option<Option<DateTime<Utc>>> {
        match self.word()? {
            "-" => Some(None),
            word => {
                let at = DateTime::parse_from_rfc3339(word).ok()?;
                Some(Some(at.to_utc()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: [u8; 16] = *b"sixteen bytes id";

    fn packed(before: &[u8]) -> Vec<u8> {
        [before, &ID].concat()
    }

    #[test]
    fn rows_follow_each_other() {
        let line = "word - 2026-01-02T03:04:05.000006+00:00 [\"a\", \"b\"]";
        // A line feed among bytes is one of them.
        let all = [
            packed(format!("+\n\n\n{line}\n").as_bytes()),
            packed(b"!"),
            packed(b"-abc\n"),
        ];
        let all = all.concat();
        assert_eq!(last(&all), Some(Uuid::from_bytes(ID)));
        let mut rows = &all[..];
        let mut row = Row::take(&mut rows, 3).unwrap();
        assert_eq!((row.id, row.is_usual), (Uuid::from_bytes(ID), false));
        assert_eq!((row.bytes(), row.bytes::<1>()), (Some(*b"\n\n\n"), None));
        assert_eq!((row.word(), row.time()), (Some("word"), Some(None)));
        let at = row.time().unwrap().unwrap();
        assert_eq!(at.timestamp_subsec_micros(), 6);
        assert_eq!(row.words, "[\"a\", \"b\"]");
        let mut row = Row::take(&mut rows, 3).unwrap();
        assert_eq!((row.bytes::<1>(), row.word()), (None, None), "another size");
        let mut row = Row::take(&mut rows, 3).unwrap();
        assert!(row.is_usual);
        assert_eq!((row.bytes(), row.word()), (Some(*b"abc"), None));
        assert!(rows.is_empty());
    }

    #[test]
    fn what_is_no_row_is_not_taken_for_one() {
        let table: [&[u8]; 7] = [
            b"",
            b"?abc\nsixteen bytes id",
            b"!sixteen bytes i",
            b"-ab",
            b"-abc",
            b"-abcsixteen bytes id",
            b"+abc\nsixteen bytes i",
        ];
        for rows in table {
            assert!(Row::take(&mut &rows[..], 3).is_none(), "{rows:?}");
        }
        let text = packed(b"+abc\xff\n");
        let mut row = Row::take(&mut &text[..], 3).unwrap();
        assert_eq!((row.bytes::<3>(), row.word()), (None, None), "no text");
    }

    #[test]
    fn times() {
        for (words, is_read) in [
            ("-", true),
            ("2026-01-02T03:04:05Z", true),
            ("", false),
            ("é0", false),
            ("2026-01-02", false),
        ] {
            let text = packed(format!("-{words}\n").as_bytes());
            let mut row = Row::take(&mut &text[..], 0).unwrap();
            assert_eq!(row.time().is_some(), is_read, "{words}");
        }
    }
}
