//! Inputs that are made to cost more than their size: in memory, in reads or in time.
//!
//! Every one of them is small enough to open at once when the work grows with the input, and would take minutes or
//! gigabytes if it grew with the square. One test, because the heap is counted for the whole process.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may fail, and says on what")]

use std::{cell::Cell, rc::Rc, time::Instant};

use coreml_planner::{
    format::{self, Entry, Limits, Package, RangeSource, ReadError},
    report::inspect,
};
use peak_alloc::PeakAlloc;

#[path = "support/archive.rs"]
mod archive;
#[path = "support/wire.rs"]
mod wire;

use archive::{Form, Packing};
use wire::{map_entry, message, named, number, op, program, text};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Heap that opening may take whatever the input: the window, the decoder and their like.
const FLOOR: usize = 1 << 20;
/// Heap for each byte of input. An empty operation is two bytes in the file and a hundred in the model; a list that grows
/// is held twice for a moment.
const TIMES: usize = 128;

/// Bytes in memory that count what is read of them.
struct Counted {
    bytes: Rc<Vec<u8>>,
    read: Rc<Cell<u64>>,
}

impl RangeSource for Counted {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        self.read.set(self.read.get() + into.len() as u64);
        let from = offset as usize;
        into.copy_from_slice(self.bytes.get(from..from + into.len()).ok_or("beyond the end")?);
        Ok(())
    }
}

type Files = Vec<(String, Vec<u8>)>;

/// Opens the files within bounds of heap and time that follow from their size.
fn check(what: &str, files: Files) -> Result<Package, ReadError> {
    let size: usize = files.iter().map(|(path, bytes)| path.len() + bytes.len()).sum();
    let read = Rc::new(Cell::new(0));
    let source = |bytes| Box::new(Counted { bytes: Rc::new(bytes), read: Rc::clone(&read) });
    let entries: Vec<Entry> = files.into_iter().map(|(path, bytes)| Entry { path, source: source(bytes) }).collect();
    let started = Instant::now();
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    let outcome = format::open(entries, &Limits::default());
    let peak = HEAP.peak_usage() - before;
    if let Ok(package) = &outcome {
        assert!(!inspect::text(&inspect::document(package)).is_empty(), "{what}");
    }
    let seconds = started.elapsed().as_secs_f64();
    let said = outcome.as_ref().map(|package| package.warnings.len()).map_err(ToString::to_string);
    println!(
        "{what}: {size} bytes, heap {peak} ({}x), read {}, {seconds:.2} s, {said:?}",
        peak / size.max(1),
        read.get()
    );
    assert!(peak <= FLOOR + TIMES * size, "{what}: {peak} bytes of heap for {size} bytes");
    // Far above what linear work takes, far below what anything else does.
    assert!(seconds < 20.0, "{what}: {seconds} s for {size} bytes");
    outcome
}

fn one(name: &str, bytes: Vec<u8>) -> Files {
    vec![(name.to_owned(), bytes)]
}

const N: usize = 30_000;

#[test]
fn no_input_costs_much_more_than_its_size() {
    files_and_archives();
    manifests();
    programs();
    constants();
    pipelines();
    networks();
}

fn files_and_archives() {
    let empty = |at: usize| (format!("a/{at}.txt"), Vec::new());
    let files: Files = (0..N).map(empty).collect();
    check("an archive of many stored files", one("a.zip", archive::zip(&files, Form::default())))
        .expect_err("no model");
    let deflated = Form { packing: Packing::Deflated, ..Form::default() };
    check("an archive of many deflated files", one("a.zip", archive::zip(&files, deflated))).expect_err("no model");
    check("many files", files).expect_err("no model");

    let manifests: Files = (0..N).map(|at| (format!("{at}/Manifest.json"), b"{}".to_vec())).collect();
    check("many packages", manifests).expect_err("not a package");
    let nested: Files = (0..1000).map(|at| (format!("{}Manifest.json", "a/".repeat(at)), b"{}".to_vec())).collect();
    check("packages in packages", nested).expect_err("not a package");
    check("a deep path", one(&"a/".repeat(500_000), vec![0])).expect_err("no model");
}

