//! Requests without a network: through the router, with a peer address and a cookie jar.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

/// Somebody who calls. Keeps the session cookie as a browser does.
#[derive(Clone)]
pub struct Client {
    router: axum::Router,
    peer: SocketAddr,
    cookie: Option<String>,
    token: Option<String>,
}

impl Client {
    pub fn new(router: axum::Router) -> Self {
        static PEERS: AtomicU32 = AtomicU32::new(1);
        let [_, b, c, d] = PEERS.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Self {
            router,
            peer: SocketAddr::from(([198, b, c, d], 4000)),
            cookie: None,
            token: None,
        }
    }

    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub fn has_cookie(&self) -> bool {
        self.cookie.is_some()
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Call::new(Method::GET, path)).await
    }

    pub async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.send(Call::new(Method::POST, path).json(body)).await
    }

    pub async fn patch(&mut self, path: &str, body: Value) -> Answer {
        self.send(Call::new(Method::PATCH, path).json(body)).await
    }

    pub async fn put(&mut self, path: &str, body: Value) -> Answer {
        self.send(Call::new(Method::PUT, path).json(body)).await
    }

    pub async fn delete(&mut self, path: &str) -> Answer {
        self.send(Call::new(Method::DELETE, path)).await
    }

    /// Paths are relative to `/api/v1`, unless they begin with `/api/`.
    pub async fn send(&mut self, call: Call) -> Answer {
        let path = match call.path.starts_with("/api/") {
            true => call.path.clone(),
            false => format!("/api/v1{}", call.path),
        };
        let mut request = Request::builder().method(call.method).uri(path);
        if let Some(cookie) = self.cookie.as_ref().filter(|_| self.token.is_none()) {
            request = request.header("cookie", cookie);
            if !call.foreign {
                request = request.header("sec-fetch-site", "same-origin");
            }
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in &call.fields {
            request = request.header(name, value);
        }
        let mut request = request.body(Body::from(call.body)).unwrap();
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        if let Some(set) = parts.headers.get("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text,
        }
    }
}

/// A request being written.
#[derive(Clone)]
pub struct Call {
    method: Method,
    path: String,
    fields: Vec<(String, String)>,
    body: String,
    foreign: bool,
}

impl Call {
    pub fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            fields: Vec::new(),
            body: String::new(),
            foreign: false,
        }
    }

    pub fn json(self, body: Value) -> Self {
        Self {
            body: body.to_string(),
            ..self.field("content-type", "application/json")
        }
    }

    pub fn text(self, media_type: &str, body: &str) -> Self {
        Self {
            body: body.to_owned(),
            ..self.field("content-type", media_type)
        }
    }

    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As another site's page would send it: with the cookie, without our `Sec-Fetch-Site`.
    pub fn foreign(mut self) -> Self {
        self.foreign = true;
        self
    }
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text))
    }

    #[track_caller]
    pub fn ok(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// A problem with this code, whose media type and members are right.
    #[track_caller]
    pub fn refused(self, code: domain::problem::Code) -> Self {
        assert_eq!(self.status.as_u16(), code.status(), "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let json = self.json();
        assert_eq!(json["code"], code.as_str(), "{}", self.text);
        assert_eq!(
            json["type"],
            format!("http://localhost:3000/docs/errors/{}", code.as_str())
        );
        assert!(!json["request_id"].as_str().unwrap().is_empty());
        self
    }

    /// The pointers of a problem's errors.
    pub fn pointers(&self) -> Vec<String> {
        let json = self.json();
        let errors = json["errors"].as_array().cloned().unwrap_or_default();
        errors
            .iter()
            .map(|error| error["pointer"].as_str().unwrap().to_owned())
            .collect()
    }

    pub fn etag(&self) -> String {
        self.headers["etag"].to_str().unwrap().to_owned()
    }

    /// What must be equal for two answers to be indistinguishable.
    pub fn essence(&self) -> (u16, Value) {
        let mut json: Value =
            serde_json::from_str(&self.text).unwrap_or(Value::String(self.text.clone()));
        if let Some(object) = json.as_object_mut() {
            object.remove("request_id");
        }
        (self.status.as_u16(), json)
    }
}
