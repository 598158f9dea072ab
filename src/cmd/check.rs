//! `portunus check FILE`: everything that is wrong with a declarative file.

use std::path::Path;

use super::exit::No;
use super::{data_plane, say};

pub fn run(file: &Path) -> anyhow::Result<()> {
    let read = gateway::source::file::read(file, 1, &|name| std::env::var(name).ok());
    let good = read.and_then(|read| match read.out_of_time(chrono::Utc::now()) {
        found if found.is_empty() => Ok(read),
        found => Err(found),
    });
    match good {
        Ok(read) => {
            let parts = &read.snapshot.parts;
            let (versions, applications) = (parts.versions.len(), parts.applications.len());
            say::line(format_args!(
                "{}: good; {versions} versions, {applications} applications.",
                file.display()
            ))
        }
        Err(found) => Err(No(data_plane::told(file, &found).to_string()).into()),
    }
}
