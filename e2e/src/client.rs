//! A plain HTTP client: it follows nothing, keeps no cookies and repairs nothing.

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_str(&self.text).with_context(|| format!("{}: {}", self.status, self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    }

    /// Fails with the whole answer unless the status is this one.
    pub fn expect(self, status: u16) -> anyhow::Result<Self> {
        anyhow::ensure!(
            self.status == status,
            "wanted {status}, got {}: {}",
            self.status,
            self.text
        );
        Ok(self)
    }
}

/// Keeps connections, adds the given headers to each request.
#[derive(Clone)]
pub struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
    headers: HeaderMap,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            pool: Pool::builder(TokioExecutor::new()).build_http(),
            headers: HeaderMap::new(),
        }
    }
}

impl Client {
    pub fn with(mut self, name: &'static str, value: &str) -> anyhow::Result<Self> {
        self.headers
            .insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
        Ok(self)
    }

    pub fn bearer(self, token: &str) -> anyhow::Result<Self> {
        self.with("authorization", &format!("Bearer {token}"))
    }

    pub async fn send(
        &self,
        method: &str,
        url: &str,
        body: impl Into<Bytes>,
    ) -> anyhow::Result<Answer> {
        let mut request = hyper::Request::builder()
            .method(method)
            .uri(url)
            .body(Full::new(body.into()))?;
        request.headers_mut().extend(self.headers.clone());
        let response = self.pool.request(request).await?;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await?.to_bytes();
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    pub async fn get(&self, url: &str) -> anyhow::Result<Answer> {
        self.send("GET", url, Bytes::new()).await
    }

    pub async fn json(&self, method: &str, url: &str, body: &Value) -> anyhow::Result<Answer> {
        let client = self.clone().with("content-type", "application/json")?;
        client.send(method, url, serde_json::to_vec(body)?).await
    }
}
