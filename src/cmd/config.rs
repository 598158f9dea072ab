//! `portunus config`: the effective settings, each with its source; secrets masked.

use crate::cli::Common;
use crate::settings::{Layers, Settings, TABLE};

pub fn run(common: &Common) -> anyhow::Result<()> {
    let layers = Layers::load(
        common.settings.as_deref(),
        std::env::vars().collect(),
        &common.flags(),
    );
    Settings::read(&layers)?;
    for setting in TABLE {
        let value = match layers.get(setting.name) {
            None | Some("") => "(not set)",
            Some(_) if setting.secret => "********",
            Some(value) => value,
        };
        let source = layers
            .source(setting.name)
            .map_or("", |source| source.as_str());
        println!("{:<18} {:<44} {source}", setting.name, value);
    }
    for name in &layers.unknown {
        eprintln!("There is no setting {name}, so the variable does nothing.");
    }
    Ok(())
}
