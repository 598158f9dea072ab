//! The routes by which one looks: the catalog, traffic, and what a request would meet.

use serde_json::{Value, json};

use super::table::line;
use super::{Door, Line};

pub fn lines() -> Vec<Line> {
    use Door::{Anyone, Member, Self_};
    vec![
        line(
            "POST",
            "/explain",
            Self_,
            json!({ "request": { "target": "/x" } }),
        ),
        line("GET", "/catalog", Anyone, Value::Null),
        line("GET", "/catalog/{organization}/{api}", Anyone, Value::Null),
        line(
            "GET",
            "/catalog/versions/{version}/document",
            Anyone,
            Value::Null,
        ),
        line(
            "GET",
            "/catalog/versions/{version}/change-log",
            Anyone,
            Value::Null,
        ),
        line(
            "GET",
            "/applications/{application}/usage",
            Member,
            Value::Null,
        ),
        line("GET", "/apis/{api}/usage", Member, Value::Null),
        line("GET", "/versions/{version}/usage", Member, Value::Null),
        line("GET", "/apis/{api}/variants", Member, Value::Null),
        line("GET", "/versions/{version}/variants", Member, Value::Null),
        line("GET", "/versions/{version}/observed", Member, Value::Null),
        line(
            "GET",
            "/organizations/{organization}/usage",
            Member,
            Value::Null,
        ),
        line(
            "GET",
            "/organizations/{organization}/requests",
            Member,
            Value::Null,
        ),
        line(
            "GET",
            "/organizations/{organization}/requests/{request}",
            Member,
            Value::Null,
        ),
    ]
}
