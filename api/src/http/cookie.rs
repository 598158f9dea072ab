//! The session cookie: its name, its attributes, and its value.

use axum::extract::Request;
use http::HeaderMap;
use http::header::{COOKIE, HeaderValue};

use crate::error::{Error, Result};
pub use crate::secret::SessionSecret;
use crate::settings::Settings;

/// `__Host-` binds the cookie to this host, path `/` and https; browsers refuse the prefix over
/// plain HTTP, which is only served on loopback.
pub fn name(settings: &Settings) -> &'static str {
    if settings.is_secure() {
        "__Host-portunus"
    } else {
        "portunus"
    }
}

/// The cookies of a request: of all lines the pairs that are text. Other services on the host may
/// set some that are not; those must not take ours with them.
pub fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| std::str::from_utf8(pair).ok()?.trim().split_once('='))
}

/// The request with [`pairs`] as its only cookies, for readers that give up a whole line.
pub(crate) fn legible(mut request: Request) -> Request {
    let headers = request.headers_mut();
    let mut lines = headers.get_all(COOKIE).iter();
    if lines.all(|line| std::str::from_utf8(line.as_bytes()).is_ok()) {
        return request;
    }
    let kept: Vec<String> = pairs(headers)
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    headers.remove(COOKIE);
    if let Ok(line) = HeaderValue::from_bytes(kept.join("; ").as_bytes()) {
        headers.insert(COOKIE, line);
    }
    request
}

/// The secret that the browser sent, if it sent exactly one cookie of the name.
pub fn read(headers: &HeaderMap, settings: &Settings) -> Option<SessionSecret> {
    let wanted = name(settings);
    let mut found = pairs(headers).filter(|(name, _)| *name == wanted);
    let (_, value) = found.next()?;
    // Two of one name were not both set by us; neither is believed.
    if found.next().is_some() {
        return None;
    }
    SessionSecret::parse(value)
}

/// `Set-Cookie` for a new session. Without `max_age` (seconds) it lives as long as the browser.
pub fn set(
    secret: SessionSecret,
    max_age: Option<i64>,
    settings: &Settings,
) -> Result<HeaderValue> {
    let mut text = format!(
        "{}={}; Path=/; HttpOnly; SameSite=Lax",
        name(settings),
        secret.to_text()
    );
    if settings.is_secure() {
        text.push_str("; Secure");
    }
    if let Some(seconds) = max_age {
        text.push_str(&format!("; Max-Age={seconds}"));
    }
    HeaderValue::try_from(text).map_err(Error::internal)
}

/// `Set-Cookie` that removes it.
pub fn clear(settings: &Settings) -> Result<HeaderValue> {
    let secure = if settings.is_secure() { "; Secure" } else { "" };
    let text = format!(
        "{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{secure}",
        name(settings)
    );
    HeaderValue::try_from(text).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(portal: &str) -> Settings {
        Settings::new(
            portal.parse().unwrap(),
            "http://127.0.0.1:8080".parse().unwrap(),
        )
    }

    #[test]
    fn attributes_follow_the_scheme() {
        let secret = SessionSecret([1; 16]);
        let secure = set(secret, Some(60), &settings("https://portal.example.com")).unwrap();
        let secure = secure.to_str().unwrap();
        assert!(
            secure.starts_with("__Host-portunus=") && secure.contains("; Secure"),
            "{secure}"
        );
        assert!(secure.contains("; HttpOnly; SameSite=Lax") && secure.contains("; Path=/;"));
        assert!(!secure.contains("Domain"));
        let plain = set(secret, None, &settings("http://localhost:3000")).unwrap();
        assert!(!plain.to_str().unwrap().contains("Secure"));
    }

    #[test]
    fn a_doubled_cookie_is_no_cookie() {
        let settings = settings("http://localhost:3000");
        let value = SessionSecret([7; 16]).to_text();
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, format!("a=b; portunus={value}").parse().unwrap());
        assert_eq!(read(&headers, &settings), Some(SessionSecret([7; 16])));
        headers.append(COOKIE, format!("portunus={value}").parse().unwrap());
        assert_eq!(read(&headers, &settings), None);
    }

    #[test]
    fn what_is_not_text_takes_nothing_with_it() {
        let settings = settings("http://localhost:3000");
        let value = SessionSecret([7; 16]).to_text();
        for lines in [
            vec![format!("a=b\u{e9}; portunus={value}").into_bytes()],
            vec![[b"a=\xe9\xff; portunus=", value.as_bytes(), b"; c=\xe9"].concat()],
            vec![
                b"a=\xff".to_vec(),
                format!("portunus={value}; d").into_bytes(),
            ],
            vec![format!("portunus={value}").into_bytes(), b"\xff".to_vec()],
        ] {
            let mut request = Request::default();
            for line in &lines {
                let line = HeaderValue::from_bytes(line).unwrap();
                request.headers_mut().append(COOKIE, line);
            }
            let expected = Some(SessionSecret([7; 16]));
            assert_eq!(read(request.headers(), &settings), expected, "{lines:?}");
            let request = legible(request);
            assert_eq!(read(request.headers(), &settings), expected, "{lines:?}");
            for line in request.headers().get_all(COOKIE) {
                assert!(std::str::from_utf8(line.as_bytes()).is_ok(), "{line:?}");
            }
        }
    }
}
