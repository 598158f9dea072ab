//! What is on the bookshop's shelves.

use serde_json::{Value, json};

pub(super) struct Author {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) born: Option<u16>,
    pub(super) about: &'static str,
}

pub(super) struct Book {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) subtitle: Option<&'static str>,
    pub(super) format: &'static str,
    pub(super) isbn: &'static str,
    pub(super) published: &'static str,
    pub(super) pages: u16,
    pub(super) stock: u32,
    /// Euro cents.
    pub(super) price: u64,
    pub(super) author: &'static str,
}

pub(super) const AUTHORS: &[Author] = &[
    Author {
        id: "au_3Kd1",
        name: "Ines Kroll",
        born: Some(1978),
        about: "Writes about coasts and the people who chart them.",
    },
    Author {
        id: "au_8Wn5",
        name: "Tomas Arden",
        born: Some(1961),
        about: "A meteorologist who took up novels.",
    },
    Author {
        id: "au_1Zc7",
        name: "Mara Quill",
        born: Some(1990),
        about: "Short stories, mostly about trains.",
    },
    Author {
        id: "au_6Tb2",
        name: "Old Harbour Society",
        born: None,
        about: "A circle of local historians.",
    },
];

#[allow(clippy::too_many_arguments)]
const fn on_shelf(
    id: &'static str,
    title: &'static str,
    subtitle: Option<&'static str>,
    format: &'static str,
    isbn: &'static str,
    published: &'static str,
    pages: u16,
    stock: u32,
    price: u64,
    author: &'static str,
) -> Book {
    Book {
        id,
        title,
        subtitle,
        format,
        isbn,
        published,
        pages,
        stock,
        price,
        author,
    }
}

/// Newest first, as the document promises.
pub(super) const BOOKS: &[Book] = &[
    on_shelf(
        "bk_9Lx3",
        "The Last Ferry",
        None,
        "hardback",
        "9780306406621",
        "2025-09-18",
        340,
        12,
        2400,
        "au_1Zc7",
    ),
    on_shelf(
        "bk_7Hq2",
        "The Tide Tables",
        Some("A Year on the Western Coast"),
        "paperback",
        "9780306406157",
        "2025-05-06",
        212,
        3,
        1250,
        "au_3Kd1",
    ),
    on_shelf(
        "bk_4Rm8",
        "A Field Guide to Fog",
        None,
        "paperback",
        "9780306406164",
        "2024-11-02",
        188,
        41,
        1400,
        "au_8Wn5",
    ),
    on_shelf(
        "bk_2Vp6",
        "Night Timetable",
        Some("Nineteen Stories"),
        "ebook",
        "9780306406171",
        "2024-03-14",
        256,
        999,
        799,
        "au_1Zc7",
    ),
    on_shelf(
        "bk_5Yd9",
        "Lamps and Keepers",
        Some("Lighthouses of the North"),
        "hardback",
        "9780306406188",
        "2023-10-01",
        420,
        0,
        3900,
        "au_6Tb2",
    ),
    on_shelf(
        "bk_8Cs4",
        "Soundings",
        None,
        "paperback",
        "9780306406195",
        "2022-06-21",
        168,
        7,
        1100,
        "au_3Kd1",
    ),
    on_shelf(
        "bk_1Gk7",
        "Barometer Falling",
        None,
        "ebook",
        "9780306406201",
        "2021-01-30",
        304,
        999,
        699,
        "au_8Wn5",
    ),
    on_shelf(
        "bk_6Fn1",
        "Ropes, Knots and Reckoning",
        None,
        "hardback",
        "9780306406218",
        "2019-08-09",
        512,
        2,
        4200,
        "au_6Tb2",
    ),
];

pub(super) fn book(id: &str) -> Option<&'static Book> {
    BOOKS.iter().find(|book| book.id == id)
}

pub(super) fn author_name(id: &str) -> &'static str {
    AUTHORS
        .iter()
        .find(|author| author.id == id)
        .map_or("", |author| author.name)
}

pub(super) fn money(amount: u64) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

impl Author {
    pub(super) fn to_json(&self) -> Value {
        json!({ "id": self.id, "name": self.name, "born": self.born, "about": self.about })
    }
}

impl Book {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "title": self.title,
            "subtitle": self.subtitle,
            "format": self.format,
            "isbn": self.isbn,
            "published": self.published,
            "pages": self.pages,
            "in_stock": self.stock > 0,
            "price": money(self.price),
            "authors": [{ "id": self.author, "name": author_name(self.author) }],
        })
    }

    /// With up to three titles of the same author or format.
    pub(super) fn to_json_with_similar(&self) -> Value {
        let similar = BOOKS
            .iter()
            .filter(|other| {
                other.id != self.id && (other.author == self.author || other.format == self.format)
            })
            .take(3)
            .map(Self::to_json)
            .collect();
        let mut body = self.to_json();
        body["similar"] = similar;
        body
    }
}
