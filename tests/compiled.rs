//! Compiled models: the same program read from a package and from its compiled form is the same model; texts written
//! after what public files show; texts that are cut, deep, huge or wrong.
//!
//! No file here was made by Apple's compiler: see `compiled/writer.rs`.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may fail, and says what it did")]

#[path = "compiled/writer.rs"]
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "the writer reads our own fixtures")]
mod writer;

use std::{env, fs, path::PathBuf};

use coreml_planner::{
    format::{self, Entry, Limits, Package, PackageFormat, RangeSource, ReadError},
    model::{Model, Place},
};
use writer::Files;

struct Bytes(Vec<u8>);

impl RangeSource for Bytes {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        let from = offset as usize;
        into.copy_from_slice(self.0.get(from..from + into.len()).ok_or("beyond the end")?);
        Ok(())
    }
}

fn open(files: Files) -> Result<Package, ReadError> {
    let entries = files.into_iter().map(|(path, bytes)| Entry { path, source: Box::new(Bytes(bytes)) });
    format::open(entries.collect(), &Limits::default())
}

fn little(bytes: &[u8], at: usize, n: usize) -> usize {
    bytes[at..at + n].iter().rev().fold(0, |value, byte| (value << 8) | usize::from(*byte))
}

/// The files of a zipped package.
fn unzipped(archive: &[u8]) -> Files {
    let end = archive.len() - 22;
    let mut at = little(archive, end + 16, 4);
    let mut files = Vec::new();
    for _ in 0..little(archive, end + 10, 2) {
        let name = String::from_utf8(archive[at + 46..at + 46 + little(archive, at + 28, 2)].to_vec()).expect("a name");
        let local = little(archive, at + 42, 4);
        let data = local + 30 + little(archive, local + 26, 2) + little(archive, local + 28, 2);
        let packed = &archive[data..data + little(archive, at + 20, 4)];
        let bytes = match little(archive, at + 10, 2) {
            0 => packed.to_vec(),
            _ => miniz_oxide::inflate::decompress_to_vec(packed).expect("deflated"),
        };
        files.push((name, bytes));
        at += 46 + little(archive, at + 28, 2) + little(archive, at + 30, 2) + little(archive, at + 32, 2);
    }
    files
}

/// What the files of a zipped package weigh; of a file that zip64 describes, four gigabytes.
fn unzipped_bytes(archive: &[u8]) -> usize {
    let end = archive.len() - 22;
    let (mut at, mut sum) = (little(archive, end + 16, 4), 0);
    for _ in 0..little(archive, end + 10, 2) {
        sum += little(archive, at + 24, 4);
        at += 46 + little(archive, at + 28, 2) + little(archive, at + 30, 2) + little(archive, at + 32, 2);
    }
    sum
}

/// A package without what a package and its compiled form rightly differ in: where the files are.
fn comparable(package: &Package) -> Model {
    let mut model = package.model.clone();
    model.on_disk = None;
    for part in model.weights.iter_mut().flat_map(|weight| &mut weight.parts) {
        if let Place::Blob { file, .. } = &mut part.place {
            let path = &package.files[*file as usize].path;
            let name = path.rsplit_once('/').map_or(path.as_str(), |(_, name)| name);
            *file = name.bytes().fold(0, |sum, byte| sum * 31 % 65_521 + u32::from(byte));
        }
    }
    model
}

fn check_same(name: &str, package: &Files) {
    let original = open(package.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let compiled = open(writer::compiled(name, package)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(compiled.format, PackageFormat::MlModelC, "{name}");
    assert_eq!(compiled.name, name);
    assert_eq!(compiled.warnings, Vec::new(), "{name}");
    assert_eq!(compiled.unaccounted_bytes, original.unaccounted_bytes, "{name}");
    assert_eq!(compiled.spec_version, original.spec_version, "{name}");
    assert_eq!(compiled.model_type, original.model_type, "{name}");
    assert_eq!(compiled.interfaces, original.interfaces, "{name}");
    let (found, expected) = (comparable(&compiled), comparable(&original));
    assert_eq!(found.names, expected.names, "{name}");
    assert_eq!(found.weights, expected.weights, "{name}");
    assert_eq!(found.spec_version, expected.spec_version, "{name}");
    assert_eq!(found.functions.len(), expected.functions.len(), "{name}");
    for (found, expected) in found.functions.iter().zip(&expected.functions) {
        for (found, expected) in found.values.iter().zip(&expected.values) {
            // As text, because a constant may be no number.
            assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{name}");
        }
        assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{name}");
    }
}

fn fixtures() -> Vec<(String, Files)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/packages");
    let mut found = Vec::new();
    for folder in [folder.clone(), folder.join("other")] {
        for child in fs::read_dir(folder).expect("fixtures") {
            let path = child.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if let Some(name) = name.strip_suffix(".mlpackage.zip") {
                found.push((name.to_owned(), unzipped(&fs::read(&path).expect("a fixture"))));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_program_is_the_same_model_from_its_package_and_from_its_compiled_form() {
    let all = fixtures();
    assert!(all.len() >= 20, "{} fixtures", all.len());
    for (name, package) in &all {
        check_same(name, package);
    }
}

#[test]
fn the_programs_of_a_larger_collection_are_the_same_too() {
    let Some(corpus) = env::var_os("PLANNER_CORPUS").map(PathBuf::from) else {
        println!("nothing checked: PLANNER_CORPUS is not set");
        return;
    };
    let mut n = 0;
    for child in fs::read_dir(corpus.join("packages")).expect("packages") {
        let path = child.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let Some(name) = name.strip_suffix(".mlpackage.zip") else { continue };
        let archive = fs::read(&path).expect("a package");
        // Both forms are held in memory here.
        if unzipped_bytes(&archive) < 300 << 20 {
            check_same(name, &unzipped(&archive));
            n += 1;
        }
    }
    println!("{n} packages are the same model in both forms");
}
