//! Compiled models: the same program read from a package and from its compiled form is the same model; texts written
//! after what public files show; texts that are cut, deep, huge or wrong.
//!
//! No file here was made by Apple's compiler: see `compiled/writer.rs`.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail, and says what it did"
)]

#[path = "compiled/writer.rs"]
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "the writer reads our own fixtures")]
mod writer;

use std::{env, fs, path::PathBuf};

use coreml_planner::{
    format::{self, Entry, Feature, Limits, Package, PackageFormat, RangeSource, ReadError},
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

// ---- the parts of a folder -----------------------------------------------------------------------------------------

const FIXTURE: &str = "conv_lut4_ios17";

fn fixture(name: &str) -> Files {
    let all = fixtures();
    let (_, package) = all.iter().find(|(known, _)| known == name).expect("a fixture");
    writer::compiled(name, package)
}

fn warnings(package: &Package) -> String {
    package.warnings.iter().map(|warning| format!("{}: {}", warning.file, warning.text)).collect::<Vec<_>>().join(" | ")
}

/// A zip of stored files; the reader looks at the directory alone.
fn zipped(files: &Files) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (path, bytes) in files {
        let header = archive.len() as u32;
        let crc = {
            let mut crc = u32::MAX;
            for byte in bytes {
                crc ^= u32::from(*byte);
                for _ in 0..8 {
                    crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
                }
            }
            !crc
        };
        let mut fields = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        fields.extend(crc.to_le_bytes());
        fields.extend((bytes.len() as u32).to_le_bytes());
        fields.extend((bytes.len() as u32).to_le_bytes());
        fields.extend((path.len() as u16).to_le_bytes());
        fields.extend([0, 0]);
        archive.extend(b"PK\x03\x04");
        archive.extend(&fields);
        archive.extend(path.as_bytes());
        archive.extend(bytes);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend(header.to_le_bytes());
        directory.extend(path.as_bytes());
    }
    let (at, size, n) = (archive.len() as u32, directory.len() as u32, files.len() as u16);
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(n.to_le_bytes());
    archive.extend(n.to_le_bytes());
    archive.extend(size.to_le_bytes());
    archive.extend(at.to_le_bytes());
    archive.extend([0, 0]);
    archive
}

#[test]
fn a_folder_a_zip_and_a_zip_with_more_around_say_the_same() {
    let folder = fixture(FIXTURE);
    let expected = open(folder.clone()).expect("a folder");
    let zip = open(vec![(format!("{FIXTURE}.mlmodelc.zip"), zipped(&folder))]).expect("a zip");
    assert_eq!(zip, expected);
    let mut around: Files = folder.iter().map(|(path, bytes)| (format!("app/models/{path}"), bytes.clone())).collect();
    around.push(("app/README.md".to_owned(), b"read me".to_vec()));
    around.push((format!("__MACOSX/app/models/{FIXTURE}.mlmodelc/._model.mil"), vec![0, 5, 0x16, 7]));
    let zip = open(vec![("app.zip".to_owned(), zipped(&around))]).expect("a zip with more around");
    assert_eq!(zip, expected);
    // The contents of the folder alone, as some archives hold them.
    let strip = |(path, bytes): (String, Vec<u8>)| (path.split_once('/').expect("a folder").1.to_owned(), bytes);
    let flat = open(vec![(format!("{FIXTURE}.zip"), zipped(&folder.into_iter().map(strip).collect()))]).expect("flat");
    assert_eq!(flat, expected);
}

#[test]
fn the_committed_model_in_the_form_of_public_files_reads_without_a_warning() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/packages/compiled/hand_written.mlmodelc");
    let names = ["model.mil", "metadata.json", "coremldata.bin", "analytics/coremldata.bin", "weights/weight.bin"];
    let file = |name: &&str| (format!("h.mlmodelc/{name}"), fs::read(folder.join(name)).expect("a part"));
    let package = open(names.iter().map(file).collect()).expect("a model");
    assert_eq!((warnings(&package).as_str(), package.unaccounted_bytes), ("", 0));
    let encodings = package.model.weights.iter().map(|weight| weight.encoding.label(weight.dtype));
    assert_eq!(encodings.collect::<Vec<_>>(), ["lut4", "fp16"]);
}

