//! The sample upstream: the bookshop of the demo's document, so that every call of its reference
//! answers something true. It knows nothing of Portunus; the gateway stands before it as before
//! any other server.

// Answers are values here; an error is one too, and as large.
#![allow(clippy::result_large_err)]
#![allow(clippy::disallowed_types, reason = "the sample has no database")]

mod orders;
mod shelf;

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use orders::Orders;
use shelf::{AUTHORS, BOOKS, Book};

/// Everything that the document describes.
pub fn router() -> Router {
    Router::new()
        .route("/books", get(list_books))
        .route("/books/{id}", get(read_book))
        .route("/search", get(search))
        .route("/catalogue", get(catalogue))
        .route("/authors", get(list_authors))
        .route("/authors/{id}", get(read_author))
        .route("/orders", axum::routing::post(orders::place))
        .route("/orders/{id}", get(orders::read))
        .fallback(|| async {
            problem(
                StatusCode::NOT_FOUND,
                "There is nothing at this address",
                "",
            )
        })
        .with_state(Arc::new(Orders::default()))
}

/// A problem document as the bookshop writes it (RFC 9457).
fn problem(status: StatusCode, title: &str, detail: &str) -> Response {
    let mut body = json!({ "title": title, "status": status.as_u16() });
    if !detail.is_empty() {
        body["detail"] = detail.into();
    }
    (
        status,
        [(header::CONTENT_TYPE, "application/problem+json")],
        body.to_string(),
    )
        .into_response()
}

fn bad(detail: &str) -> Response {
    problem(
        StatusCode::BAD_REQUEST,
        "A parameter is not what it should be",
        detail,
    )
}

fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "There is nothing with this id", "")
}

#[derive(Debug, Default, Deserialize)]
struct Wanted {
    author: Option<String>,
    in_stock: Option<bool>,
    format: Option<String>,
    q: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

type Asked = Result<Query<Wanted>, QueryRejection>;

impl Wanted {
    fn read(asked: Asked) -> Result<(Self, usize), Response> {
        let Query(wanted) = asked.map_err(|rejection| bad(&rejection.body_text()))?;
        let limit = wanted.limit.unwrap_or(20);
        if !(1..=100).contains(&limit) {
            return Err(bad("limit is 1 to 100"));
        }
        Ok((wanted, limit))
    }
}

/// Cursors hold the number of the next item: `c_0004`.
fn page(
    items: Vec<Value>,
    cursor: Option<&str>,
    limit: usize,
    path: &str,
) -> Result<Response, Response> {
    let start = match cursor {
        None => 0,
        Some(cursor) => cursor
            .strip_prefix("c_")
            .and_then(|number| number.parse().ok())
            .filter(|start| *start <= items.len())
            .ok_or_else(|| bad("cursor is the `next` of the page before"))?,
    };
    let end = items.len().min(start + limit);
    let next = (end < items.len()).then(|| format!("c_{end:04}"));
    let mut response = Json(json!({ "items": items[start..end], "next": next })).into_response();
    if let Some(link) = next.and_then(|next| {
        format!("<{path}?limit={limit}&cursor={next}>; rel=\"next\"")
            .parse()
            .ok()
    }) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

async fn list_books(asked: Asked) -> Result<Response, Response> {
    let (wanted, limit) = Wanted::read(asked)?;
    if wanted
        .format
        .as_deref()
        .is_some_and(|format| !["hardback", "paperback", "ebook"].contains(&format))
    {
        return Err(bad("format is hardback, paperback or ebook"));
    }
    let fits = |book: &&Book| {
        wanted
            .author
            .as_deref()
            .is_none_or(|author| book.author == author)
            && (wanted.in_stock != Some(true) || book.stock > 0)
            && wanted
                .format
                .as_deref()
                .is_none_or(|format| book.format == format)
    };
    let items = BOOKS.iter().filter(fits).map(Book::to_json).collect();
    page(items, wanted.cursor.as_deref(), limit, "books")
}

async fn read_book(Path(id): Path<String>) -> Response {
    match shelf::book(&id) {
        Some(book) => Json(book.to_json_with_similar()).into_response(),
        None => not_found(),
    }
}

async fn search(asked: Asked) -> Result<Response, Response> {
    let (wanted, limit) = Wanted::read(asked)?;
    let q = wanted.q.as_deref().unwrap_or_default().to_lowercase();
    if !(2..=120).contains(&q.chars().count()) {
        return Err(bad("q has 2 to 120 characters"));
    }
    let words: Vec<&str> = q.split_whitespace().collect();
    let mut found: Vec<(f64, &Book)> = BOOKS
        .iter()
        .filter_map(|book| {
            let text = format!("{} {}", book.title, shelf::author_name(book.author)).to_lowercase();
            let hits = words.iter().filter(|word| text.contains(**word)).count();
            (hits > 0).then(|| (hits as f64 / words.len() as f64, book))
        })
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let items: Vec<Value> = found
        .into_iter()
        .take(limit)
        .map(|(score, book)| json!({ "book": book.to_json(), "score": score }))
        .collect();
    Ok(Json(json!({ "items": items })).into_response())
}

async fn catalogue() -> Json<Vec<&'static str>> {
    Json(BOOKS.iter().map(|book| book.title).collect())
}

async fn list_authors(asked: Asked) -> Result<Response, Response> {
    let (wanted, limit) = Wanted::read(asked)?;
    let items = AUTHORS.iter().map(shelf::Author::to_json).collect();
    page(items, wanted.cursor.as_deref(), limit, "authors")
}

async fn read_author(Path(id): Path<String>) -> Response {
    let Some(author) = AUTHORS.iter().find(|author| author.id == id) else {
        return not_found();
    };
    let mut body = author.to_json();
    body["books"] = BOOKS
        .iter()
        .filter(|book| book.author == id)
        .map(Book::to_json)
        .collect();
    Json(body).into_response()
}

/// Serves the bookshop until `stop` resolves.
pub async fn serve(
    listener: tokio::net::TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router())
        .with_graceful_shutdown(stop)
        .await
}

#[cfg(test)]
mod tests;
