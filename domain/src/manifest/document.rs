//! The OpenAPI documents that a file names, seen through a function that is handed in: this crate
//! opens no files.

use crate::openapi;

/// What routing needs of a document's operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentOperation {
    /// Upper case.
    pub method: String,
    /// Template as written.
    pub path: String,
}

/// Reads a file named in the manifest; the error is a sentence.
pub type DocumentLoader<'a> = dyn Fn(&str) -> Result<Vec<u8>, String> + 'a;

/// The operations of the document at `path`, or a sentence that says what is wrong with it.
pub(super) fn operations(
    path: &str,
    load: &DocumentLoader<'_>,
) -> Result<Vec<DocumentOperation>, String> {
    let bytes = load(path)?;
    let document = openapi::parse(&bytes)
        .map_err(|error| format!("The document {path} cannot be used: {error}."))?;
    let operations = document
        .operations
        .into_iter()
        .map(|operation| DocumentOperation {
            method: operation.method.as_str().to_owned(),
            path: operation.path,
        });
    Ok(operations.collect())
}
