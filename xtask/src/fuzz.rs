//! Runs the fuzz targets in `fuzz/` from the inputs in `tests/fuzz_corpus/`.

use std::{ffi::OsString, fs};

use crate::{
    run::{command, root, run},
    tools,
};

/// The targets, and the folder of each one's inputs.
const TARGETS: [(&str, &str); 6] = [
    ("zip", "zip"),
    ("package", "package"),
    ("spec", "spec"),
    ("compiled", "compiled"),
    ("blobs", "blobs"),
    ("plan", "spec"),
];

/// Every target for that many seconds.
pub fn all(seconds: &str) -> Result<(), String> {
    let path = tools::fuzz()?;
    TARGETS.iter().try_for_each(|(target, inputs)| fuzz(&path, target, inputs, seconds))
}

/// One target for that many seconds.
pub fn one(target: &str, seconds: &str) -> Result<(), String> {
    let known = TARGETS.iter().find(|(name, _)| *name == target);
    let (_, inputs) = known.ok_or_else(|| {
        let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        format!("there is no fuzz target `{target}`, only {}", names.join(", "))
    })?;
    fuzz(&tools::fuzz()?, target, inputs, seconds)
}

fn fuzz(path: &OsString, target: &str, inputs: &str, seconds: &str) -> Result<(), String> {
    // What it finds goes into the first folder, which is not committed; the second is only read.
    let grown = root().join("fuzz").join("corpus").join(target);
    fs::create_dir_all(&grown).map_err(|error| format!("{}: {error}", grown.display()))?;
    let (grown, kept) = (grown.to_string_lossy().into_owned(), format!("tests/fuzz_corpus/{inputs}"));
    let seconds = format!("-max_total_time={seconds}");
    // An input is at most eight kilobytes: none may take seconds or a tenth of a gigabyte.
    let limits = ["-timeout=5", "-malloc_limit_mb=128", "-rss_limit_mb=2048", "-max_len=8192"];
    let mut args = vec!["run", "nightly", "cargo", "fuzz", "run", "--debug-assertions", target, &grown, &kept, "--"];
    args.push(&seconds);
    args.extend(limits);
    run(command("rustup", &args, Some(path)))
}
