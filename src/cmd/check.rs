//! `portunus check FILE`: everything that is wrong with a declarative file.

use std::path::Path;

use super::data_plane;
use super::exit::No;

pub fn run(file: &Path) -> anyhow::Result<()> {
    match gateway::source::file::read(file, 1, &|name| std::env::var(name).ok()) {
        Ok(read) => {
            let parts = &read.snapshot.parts;
            let (versions, applications) = (parts.versions.len(), parts.applications.len());
            println!(
                "{}: good; {versions} versions, {applications} applications.",
                file.display()
            );
            Ok(())
        }
        Err(found) => Err(No(data_plane::told(file, &found).to_string()).into()),
    }
}
