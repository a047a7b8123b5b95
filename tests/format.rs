//! Packages made by coremltools open with the right totals; damaged ones say what is wrong and where.

#![allow(clippy::expect_used, clippy::panic, reason = "tests speak by failing")]

use std::{fs, path::PathBuf};

use coreml_planner::{
    format::{self, Entry, Limits, Package, RangeSource, ReadError},
    report::inspect::{self, InspectDocument},
};
use serde_json::Value as Json;

/// Bytes in memory as a source.
struct Bytes(Vec<u8>);

impl RangeSource for Bytes {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        let from = offset as usize;
        let bytes = self.0.get(from..from + into.len()).ok_or("beyond the end")?;
        into.copy_from_slice(bytes);
        Ok(())
    }
}

fn packages() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/packages")
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(packages().join(format!("{name}.mlpackage.zip"))).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn open(name: &str, bytes: Vec<u8>) -> Result<Package, ReadError> {
    format::open(vec![Entry { path: name.to_owned(), source: Box::new(Bytes(bytes)) }], &Limits::default())
}

fn document(name: &str) -> InspectDocument {
    let package = open(&format!("{name}.mlpackage.zip"), bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    inspect::document(&package)
}

/// Encodings of a fixture with their parameters, largest first.
fn encodings(name: &str) -> Vec<(String, u64)> {
    document(name).weights.by_encoding.into_iter().map(|row| (row.encoding, row.n_params)).collect()
}

#[test]
fn every_fixture_has_the_totals_that_coremltools_says() {
    let truth = fs::read_to_string(packages().join("truth.json")).expect("truth.json");
    let truth: serde_json::Map<String, Json> = serde_json::from_str(&truth).expect("truth.json is JSON");
    assert!(truth.len() >= 18, "{} fixtures", truth.len());
    for (name, expected) in truth {
        let found = document(&name);
        assert_eq!(found.model_type, "mlProgram", "{name}");
        assert_eq!(Json::from(found.spec_version), expected["spec_version"], "{name}");
        let files: serde_json::Map<String, Json> =
            found.files.iter().map(|file| (file.path.clone(), Json::from(file.bytes))).collect();
        assert_eq!(Json::from(files), expected["files"], "{name}");
        let functions: serde_json::Map<String, Json> = found
            .functions
            .iter()
            .map(|function| (function.name.clone(), serde_json::to_value(&function.ops).expect("plain")))
            .collect();
        assert_eq!(Json::from(functions), expected["functions"], "{name}");
        assert_eq!(Json::from(found.weights.stored_bytes), expected["stored_bytes"], "{name}: stored bytes");
        assert_eq!(Json::from(found.weights.n_params), expected["n_params"], "{name}: parameters");
        assert_eq!(found.unaccounted_bytes, 0, "{name}");
        assert_eq!(found.warnings, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn each_compression_is_recognised() {
    let cases: &[(&str, &[&str])] = &[
        ("conv_fp16_ios17", &["fp16"]),
        ("conv_fp32_ios17", &["fp32"]),
        ("conv_lut4_ios17", &["lut4", "fp16"]),
        ("conv_lut2_inline_table_ios16", &["lut2", "fp16"]),
        ("conv_lut3_ios18", &["lut3", "fp16"]),
        ("conv_lut4_grouped_ios18", &["lut4-grouped", "fp16"]),
        ("conv_int8_channel_ios17", &["int8-channel", "fp16"]),
        ("conv_uint8_tensor_ios17", &["int8-tensor", "fp16"]),
        // A block as long as the input channels of the convolution is a channel.
        ("conv_int4_block_ios18", &["int4-block8", "int4-channel", "fp16"]),
        ("conv_sparse50_ios17", &["sparse", "fp16"]),
        ("conv_sparse50_lut4_ios18", &["sparse-lut4", "fp16"]),
        ("conv_lut4_int8_table_ios18", &["lut4-int8lut", "fp16"]),
    ];
    for (name, expected) in cases {
        let found: Vec<String> = encodings(name).into_iter().map(|(encoding, _)| encoding).collect();
        assert_eq!(found, *expected, "{name}");
    }
}

#[test]
fn a_weight_with_two_readers_and_one_in_two_functions_are_stored_once() {
    assert_eq!(document("tied_weight_ios17").weights.n_tensors, 1);
    let both = document("multifunction_ios18");
    assert_eq!(both.functions.len(), 2);
    assert_eq!(both.weights.n_params, 48 * 16 + 48);
}

#[test]
fn flexible_shapes_print_as_ranges_and_lists() {
    let shape = |name: &str| serde_json::to_value(&document(name).functions[0].inputs[0].shape).expect("plain");
    assert_eq!(shape("flexible_range_ios17"), serde_json::json!([1, 8, "1..64"]));
    assert_eq!(shape("flexible_enumerated_ios17"), serde_json::json!([1, 8, [16, 32]]));
    assert_eq!(document("state_ios18").functions[0].states.len(), 1);
}

#[test]
fn a_package_cut_short_anywhere_is_an_error_or_complete_never_a_panic() {
    let whole = bytes("conv_lut4_ios17");
    for length in (0..whole.len()).step_by(7) {
        let cut = whole[..length].to_vec();
        let error = open("cut.zip", cut).expect_err("half an archive is no archive");
        assert!(!error.what.is_empty() && !error.hint.is_empty(), "{error}");
    }
}

#[test]
fn a_package_with_any_byte_changed_does_not_stop_the_reader() {
    for name in ["conv_int4_block_ios18", "control_flow_ios17", "multifunction_ios18"] {
        let whole = bytes(name);
        for at in (0..whole.len()).step_by(3) {
            for change in [0x01, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] ^= change;
                if let Ok(package) = open("damaged.zip", damaged) {
                    let _ = inspect::text(&inspect::document(&package));
                }
            }
        }
    }
}

#[test]
fn a_bare_specification_with_any_byte_changed_does_not_stop_the_reader() {
    // The specification itself, without an archive's checks around it: a network of one layer with one weight.
    let field = |number: u32, payload: &[u8]| -> Vec<u8> {
        let key = (number << 3) | 2;
        let mut bytes = vec![(key & 0x7f) as u8 | 0x80, (key >> 7) as u8];
        bytes.push(u8::try_from(payload.len()).expect("short"));
        bytes.extend(payload);
        bytes
    };
    let weights = field(20, &field(1, &[0, 0, 0x80, 0x3f, 0, 0, 0, 0]));
    let layer = [field(1, b"fc1"), field(2, b"x"), field(3, b"y"), field(140, &weights)].concat();
    let spec = [vec![0x08, 0x04], field(2, &[]), field(500, &field(1, &layer))].concat();
    let package = open("fc.mlmodel", spec.clone()).expect("a small network");
    assert_eq!(package.model_type, "neuralNetwork");
    let found = inspect::document(&package);
    assert_eq!((found.weights.n_params, found.weights.stored_bytes), (2, 8));
    assert_eq!(found.functions[0].ops.get("innerProduct"), Some(&1));
    for at in 0..spec.len() {
        for value in 0..=255 {
            let mut damaged = spec.clone();
            damaged[at] = value;
            let _ = open("fc.mlmodel", damaged);
        }
    }
}

#[test]
fn what_is_no_model_says_what_it_is() {
    let cases: &[(&str, &[u8], &str)] = &[
        ("a.mlmodel", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", "Git LFS pointer"),
        ("weight.bin", &[0; 0], "empty"),
        ("llama.gguf", b"GGUF\x03\0\0\0", "not a Core ML model"),
        ("Manifest.json", b"{\"fileFormatVersion\": \"1.0.0\"}", "no model in the package"),
        ("model.tar.gz", b"\x1f\x8b\x08\0", "gzip"),
        ("noise.mlmodel", b"\x0f\x07\x07\x07", "wire type"),
        ("model.mil", b"program(1.0", "not closed"),
        ("coremldata.bin", &[0xF6; 8], "whole .mlmodelc folder"),
    ];
    for (name, bytes, expected) in cases {
        let error = open(name, bytes.to_vec()).expect_err(name);
        assert!(error.to_string().contains(expected), "{name}: {error}");
    }
}

#[test]
fn the_reader_reads_ranges_and_never_a_weight_file_whole() {
    struct Watched(Bytes, std::rc::Rc<std::cell::Cell<u64>>);
    impl RangeSource for Watched {
        fn len(&self) -> u64 {
            self.0.len() + (1 << 32)
        }
        fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
            self.1.set(self.1.get() + into.len() as u64);
            // Behind its real end the file is zeros: a weight file of four gigabytes.
            for (at, byte) in into.iter_mut().enumerate() {
                *byte = self.0.0.get(offset as usize + at).copied().unwrap_or(0);
            }
            Ok(())
        }
    }
    let read = std::rc::Rc::new(std::cell::Cell::new(0));
    let folder = unzipped("conv_fp16_ios17");
    let entries = folder
        .into_iter()
        .map(|(path, bytes)| {
            let source: Box<dyn RangeSource> = if path.ends_with("weight.bin") {
                Box::new(Watched(Bytes(bytes), read.clone()))
            } else {
                Box::new(Bytes(bytes))
            };
            Entry { path, source }
        })
        .collect();
    let package = format::open(entries, &Limits::default()).expect("a folder");
    assert_eq!(package.unaccounted_bytes, 1 << 32);
    assert!(read.get() < 4096, "{} bytes of the weight file were read", read.get());
}

/// The files of a fixture, as a folder has them.
fn unzipped(name: &str) -> Vec<(String, Vec<u8>)> {
    let archive = bytes(name);
    let number =
        |at: usize, n: usize| archive[at..at + n].iter().rev().fold(0_usize, |v, b| (v << 8) | usize::from(*b));
    let end = archive.len() - 22;
    let mut at = number(end + 16, 4);
    let mut files = Vec::new();
    for _ in 0..number(end + 10, 2) {
        let (packed, n_name, n_extra, n_comment, local) =
            (number(at + 20, 4), number(at + 28, 2), number(at + 30, 2), number(at + 32, 2), number(at + 42, 4));
        let path = String::from_utf8(archive[at + 46..at + 46 + n_name].to_vec()).expect("a name");
        let data = local + 30 + number(local + 26, 2) + number(local + 28, 2);
        let bytes = miniz_oxide::inflate::decompress_to_vec(&archive[data..data + packed]).expect("deflated");
        files.push((path, bytes));
        at += 46 + n_name + n_extra + n_comment;
    }
    files
}

#[test]
fn a_folder_and_a_zip_of_it_say_the_same() {
    for name in ["conv_lut4_ios17", "multifunction_ios18", "state_ios18"] {
        let entries = unzipped(name).into_iter();
        let entries = entries.map(|(path, bytes)| Entry { path, source: Box::new(Bytes(bytes)) }).collect();
        let folder = format::open(entries, &Limits::default()).expect("a folder");
        assert_eq!(inspect::document(&folder), document(name), "{name}");
    }
}

#[test]
fn names_from_files_cannot_talk_to_a_terminal() {
    let mut package = open("x.zip", bytes("conv_fp16_ios17")).expect("a package");
    package.name = "evil\u{1b}[2J\u{202e}name".to_owned();
    let text = inspect::text(&inspect::document(&package));
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
}
