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
