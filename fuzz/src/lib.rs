//! What the fuzz targets do with an input, as plain functions.
//!
//! `fuzz_targets/` calls them under libFuzzer, `tests/fuzz_corpus.rs` replays the committed inputs through them on a
//! stable compiler: it includes this file, so nothing here may need more than the library and `std`.
//!
//! Each opens what the bytes say and holds the outcome to what is promised of every input: an error says where and
//! what, a package can be shown, its parts stay inside its whole, and opening it again gives the same. Time and memory
//! are watched from outside, by libFuzzer's limits and by the replay.

use coreml_planner::{
    format::{self, Entry, Limits, Package, RangeSource, ReadError},
    report::{answer, inspect},
    scenario::Scenario,
};

/// An entry point and the folder of its inputs.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 6] =
    [("zip", zip), ("package", package), ("spec", spec), ("compiled", compiled), ("blobs", blobs), ("plan", plan)];

/// What begins a file in an input that stands for several: `=== path`, a line end, the bytes up to the next such line.
///
/// Text rather than lengths, because a mutation that changes a length would lose every file after it.
const FILE: &[u8] = b"\n=== ";

/// An archive of any kind.
pub fn zip(data: &[u8]) {
    check(&[("input.zip", data)]);
}

/// The files of a package: manifest, specification, weights. See [`FILE`] for how they stand in one input.
pub fn package(data: &[u8]) {
    check(&split(data));
}

/// A lone specification of any model type.
pub fn spec(data: &[u8]) {
    check(&[("input.mlmodel", data)]);
}

/// The files of a compiled model. An input without a single file name is its program.
pub fn compiled(data: &[u8]) {
    let files = split(data);
    if files.is_empty() {
        check(&[("input.mlmodelc/model.mil", data), ("input.mlmodelc/metadata.json", b"[]")]);
    } else {
        check(&files);
    }
}

