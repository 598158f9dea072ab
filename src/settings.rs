//! Settings: one table of names, defaults and meanings, merged from four layers.
//!
//! Built-in defaults < `portunus.toml` < `PORTUNUS_*` environment < flags. Everything that is wrong
//! is found before anything starts, and is said together.

mod limits;
mod table;
mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat, Map, Value};

pub use table::{Setting, TABLE};
pub use value::Settings;

/// Where a value comes from, for `portunus config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Default,
    File,
    Environment,
    Flag,
}

impl Source {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
        }
    }
}

/// A setting with its effective value.
#[derive(Debug, Clone)]
pub struct Shown {
    pub setting: &'static Setting,
    /// Masked if it is a secret.
    pub value: String,
    /// Where it comes from; empty when it is not set.
    pub source: &'static str,
}

/// Sentences about what is wrong with the settings or the machine; the process ends with 64.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Problems(pub Vec<String>);

/// The merged layers as text, each value with its source.
#[derive(Debug, Clone)]
pub struct Layers {
    values: BTreeMap<&'static str, (String, Source)>,
    /// What is wrong with the layers themselves; [`Settings::read`] adds to it.
    problems: Vec<String>,
    /// Variables that look like settings and are none.
    pub unknown: Vec<String>,
}

impl Layers {
    /// `flags` are (setting, value) pairs of the command line; `file` is `--settings`, else
    /// `portunus.toml` in the working directory if it is there.
    pub fn load(
        file: Option<&Path>,
        environment: Map<String, String>,
        flags: &[(&'static str, String)],
    ) -> Self {
        let mut problems = Vec::new();
        let path = file.map_or_else(|| PathBuf::from("portunus.toml"), Path::to_path_buf);
        let from_file = read_file(&path, file.is_some(), &mut problems);
        let unknown = unknown(&environment);
        let from_environment = read_environment(environment, &mut problems);

        let mut values = BTreeMap::new();
        for setting in TABLE {
            let named =
                |(name, value): &&(&str, String)| *name == setting.name && !value.is_empty();
            let flag = flags.iter().rev().find(named);
            let layered = flag
                .map(|(_, value)| (value.clone(), Source::Flag))
                .or_else(|| {
                    Some((
                        from_environment.get(setting.name)?.clone(),
                        Source::Environment,
                    ))
                })
                .or_else(|| Some((from_file.get(setting.name)?.clone(), Source::File)))
                .or_else(|| Some((setting.default?.to_owned(), Source::Default)));
            if let Some(layered) = layered {
                values.insert(setting.name, layered);
            }
        }
        Self {
            values,
            problems,
            unknown,
        }
    }

    /// Every setting as it may be shown: secrets masked, what is not set empty.
    pub fn shown(&self) -> Vec<Shown> {
        let shown = |setting: &'static Setting| {
            let value = self.get(setting.name).unwrap_or_default();
            let value = if setting.secret && !value.is_empty() {
                "********"
            } else {
                value
            };
            let source = self.source(setting.name).map_or("", Source::as_str);
            Shown {
                setting,
                value: value.to_owned(),
                source,
            }
        };
        TABLE.iter().map(shown).collect()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|(value, _)| value.as_str())
    }

    pub fn source(&self, name: &str) -> Option<Source> {
        self.values.get(name).map(|(_, source)| *source)
    }
}

fn read_file(path: &Path, wanted: bool, problems: &mut Vec<String>) -> BTreeMap<String, String> {
    let built = Config::builder()
        .add_source(File::new(&path.to_string_lossy(), FileFormat::Toml).required(wanted))
        .build();
    match built {
        Ok(config) => flatten(
            config.cache,
            &format!("the file {}", path.display()),
            problems,
        ),
        Err(error) => {
            problems.push(format!(
                "The settings file {} cannot be read: {error}.",
                path.display()
            ));
            BTreeMap::new()
        }
    }
}

/// Only the variables of the table are read: `PORTUNUS_BIN` and its like belong to tests.
fn read_environment(
    environment: Map<String, String>,
    problems: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let mut known = Map::new();
    for setting in TABLE {
        // Empty counts as not set, so that a container may pass a variable on unconditionally.
        let given = environment
            .get(setting.variable)
            .filter(|value| !value.is_empty());
        if let Some(value) = given {
            known.insert(
                format!("PORTUNUS_{}", setting.name.to_uppercase()),
                value.clone(),
            );
        }
        let by_file = format!("{}_FILE", setting.variable);
        let path = environment.get(&by_file).filter(|path| !path.is_empty());
        let Some(path) = path.filter(|_| setting.secret) else {
            continue;
        };
        match std::fs::read_to_string(path) {
            Ok(text) => {
                known.insert(
                    format!("PORTUNUS_{}", setting.name.to_uppercase()),
                    text.trim().to_owned(),
                );
            }
            Err(error) => problems.push(format!(
                "{by_file} names {path}, which cannot be read: {error}."
            )),
        }
    }
    let source = Environment::with_prefix("PORTUNUS")
        .prefix_separator("_")
        .source(Some(known));
    match Config::builder().add_source(source).build() {
        Ok(config) => flatten(config.cache, "the environment", problems),
        Err(error) => {
            problems.push(format!("The environment cannot be read: {error}."));
            BTreeMap::new()
        }
    }
}

