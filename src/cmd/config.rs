//! `portunus config`: the effective settings, each with its source; secrets masked.

use super::say;
use crate::cli::Common;
use crate::settings::{Layers, Settings};

pub fn run(common: &Common) -> anyhow::Result<()> {
    let layers = Layers::load(
        common.settings.as_deref(),
        std::env::vars().collect(),
        &common.flags(),
    );
    let settings = Settings::read(&layers)?;
    for shown in &settings.shown {
        let value = match shown.value.as_str() {
            "" => "(not set)",
            value => value,
        };
        let (name, source) = (shown.setting.name, &shown.source);
        say::line(format_args!("{name:<24} {value:<44} {source}"))?;
    }
    for name in &layers.unknown {
        eprintln!("There is no setting {name}, so the variable does nothing.");
    }
    Ok(())
}