fn manifests() {
    let item = |at: usize| format!(r#""{at}":{{"path":"p{at}.bin","author":"a","name":"n","description":"d"}}"#);
    let items: Vec<String> = (0..N).map(item).collect();
    let manifest = format!(
        r#"{{"fileFormatVersion":"1.0.0","itemInfoEntries":{{"m":{{"path":"m.mlmodel"}},{}}},"rootModelIdentifier":"m"}}"#,
        items.join(",")
    );
    let spec = program(&[], "x");
    let mut files: Files = (0..N).map(|at| (format!("a.mlpackage/Data/p{at}.bin"), Vec::new())).collect();
    files.push(("a.mlpackage/Manifest.json".to_owned(), manifest.into_bytes()));
    files.push(("a.mlpackage/Data/m.mlmodel".to_owned(), spec));
    check("a manifest of many items", files).expect("a package");
    let mut files: Files = (0..N).map(|at| (format!("a.mlpackage/Data/p{at}.bin"), vec![0])).collect();
    let manifest =
        r#"{"fileFormatVersion":"1.0.0","itemInfoEntries":{"m":{"path":"m.mlmodel"}},"rootModelIdentifier":"m"}"#;
    files.push(("a.mlpackage/Manifest.json".to_owned(), manifest.as_bytes().to_vec()));
    files.push(("a.mlpackage/Data/m.mlmodel".to_owned(), program(&[], "x")));
    check("many files that nothing refers to", files).expect("a package");
    check("a deep manifest", one("a.mlpackage/Manifest.json", vec![b'['; 1 << 20])).expect_err("no JSON");
}

fn programs() {
    let functions = |n: usize| {
        let function = |at: usize| map_entry(2, &format!("f{at}"), &[]);
        let described = |at: usize| message(20, &[text(1, &format!("f{}", n - at))]);
        let functions: Vec<u8> = (0..n).flat_map(function).collect();
        let described: Vec<u8> = (0..n).flat_map(described).collect();
        [number(1, 8), message(2, &[described]), message(502, &[functions])].concat()
    };
    let most = Limits::default().functions;
    check("many functions", one("a.mlmodel", functions(most))).expect("a program");
    check("too many functions", one("a.mlmodel", functions(N))).expect_err("more than the limit");

    check("empty operations", one("a.mlmodel", program(&vec![message(3, &[]); 500_000], "x"))).expect("a program");
    let result = message(3, &[message(3, &[])]);
    check("empty results", one("a.mlmodel", program(&vec![result; 250_000], "x"))).expect("a program");
    let results = message(3, &[vec![message(3, &[]); 500_000].concat()]);
    check("an operation of many results", one("a.mlmodel", program(&[results], "x"))).expect("a program");
    let argument = message(2, &[text(1, "values"), message(2, &[vec![message(1, &[text(1, "x")]); N].concat()])]);
    check(
        "an operation of many arguments",
        one("a.mlmodel", program(&[message(3, &[text(1, "concat"), argument])], "x")),
    )
    .expect("a program");
    let ghosts: Vec<Vec<u8>> = (0..N).map(|at| op("relu", &[("x", &format!("ghost{at}"))], "y", &[])).collect();
    check("many names that nothing makes", one("a.mlmodel", program(&ghosts, "y"))).expect("a program");
    let kinds: Vec<Vec<u8>> = (0..N).map(|at| op(&format!("kind{at}"), &[("x", "x")], "y", &[])).collect();
    check("many unknown operations", one("a.mlmodel", program(&kinds, "y"))).expect("a program");
}

fn constants() {
    // Every root reads the same chain, and every step of the chain has as many arguments as it can.
    let same: Vec<(&str, &str)> = vec![("scale", "x"); 1000];
    let mut operations = vec![op("constexpr_cast", &same, "k0", &[])];
    for at in 1..64 {
        let arguments =
            [&[("source_val", format!("k{}", at - 1))][..], &vec![("scale", "x".to_owned()); 1000]].concat();
        let arguments: Vec<(&str, &str)> = arguments.iter().map(|(param, name)| (*param, name.as_str())).collect();
        operations.push(op("constexpr_cast", &arguments, &format!("k{at}"), &[]));
    }
    operations.extend((0..N).map(|at| op("constexpr_cast", &[("source_val", "k63")], &format!("r{at}"), &[])));
    check("many roots of a wide chain", one("a.mlmodel", program(&operations, "x"))).expect("a program");

    let blob = |name: &str, file: &str, offset: usize| {
        let blob = message(5, &[text(1, &format!("@model_path/{file}.bin")), number(2, offset as u64)]);
        let value = message(2, &[wire::tensor(2, 10, &[16]), blob]);
        op("const", &[], name, &[message(5, &[text(1, "val"), value])])
    };
    let operations: Vec<Vec<u8>> = (0..N).map(|at| blob(&format!("k{at}"), &at.to_string(), 64)).collect();
    check("many weight files", one("a.mlmodel", program(&operations, "x"))).expect("a program");

    // A chain of many parts that each root has with a part of its own.
    let mut operations: Vec<Vec<u8>> = (0..1000).map(|at| blob(&format!("l{at}"), "w", at * 64)).collect();
    let part = |at: usize| ("scale", format!("l{at}"));
    for at in 0..63 {
        let arguments: Vec<(&str, String)> =
            (0..15).map(|other| part(at * 15 + other)).chain([("source_val", format!("k{}", at + 1))]).collect();
        let arguments: Vec<(&str, &str)> = arguments.iter().map(|(param, name)| (*param, name.as_str())).collect();
        operations.push(op("constexpr_cast", &arguments, &format!("k{at}"), &[]));
    }
    for at in 0..N {
        operations.push(blob(&format!("o{at}"), "w", 100_000 + at * 64));
        let arguments = [("scale", &*format!("o{at}")), ("source_val", "k0")];
        operations.push(op("constexpr_cast", &arguments, &format!("r{at}"), &[]));
    }
    check("many roots with parts of their own", one("a.mlmodel", program(&operations, "x"))).expect("a program");
}

fn pipelines() {
    let model = [number(1, 8), message(2, &[]), message(900, &[])].concat();
    let names: Vec<u8> = (0..N).flat_map(|at| text(2, &format!("m{at}"))).collect();
    let models: Vec<u8> = (0..9000).flat_map(|_| message(1, std::slice::from_ref(&model))).collect();
    let spec = [number(1, 8), message(2, &[]), message(202, &[models, names])].concat();
    check("a pipeline of many models", one("a.mlmodel", spec)).expect("a pipeline");
    let pipeline =
        |name: &str, models: Vec<u8>| [number(1, 8), message(2, &[]), message(202, &[models, text(2, name)])].concat();
    let mut nested = pipeline("", (0..9000).flat_map(|_| message(1, std::slice::from_ref(&model))).collect());
    for _ in 0..60 {
        nested = pipeline(&"long name ".repeat(100), message(1, &[nested]));
    }
    check("long names in pipelines", one("a.mlmodel", nested)).expect("a pipeline");
    let mut nested = model;
    for _ in 0..5000 {
        nested =
            [number(1, 8), message(2, &[named(1, "x", 10, &[1])]), message(202, &[message(1, &[nested])])].concat();
    }
    check("pipelines in pipelines", one("a.mlmodel", nested)).expect_err("too deep");
}

fn networks() {
    let weights = message(100, &[message(90, &[message(2, &[vec![0, 0]])]).repeat(N)]);
    let layer = message(1, &[text(1, &"long name ".repeat(5000)), weights]);
    let spec = [number(1, 4), message(2, &[]), message(500, &[layer])].concat();
    check("a layer with a long name and many weights", one("a.mlmodel", spec)).expect("a network");
    let kind = "kind".repeat(15_000);
    let mut arguments = Vec::new();
    for at in 0..1000 {
        arguments.extend(map_entry(2, "x", &[message(1, &[text(1, &format!("ghost{at}"))])]));
    }
    let spec = program(&[message(3, &[text(1, &kind), arguments])], "x");
    check("long names in warnings", one("a.mlmodel", spec)).expect("a program");
}
