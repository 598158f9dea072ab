//! Of what rows are packed, as SQL of both databases.

use domain::snapshot::Kind;
use sea_orm::DbBackend;

/// A row, packed: a sign, the columns in `fixed`, words up to a line feed, and its id. By the sign
/// most rows, which are as usual, have few words or none; what is always the same is not said a
/// million times.
pub(super) struct Form {
    /// Named as its table is.
    pub(super) kind: Kind,
    /// Which rows are in a state, with `AND` behind it.
    pub(super) only: String,
    /// Columns as bytes, each with its size.
    pub(super) fixed: Vec<(String, usize)>,
    /// Which rows have `usual_words`, and not `words`.
    pub(super) usual: String,
    pub(super) usual_words: Vec<String>,
    pub(super) words: Vec<String>,
}

/// Columns as bytes, and as words.
pub(super) struct Columns(pub(super) DbBackend);

impl Columns {
    pub(super) fn uuid(&self, name: &str) -> (String, usize) {
        (uuid(self.0, name), 16)
    }

    pub(super) fn digest(&self, value: &str) -> (String, usize) {
        (value.to_owned(), 32)
    }

    /// RFC 3339: so SQLite keeps it. No time is `-`.
    pub(super) fn time(&self, name: &str) -> String {
        match self.0 {
            DbBackend::Postgres => format!(
                "coalesce(to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), '-')"
            ),
            _ => format!("coalesce({name}, '-')"),
        }
    }
}

fn uuid(backend: DbBackend, name: &str) -> String {
    match backend {
        DbBackend::Postgres => format!("uuid_send({name})"),
        _ => name.to_owned(),
    }
}

/// A line as bytes. A line feed in a value would end it: nothing writes one but a hand, to which it is
/// as good as a space.
fn line(backend: DbBackend, words: &[String]) -> String {
    let feed = match backend {
        DbBackend::Postgres => "chr(10)",
        _ => "char(10)",
    };
    let line = match words {
        [] => feed.to_owned(),
        [word] => format!("replace({word}, {feed}, ' ') || {feed}"),
        words => format!(
            "replace(concat_ws(' ', {}), {feed}, ' ') || {feed}",
            words.join(", ")
        ),
    };
    match backend {
        DbBackend::Postgres => format!("convert_to({line}, 'UTF8')"),
        _ => line,
    }
}

impl Form {
    /// The size of all that is fixed.
    pub(super) fn size(&self) -> usize {
        self.fixed.iter().map(|(_, size)| size).sum()
    }

    /// A statement that gives, after an id, up to so many rows: how many they are, and all of them.
    pub(super) fn page(&self, backend: DbBackend) -> String {
        let (all, after, most) = match backend {
            DbBackend::Postgres => ("string_agg(packed, '' ORDER BY id)", "$1", "$2"),
            // The texts that it puts together are bytes to it.
            _ => ("CAST(group_concat(packed, '') AS BLOB)", "?", "?"),
        };
        let (packed, only) = (self.packed(backend), &self.only);
        let table = self.kind.as_str();
        format!(
            "SELECT count(*), {all} FROM (SELECT id, {packed} AS packed FROM {table} WHERE {only}id > {after} ORDER BY id LIMIT {most}) AS page"
        )
    }

    /// One row. What has another size than all else was written by a hand: it would be read as a
    /// part of its neighbours. Without an id there is no row, which the count then tells.
    fn packed(&self, backend: DbBackend) -> String {
        let id = uuid(backend, "id");
        let fixed = self.fixed.iter();
        let (fixed, odd): (Vec<&str>, Vec<String>) = fixed
            .map(|(bytes, size)| (bytes.as_str(), format!("octet_length({bytes}) <> {size}")))
            .unzip();
        let (fixed, odd, usual) = (fixed.join(" || "), odd.join(" OR "), &self.usual);
        let usual_words = line(backend, &self.usual_words);
        let words = line(backend, &self.words);
        format!(
            "CASE WHEN octet_length({id}) <> 16 THEN NULL WHEN {odd} THEN '!' || {id} WHEN {usual} THEN '-' || {fixed} || {usual_words} || {id} ELSE '+' || {fixed} || {words} || {id} END"
        )
    }
}
