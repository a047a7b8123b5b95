//! The reader on what is no single ML program, on every form of archive, and on files that contradict each other.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail")]

use std::{collections::BTreeMap, fs, path::PathBuf};

use coreml_planner::{
    format::{self, Entry, Limits, Package, RangeSource, ReadError},
    model::{DType, Def, Encoding, Granularity, Literal},
    report::inspect,
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
        into.copy_from_slice(self.0.get(from..from + into.len()).ok_or("beyond the end")?);
        Ok(())
    }
}

type Files = Vec<(String, Vec<u8>)>;

fn packages() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/packages")
}

fn read(path: &str) -> Vec<u8> {
    fs::read(packages().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn open(files: Files) -> Result<Package, ReadError> {
    let entries = files.into_iter().map(|(path, bytes)| Entry { path, source: Box::new(Bytes(bytes)) });
    format::open(entries.collect(), &Limits::default())
}

fn open_one(name: &str, bytes: Vec<u8>) -> Result<Package, ReadError> {
    open(vec![(name.to_owned(), bytes)])
}

fn little(bytes: &[u8], at: usize, n: usize) -> usize {
    bytes[at..at + n].iter().rev().fold(0, |value, byte| (value << 8) | usize::from(*byte))
}

/// The files of a zipped fixture.
fn unzipped(path: &str) -> Files {
    let archive = read(path);
    let end = archive.len() - 22;
    let mut at = little(&archive, end + 16, 4);
    let mut files = Vec::new();
    for _ in 0..little(&archive, end + 10, 2) {
        let name =
            String::from_utf8(archive[at + 46..at + 46 + little(&archive, at + 28, 2)].to_vec()).expect("a name");
        let local = little(&archive, at + 42, 4);
        let data = local + 30 + little(&archive, local + 26, 2) + little(&archive, local + 28, 2);
        let packed = &archive[data..data + little(&archive, at + 20, 4)];
        files.push((name, miniz_oxide::inflate::decompress_to_vec(packed).expect("deflated")));
        at += 46 + little(&archive, at + 28, 2) + little(&archive, at + 30, 2) + little(&archive, at + 32, 2);
    }
    files
}

const FIXTURE: &str = "conv_lut4_ios17.mlpackage.zip";

// ---- networks, trees, pipelines ------------------------------------------------------------------------------------

fn count_ops(truth: &Json, ops: &mut BTreeMap<String, u64>) {
    for (name, count) in truth["ops"].as_object().into_iter().flatten() {
        *ops.entry(name.clone()).or_default() += count.as_u64().unwrap_or_default();
    }
    for inner in truth["models"].as_array().into_iter().flatten() {
        count_ops(inner, ops);
    }
}

#[test]
fn networks_trees_and_pipelines_say_what_coremltools_says() {
    let truth: serde_json::Map<String, Json> =
        serde_json::from_slice(&read("other/truth.json")).expect("truth.json is JSON");
    assert_eq!(truth.len(), 6);
    for (name, truth) in &truth {
        let package = open_one(name, read(&format!("other/{name}"))).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = inspect::document(&package);
        assert_eq!(found.model_type, truth["type"], "{name}");
        assert_eq!(found.spec_version, truth["spec_version"], "{name}");
        let function = &found.functions[0];
        let features = function.inputs.iter().chain(&function.outputs).map(|feature| feature.name.as_str());
        assert_eq!(Json::from(features.collect::<Vec<_>>()), truth["features"], "{name}");
        let (mut ops, mut expected) = (BTreeMap::new(), BTreeMap::new());
        for (op, count) in found.functions.iter().flat_map(|function| &function.ops) {
            *ops.entry(op.clone()).or_default() += count;
        }
        count_ops(truth, &mut expected);
        assert_eq!(ops, expected, "{name}");
        let in_specification = truth["network_bytes"].as_u64().expect("a number");
        if in_specification > 0 {
            assert_eq!(found.weights.stored_bytes, in_specification, "{name}");
        }
        assert_eq!(found.unaccounted_bytes, 0, "{name}");
        assert_eq!(found.warnings, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_weights_of_a_network_are_told_apart_by_how_they_are_stored() {
    let package = open_one("network.mlmodel", read("other/network.mlmodel")).expect("a network");
    let of = |name: &str| {
        let weight = package.model.weights.iter().find(|weight| weight.name == name);
        weight.unwrap_or_else(|| panic!("no {name} in {:?}", package.model.weights))
    };
    assert_eq!((of("conv.weights").elements(), of("conv.weights").dtype), (108, DType::Fp32));
    assert_eq!((of("conv.bias").elements(), of("conv.bias").dtype), (4, DType::Fp16));
    assert_eq!(of("prelu.alpha").elements(), 4);
    assert_eq!(of("bn.variance").elements(), 4);
    let linear = Encoding::Linear { bits: 8, granularity: Granularity::PerChannel };
    assert_eq!((of("fc_if.weights").elements(), &of("fc_if.weights").encoding), (1024, &linear));
    let table = Encoding::Palettized { bits: 4, tables: 1, vector: 1, int8_table: false };
    assert_eq!((of("fc_else.weights").elements(), &of("fc_else.weights").encoding), (1024, &table));
    let lstm = package.model.weights.iter().filter(|weight| weight.name.starts_with("lstm."));
    assert_eq!(lstm.map(|weight| weight.elements()).sum::<u64>(), 4 * (8 + 4 + 2));
}

#[test]
fn the_models_of_a_pipeline_keep_their_own_weights() {
    let name = "two_programs.mlpackage.zip";
    let package = open_one(name, read(&format!("other/{name}"))).expect("a pipeline");
    let found = inspect::document(&package);
    assert_eq!(found.weights.n_params, 2 * (32 * 32 + 32));
    assert_eq!(found.weights.n_tensors, 4);
    // The pipeline's own interface, then one for each model.
    assert_eq!(found.functions.len(), 3);
    // Each is a linear layer between two casts.
    assert_eq!(found.functions.iter().map(|function| function.n_ops).collect::<Vec<_>>(), [0, 3, 3]);
}

// ---- archives ------------------------------------------------------------------------------------------------------

/// What an archive's writer did.
#[derive(Clone, Copy, Default)]
struct Form {
    deflated: bool,
    /// Sizes stand after the data, as a streaming writer leaves them.
    descriptors: bool,
    zip64: bool,
    /// Bytes before the archive that its offsets do not count.
    stub: usize,
    comment: &'static [u8],
}

fn zip(files: &Files, form: Form) -> Vec<u8> {
    let mut out = vec![b'#'; form.stub];
    let mut directory = Vec::new();
    for (name, bytes) in files {
        let header_at = out.len() - form.stub;
        let packed = if form.deflated { miniz_oxide::deflate::compress_to_vec(bytes, 6) } else { bytes.clone() };
        let crc = crc32(bytes);
        let method = if form.deflated { 8_u16 } else { 0 };
        let flags = if form.descriptors { 8_u16 } else { 0 };
        let narrow = |size: usize| if form.zip64 { u32::MAX } else { size as u32 };
        let mut sizes = Vec::new();
        sizes.extend(crc.to_le_bytes());
        sizes.extend(narrow(packed.len()).to_le_bytes());
        sizes.extend(narrow(bytes.len()).to_le_bytes());
        let mut extra = Vec::new();
        if form.zip64 {
            extra.extend([1, 0, 24, 0]);
            for size in [bytes.len(), packed.len(), header_at] {
                extra.extend((size as u64).to_le_bytes());
            }
        }
        out.extend(b"PK\x03\x04\x14\x00");
        out.extend(flags.to_le_bytes());
        out.extend(method.to_le_bytes());
        out.extend([0; 4]);
        out.extend(if form.descriptors { vec![0; 12] } else { sizes.clone() });
        out.extend((name.len() as u16).to_le_bytes());
        // The local extra field is longer than the directory's, as the Finder's is.
        out.extend(4_u16.to_le_bytes());
        out.extend(name.as_bytes());
        out.extend([0x55, 0x58, 0, 0]);
        out.extend(&packed);
        if form.descriptors {
            out.extend(b"PK\x07\x08");
            out.extend(&sizes);
        }
        directory.extend(b"PK\x01\x02\x14\x03\x14\x00");
        directory.extend(flags.to_le_bytes());
        directory.extend(method.to_le_bytes());
        directory.extend([0; 4]);
        directory.extend(&sizes);
        directory.extend((name.len() as u16).to_le_bytes());
        directory.extend((extra.len() as u16).to_le_bytes());
        directory.extend([0; 10]);
        directory.extend(narrow(header_at).to_le_bytes());
        directory.extend(name.as_bytes());
        directory.extend(extra);
    }
    let (start, n) = (out.len() - form.stub, files.len());
    out.extend(&directory);
    let narrow = |size: usize| if form.zip64 { u32::MAX } else { size as u32 };
    if form.zip64 {
        let wide_at = (out.len() - form.stub) as u64;
        out.extend(b"PK\x06\x06");
        out.extend(44_u64.to_le_bytes());
        out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for value in [n, n, directory.len(), start] {
            out.extend((value as u64).to_le_bytes());
        }
        out.extend(b"PK\x06\x07\0\0\0\0");
        out.extend(wide_at.to_le_bytes());
        out.extend(1_u32.to_le_bytes());
    }
    out.extend(b"PK\x05\x06\0\0\0\0");
    let count = if form.zip64 { u16::MAX } else { n as u16 };
    out.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    out.extend(narrow(directory.len()).to_le_bytes());
    out.extend(narrow(start).to_le_bytes());
    out.extend((form.comment.len() as u16).to_le_bytes());
    out.extend(form.comment);
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

fn moved(files: &Files, path: impl Fn(&str) -> String) -> Files {
    files.iter().map(|(name, bytes)| (path(name), bytes.clone())).collect()
}

#[test]
fn every_form_of_archive_says_what_the_folder_says() {
    let files = unzipped(FIXTURE);
    let folder = open(files.clone()).expect("a folder");
    let stored = Form::default();
    let deflated = Form { deflated: true, ..stored };
    // The comment holds what looks like an end record.
    let comment = b"PK\x05\x06 and a comment that is longer than the end record it begins like";
    let forms = [
        stored,
        deflated,
        Form { descriptors: true, ..stored },
        Form { descriptors: true, ..deflated },
        Form { zip64: true, ..stored },
        Form { zip64: true, descriptors: true, ..deflated },
        Form { stub: 1000, ..stored },
        Form { stub: 77, zip64: true, ..deflated },
        Form { comment, ..deflated },
    ];
    let inner = |name: &str| name.split_once('/').expect("a folder").1.to_owned();
    let mut litter = files.clone();
    litter.push(("__MACOSX/conv_lut4_ios17.mlpackage/._Manifest.json".to_owned(), b"\0\x05\x16\x07".to_vec()));
    litter.push(("conv_lut4_ios17.mlpackage/.DS_Store".to_owned(), b"\0\0\0\x01Bud1".to_vec()));
    let layouts = [
        files.clone(),
        litter,
        moved(&files, inner),
        moved(&files, |name| format!("models/v2/{name}")),
        moved(&files, |name| format!("./{name}")),
    ];
    for (at, form) in forms.into_iter().enumerate() {
        for layout in &layouts {
            let name = "conv_lut4_ios17.mlpackage.zip";
            let package = open_one(name, zip(layout, form)).unwrap_or_else(|error| panic!("form {at}: {error}"));
            assert_eq!(package, folder, "form {at}");
        }
    }
}

#[test]
fn an_archive_that_cannot_be_read_says_why() {
    let files = unzipped(FIXTURE);
    let whole = zip(&files, Form { deflated: true, ..Form::default() });
    let check = |bytes: Vec<u8>, expected: &str| {
        let error = open_one("a.zip", bytes).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(whole[..whole.len() * 2 / 3].to_vec(), "no directory at its end");
    let directory = whole.windows(4).position(|four| four == b"PK\x01\x02").expect("a directory");
    let changed = |at: usize, to: u8| {
        let mut bytes = whole.clone();
        bytes[at] = to;
        bytes
    };
    let first = files[0].0.clone();
    let error = open_one("a.zip", changed(directory + 8, 1)).expect_err("encrypted");
    assert_eq!((error.file.as_str(), error.what.contains("encrypted")), (first.as_str(), true), "{error}");
    check(changed(directory + 10, 93), "method 93");
    // The checksum in the directory is that of other bytes.
    check(changed(directory + 16, whole[directory + 16] ^ 1), "checksum");
    check(zip(&vec![("inner.zip".to_owned(), whole.clone())], Form::default()), "archives inside archives");
    check(zip(&Vec::new(), Form::default()), "no files in it");
}

#[test]
fn a_deflated_specification_is_inflated_only_as_far_as_it_is_read() {
    // 256 MiB of zeros: the first field is wrong, so nothing past the first block is inflated.
    let zeros = miniz_oxide::deflate::compress_to_vec(&vec![0; 1 << 20], 9);
    let mut bytes = zip(&vec![("a.mlmodel".to_owned(), vec![0; 1 << 20])], Form { deflated: true, ..Form::default() });
    let directory = bytes.windows(4).position(|four| four == b"PK\x01\x02").expect("a directory");
    assert_eq!(little(&bytes, directory + 20, 4), zeros.len());
    bytes[directory + 24..directory + 28].copy_from_slice(&(256_u32 << 20).to_le_bytes());
    let error = open_one("a.zip", bytes).expect_err("zeros are no model");
    assert!(error.what.contains("not a protobuf field number"), "{error}");
}

// ---- files that contradict each other -----------------------------------------------------------------------------

fn with_weights(change: impl FnOnce(&mut Vec<u8>)) -> Package {
    let mut files = unzipped(FIXTURE);
    let (_, bytes) = files.iter_mut().find(|(name, _)| name.ends_with("weight.bin")).expect("weights");
    change(bytes);
    open(files).expect("what the specification says is readable")
}

#[test]
fn what_a_weight_file_says_differently_is_a_warning() {
    let intact = with_weights(|_| {});
    assert_eq!((intact.unaccounted_bytes, intact.warnings.len()), (0, 0));
    let check = |change: fn(&mut Vec<u8>), expected: &str| {
        let package = with_weights(change);
        let text: Vec<&str> = package.warnings.iter().map(|warning| warning.text.as_str()).collect();
        assert!(text.iter().any(|text| text.contains(expected)), "{expected}: {text:?}");
        assert_eq!(package.model.n_params(), intact.model.n_params(), "{expected}");
        package
    };
    check(|bytes| bytes[0] = 0xFF, "announces 255 blobs");
    check(|bytes| bytes[4] = 1, "version 1, not 2");
    check(|bytes| bytes[64] = 0, "has no record");
    check(|bytes| bytes[68] = 200, "unknown type 200");
    check(|bytes| bytes[72] = 1, "the specification says");
    check(|bytes| bytes[72..80].fill(0xFF), "reaches past the end");
    check(|bytes| bytes.truncate(100), "outside of the file");
    check(Vec::clear, "no header");
    let orphan = check(|bytes| bytes.extend([0; 4096]), "4096 bytes of the weight file are not referred to");
    assert_eq!(orphan.unaccounted_bytes, 4096);
    const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 123456\n";
    let package = check(|bytes| *bytes = POINTER.to_vec(), "Git LFS pointer to 123456 bytes");
    assert_eq!(package.unaccounted_bytes, POINTER.len() as u64);
}

#[test]
fn a_file_that_nothing_refers_to_is_unaccounted() {
    let mut files = unzipped(FIXTURE);
    files.push(("conv_lut4_ios17.mlpackage/notes.txt".to_owned(), b"remember the milk".to_vec()));
    let package = open(files).expect("a package");
    assert_eq!(package.unaccounted_bytes, 17);
    assert_eq!(package.warnings[0].file, "notes.txt");
}

#[test]
fn a_package_without_its_weights_still_says_what_they_are() {
    let whole = open(unzipped(FIXTURE)).expect("a package");
    let files = unzipped(FIXTURE).into_iter().filter(|(name, _)| !name.ends_with("weight.bin")).collect();
    let package = open(files).expect("the specification is there");
    let (mut told, read) = (inspect::document(&package).weights, inspect::document(&whole).weights);
    // All but where they are, since they are nowhere.
    for (row, known) in told.tensors.iter_mut().zip(&read.tensors) {
        assert_eq!(row.file, None);
        row.file.clone_from(&known.file);
    }
    assert_eq!(told, read);
    assert!(package.warnings[0].text.contains("not there"), "{:?}", package.warnings);
}

// ---- programs written by hand -------------------------------------------------------------------------------------

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7F {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number(field: u64, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(field << 3, &mut out);
    varint(value, &mut out);
    out
}

fn message(field: u64, parts: &[Vec<u8>]) -> Vec<u8> {
    let body = parts.concat();
    let mut out = Vec::new();
    varint(field << 3 | 2, &mut out);
    varint(body.len() as u64, &mut out);
    out.extend(body);
    out
}

fn text(field: u64, text: &str) -> Vec<u8> {
    message(field, &[text.as_bytes().to_vec()])
}

/// A `ValueType` in the given field: a tensor.
fn tensor(field: u64, dtype: u64, shape: &[u64]) -> Vec<u8> {
    let dims: Vec<Vec<u8>> = shape.iter().map(|size| message(3, &[message(1, &[number(1, *size)])])).collect();
    message(field, &[message(1, &[number(1, dtype), number(2, shape.len() as u64), dims.concat()])])
}

fn named(field: u64, name: &str, dtype: u64, shape: &[u64]) -> Vec<u8> {
    message(field, &[text(1, name), tensor(2, dtype, shape)])
}

/// An operation from what it reads by name; `rest` are its blocks and attributes.
fn op(kind: &str, inputs: &[(&str, &str)], output: &str, rest: &[Vec<u8>]) -> Vec<u8> {
    let bound =
        |(param, name): &(&str, &str)| message(2, &[text(1, param), message(2, &[message(1, &[text(1, name)])])]);
    let inputs: Vec<Vec<u8>> = inputs.iter().map(bound).collect();
    message(3, &[text(1, kind), inputs.concat(), named(3, output, 10, &[4]), rest.concat()])
}

fn program(operations: &[Vec<u8>], output: &str) -> Vec<u8> {
    let block = message(2, &[text(2, output), operations.concat()]);
    let function = message(
        2,
        &[
            named(1, "x", 10, &[4]),
            named(1, "flag", 1, &[]),
            text(2, "CoreML7"),
            message(3, &[text(1, "CoreML7"), block]),
        ],
    );
    let functions = message(2, &[text(1, "main"), function]);
    [number(1, 8), message(2, &[]), message(502, &[number(1, 1), functions])].concat()
}

#[test]
fn a_name_inside_a_block_does_not_hide_the_one_outside_for_longer_than_the_block() {
    let inside = |kind: &str| message(4, &[text(2, "t"), op(kind, &[("x", "x")], "t", &[])]);
    let spec = program(
        &[
            op("relu", &[("x", "x")], "t", &[]),
            op("cond", &[("pred", "flag")], "c", &[inside("exp"), inside("tanh")]),
            op("add", &[("x", "t"), ("y", "c")], "y", &[]),
        ],
        "y",
    );
    let package = open_one("a.mlmodel", spec).expect("a program");
    let function = &package.model.functions[0];
    let names = &package.model.names;
    let ops = &function.sections[0].ops;
    assert_eq!(ops[2].input(names, "x"), Some(ops[0].outputs[0]), "the addition reads the first operation");
    assert_eq!(ops[1].blocks[0].outputs, ops[1].blocks[0].ops[0].outputs);
    assert_eq!(ops[1].blocks[1].outputs, ops[1].blocks[1].ops[0].outputs);
    assert_eq!(function.outputs, ops[2].outputs);
    assert_eq!(package.warnings, []);
}

#[test]
fn a_chain_of_constants_that_leads_to_itself_ends() {
    let chain = |input: &str, output: &str| op("constexpr_cast", &[("source_val", input)], output, &[]);
    for operations in [vec![chain("a", "a")], vec![chain("b", "a"), chain("a", "b")]] {
        let spec = program(&operations, "x");
        let package = open_one("a.mlmodel", spec).expect("a program");
        assert!(package.warnings.iter().any(|warning| warning.text.contains("made from itself")), "{package:?}");
        assert_eq!(package.model.weights, []);
    }
}

#[test]
fn short_constants_are_kept_whole_in_every_type() {
    let constant = |dtype: u64, shape: &[u64], list: u64, values: Vec<u8>| {
        let value = message(2, &[tensor(2, dtype, shape), message(3, &[message(1, &[message(list, &[values])])])]);
        let operation = op("const", &[], "k", &[message(5, &[text(1, "val"), value])]);
        let spec = program(&[operation], "k");
        let package = open_one("a.mlmodel", spec).expect("a program");
        let function = &package.model.functions[0];
        function.literal(function.outputs[0]).cloned()
    };
    let packed = |bytes: &[u8]| message(1, &[bytes.to_vec()]);
    assert_eq!(constant(23, &[3], 2, packed(&[1, 2, 3])), Some(Literal::Ints(vec![1, 2, 3])));
    assert_eq!(constant(23, &[2], 2, [number(1, 4), number(1, 5)].concat()), Some(Literal::Ints(vec![4, 5])));
    assert_eq!(constant(23, &[1], 2, number(1, u64::MAX)), Some(Literal::Ints(vec![-1])));
    assert_eq!(constant(11, &[1], 1, packed(&1.5_f32.to_le_bytes())), Some(Literal::Floats(vec![1.5])));
    assert_eq!(constant(10, &[2], 7, packed(&[0, 0x3C, 0, 0xC0])), Some(Literal::Floats(vec![1.0, -2.0])));
    assert_eq!(constant(1, &[2], 3, packed(&[0, 1])), Some(Literal::Bools(vec![false, true])));
    assert_eq!(constant(2, &[], 4, text(1, "same")), Some(Literal::Text("same".to_owned())));
    // Four bits each, from the low bits up; the signed ones are two's complement.
    assert_eq!(constant(25, &[3], 7, packed(&[0x8F, 0x07])), Some(Literal::Ints(vec![-1, -8, 7])));
    assert_eq!(constant(39, &[4], 7, packed(&[0b1001_0001, 0b0000_1110])), Some(Literal::Ints(vec![1, 2, 2, 7])));
    assert_eq!(constant(10, &[65], 7, packed(&[0; 130])), Some(Literal::Opaque));
    assert_eq!(constant(23, &[0], 2, Vec::new()), Some(Literal::Ints(Vec::new())));
}

#[test]
fn a_value_that_nothing_makes_is_a_warning() {
    let package = open_one("a.mlmodel", program(&[op("relu", &[("x", "ghost")], "y", &[])], "y")).expect("a program");
    assert!(package.warnings[0].text.contains("`ghost`"), "{:?}", package.warnings);
    let function = &package.model.functions[0];
    assert!(function.values.iter().any(|value| value.name == "ghost" && value.def == Def::Op));
}

// ---- damage --------------------------------------------------------------------------------------------------------

#[test]
fn a_package_folder_with_any_byte_changed_does_not_stop_the_reader() {
    // A folder has no checksums, so every change reaches the decoders.
    let fixtures = [
        FIXTURE,
        "control_flow_ios17.mlpackage.zip",
        "conv_sparse50_lut4_ios18.mlpackage.zip",
        "flexible_enumerated_ios17.mlpackage.zip",
        "other/two_programs.mlpackage.zip",
        "other/sparse_int8_ios18.mlpackage.zip",
    ];
    for fixture in fixtures {
        let files = unzipped(fixture);
        for at in 0..files.len() {
            // Of a weight file only headers and records matter.
            let len = files[at].1.len().min(4096);
            for (turn, byte) in (0..len).step_by(len / 400 + 1).enumerate() {
                let mut damaged = files.clone();
                damaged[at].1[byte] ^= [0x01, 0x80, 0xFF, 0x08][turn % 4];
                if let Ok(package) = open(damaged) {
                    let document = inspect::document(&package);
                    assert!(!inspect::text(&document).is_empty());
                }
            }
        }
    }
}

#[test]
fn a_specification_cut_anywhere_is_an_error_with_its_place() {
    let mut files = unzipped("other/sparse_int8_ios18.mlpackage.zip");
    let at = files.iter().position(|(name, _)| name.ends_with(".mlmodel")).expect("a specification");
    let whole = files[at].1.clone();
    for len in (1..whole.len()).step_by(5) {
        files[at].1 = whole[..len].to_vec();
        // A cut between two fields of the top message is a shorter model, without a type.
        let error = open(files.clone()).expect_err("a cut model");
        assert!(error.file.ends_with("model.mlmodel") && error.offset.is_some(), "{error}");
        assert!(!error.hint.is_empty(), "{error}");
    }
}

#[test]
fn blocks_are_nested_as_deep_as_the_limit_and_not_deeper() {
    let nested = |depth: usize| {
        let mut inside = op("relu", &[("x", "x")], "y", &[]);
        for _ in 0..depth {
            inside = op("cond", &[("pred", "flag")], "y", &[message(4, &[text(2, "y"), inside])]);
        }
        open_one("a.mlmodel", program(&[inside], "y"))
    };
    let limit = Limits::default().depth as usize;
    let package = nested(limit).expect("as deep as the limit");
    assert_eq!(inspect::document(&package).functions[0].n_ops, limit as u64 + 1);
    for depth in [limit + 1, 500, 3000] {
        let error = nested(depth).expect_err("deeper than the limit");
        assert!(error.what.contains("nested"), "{error}");
    }
}

#[test]
fn a_chain_of_ten_thousand_constants_ends_in_no_time() {
    let step = |at: usize| op("constexpr_cast", &[("source_val", &format!("k{at}"))], &format!("k{}", at + 1), &[]);
    let reader = |at: usize| op("relu", &[("x", &format!("k{at}"))], &format!("y{at}"), &[]);
    let operations: Vec<Vec<u8>> = (0..10_000).flat_map(|at| [step(at), reader(at + 1)]).collect();
    let package = open_one("a.mlmodel", program(&operations, "y1")).expect("a program");
    assert_eq!(package.model.weights.len(), 1);
    assert!(package.warnings.iter().any(|warning| warning.text.contains("too long")), "{:?}", package.warnings);
}
