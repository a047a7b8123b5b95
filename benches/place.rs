//! How long it takes to place ten thousand operations on one device: preparing the graph, planning it, and gathering what
//! there is to say about each operation.
//!
//! `cargo bench --bench place`. The graph is a transformer, written layer by layer with no layer repeated, so that nothing
//! is counted once that a file would hold often.

#![allow(clippy::expect_used, missing_docs, reason = "a bench speaks by failing")]

use coreml_planner::{
    estimate::Subject,
    machine::{self, Machine},
    model::{DType, FunctionBuilder, Literal, Model, OpKind, Role},
    scenario::{DeviceRef, Units},
    variant::Storage,
};

fn main() {
    divan::main();
}

/// Ten operations a layer, a thousand layers.
fn graph() -> Model {
    let mut model = Model { name: "ten thousand".to_owned(), ..Model::default() };
    let mut f = FunctionBuilder::new(&mut model, "main", Role::Single);
    let (wide, flat) = ([1, 512, 16, 16], [1, 256, 512]);
    let mut x = f.input("x", DType::Fp16, &wide);
    for layer in 0..1000 {
        let (kernel, matrix) =
            (f.weight("kernel", DType::Fp16, &[512, 512, 1, 1]), f.weight("matrix", DType::Fp16, &[512, 512]));
        let strides = f.literal(Literal::Ints(vec![1, 1]));
        let perm = f.literal(Literal::Ints(vec![0, 2, 1]));
        let conv = f.op(OpKind::Conv, &[("x", x), ("weight", kernel), ("strides", strides)], DType::Fp16, &wide);
        let active = f.op(OpKind::Relu, &[("x", conv)], DType::Fp16, &wide);
        let sum = f.op(OpKind::Add, &[("x", active), ("y", x)], DType::Fp16, &wide);
        let rows = f.op(OpKind::Reshape, &[("x", sum)], DType::Fp16, &[1, 512, 256]);
        let tokens = f.op(OpKind::Transpose, &[("x", rows), ("perm", perm)], DType::Fp16, &flat);
        let linear = f.op(OpKind::Linear, &[("x", tokens), ("weight", matrix)], DType::Fp16, &flat);
        // Every tenth layer leaves the Neural Engine once.
        let odd = if layer % 10 == 0 { OpKind::Cumsum } else { OpKind::Sigmoid };
        let gate = f.op(odd, &[("x", linear)], DType::Fp16, &flat);
        let product = f.op(OpKind::Mul, &[("x", gate), ("y", linear)], DType::Fp16, &flat);
        let back = f.op(OpKind::Transpose, &[("x", product), ("perm", perm)], DType::Fp16, &[1, 512, 256]);
        x = f.op(OpKind::Reshape, &[("x", back)], DType::Fp16, &wide);
    }
    f.finish(&[x]);
    model
}

/// What rules walk furthest for: fp32 casts beside fp16, thousands of inputs and outputs, slices of a state, one value that
/// every operation reads.
fn odd_graph() -> Model {
    let mut model = Model { name: "ten thousand odd ones".to_owned(), ..Model::default() };
    let mut f = FunctionBuilder::new(&mut model, "main", Role::Single);
    let shape = [1, 8, 64, 64];
    let hub = f.input("hub", DType::Fp16, &shape);
    let state = f.state("state", DType::Fp16, &shape);
    let begin = f.literal(Literal::Ints(vec![0, 0, 0, 0]));
    let mut outputs = Vec::new();
    for at in 0..1250 {
        let own = f.input(&format!("x{at}"), DType::Fp32, &shape);
        let scale = f.literal(Literal::Floats(vec![0.5]));
        let scaled = f.op(OpKind::Mul, &[("x", own), ("y", scale)], DType::Fp32, &shape);
        let half = f.op(OpKind::Cast, &[("x", scaled)], DType::Fp16, &shape);
        let old = f.op(OpKind::ReadState, &[("input", state)], DType::Fp16, &shape);
        let new = f.op(OpKind::SliceUpdate, &[("x", old), ("update", half), ("begin", begin)], DType::Fp16, &shape);
        f.op_n(OpKind::WriteState, &[("input", vec![state]), ("data", vec![new])], &[]);
        let sum = f.op(OpKind::Add, &[("x", new), ("y", hub)], DType::Fp16, &shape);
        let norm = f.op(OpKind::LayerNorm, &[("x", sum)], DType::Fp16, &shape);
        outputs.push(f.op(OpKind::Cast, &[("x", norm)], DType::Fp32, &shape));
    }
    f.finish(&outputs);
    model
}

fn m4() -> Machine {
    let device = DeviceRef::Known { id: "macbook-air-m4".to_owned(), ram_gib: None };
    machine::resolve(&device, 26).expect("a known device")
}

#[divan::bench]
fn ten_thousand_operations_prepared_and_planned(bencher: divan::Bencher<'_, '_>) {
    let (model, machine) = (graph(), m4());
    let storage = Storage::of(&model);
    bencher.bench(|| {
        let subject = Subject::new(&model, &machine, true);
        let variant = subject.own_variant();
        subject.estimate(&variant, &storage.store(&variant), Units::All)
    });
}

#[divan::bench]
fn ten_thousand_operations_placed_with_reasons(bencher: divan::Bencher<'_, '_>) {
    let (model, machine) = (graph(), m4());
    let storage = Storage::of(&model);
    bencher.bench(|| {
        let subject = Subject::new(&model, &machine, true);
        let variant = subject.own_variant();
        subject.place(&variant, &storage.store(&variant), Units::All)
    });
}

#[divan::bench]
fn ten_thousand_odd_operations_placed_with_reasons(bencher: divan::Bencher<'_, '_>) {
    let (model, machine) = (odd_graph(), m4());
    let storage = Storage::of(&model);
    bencher.bench(|| {
        let subject = Subject::new(&model, &machine, true);
        let variant = subject.own_variant();
        subject.place(&variant, &storage.store(&variant), Units::All)
    });
}