/// A mistyped name would be believed to work. It is told and not refused, because others name
/// variables too: an orchestrator does for a service of this name.
fn unknown(environment: &Map<String, String>) -> Vec<String> {
    let is_known = |name: &str| {
        TABLE.iter().any(|setting| {
            let file = name.strip_suffix("_FILE").filter(|_| setting.secret);
            setting.variable == name || Some(setting.variable) == file
        })
    };
    let ours = |name: &&String| {
        let rest = name.strip_prefix("PORTUNUS_");
        rest.is_some_and(|rest| {
            rest != "BIN" && !rest.starts_with("TEST_") && !rest.starts_with("WRITE_")
        })
    };
    let mut found: Vec<_> = environment
        .keys()
        .filter(ours)
        .filter(|name| !is_known(name))
        .cloned()
        .collect();
    found.sort();
    found
}

fn flatten(root: Value, place: &str, problems: &mut Vec<String>) -> BTreeMap<String, String> {
    let Ok(table) = root.into_table() else {
        return BTreeMap::new();
    };
    let mut out = BTreeMap::new();
    for (name, value) in table {
        if !TABLE.iter().any(|setting| setting.name == name) {
            problems.push(format!("There is no setting {name} (in {place})."));
            continue;
        }
        let text = match value.clone().into_array() {
            Ok(items) => items
                .into_iter()
                .map(Value::into_string)
                .collect::<Result<Vec<_>, _>>()
                .map(|v| v.join(",")),
            Err(_) => value.into_string(),
        };
        match text {
            Ok(text) if text.is_empty() => {}
            Ok(text) => {
                out.insert(name, text);
            }
            Err(_) => problems.push(format!(
                "The setting {name} (in {place}) is not a plain value."
            )),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Map<String, String> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn later_layers_win() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p.toml");
        std::fs::write(
            &file,
            "gateway = \"127.0.0.1:1\"\nadmin = \"127.0.0.1:2\"\nportal = \"127.0.0.1:3\"\n",
        )
        .unwrap();
        let environment = environment(&[
            ("PORTUNUS_ADMIN", "127.0.0.1:4"),
            ("PORTUNUS_PORTAL", "127.0.0.1:5"),
            ("PORTUNUS_BIN", "x"),
        ]);
        let layers = Layers::load(
            Some(&file),
            environment,
            &[("portal", "127.0.0.1:6".into())],
        );
        let found = ["gateway", "admin", "portal", "data"]
            .map(|name| (layers.get(name).unwrap(), layers.source(name).unwrap()));
        assert_eq!(
            found,
            [
                ("127.0.0.1:1", Source::File),
                ("127.0.0.1:4", Source::Environment),
                ("127.0.0.1:6", Source::Flag),
                ("./data", Source::Default),
            ]
        );
    }

    #[test]
    fn a_secret_may_come_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        std::fs::write(&file, "c2VjcmV0\n").unwrap();
        let layers = Layers::load(
            None,
            environment(&[("PORTUNUS_GATEWAY_KEY_FILE", file.to_str().unwrap())]),
            &[],
        );
        assert_eq!(layers.get("gateway_key"), Some("c2VjcmV0"));
    }

    #[test]
    fn everything_wrong_is_said_together() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p.toml");
        std::fs::write(&file, "gatewy = 1\nportl = 2\n").unwrap();
        let layers = Layers::load(
            Some(&file),
            environment(&[
                ("PORTUNUS_PORTAL_KEY_FILE", "/nowhere"),
                ("PORTUNUS_DRAIN", "soon"),
            ]),
            &[],
        );
        let problems = Settings::read(&layers).unwrap_err();
        assert_eq!(problems.0.len(), 4, "{problems}");
        let nowhere = Layers::load(Some(Path::new("/nowhere/p.toml")), Map::new(), &[]);
        assert!(Settings::read(&nowhere).is_err());
    }

    #[test]
    fn empty_is_not_set_and_a_mistyped_name_is_told() {
        let layers = Layers::load(
            None,
            environment(&[
                ("PORTUNUS_DRAIN", ""),
                ("PORTUNUS_PORTAL", ""),
                ("PORTUNUS_PORTAL_KEY_FILE", ""),
                ("PORTUNUS_TRUSTED_PROXY", "10.0.0.0/8"),
                ("PORTUNUS_LOG_FILE", "x"),
                ("PORTUNUS_BIN", "x"),
                ("HOME", "/"),
            ]),
            &[],
        );
        assert_eq!(
            layers.unknown,
            ["PORTUNUS_LOG_FILE", "PORTUNUS_TRUSTED_PROXY"]
        );
        let settings = Settings::read(&layers).unwrap();
        assert_eq!(settings.portal.port(), 3000);
        assert_eq!(settings.drain.as_secs(), 30);
    }
}