#[test]
fn any_part_may_be_missing_but_the_program() {
    let whole = fixture(FIXTURE);
    let expected = open(whole.clone()).expect("the whole");
    let names = ["coremldata.bin", "analytics/coremldata.bin", "metadata.json", "weights/weight.bin", "model.mil"];
    for missing in 0_u32..1 << names.len() {
        let is_missing = |path: &str| {
            let at = names.iter().position(|name| path.ends_with(&format!("mlmodelc/{name}")));
            at.is_some_and(|at| missing >> at & 1 == 1)
        };
        let files: Files = whole.iter().filter(|(path, _)| !is_missing(path)).cloned().collect();
        match open(files) {
            Ok(package) => {
                assert!(missing < 1 << 4, "{missing:b}");
                assert_eq!(package.model.functions[0].sections, expected.model.functions[0].sections, "{missing:b}");
                assert_eq!(package.model.n_params(), expected.model.n_params(), "{missing:b}");
                assert_eq!(package.model_type, "mlProgram");
                assert_eq!(package.interfaces[0].inputs[0].name, expected.interfaces[0].inputs[0].name);
                assert_eq!(package.spec_version, 8, "{missing:b}");
                let weights = missing >> 3 & 1 == 1;
                assert_eq!(warnings(&package).contains("weights"), weights, "{missing:b}: {}", warnings(&package));
            }
            Err(error) => {
                assert!(missing >= 1 << 4, "{missing:b}: {error}");
                assert!(!error.hint.is_empty(), "{error}");
            }
        }
    }
}

#[test]
fn the_interface_is_read_from_the_metadata_when_there_is_no_description() {
    let metadata = r#"[{"metadataOutputVersion": "3.0", "specificationVersion": 8, "modelType": {"name": "MLModelType_mlProgram"},
        "computePrecision": "Float16", "isUpdatable": "0",
        "inputSchema": [
            {"name": "image", "type": "Image", "width": "224", "height": "192", "colorspace": "RGB", "isOptional": "0"},
            {"name": "x", "type": "MultiArray", "dataType": "Float16", "shape": "[1, 4]", "isOptional": "1",
             "hasShapeFlexibility": "1", "shapeFlexibility": "1 × 1...4", "shapeRange": "[[1, 1], [1, 4]]"},
            {"name": "y", "type": "MultiArray", "dataType": "Int32", "shape": [1, 8], "hasShapeFlexibility": "0"}],
        "outputSchema": [{"name": "label", "type": "String", "shortDescription": ""}],
        "stateSchema": [{"name": "cache", "type": "State", "dataType": "Float16", "shape": "[1, 2, 64]"}]}]"#;
    let mil =
        "program(1.3) { func main<ios17>(tensor<fp16, [1, ?]> x) { tensor<fp16, [1, ?]> y = relu(x = x); } -> (y); }";
    let at = |name: &str, text: &str| (format!("a.mlmodelc/{name}"), text.as_bytes().to_vec());
    let package = open(vec![at("metadata.json", metadata), at("model.mil", mil)]).expect("a program");
    let interface = &package.interfaces[0];
    let show = |feature: &Feature| format!("{} {} {:?}", feature.name, feature.dtype, feature.shape);
    assert_eq!(show(&interface.inputs[0]), "image image-rgb [Fixed(192), Fixed(224)]");
    assert_eq!(show(&interface.inputs[1]), "x fp16 [Fixed(1), Range(1, Some(4))]");
    assert!(interface.inputs[1].optional);
    assert_eq!(show(&interface.inputs[2]), "y int32 [Fixed(1), Fixed(8)]");
    assert_eq!(show(&interface.outputs[0]), "label string []");
    assert_eq!(show(&interface.states[0]), "cache fp16 [Fixed(1), Fixed(2), Fixed(64)]");
}

