//! Static files: the stylesheet and the mark from this executable, the browser part from a folder.
//!
//! All are kept in memory and addressed by a digest over their contents, `/assets/{digest}/…`, so
//! that browsers may keep them for good. An address with another digest (of another version,
//! during a rolling upgrade) is answered too, but not to be kept.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use api::http::extract::Path as PathOf;
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use domain::{hex::hex, problem::Code};
use frontend::document::{self, Script};
use sha2::{Digest, Sha256};

use crate::{failure::Failure, visit::Portal};

const FAVICON: &str = include_str!("assets/favicon.svg");

/// The files and their addresses.
#[derive(Debug)]
pub(crate) struct Assets {
    digest: String,
    files: BTreeMap<String, File>,
    addresses: document::Assets,
}

/// One file with what the build compressed of it. The stylesheet has no such siblings: the
/// compression layer serves it, once per browser and version.
#[derive(Debug, Default)]
struct File {
    plain: Bytes,
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
}

impl Assets {
    pub(crate) fn load(site: Option<&Path>) -> Result<Self, String> {
        let mut files = BTreeMap::new();
        files.insert("portunus.css".to_owned(), File::plain(frontend::STYLE));
        files.insert("favicon.svg".to_owned(), File::plain(FAVICON));
        if let Some(package) = package(site) {
            read(&package, "", &mut files).map_err(|error| {
                format!(
                    "The browser part in {} cannot be read: {error}.",
                    package.display()
                )
            })?;
        }
        let mut hash = Sha256::new();
        for (name, file) in &files {
            hash.update(name.as_bytes());
            hash.update((file.plain.len() as u64).to_be_bytes());
            hash.update(&file.plain);
        }
        let digest = hex(&hash.finalize()[..8]);
        let address = |name: &str| format!("/assets/{digest}/{name}");
        let whole = ["portunus.js", "portunus_bg.wasm"]
            .iter()
            .all(|name| files.contains_key(*name));
        let script = whole.then(|| Script {
            js: address("portunus.js"),
            wasm: address("portunus_bg.wasm"),
        });
        let addresses = document::Assets {
            style: address("portunus.css"),
            favicon: address("favicon.svg"),
            script,
        };
        Ok(Self {
            digest,
            files,
            addresses,
        })
    }

    pub(crate) fn addresses(&self) -> &document::Assets {
        &self.addresses
    }
}

impl File {
    fn plain(text: &'static str) -> Self {
        Self {
            plain: Bytes::from_static(text.as_bytes()),
            ..Self::default()
        }
    }
}

/// The folder with the browser part: as set, or `site/pkg` beside the executable or above it.
fn package(site: Option<&Path>) -> Option<PathBuf> {
    if let Some(site) = site {
        return Some(site.join("pkg"));
    }
    let exe = env::current_exe().ok()?;
    exe.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("site/pkg"))
        .find(|package| package.is_dir())
}

fn read(folder: &Path, prefix: &str, files: &mut BTreeMap<String, File>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            read(&entry.path(), &format!("{name}/"), files)?;
            continue;
        }
        let content = Bytes::from(fs::read(entry.path())?);
        if let Some(name) = name.strip_suffix(".br") {
            files.entry(name.to_owned()).or_default().brotli = Some(content);
        } else if let Some(name) = name.strip_suffix(".gz") {
            files.entry(name.to_owned()).or_default().gzip = Some(content);
        } else {
            files.entry(name).or_default().plain = content;
        }
    }
    Ok(())
}

/// `GET /assets/{digest}/{*name}`.
pub(crate) async fn show(
    State(portal): State<Portal>,
    PathOf((digest, name)): PathOf<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let assets = portal.assets();
    let file = assets.files.get(&name).ok_or(Failure::of(Code::NotFound))?;
    let (content, coding) = match (&file.brotli, &file.gzip) {
        (Some(brotli), _) if accepts(&headers, "br") => (brotli, Some("br")),
        (_, Some(gzip)) if accepts(&headers, "gzip") => (gzip, Some("gzip")),
        _ => (&file.plain, None),
    };
    let mut response = Body::from(content.clone()).into_response();
    let cache = if digest == assets.digest {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let answer = response.headers_mut();
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    answer.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(media_type(&name)),
    );
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(coding) = coding {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    Ok(response)
}

/// Whether the client takes a coding; one with weight zero is refused (RFC 9110 §12.5.3).
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|item| {
            let mut parts = item.split(';').map(str::trim);
            let named = parts
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case(coding));
            let weight = parts
                .find_map(|part| part.strip_prefix("q="))
                .unwrap_or("1");
            named && weight.parse::<f32>().is_ok_and(|weight| weight > 0.0)
        })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
