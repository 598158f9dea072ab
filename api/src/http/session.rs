//! Browser sessions: tower-sessions keeps the cookie, the table `session` says what it opens.
//!
//! A session is made by the sign-in's own transaction ([`crate::service::sign_in`]); the manager
//! only learns its secret ([`open`]). So there are no anonymous sessions, an old secret never
//! survives a sign-in, and a row that is gone ends its session with the next request.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::Request;
use domain::id::{SessionId, UserId};
use serde::{Deserialize, Serialize};
use tower::util::MapRequestLayer;
use tower_sessions::cookie::SameSite;
use tower_sessions::cookie::time::{Duration, OffsetDateTime};
use tower_sessions::session::{Id, Record};
use tower_sessions::{Expiry, SessionManagerLayer, SessionStore, session_store};

pub use tower_sessions::Session;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::http::cookie::{self, SessionSecret};
use crate::plane::Plane;
use crate::service::sessions;
use crate::service::sign_in::SignedIn;

/// Under which name a record holds [`Opened`].
const OPENED: &str = "opened";
/// Under which name a new record holds the secret of the row that was made for it.
const SECRET: &str = "secret";

/// What a session's cookie opens.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Opened {
    pub(crate) session: SessionId,
    pub(crate) user: UserId,
}

/// What [`layer`] makes: a line of cookies is made legible, then the manager reads it.
pub type Layer = (
    MapRequestLayer<fn(Request) -> Request>,
    SessionManagerLayer<Store>,
);

/// The layer that every request with a cookie passes; around [`crate::http::identify`].
pub fn layer(plane: &Arc<Plane>) -> Layer {
    let legible = MapRequestLayer::new(cookie::legible as fn(Request) -> Request);
    let manager = SessionManagerLayer::new(Store(Arc::clone(plane)))
        .with_name(cookie::name(&plane.settings))
        .with_secure(plane.settings.is_secure())
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/");
    (legible, manager)
}

/// Hands the browser the cookie of a session that was just made, and ends the one it had.
pub async fn open(session: &Session, made: &SignedIn) -> Result<()> {
    session.flush().await.map_err(Error::internal)?;
    session
        .insert(SECRET, made.secret.to_text())
        .await
        .map_err(Error::internal)?;
    // Without it the cookie lives as long as the browser; the row has the true end in any case.
    session.set_expiry(
        made.max_age
            .map(|seconds| Expiry::OnInactivity(Duration::seconds(seconds))),
    );
    Ok(())
}

/// Takes the cookie away and ends what it opened.
pub async fn close(session: &Session) -> Result<()> {
    session.flush().await.map_err(Error::internal)
}

/// What the request's cookie opens; `None` without one, or if it opens nothing any more.
pub(crate) async fn opened(session: &Session) -> Result<Option<Opened>> {
    session.get(OPENED).await.map_err(|error| {
        Error::new(
            domain::problem::Code::Unavailable,
            "The database does not answer.",
        )
        .with_source(error)
    })
}

/// The table `session`, as tower-sessions wants it. Ids are stored as digests only.
#[derive(Debug, Clone)]
pub struct Store(Arc<Plane>);

impl Store {
    fn ctx(&self) -> Ctx {
        Ctx::request(&self.0, String::new(), None)
    }
}

fn secret(id: &Id) -> SessionSecret {
    SessionSecret(id.0.to_le_bytes())
}

#[async_trait]
impl SessionStore for Store {
    /// Adopts the row that the sign-in made. There are no other sessions.
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        let adopted = record.data.remove(SECRET);
        let adopted = adopted
            .as_ref()
            .and_then(|text| text.as_str())
            .and_then(SessionSecret::parse);
        let SessionSecret(bytes) = adopted.ok_or_else(|| {
            session_store::Error::Encode("a session begins with a sign-in".to_owned())
        })?;
        record.id = Id(i128::from_le_bytes(bytes));
        Ok(())
    }

    /// The row holds all that there is to save.
    async fn save(&self, _: &Record) -> session_store::Result<()> {
        Ok(())
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let found = sessions::resume(&self.ctx(), secret(id))
            .await
            .map_err(backend)?;
        let Some((session, user)) = found else {
            return Ok(None);
        };
        let opened = serde_json::to_value(Opened { session, user });
        let opened = opened.map_err(|error| session_store::Error::Encode(error.to_string()))?;
        Ok(Some(Record {
            id: *id,
            data: HashMap::from([(OPENED.to_owned(), opened)]),
            // Judged by the row at each load, never by this.
            expiry_date: OffsetDateTime::now_utc() + Duration::days(1),
        }))
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        sessions::forget(&self.ctx(), secret(id))
            .await
            .map_err(backend)
    }
}

fn backend(error: Error) -> session_store::Error {
    session_store::Error::Backend(match &error.source {
        Some(source) => source.to_string(),
        None => error.detail,
    })
}
