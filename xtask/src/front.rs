//! The browser part: compiles `frontend` to wasm, binds it to JavaScript and packs it.
//!
//! wasm-bindgen is used as a library, so that its version is the one of our lock file and no
//! tool has to be installed. The result lies in `<target dir>/site/pkg`; each file has a `.br`
//! and a `.gz` sibling. The portal reads that folder at its start (its setting `site_dir`) and
//! addresses the files by a digest of their content, so their names stay plain here.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "wasm-release";

/// Builds the browser part and prints what a browser will load.
pub(crate) fn build() -> Result<()> {
    let target = target_dir()?;
    let wasm = compile(&target)?;
    let package = target.join("site/pkg");
    if package.exists() {
        fs::remove_dir_all(&package).context("cannot clear the old package")?;
    }
    bind(&wasm, &package)?;
    let (raw, brotli) = pack(&package)?;
    eprintln!(
        "{}: {} kB, {} kB as brotli",
        package.display(),
        raw / 1000,
        brotli / 1000
    );
    Ok(())
}

/// The target directory that this very program was built into: `<target dir>/<profile>/xtask`.
fn target_dir() -> Result<PathBuf> {
    let exe = env::current_exe().context("cannot find this program")?;
    let target = exe
        .ancestors()
        .nth(2)
        .context("this program lies in no target directory")?;
    Ok(target.to_owned())
}

/// Runs cargo in a target directory of its own: it takes another lock than the native build, so
/// that the two can run side by side.
fn compile(target: &Path) -> Result<PathBuf> {
    let front = target.join("front");
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--package", "frontend", "--lib"])
        .args(["--no-default-features", "--features", "hydrate"])
        .args(["--target", TARGET, "--profile", PROFILE, "--target-dir"])
        .arg(&front)
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "cargo could not build the browser part");
    Ok(front.join(TARGET).join(PROFILE).join("frontend.wasm"))
}

fn bind(wasm: &Path, package: &Path) -> Result<()> {
    Bindgen::new()
        .input_path(wasm)
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .out_name("portunus")
        .generate(package)
        .context("wasm-bindgen could not bind the browser part")
}

/// Writes the compressed siblings; answers the bytes of all files, plain and as brotli.
fn pack(folder: &Path) -> Result<(usize, usize)> {
    let (mut raw, mut brotli) = (0, 0);
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            let (inner_raw, inner_brotli) = pack(&path)?;
            raw += inner_raw;
            brotli += inner_brotli;
            continue;
        }
        let content = fs::read(&path)?;
        let small = as_brotli(&content)?;
        fs::write(with_suffix(&path, "br"), &small)?;
        fs::write(with_suffix(&path, "gz"), as_gzip(&content)?)?;
        raw += content.len();
        brotli += small.len();
    }
    Ok((raw, brotli))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn as_brotli(content: &[u8]) -> Result<Vec<u8>> {
    let mut packed = Vec::new();
    // Quality 11, a window of 4 MiB: built once, served many times.
    let mut writer = brotli::CompressorWriter::new(&mut packed, 4096, 11, 22);
    writer.write_all(content)?;
    drop(writer);
    Ok(packed)
}

fn as_gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(content)?;
    Ok(writer.finish()?)
}
