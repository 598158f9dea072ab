//! The documentation against the code: its tables of settings and error codes are the code's own,
//! and every kind of policy is explained.
//!
//! `PORTUNUS_WRITE_DOCS=1 cargo test --test docs` writes the tables anew.

// A test fails by panicking, and its support is shared by name.
#![allow(clippy::unwrap_used, unreachable_pub)]

use std::fmt::Write;
use std::path::PathBuf;

use domain::policy::{AttachPoint, PolicyKind, check_all};
use domain::problem::Code;
use portunus::settings::TABLE;

/// A table lies between these lines of its page.
const FIRST: &str = "<!-- table: written by tests/docs.rs -->\n";
const LAST: &str = "<!-- end of table -->\n";

fn page(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name)
}

/// Compares the page's table with `table`, or puts it there when asked to.
fn check(name: &str, table: &str) {
    let text = std::fs::read_to_string(page(name)).unwrap();
    let (head, rest) = text
        .split_once(FIRST)
        .expect("the page has a place for its table");
    let (found, tail) = rest.split_once(LAST).expect("the table has an end");
    if std::env::var_os("PORTUNUS_WRITE_DOCS").is_some() {
        std::fs::write(page(name), format!("{head}{FIRST}{table}{LAST}{tail}")).unwrap();
        return;
    }
    let missing: Vec<&str> = table
        .lines()
        .filter(|line| !found.lines().any(|other| other == *line))
        .collect();
    assert!(
        found == table,
        "docs/{name} differs from the code (PORTUNUS_WRITE_DOCS=1 cargo test --test docs writes it); not there:\n{}",
        missing.join("\n")
    );
}

/// What would end a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[test]
fn every_setting_has_its_line() {
    let mut table =
        String::from("| name | variable | default | meaning |\n| --- | --- | --- | --- |\n");
    for setting in TABLE {
        let default = match setting.default {
            Some("") => "empty".to_owned(),
            Some(default) => format!("`{}`", cell(default)),
            None => "–".to_owned(),
        };
        let file = if setting.secret {
            format!(" or `{}_FILE`", setting.variable)
        } else {
            String::new()
        };
        writeln!(
            table,
            "| `{}` | `{}`{file} | {default} | {} |",
            setting.name,
            setting.variable,
            cell(setting.help)
        )
        .unwrap();
    }
    check("settings.md", &table);
}

#[test]
fn every_error_code_has_its_line() {
    let mut table = String::from(
        "| code | status | title | what happened, what to do |\n| --- | --- | --- | --- |\n",
    );
    for code in Code::ALL {
        let entry = code.entry();
        writeln!(
            table,
            "| `{}` | {} | {} | {} |",
            entry.code,
            entry.status,
            cell(entry.title),
            cell(entry.help)
        )
        .unwrap();
    }
    check("errors.md", &table);
}

#[test]
fn every_kind_of_policy_has_its_section() {
    let text = std::fs::read_to_string(page("policies.md")).unwrap();
    for kind in PolicyKind::ALL {
        assert!(
            text.contains(&format!("\n## `{}`\n", kind.as_str())),
            "{}",
            kind.as_str()
        );
    }
    let plans = text.lines().find(|line| line.starts_with("| plan |"));
    for kind in PolicyKind::ALL {
        let is_named = plans.unwrap().contains(&format!("`{}`", kind.as_str()));
        assert_eq!(is_named, kind.fits(AttachPoint::Plan), "{}", kind.as_str());
    }
}

#[test]
fn examples_of_policies_are_good() {
    let text = std::fs::read_to_string(page("policies.md")).unwrap();
    let examples = text.split("```yaml\n").skip(1);
    let examples: Vec<&str> = examples
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(examples.len(), 20);
    for example in examples {
        let list = example.strip_prefix("policies:\n").unwrap_or(example);
        let file = format!("portunus: 1\npolicies:\n{list}");
        let manifest = domain::manifest::read(&file, &|_| None)
            .unwrap_or_else(|problems| panic!("{problems:?}\n{example}"));
        let wrong = check_all(&manifest.policies, AttachPoint::Organization);
        assert_eq!(wrong, vec![], "{example}");
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut pages: Vec<PathBuf> = std::fs::read_dir(root.join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    pages.extend(
        [
            "README.md",
            "ARCHITECTURE.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
        ]
        .map(|name| root.join(name)),
    );
    let mut broken = Vec::new();
    for page in pages
        .iter()
        .filter(|page| page.extension().is_some_and(|extension| extension == "md"))
    {
        let text = std::fs::read_to_string(page).unwrap();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = link.split('#').next().unwrap_or_default();
            if !file.is_empty() && !link.contains("://") && !page.with_file_name(file).exists() {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn examples_of_the_declarative_file_are_good() {
    let text = std::fs::read_to_string(page("gateway-file.md")).unwrap();
    let examples: Vec<&str> = text
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .filter(|example| example.starts_with("portunus: 1"))
        .collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        let manifest = domain::manifest::read(example, &|name| {
            (name == "BOOKSHOP_TOKEN").then(|| "t".to_owned())
        })
        .unwrap_or_else(|problems| panic!("{problems:?}\n{example}"));
        let load = |_: &str| Ok(domain::openapi::BOOKSHOP.as_bytes().to_vec());
        let problems = domain::manifest::resolve(&manifest, 1, &load).err();
        assert_eq!(problems, None, "{example}");
    }
}
