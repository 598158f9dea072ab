//! What a form sent, as it was typed; and where to go afterwards.

use api::{Ctx, nul, service::refusals};
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::header,
    response::{IntoResponse, Redirect, Response},
};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use domain::problem::Code;
use frontend::form::Form;

use crate::failure::Failure;

/// The names and values of an `application/x-www-form-urlencoded` body.
#[derive(Clone, Debug)]
pub struct Typed(Vec<(String, String)>);

impl Typed {
    /// Of the values of a form, however it was sent.
    ///
    /// # Errors
    /// A value that cannot be stored. No browser sends one that was typed.
    pub fn new(values: Vec<(String, String)>) -> Result<Self, Failure> {
        match values.iter().any(|(_, value)| nul::is_in(value)) {
            true => Err(Failure::because(Code::ValidationFailed, nul::MESSAGE)),
            false => Ok(Self(values)),
        }
    }

    /// The first value of a field without surrounding blanks; empty if it was not sent.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The first value of a field exactly as it was typed: for passwords.
    #[must_use]
    pub fn raw(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// Every value of a field that can be chosen more than once.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether the form has a field of that name, empty or not.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// All names and values, in their order.
    #[must_use]
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The field's text, or nothing if it was left empty.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<String> {
        Some(self.get(name))
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }

    /// A flag: a box that was ticked.
    #[must_use]
    pub fn is_ticked(&self, name: &str) -> bool {
        !self.raw(name).is_empty()
    }

    /// The entity tag that the form was shown with, for `If-Match`.
    #[must_use]
    pub fn etag(&self) -> Option<i64> {
        self.get("etag").parse().ok()
    }

    /// [`Self::refused`] for a form that shows a list as one field: problems of its items go
    /// there.
    ///
    /// # Errors
    /// As [`Self::refused`].
    pub async fn refused_under(
        self,
        ctx: &Ctx,
        mut error: api::Error,
        list: &str,
    ) -> Result<Form, Failure> {
        gather(&mut error, list);
        self.refused(ctx, error).await
    }

    /// [`Self::refused`] for a form over something that is there, of which `present` is the form now.
    /// Where somebody else changed it meanwhile, the form says so and what, and it is meant for what
    /// is there when it is sent again.
    ///
    /// # Errors
    /// As [`Self::refused`].
    pub async fn refused_over(
        self,
        ctx: &Ctx,
        error: api::Error,
        present: &Form,
    ) -> Result<Form, Failure> {
        if error.code != Code::PreconditionFailed {
            return self.refused(ctx, error).await;
        }
        refusals::note(ctx, &error).await;
        Ok(self.into_form().over(present))
    }

    /// The same without a field: a secret is not written back into the page.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| known != name);
        self
    }

    /// The same with these fields alone.
    #[must_use]
    pub fn only(mut self, names: &[&str]) -> Self {
        self.0.retain(|(known, _)| names.contains(&known.as_str()));
        self
    }

    /// The form to show again, with what was typed.
    #[must_use]
    pub fn into_form(self) -> Form {
        Form::typed(self.0)
    }

    /// The form to show again after a service refused it: problems at their fields, everything
    /// else at its head. The refusal is recorded here, as the layer [`crate::failure::explain`]
    /// does for those that get a page of their own.
    ///
    /// # Errors
    /// A failure that no typing mends (not found, not allowed, broken) gets its own page.
    pub async fn refused(self, ctx: &Ctx, error: api::Error) -> Result<Form, Failure> {
        let mendable = match error.code {
            Code::ValidationFailed
            | Code::DocumentInvalid
            | Code::DocumentTooLarge
            | Code::UpstreamNotAllowed
            | Code::AlreadyExists
            | Code::Conflict
            | Code::IllegalTransition
            | Code::RouteTaken
            | Code::LastOwner
            | Code::LimitReached
            | Code::PreconditionFailed
            | Code::CredentialsWrong
            | Code::TooManyAttempts
            | Code::SignUpClosed
            | Code::LinkUsed => true,
            // Every other code means that the form is not the place to put it right.
            _ => false,
        };
        if !mendable {
            return Err(error.into());
        }
        refusals::note(ctx, &error).await;
        let form = self.into_form();
        if error.invalid.is_empty() {
            return Ok(form.refused(error.detail));
        }
        Ok(form.invalid(&error.invalid))
    }
}

impl<S: Send + Sync> FromRequest<S> for Typed {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let is_form = kind.is_some_and(|kind| {
            kind.as_bytes()
                .starts_with(b"application/x-www-form-urlencoded")
        });
        if !is_form {
            return Err(Failure::because(
                Code::MediaTypeUnsupported,
                "Send the form of the page.",
            ));
        }
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|_| Failure::of(Code::BodyTooLarge))?;
        let values =
            serde_urlencoded::from_bytes(&body).map_err(|_| Failure::of(Code::BadRequest))?;
        Self::new(values)
    }
}

/// Brings problems of a list's items to the one field that shows the list.
pub fn gather(error: &mut api::Error, list: &str) {
    let inside = format!("/{list}/");
    for invalid in &mut error.invalid {
        if invalid.pointer.starts_with(&inside) {
            invalid.pointer = format!("/{list}");
        }
    }
}

/// A point in time, or the beginning of a day in UTC, as somebody writes it.
#[must_use]
pub fn moment(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let day: NaiveDate = text.parse().ok()?;
    Some(day.and_time(NaiveTime::MIN).and_utc())
}

/// 303 to a page of ours, after a form did its work.
#[must_use]
pub fn see(address: &str) -> Response {
    Redirect::to(local(address).unwrap_or("/")).into_response()
}

/// `address` if it is a path on this very host: `?next=` must not lead elsewhere.
#[must_use]
pub fn local(address: &str) -> Option<&str> {
    let rest = address.strip_prefix('/')?;
    // Browsers read `//host` and `/\host` as another host, and skip tabs and line breaks.
    let elsewhere = rest.starts_with(['/', '\\']);
    let hidden = address
        .bytes()
        .any(|byte| byte.is_ascii_control() || byte == b'\\');
    (!elsewhere && !hidden).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn next_stays_here() {
        for good in ["/", "/o/acme?x=1#y", "/apis/a%2Fb"] {
            assert_eq!(local(good), Some(good));
        }
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "https://evil.example",
            "evil",
            "/a\\b",
            "/\r\nx",
        ] {
            assert_eq!(local(bad), None, "{bad:?}");
        }
    }
}
