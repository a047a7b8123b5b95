//! The inputs that fuzzing has kept (`fuzz_corpus/`), through the same functions, on any compiler.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may fail, and says on what")]

use std::{
    fs,
    path::{Path, PathBuf},
};

#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub, reason = "a package of its own, of which this is one reader")]
mod targets;

#[path = "compiled/writer.rs"]
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "the writer reads our own fixtures")]
mod compiled;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz_corpus")
}

/// The committed inputs of a target; what is opened to be planned is what the reader of specifications has.
fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = corpus().join(if target == "plan" { "spec" } else { target });
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("an input"))).collect()
}

fn replay(wanted: &str) {
    let (target, run) = targets::TARGETS.into_iter().find(|(name, _)| *name == wanted).expect("a target");
    let inputs = inputs(target);
    assert!(!inputs.is_empty(), "{target} has no inputs");
    for (path, bytes) in inputs {
        // Shown when the test fails: the last one did it.
        println!("{}", path.display());
        run(&bytes);
    }
}

#[test]
fn archives_that_fuzzing_kept() {
    replay("zip");
}

#[test]
fn packages_that_fuzzing_kept() {
    replay("package");
}

#[test]
fn specifications_that_fuzzing_kept() {
    replay("spec");
}

#[test]
fn compiled_models_that_fuzzing_kept() {
    replay("compiled");
}

#[test]
fn the_compiled_forms_of_packages_are_among_the_seeds() {
    for (path, package) in inputs("package") {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with("seed_") {
            continue;
        }
        let package = targets::split(&package).into_iter().map(|(path, bytes)| (path.to_owned(), bytes.to_vec()));
        let mut framed = Vec::new();
        for (path, bytes) in compiled::compiled("m", &package.collect()) {
            // Of a weight file only headers and records matter.
            let bytes = bytes.get(..3000).unwrap_or(&bytes);
            framed.extend(format!("{}=== {path}\n", if framed.is_empty() { "" } else { "\n" }).as_bytes());
            framed.extend(bytes);
        }
        let seed = corpus().join("compiled").join(&name);
        if std::env::var_os("BLESS").is_some() {
            fs::write(&seed, &framed).expect("a seed");
        }
        assert!(fs::read(&seed).is_ok_and(|kept| kept == framed), "{name}: BLESS=1 writes it");
    }
}

#[test]
fn weight_files_that_fuzzing_kept() {
    replay("blobs");
}

#[test]
fn plans_of_what_fuzzing_kept() {
    replay("plan");
}

#[test]
fn enough_of_the_inputs_open() {
    // A corpus that is refused at the door would prove nothing.
    for target in ["zip", "package", "spec", "compiled"] {
        let inputs = inputs(target);
        let n_open = inputs.iter().filter(|(_, bytes)| targets::opens(target, bytes)).count();
        assert!(n_open >= 5, "{target}: {n_open} of {} open", inputs.len());
    }
}