/// A weight file under a program that refers into it.
///
/// The first byte says how many constants there are (at most 32). Five bytes for each: the offset in units of 16 bytes
/// (two bytes), the element type, the elements in units of four, and what it is used as. The rest is the weight file.
pub fn blobs(data: &[u8]) {
    let Some((n, rest)) = data.split_first() else { return };
    let n = usize::from(*n % 33).min(rest.len() / 5);
    let (refs, weights) = rest.split_at(n * 5);
    let mut block = Vec::new();
    for (at, reference) in refs.chunks_exact(5).enumerate() {
        let &[low, high, dtype, elements, role] = reference else { continue };
        let offset = u64::from(u16::from_le_bytes([low, high])) * 16;
        let shape = [u64::from(elements) * 4];
        let blob = message(5, &[text(1, "@model_path/weights/weight.bin"), number(2, offset)]);
        let value = message(2, &[tensor(2, u64::from(dtype % 42), &shape), blob]);
        let name = format!("w{at}");
        let (kind, param) = match role % 4 {
            0 => ("constexpr_affine_dequantize", "quantized_data"),
            1 => ("constexpr_lut_to_dense", "indices"),
            2 => ("constexpr_sparse_to_dense", "nonzero_data"),
            _ => ("const", "val"),
        };
        let result = message(3, &[text(1, &name), tensor(2, 10, &[64])]);
        block.extend(message(3, &[text(1, kind), result, message(5, &[text(1, param), value])]));
    }
    let block = message(3, &[text(1, "CoreML7"), message(2, &[block])]);
    let function = message(2, &[text(1, "main"), message(2, &[text(2, "CoreML7"), block])]);
    let spec = [number(1, 8), message(2, &[]), message(502, &[number(1, 1), function])].concat();
    let item = |name: &str, path: &str| {
        format!(r#""{name}":{{"path":"com.apple.CoreML/{path}","author":"com.apple.CoreML","name":"{path}"}}"#)
    };
    let manifest = format!(
        r#"{{"fileFormatVersion":"1.0.0","itemInfoEntries":{{{},{}}},"rootModelIdentifier":"m"}}"#,
        item("m", "model.mlmodel"),
        item("w", "weights")
    );
    check(&[
        ("a.mlpackage/Manifest.json", manifest.as_bytes()),
        ("a.mlpackage/Data/com.apple.CoreML/model.mlmodel", &spec),
        ("a.mlpackage/Data/com.apple.CoreML/weights/weight.bin", weights),
    ]);
}

/// A lone specification, opened and planned for: whatever opens must have an answer.
pub fn plan(data: &[u8]) {
    // A small limit, because an input is to be planned many times a second; large models are the benches' business.
    let limits = Limits { ops: 2000, ..Limits::default() };
    let Ok(package) = open(&[("input.mlmodel", data)], &limits) else { return };
    let scenario = Scenario::default();
    let (Ok(chosen), Ok(machine)) = (answer::choose(&scenario, Some(&package)), answer::machine(&scenario)) else {
        return;
    };
    let answer = answer::answer(&chosen, &machine, &scenario);
    assert!(!answer.cells.is_empty(), "a plan has cells");
}

/// Whether what an input stands for opens, where that depends on the input alone.
pub fn opens(target: &str, data: &[u8]) -> bool {
    let files = match target {
        "zip" => vec![("input.zip", data)],
        "package" => split(data),
        "compiled" if !data.starts_with(b"===") => vec![("input.mlmodelc/model.mil", data)],
        "compiled" => split(data),
        _ => vec![("input.mlmodel", data)],
    };
    open(&files, &Limits::default()).is_ok()
}

/// Opens the files and holds the outcome to what is promised of every input.
fn check(files: &[(&str, &[u8])]) {
    let limits = Limits::default();
    let outcome = open(files, &limits);
    match &outcome {
        Ok(package) => {
            let total = package.total_bytes();
            assert!(package.unaccounted_bytes <= total, "{} of {total} bytes unaccounted", package.unaccounted_bytes);
        }
        Err(error) => assert!(!error.what.is_empty(), "{error:?}"),
    }
    let again = open(files, &limits);
    assert!(said(&outcome) == said(&again), "opened twice, it says two things");
}

/// What an outcome says to a person.
fn said(outcome: &Result<Package, ReadError>) -> String {
    match outcome {
        Ok(package) => inspect::text(&inspect::document(package)),
        Err(error) => error.to_string(),
    }
}

fn open(files: &[(&str, &[u8])], limits: &Limits) -> Result<Package, ReadError> {
    let entry =
        |(path, bytes): &(&str, &[u8])| Entry { path: (*path).to_owned(), source: Box::new(Bytes(bytes.to_vec())) };
    format::open(files.iter().map(entry).collect(), limits)
}

/// The files of an input that stands for several; what precedes the first is dropped.
pub fn split(data: &[u8]) -> Vec<(&str, &[u8])> {
    let mut starts: Vec<usize> =
        data.windows(FILE.len()).enumerate().filter(|(_, at)| *at == FILE).map(|(at, _)| at + 1).collect();
    if data.starts_with(FILE.get(1..).unwrap_or_default()) {
        starts.insert(0, 0);
    }
    let ends = starts.iter().skip(1).map(|next| next - 1).chain([data.len()]);
    let mut files = Vec::new();
    for (start, end) in starts.iter().zip(ends) {
        let whole = data.get(start + FILE.len() - 1..end).unwrap_or_default();
        let line = whole.iter().position(|byte| *byte == b'\n').unwrap_or(whole.len());
        let (path, bytes) = whole.split_at(line);
        if let Ok(path) = std::str::from_utf8(path) {
            files.push((path, bytes.get(1..).unwrap_or_default()));
        }
    }
    files
}

/// Bytes in memory as a source.
struct Bytes(Vec<u8>);

impl RangeSource for Bytes {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        let from = usize::try_from(offset).map_err(|error| error.to_string())?;
        let end = from.checked_add(into.len()).ok_or("beyond the end")?;
        into.copy_from_slice(self.0.get(from..end).ok_or("beyond the end")?);
        Ok(())
    }
}

// ---- protobuf ------------------------------------------------------------------------------------------------------

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

fn tensor(field: u64, dtype: u64, shape: &[u64]) -> Vec<u8> {
    let dims: Vec<Vec<u8>> = shape.iter().map(|size| message(3, &[message(1, &[number(1, *size)])])).collect();
    message(field, &[message(1, &[number(1, dtype), number(2, shape.len() as u64), dims.concat()])])
}