#[test]
fn metadata_that_says_something_else_than_the_program_is_noted() {
    let replaced = |from: &str, to: &str| {
        let mut files = fixture(FIXTURE);
        let metadata = files.iter_mut().find(|(path, _)| path.ends_with("metadata.json")).expect("metadata");
        let text = String::from_utf8(metadata.1.clone()).expect("text");
        assert!(text.contains(from), "{text}");
        metadata.1 = text.replace(from, to).into_bytes();
        warnings(&open(files).expect("a program"))
    };
    let start = r#"[{"#;
    for (from, to, expected) in [
        (r#""Ios17.conv":1"#, r#""Ios17.conv":2"#, "counts 2 operations `conv`, the program has 1"),
        (r#""Ios17.conv":1"#, r#""Ios17.warp":1"#, "counts 1 operations `warp`, the program has 0"),
        (r#""specificationVersion":8"#, r#""specificationVersion":7"#, "version 7, the model says 8"),
        (start, r#"[{"storagePrecision": "Float32", "#, "none is stored as"),
        (start, r#"[{"storagePrecision": "Mixed (Float16, Palettized (6 bits))", "#, "none is stored as Palettized (6"),
        (start, "nothing", "is not JSON"),
        (r#"[{"#, r#"[7, {"#, "not a list of one model"),
    ] {
        let found = replaced(from, to);
        let expected =
            if expected == "none is stored as" { "some are stored as Palettized (4 bits)" } else { expected };
        assert!(found.contains(expected), "{to}: {found}");
    }
    for right in ["Mixed (Float16, Palettized (4 bits))", "Mixed (Float16, Int8, Palettized (4 bits))"] {
        assert_eq!(replaced(start, &format!("[{{\"storagePrecision\": \"{right}\", ")), "");
    }
}

#[test]
fn a_file_that_nothing_refers_to_is_unaccounted() {
    let mut files = fixture(FIXTURE);
    files.push((format!("{FIXTURE}.mlmodelc/weights/old.bin"), vec![0; 100]));
    let package = open(files).expect("a program");
    assert_eq!(package.unaccounted_bytes, 100);
    assert!(warnings(&package).contains("nothing in the compiled model refers to this file"));
    let parts = package.model.on_disk.expect("sizes");
    assert_eq!(parts.spec, package.files.iter().find(|file| file.path == "model.mil").expect("text").bytes);
}

// ---- networks and others -------------------------------------------------------------------------------------------

fn network() -> Files {
    let net = serde_json::json!({
        "storage": "model.espresso.weights", "analyses": {}, "properties": {}, "format_version": 200,
        "layers": [
            {"type": "convolution", "name": "stem", "bottom": "image", "top": "a", "K": 3, "C": 8, "Nx": 3, "Ny": 3,
             "n_groups": 1, "has_biases": 1, "blob_weights_f16": 0, "blob_biases": 1, "weights": {}},
            {"type": "convolution", "name": "deep", "bottom": "a", "top": "b", "K": 8, "C": 8, "Nx": 3, "Ny": 3,
             "n_groups": 8, "quantization_lut_weights_blob": 7, "weights": {"W_U8": 2, "per_ch_qscale": 3, "per_ch_qbias": 4}},
            {"type": "elementwise", "name": "sum", "bottom": "a,b", "top": "c", "operation": 0, "weights": {}},
            {"type": "inner_product", "name": "head", "bottom": "c", "top": "d", "nB": 8, "nC": 10, "blob_weights": 5,
             "blob_biases": 6, "weights": {}},
        ],
    });
    let sizes = [8 * 3 * 9 * 2, 8 * 4, 8 * 9, 8 * 4, 8 * 4, 80 * 4, 10 * 4, 40, 12];
    let mut weights = (sizes.len() as u64).to_le_bytes().to_vec();
    for (key, size) in (0_u64..).zip(sizes) {
        weights.extend(key.to_le_bytes());
        weights.extend((size as u64).to_le_bytes());
    }
    weights.extend(vec![0; sizes.iter().sum()]);
    // A description of one input: a string, as in a text classifier.
    let description = [0x0A, 0x0B, 0x0A, 0x05, b'i', b'm', b'a', b'g', b'e', 0x1A, 0x02, 0x1A, 0x00];
    let at = |name: &str, bytes: Vec<u8>| (format!("net.mlmodelc/{name}"), bytes);
    vec![
        at("coremldata.bin", writer::coremldata(500, 4, &description)),
        at("model/coremldata.bin", vec![0; 16]),
        at("neural_network_optionals/coremldata.bin", vec![0; 16]),
        at("model.espresso.net", net.to_string().into_bytes()),
        at("model.espresso.shape", br#"{"layer_shapes": {}}"#.to_vec()),
        at("model.espresso.weights", weights),
    ]
}

#[test]
fn a_compiled_network_has_its_layers_weights_and_interface() {
    let package = open(network()).expect("a network");
    assert_eq!((package.model_type.as_str(), package.spec_version), ("neuralNetwork", 4));
    assert_eq!(package.interfaces[0].inputs[0].name, "image");
    let function = &package.model.functions[0];
    let kinds: Vec<&str> = function.ops().map(|(_, op)| package.model.op_name(op.kind)).collect();
    assert_eq!(kinds, ["convolution", "convolution", "elementwise", "inner_product"]);
    let weights: Vec<String> = package
        .model
        .weights
        .iter()
        .map(|weight| {
            let bytes: u64 = weight.parts.iter().map(|part| part.bytes).sum();
            format!("{} {:?} {} {bytes}", weight.name, weight.shape, weight.encoding.label(weight.dtype))
        })
        .collect();
    let expected = [
        "stem.biases [8] fp32 32",
        "stem.weights [8, 3, 3, 3] fp16 432",
        "deep.quantization_lut_weights [8, 1, 3, 3] other 40",
        "deep.W_U8 [8, 1, 3, 3] int8-channel 136",
        "head.biases [10] fp32 40",
        "head.weights [10, 8] fp32 320",
    ];
    assert_eq!(weights, expected);
    // The last blob belongs to no layer.
    assert_eq!(package.unaccounted_bytes, 12);
    assert!(warnings(&package).contains("1 weights (12 bytes) are not referred to by any layer"));
}

#[test]
fn a_network_that_is_damaged_or_compressed_says_so() {
    let with = |name: &str, bytes: &[u8]| {
        let mut files = network();
        let file = files.iter_mut().find(|(path, _)| path.ends_with(name)).expect("a part");
        file.1 = bytes.to_vec();
        open(files)
    };
    let error = with("espresso.net", b"pbze\0\0\0\0").expect_err("compressed");
    assert!(error.what.contains("compressed in a form that is not read"), "{error}");
    assert!(with("espresso.net", b"{").expect_err("cut").what.contains("not JSON"));
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 39062\n";
    assert!(with("espresso.net", pointer).expect_err("a pointer").what.contains("Git LFS pointer to 39062 bytes"));
    assert!(warnings(&with("espresso.weights", pointer).expect("layers")).contains("not the weights: run `git lfs"));
    for bytes in
        [&[][..], &[255; 8], &[255; 64], &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9]]
    {
        let package = with("espresso.weights", bytes).expect("layers without weights");
        assert_eq!(package.model.weights.len(), 0);
        assert!(warnings(&package).contains("weights that are not there"), "{}", warnings(&package));
    }
    let files: Files = network().into_iter().filter(|(path, _)| !path.ends_with(".weights")).collect();
    assert!(warnings(&open(files).expect("layers")).contains("the weight file is not there"));
}

#[test]
fn other_types_show_their_type_and_interface() {
    let description = [0x0A, 0x07, 0x0A, 0x01, b'x', 0x1A, 0x02, 0x12, 0x00];
    let files = |kind: u32| vec![("t.mlmodelc/coremldata.bin".to_owned(), writer::coremldata(kind, 1, &description))];
    let package = open(files(402)).expect("a tree");
    assert_eq!(package.model_type, "treeEnsembleClassifier");
    assert_eq!((package.interfaces[0].inputs[0].name.as_str(), package.unaccounted_bytes), ("x", 0));
    for (kind, expected) in [(502, "model.mil"), (202, "models of the pipeline"), (500, "model.espresso.net")] {
        let error = open(files(kind)).expect_err(expected);
        assert!(error.what.contains(expected) && !error.hint.is_empty(), "{error}");
    }
    let mut encrypted = files(502);
    encrypted.push(("t.mlmodelc/encryptionInfo/coremldata.bin".to_owned(), vec![1; 64]));
    assert!(open(encrypted).expect_err("encrypted").what.contains("encrypted"));
}

#[test]
fn any_byte_of_the_head_can_change_and_pipelines_in_pipelines_end() {
    let whole = fixture("two_programs");
    for (at, (path, bytes)) in whole.iter().enumerate() {
        if !path.ends_with("coremldata.bin") && !path.ends_with("metadata.json") {
            continue;
        }
        for place in 0..bytes.len() {
            for byte in [0, 0xFF, b'{'] {
                let mut files = whole.clone();
                files[at].1[place] = byte;
                let _ = open(files);
            }
        }
    }
    let deep = |n: usize| format!("p.mlmodelc/{}coremldata.bin", "model0/".repeat(n));
    let files: Files = (0..200).map(|n| (deep(n), writer::coremldata(202, 4, &[]))).collect();
    assert!(open(files).expect_err("too deep").what.contains("nests them too deep"));
}
