//! The tools the page is built with, and how each is had when it is missing.
//!
//! They are installed into a cache outside the checkout, so that a fresh clone on the same machine finds them again.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use crate::run::{command, output, root, run};

/// Needs no newer Rust than the project.
const TRUNK: &str = "0.21.14";
/// Drives libFuzzer.
const CARGO_FUZZ: &str = "0.13.2";
/// As in Trunk.toml.
const BINARYEN: &str = "132.0.0";

/// Where tools are kept: `COREML_PLANNER_TOOLS`, or the user's cache folder.
pub fn cache() -> PathBuf {
    let from = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || from("HOME").or_else(|| from("USERPROFILE")).unwrap_or_default();
    from("COREML_PLANNER_TOOLS").unwrap_or_else(|| {
        let base = from("XDG_CACHE_HOME").or_else(|| from("LOCALAPPDATA")).unwrap_or_else(|| home().join(".cache"));
        base.join("coreml-planner")
    })
}

/// Makes sure that everything for the page is there; returns the search path that finds it.
pub fn web() -> Result<OsString, String> {
    wasm_target()?;
    let node = output(command("node", &["--version"], None));
    if node.is_none() {
        return Err("Node.js is missing (its npm brings wasm-opt and the browser tests): https://nodejs.org".to_owned());
    }
    let mut folders = Vec::new();
    folders.extend(crate_tool("trunk", "trunk", TRUNK, true)?);
    folders.extend(crate_tool("wasm-bindgen", "wasm-bindgen-cli", &locked("wasm-bindgen")?, false)?);
    folders.extend(binaryen()?);
    let own = env::var_os("PATH").unwrap_or_default();
    env::join_paths(folders.into_iter().chain(env::split_paths(&own))).map_err(|error| error.to_string())
}

/// The search path that finds `cargo-fuzz`, which is installed when it is missing.
pub fn fuzz() -> Result<OsString, String> {
    let nightly = output(command("rustup", &["run", "nightly", "rustc", "--version"], None));
    if nightly.is_none() {
        return Err("fuzzing needs a nightly compiler: rustup toolchain install nightly --profile minimal".to_owned());
    }
    let folders = crate_tool("cargo-fuzz", "cargo-fuzz", CARGO_FUZZ, true)?;
    let own = env::var_os("PATH").unwrap_or_default();
    env::join_paths(folders.into_iter().chain(env::split_paths(&own))).map_err(|error| error.to_string())
}

fn wasm_target() -> Result<(), String> {
    let args = ["--print", "target-libdir", "--target", "wasm32-unknown-unknown"];
    let libraries = output(command("rustc", &args, None)).map(PathBuf::from);
    if libraries.is_some_and(|folder| folder.exists()) {
        return Ok(());
    }
    run(command("rustup", &["target", "add", "wasm32-unknown-unknown"], None))
        .map_err(|error| format!("the wasm target is missing and rustup could not add it: {error}"))
}

/// The version of a package in Cargo.lock: wasm-bindgen and its command-line tool must be the same.
fn locked(package: &str) -> Result<String, String> {
    let lock = fs::read_to_string(root().join("Cargo.lock")).map_err(|error| format!("Cargo.lock: {error}"))?;
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name).skip(1);
    let version = lines.next().and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    version.map(str::to_owned).ok_or_else(|| format!("Cargo.lock has no {package}"))
}

/// A tool from crates.io: the one on the search path if it is that version, else one in the cache, installed if need be.
fn crate_tool(binary: &str, package: &str, version: &str, is_locked: bool) -> Result<Option<PathBuf>, String> {
    let says = |program: &str| output(command(program, &["--version"], None)).unwrap_or_default();
    if says(binary).split_whitespace().nth(1) == Some(version) {
        return Ok(None);
    }
    let home = cache().join(format!("{package}-{version}"));
    let bin = home.join("bin");
    let program = bin.join(format!("{binary}{}", env::consts::EXE_SUFFIX));
    if says(&program.to_string_lossy()).split_whitespace().nth(1) != Some(version) {
        println!("installing {package} {version} into {} (some minutes, once)", home.display());
        let place = home.to_string_lossy().into_owned();
        // Its own build folder, so that the project's is not filled with it.
        let target = cache().join("build").to_string_lossy().into_owned();
        let mut args = vec!["install", package, "--version", version, "--root", &place, "--target-dir", &target];
        if is_locked {
            args.push("--locked");
        }
        run(command("cargo", &args, None))?;
        // What it was built from is not needed again.
        let _ = fs::remove_dir_all(target);
    }
    Ok(Some(bin))
}

/// `wasm-opt`: npm's binaryen ships it for every platform.
fn binaryen() -> Result<Option<PathBuf>, String> {
    let major = BINARYEN.split('.').next().unwrap_or_default();
    let is_right = |program: &str| {
        let said = output(command(program, &["--version"], None)).unwrap_or_default();
        said.split_whitespace().nth(2) == Some(major)
    };
    if is_right("wasm-opt") {
        return Ok(None);
    }
    let home = cache().join(format!("binaryen-{BINARYEN}"));
    let bin = home.join("node_modules").join(".bin");
    if !is_right(&bin.join(script("wasm-opt")).to_string_lossy()) {
        println!("installing binaryen {BINARYEN} into {}", home.display());
        npm_install(&home, &format!("binaryen@{BINARYEN}"))?;
    }
    Ok(Some(bin))
}

fn script(name: &str) -> String {
    if cfg!(windows) { format!("{name}.cmd") } else { name.to_owned() }
}

fn npm_install(home: &Path, package: &str) -> Result<(), String> {
    fs::create_dir_all(home).map_err(|error| format!("{}: {error}", home.display()))?;
    let place = home.to_string_lossy().into_owned();
    run(command("npm", &["install", "--no-audit", "--no-fund", "--prefix", &place, package], None))
}
