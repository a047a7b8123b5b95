//! How fast specifications are read: programs of several sizes, made here, in bytes for each second.
//!
//! `cargo bench --bench reader`. For files that exist see `packages.rs`.

#![allow(clippy::expect_used, missing_docs, reason = "a bench speaks by failing")]

use coreml_planner::format::{self, Entry, Limits, RangeSource};
use divan::counter::BytesCount;

#[path = "../tests/support/wire.rs"]
mod wire;

use wire::{message, number, op, program, tensor, text};

fn main() {
    divan::main();
}

/// Bytes in memory as a source.
#[derive(Clone)]
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

/// A constant of 64 halves: in a weight file, or in the specification itself.
fn constant(at: usize, store: &[u8]) -> Vec<u8> {
    let value = message(2, &[tensor(2, 10, &[64]), store.to_vec()]);
    op("const", &[], &format!("w{at}"), &[message(5, &[text(1, "val"), value])])
}

/// A program of layers, each with a weight, a small constant and three operations.
fn layers(n: usize) -> Vec<u8> {
    let mut operations = Vec::new();
    let mut last = "x".to_owned();
    for at in 0..n {
        let blob = message(5, &[text(1, "@model_path/weights/weight.bin"), number(2, 64 + 192 * at as u64)]);
        let next = format!("layer_{at}_output_cast_fp16");
        operations.push(constant(at, &blob));
        operations.push(op("linear", &[("x", &last), ("weight", &format!("w{at}"))], &format!("l{at}"), &[]));
        operations.push(op("gelu", &[("x", &format!("l{at}"))], &format!("g{at}"), &[]));
        operations.push(op("add", &[("x", &last), ("y", &format!("g{at}"))], &next, &[]));
        last = next;
    }
    program(&operations, &last)
}

/// A program whose weights are in the specification.
fn inline(n: usize) -> Vec<u8> {
    let bytes = message(7, &[message(1, &[vec![7; 128]])]);
    let operations: Vec<Vec<u8>> =
        (0..n).map(|at| constant(at, &message(3, &[message(1, std::slice::from_ref(&bytes))]))).collect();
    program(&operations, "w0")
}

fn open(bencher: divan::Bencher<'_, '_>, spec: Vec<u8>) {
    bencher.counter(BytesCount::new(spec.len())).with_inputs(|| Bytes(spec.clone())).bench_values(|bytes| {
        let entries = vec![Entry { path: "a.mlmodel".to_owned(), source: Box::new(bytes) }];
        format::open(entries, &Limits::default()).expect("a program")
    });
}

#[divan::bench(args = [10, 1000, 50_000])]
fn programs_of_layers(bencher: divan::Bencher<'_, '_>, n: usize) {
    open(bencher, layers(n));
}

#[divan::bench(args = [1000, 50_000])]
fn constants_in_the_specification(bencher: divan::Bencher<'_, '_>, n: usize) {
    open(bencher, inline(n));
}
