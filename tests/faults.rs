//! Every kind of bad input has its own kind of error, with the file it is about and what to do.

#![allow(clippy::panic, reason = "tests speak by failing")]

use std::path::Path;

use coreml_planner::{
    format::{self, Entry, Fault, Limits, RangeSource, ReadError},
    report::inspect,
};

/// Bytes in memory; none of them can be read when it is broken.
struct Source {
    bytes: Vec<u8>,
    is_broken: bool,
}

impl RangeSource for Source {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        if self.is_broken {
            return Err("the disk is gone".to_owned());
        }
        let from = usize::try_from(offset).map_err(|_| "too far")?;
        let bytes = self.bytes.get(from..from + into.len()).ok_or("beyond the end")?;
        into.copy_from_slice(bytes);
        Ok(())
    }
}

fn open_with(files: &[(&str, &[u8])], limits: &Limits) -> Result<(), ReadError> {
    let entry = |(path, bytes): &(&str, &[u8])| Entry {
        path: (*path).to_owned(),
        source: Box::new(Source { bytes: bytes.to_vec(), is_broken: false }) as Box<dyn RangeSource>,
    };
    format::open(files.iter().map(entry).collect(), limits).map(|_| ())
}

fn check(what: &str, files: &[(&str, &[u8])], expected: Fault) {
    match open_with(files, &Limits::default()) {
        Err(error) => {
            assert_eq!(error.fault, expected, "{what}: {error}");
            assert!(!error.what.is_empty(), "{what}");
            let document = serde_json::to_value(inspect::error_document(&error));
            let document = document.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(document["schema"], "coreml-planner/error/1");
            assert_eq!(document["fault"], serde_json::to_value(expected).unwrap_or_default());
        }
        Ok(()) => panic!("{what} opens"),
    }
}

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packages/other").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n";

fn manifest(path: &str) -> Vec<u8> {
    format!(
        "{{\"fileFormatVersion\":\"1.0.0\",\"itemInfoEntries\":{{\"A\":{{\"path\":\"{path}\",\"name\":\"m\",\
         \"author\":\"a\",\"description\":\"d\"}}}},\"rootModelIdentifier\":\"A\"}}"
    )
    .into_bytes()
}

#[test]
fn each_kind_of_fault_is_told_apart() {
    let tree = fixture("tree.mlmodel");
    check("an LFS pointer", &[("m.mlmodel", POINTER)], Fault::LfsPointer);
    check("an empty file", &[("m.mlmodel", b"")], Fault::Truncated);
    check("half a model", &[("m.mlmodel", tree.get(..tree.len() / 2).unwrap_or_default())], Fault::Truncated);
    check("a wrong wire type", &[("m.mlmodel", b"\x0f\x0f\x0f\x0f")], Fault::Corrupt);
    check("a GGUF file", &[("m.gguf", b"GGUF\x03\0\0\0")], Fault::NotCoreMl);
    check("a text file in a folder", &[("a/readme.txt", b"hello"), ("a/b.txt", b"x")], Fault::NotCoreMl);
    check("a gzip archive", &[("m.tar.gz", b"\x1f\x8b\x08\0\0\0\0\0")], Fault::Unsupported);
    check("two models", &[("a.mlmodel", &tree), ("b.mlmodel", &tree)], Fault::Ambiguous);
    check("a manifest that is cut", &[("p.mlpackage/Manifest.json", b"{\"itemInfo")], Fault::Corrupt);
    check("a manifest that leads out", &[("p.mlpackage/Manifest.json", &manifest("../../etc/passwd"))], Fault::Hostile);
    check(
        "a manifest without its model",
        &[("p.mlpackage/Manifest.json", &manifest("com.apple.CoreML/model.mlmodel"))],
        Fault::Missing,
    );
    check(
        "a package whose model is a pointer",
        &[
            ("p.mlpackage/Manifest.json", &manifest("com.apple.CoreML/model.mlmodel")),
            ("p.mlpackage/Data/com.apple.CoreML/model.mlmodel", POINTER),
        ],
        Fault::LfsPointer,
    );
}

#[test]
fn limits_are_a_fault_of_their_own() {
    let limits = Limits { ops: 1, ..Limits::default() };
    let error = open_with(&[("n.mlmodel", &fixture("network.mlmodel"))], &limits);
    assert_eq!(error.map_err(|error| error.fault), Err(Fault::TooLarge));
}

#[test]
fn a_source_that_fails_is_no_fault_of_the_file() {
    let source = Box::new(Source { bytes: fixture("tree.mlmodel"), is_broken: true });
    let opened = format::open(vec![Entry { path: "m.mlmodel".to_owned(), source }], &Limits::default());
    match opened {
        Err(error) => {
            assert_eq!(error.fault, Fault::Io);
            assert!(error.to_string().contains("the disk is gone"), "{error}");
        }
        Ok(_) => panic!("it cannot be read"),
    }
}
