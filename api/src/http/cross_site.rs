//! Refusing state changes that another site's page makes with our cookie.

use domain::problem::Code;
use http::header::ORIGIN;
use http::{HeaderMap, Method};

use crate::error::{Error, Result};
use crate::settings::Settings;

/// For requests that carry a session cookie, and for every form of the portal. `Sec-Fetch-Site`
/// must say `same-origin`; without that field the `Origin` must be the portal's. `same-site` is
/// refused too: a tenant's upstream may share our host through the gateway's port.
pub fn check(method: &Method, headers: &HeaderMap, settings: &Settings) -> Result<()> {
    if method.is_safe() || is_same_origin(headers, settings) {
        return Ok(());
    }
    Err(Error::new(
        Code::CrossSite,
        "The request did not come from a page of this portal.",
    ))
}

fn is_same_origin(headers: &HeaderMap, settings: &Settings) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    if let Some(site) = sites.next() {
        return site == "same-origin" && sites.next().is_none();
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(origin), None) => origin
            .to_str()
            .is_ok_and(|origin| origin == settings.portal_url.origin().ascii_serialization()),
        (Some(_), Some(_)) | (None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let settings = Settings::new(
            "http://localhost:3000".parse().unwrap(),
            "http://localhost:8080".parse().unwrap(),
        );
        let verdict = |fields: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, value.parse().unwrap());
            }
            check(&Method::POST, &headers, &settings).is_ok()
        };
        assert!(verdict(&[("sec-fetch-site", "same-origin")]));
        assert!(verdict(&[("origin", "http://localhost:3000")]));
        for refused in [
            &[][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "http://localhost:3000"),
            ],
            &[
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "same-origin"),
            ],
            &[("origin", "http://localhost:8080")],
            &[("origin", "null")],
            &[("origin", "https://localhost:3000")],
        ] {
            assert!(!verdict(refused), "{refused:?}");
        }
        assert!(check(&Method::GET, &HeaderMap::new(), &settings).is_ok());
    }
}
