//! The bookshop's orders, kept in memory: the newest thousand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde_json::{Value, json};

use super::shelf;

/// More orders than this push the oldest out: the shop is a demo.
const MOST: usize = 1000;

struct Order {
    id: String,
    idempotency_key: String,
    body: Value,
}

#[derive(Default)]
pub(super) struct Orders {
    kept: Mutex<Book>,
}

/// The order book.
#[derive(Default)]
struct Book {
    orders: VecDeque<Order>,
    made: usize,
}

pub(super) async fn place(
    State(orders): State<Arc<Orders>>,
    headers: HeaderMap,
    body: String,
) -> Result<Response, Response> {
    let key = headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !(1..=64).contains(&key.len()) {
        return Err(super::bad("Idempotency-Key has 1 to 64 characters"));
    }
    let order: Value =
        serde_json::from_str(&body).map_err(|error| unfit("", &error.to_string()))?;
    let total = price(&order)?;
    check_delivery(&order["deliver_to"])?;

    let mut book = orders.kept.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(earlier) = book
        .orders
        .iter()
        .find(|earlier| earlier.idempotency_key == key)
    {
        return Ok(created(&earlier.id, &earlier.body));
    }
    book.made += 1;
    let id = format!("or_{}", in_base62(book.made));
    let mut made = json!({
        "id": id,
        "state": "placed",
        "placed_at": Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        "total": shelf::money(total),
        "lines": order["lines"],
        "deliver_to": order["deliver_to"],
    });
    if let Some(note) = order["note"].as_str() {
        made["note"] = note.into();
    }
    if book.orders.len() == MOST {
        book.orders.pop_front();
    }
    let answer = created(&id, &made);
    book.orders.push_back(Order {
        id,
        idempotency_key: key.to_owned(),
        body: made,
    });
    Ok(answer)
}

pub(super) async fn read(State(orders): State<Arc<Orders>>, Path(id): Path<String>) -> Response {
    let book = orders.kept.lock().unwrap_or_else(PoisonError::into_inner);
    match book.orders.iter().find(|order| order.id == id) {
        Some(order) => Json(order.body.clone()).into_response(),
        // The document's own example is always there to be read.
        None if id == "or_1Ab9" => Json(example()).into_response(),
        None => super::not_found(),
    }
}

fn example() -> Value {
    json!({
        "id": "or_1Ab9",
        "state": "sent",
        "placed_at": "2025-06-30T09:30:00Z",
        "total": shelf::money(2500),
        "lines": [{ "book": "bk_7Hq2", "quantity": 2 }],
        "deliver_to": { "kind": "pickup", "shop": "harbour-street" },
    })
}

fn created(id: &str, body: &Value) -> Response {
    (
        StatusCode::CREATED,
        [(header::LOCATION, format!("orders/{id}"))],
        Json(body.clone()),
    )
        .into_response()
}

fn unfit(pointer: &str, message: &str) -> Response {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let body = json!({
        "title": "The order does not fit its schema",
        "status": status.as_u16(),
        "errors": [{ "pointer": pointer, "message": message }],
    });
    (
        status,
        [(header::CONTENT_TYPE, "application/problem+json")],
        body.to_string(),
    )
        .into_response()
}

/// The total in cents, if all lines can be sent.
fn price(order: &Value) -> Result<u64, Response> {
    let lines = order["lines"]
        .as_array()
        .filter(|lines| (1..=50).contains(&lines.len()));
    let lines = lines.ok_or_else(|| unfit("/lines", "must have 1 to 50 lines"))?;
    let mut total = 0;
    for (index, line) in lines.iter().enumerate() {
        let quantity = line["quantity"]
            .as_u64()
            .filter(|quantity| (1..=20).contains(quantity));
        let quantity = quantity
            .ok_or_else(|| unfit(&format!("/lines/{index}/quantity"), "must be 1 to 20"))?;
        let book = line["book"].as_str().and_then(shelf::book);
        let book =
            book.ok_or_else(|| unfit(&format!("/lines/{index}/book"), "must be the id of a book"))?;
        if quantity > u64::from(book.stock) {
            let detail = format!(
                "There are {} of {}, and {quantity} were asked for.",
                book.stock, book.id
            );
            return Err(super::problem(
                StatusCode::CONFLICT,
                "Not enough stock",
                &detail,
            ));
        }
        total += quantity * book.price;
    }
    Ok(total)
}

fn check_delivery(delivery: &Value) -> Result<(), Response> {
    let needed: &[&str] = match delivery["kind"].as_str() {
        Some("address") => &["name", "street", "city", "country"],
        Some("pickup") => &["shop"],
        _ => return Err(unfit("/deliver_to/kind", "must be address or pickup")),
    };
    match needed.iter().find(|field| !delivery[**field].is_string()) {
        Some(field) => Err(unfit(&format!("/deliver_to/{field}"), "must be a text")),
        None => Ok(()),
    }
}

/// Four characters that look like the document's ids.
fn in_base62(mut number: usize) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut out = [b'0'; 4];
    for place in out.iter_mut().rev() {
        *place = LETTERS[number % 62];
        number /= 62;
    }
    out.iter().map(|byte| char::from(*byte)).collect()
}
