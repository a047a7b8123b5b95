//! Recipes change what they say they change: the reason is gone, the graph is sound, and the plan gets no worse for it.

#![allow(clippy::panic, reason = "tests speak by failing")]

use coreml_planner::{
    catalog::{Catalog, Recipes},
    estimate::Subject,
    fixes::{self, NotApplied, Target},
    lower::{self, Workload},
    machine::{self, Machine},
    model::{DType, Def, Encoding, Function, FunctionBuilder, Granularity, Literal, Model, OpKind, Role, ValueId},
    report::{place, what_if},
    scenario::{DeviceRef, Units},
    variant::Storage,
};

fn machine(id: &str, os: u8) -> Machine {
    let device = DeviceRef::Known { id: id.to_owned(), ram_gib: None };
    machine::resolve(&device, os).unwrap_or_else(|unknown| panic!("no device {}", unknown.0))
}

fn preset(id: &str) -> Model {
    let preset = Catalog::get().preset(id).unwrap_or_else(|| panic!("no preset {id}"));
    lower::lower(preset, &Workload { context: 1024, prompt: 64 })
}

/// Every id is in its table, and every result is made before it is read.
fn check_sound(model: &Model) {
    for function in &model.functions {
        let mut made: Vec<bool> = function.values.iter().map(|value| !matches!(value.def, Def::Op)).collect();
        for (_, op) in function.ops() {
            for id in op.inputs.iter().flat_map(|(_, values)| values) {
                assert_eq!(made.get(id.0 as usize), Some(&true), "{}: {:?} reads too early", function.name, op.kind);
            }
            for id in &op.outputs {
                made[id.0 as usize] = true;
            }
        }
        for id in &function.outputs {
            assert_eq!(made.get(id.0 as usize), Some(&true), "{}: an output that nothing makes", function.name);
        }
        for value in &function.values {
            if let Def::Weight(id) = value.def {
                assert!(model.weight(id).is_some(), "{}: no such weight", function.name);
            }
        }
    }
}

fn rules_of(model: &Model, machine: &Machine) -> Vec<&'static str> {
    let subject = Subject::new(model, machine, true);
    let variant = subject.own_variant();
    let stored = Storage::of(model).store(&variant);
    let document = place::document(&subject, &variant, &stored, Units::CpuAndNe);
    let mut rules: Vec<&str> = Vec::new();
    for op in document.functions.iter().flat_map(|function| &function.ops) {
        rules.extend(op.reasons.iter().map(|reason| reason.rule));
    }
    rules.sort_unstable();
    rules.dedup();
    rules
}

/// The graph of a recipe that does not cut it.
fn only(parts: Vec<Model>) -> Model {
    let [model] = <[Model; 1]>::try_from(parts).unwrap_or_else(|parts| panic!("{} parts", parts.len()));
    model
}

/// The recipe applies, the rule is no longer named, and the graph is sound.
fn check(model: &Model, machine: &Machine, recipe: &str, rule: &str) -> Model {
    let before = rules_of(model, machine);
    assert!(before.contains(&rule), "{recipe}: {rule} is not among {before:?}");
    let target = Target { longest: machine.ane_max_width, ..Target::default() };
    let change = fixes::apply(model, recipe, target).unwrap_or_else(|why| panic!("{recipe}: {why:?}"));
    assert!(change.n_changed > 0);
    let changed = only(change.parts);
    check_sound(&changed);
    let after = rules_of(&changed, machine);
    assert!(!after.contains(&rule), "{recipe}: {rule} is still among {after:?}");
    changed
}

#[test]
fn every_recipe_is_either_tried_or_says_why_not() {
    let model = preset("resnet-18");
    for recipe in &Recipes::get().recipe {
        match fixes::apply(&model, &recipe.id, Target { longest: 16_384, ..Target::default() }) {
            Ok(change) => {
                assert!(fixes::is_expressible(&recipe.id) || change.units.is_some(), "{}", recipe.id);
                check_sound(&only(change.parts));
            }
            Err(why) => {
                assert_ne!(why, NotApplied::Unknown, "{} is a recipe", recipe.id);
                let sentence = what_if::why_not(&recipe.id, why);
                assert!(sentence.contains(&recipe.id), "{sentence}");
            }
        }
    }
    let unknown = fixes::apply(&model, "wishful-thinking", Target { longest: 16_384, ..Target::default() });
    assert_eq!(unknown.map(|change| change.n_changed), Err(NotApplied::Unknown));
}

#[test]
fn a_split_head_comes_back_to_the_neural_engine() {
    let phone = machine("iphone-13", 18);
    let model = preset("llama-3.2-1b");
    let split = check(&model, &phone, "split-head", "S07");
    let decode = |model: &Model| model.functions.iter().map(|function| function.outputs.len()).sum::<usize>();
    assert!(decode(&split) > decode(&model), "the pieces are returned one by one");
    let elements = |model: &Model| model.weights.iter().map(|w| w.elements() * u64::from(w.copies)).sum::<u64>();
    // The table stays for the lookup; the pieces are stored beside it.
    assert!(elements(&split) >= elements(&model));
}

#[test]
fn a_lookup_outside_takes_the_gather_with_it() {
    let phone = machine("iphone-15-pro", 18);
    let model = preset("llama-3.2-1b");
    let outside = check(&model, &phone, "host-lookup", "O20");
    let gathers = |function: &Function| function.ops().filter(|(_, op)| op.kind == OpKind::Gather).count();
    assert!(outside.functions.iter().map(gathers).sum::<usize>() < model.functions.iter().map(gathers).sum());
}

type Probe<'p> = &'p dyn Fn(&mut FunctionBuilder<'_>, ValueId) -> ValueId;

/// A chain of convolutions around one operation, large enough for the Neural Engine.
fn around(probe: Probe<'_>) -> Model {
    let mut model = Model { name: "test".to_owned(), spec_version: 9, ..Model::default() };
    let mut builder = FunctionBuilder::new(&mut model, "main", Role::Single);
    let mut x = builder.input("x", DType::Fp16, &SHAPE);
    for layer in 0..3 {
        x = conv(&mut builder, x, &format!("before{layer}"));
    }
    x = probe(&mut builder, x);
    for layer in 0..3 {
        x = conv(&mut builder, x, &format!("after{layer}"));
    }
    builder.finish(&[x]);
    model
}

const SHAPE: [u64; 4] = [1, 512, 16, 16];

fn conv(builder: &mut FunctionBuilder<'_>, x: ValueId, name: &str) -> ValueId {
    let weight = builder.weight(name, DType::Fp16, &[512, 512, 3, 3]);
    builder.op(OpKind::Conv, &[("x", x), ("weight", weight)], DType::Fp16, &SHAPE)
}

fn count(model: &Model, kind: OpKind) -> usize {
    model.functions.iter().flat_map(Function::ops).filter(|(_, op)| op.kind == kind).count()
}

#[test]
fn functions_that_the_engine_lacks_become_polynomials() {
    let model = around(&|builder, x| builder.op(OpKind::Sin, &[("x", x)], DType::Fp16, &SHAPE));
    let changed = check(&model, &machine("macbook-air-m2", 15), "approximate", "O17");
    assert_eq!(count(&changed, OpKind::Sin), 0);
}

#[test]
fn a_running_sum_becomes_a_product() {
    let model = around(&|builder, x| {
        let axis = builder.literal(Literal::Ints(vec![3]));
        builder.op(OpKind::Cumsum, &[("x", x), ("axis", axis)], DType::Fp16, &SHAPE)
    });
    let changed = check(&model, &machine("macbook-air-m4", 26), "triangular", "O27");
    assert_eq!((count(&changed, OpKind::Cumsum), count(&changed, OpKind::Matmul)), (0, 1));
}

#[test]
fn an_island_in_full_precision_melts() {
    let model = around(&|builder, x| {
        let up = builder.op(OpKind::Cast, &[("x", x)], DType::Fp32, &SHAPE);
        let soft = builder.op(OpKind::Softmax, &[("x", up)], DType::Fp32, &SHAPE);
        builder.op(OpKind::Cast, &[("x", soft)], DType::Fp16, &SHAPE)
    });
    let changed = check(&model, &machine("iphone-15-pro", 18), "fp16", "D01");
    assert_eq!(count(&changed, OpKind::Cast), 0, "casts from a type to itself go");
}

#[test]
fn blocks_become_tables() {
    let mut model = around(&|builder, x| conv(builder, x, "middle"));
    for weight in &mut model.weights {
        weight.encoding = Encoding::Linear { bits: 4, granularity: Granularity::PerBlock(32) };
    }
    let changed = check(&model, &machine("iphone-15-pro", 18), "palettize", "C06");
    assert!(changed.weights.iter().all(|weight| weight.encoding.label(weight.dtype) == "lut4-grouped"));
}

#[test]
fn a_tail_for_the_host_is_cut_off() {
    let mut model = Model { name: "tail".to_owned(), spec_version: 9, ..Model::default() };
    let mut builder = FunctionBuilder::new(&mut model, "main", Role::Single);
    let mut x = builder.input("x", DType::Fp16, &SHAPE);
    for layer in 0..6 {
        x = conv(&mut builder, x, &format!("conv{layer}"));
    }
    let k = builder.literal(Literal::Ints(vec![4]));
    let shape: &[u64] = &[1, 4, 16, 16];
    let outputs =
        builder.op_n(OpKind::Topk, &[("x", vec![x]), ("k", vec![k])], &[(DType::Fp16, shape), (DType::Int32, shape)]);
    builder.finish(&outputs);
    let changed = check(&model, &machine("iphone-15-pro", 18), "host-tail", "O24");
    let returned: Vec<ValueId> = changed.functions.iter().flat_map(|function| function.outputs.clone()).collect();
    assert_eq!(returned, [x], "what the tail read is returned");
}

#[test]
fn attention_written_out_keeps_its_result() {
    let model = around(&|builder, x| {
        let q = builder.op(OpKind::Reshape, &[("x", x)], DType::Fp16, &[1, 8, 256, 64]);
        let inputs = [("query", q), ("key", q), ("value", q)];
        let y = builder.op(OpKind::ScaledDotProductAttention, &inputs, DType::Fp16, &[1, 8, 256, 64]);
        builder.op(OpKind::Reshape, &[("x", y)], DType::Fp16, &SHAPE)
    });
    let change = fixes::apply(&model, "plain-attention", Target { longest: 16_384, ..Target::default() });
    let changed = only(change.unwrap_or_else(|why| panic!("{why:?}")).parts);
    check_sound(&changed);
    assert_eq!(count(&changed, OpKind::ScaledDotProductAttention), 0);
    assert_eq!((count(&changed, OpKind::Matmul), count(&changed, OpKind::Softmax)), (2, 1));
}

#[test]
fn the_document_tells_before_from_after() {
    let model = around(&|builder, x| builder.op(OpKind::Sin, &[("x", x)], DType::Fp16, &SHAPE));
    let machine = machine("macbook-air-m2", 15);
    let made = what_if::what_if(&model, &machine, true, None, Units::CpuAndNe, "approximate");
    let document = made.unwrap_or_else(|error| panic!("{error}"));
    let (before, after) = (&document.before[0], &document.after[0]);
    assert!(before.ane_ops < before.n_ops && after.ane_ops == after.n_ops, "{document:?}");
    assert!(after.n_segments < before.n_segments);
    assert!(what_if::text(&document).contains("Predicted, not measured"));
    let refused = what_if::what_if(&model, &machine, true, None, Units::CpuAndNe, "unroll");
    assert!(refused.is_err_and(|why| why.contains("convert again")));
}

/// A stack of `n` layers, each with a matrix of 64 MiB in half precision, and what each part may have.
fn stack(n: usize) -> Model {
    let mut model = Model { name: "stack".to_owned(), ..Model::default() };
    let mut f = FunctionBuilder::new(&mut model, "main", Role::Single);
    let shape = [1, 4096, 1, 64];
    let mut x = f.input("x", DType::Fp16, &shape);
    let mask = f.input("mask", DType::Fp16, &shape);
    for _ in 0..n {
        let kernel = f.weight("kernel", DType::Fp16, &[8192, 4096, 1, 1]);
        let back = f.weight("back", DType::Fp16, &[4096, 8192, 1, 1]);
        let wide = f.op(OpKind::Conv, &[("x", x), ("weight", kernel)], DType::Fp16, &[1, 8192, 1, 64]);
        let active = f.op(OpKind::Relu, &[("x", wide)], DType::Fp16, &[1, 8192, 1, 64]);
        let narrow = f.op(OpKind::Conv, &[("x", active), ("weight", back)], DType::Fp16, &shape);
        let masked = f.op(OpKind::Mul, &[("x", narrow), ("y", mask)], DType::Fp16, &shape);
        x = f.op(OpKind::Add, &[("x", masked), ("y", x)], DType::Fp16, &shape);
    }
    f.finish(&[x]);
    model
}

fn split(model: &Model, largest_file: u64) -> Result<Vec<Model>, NotApplied> {
    let stored: Vec<u64> = stored(model).weights.iter().map(|weight| weight.bytes).collect();
    let target = Target { longest: 16_384, largest_file, stored: &stored };
    fixes::apply(model, "split-model", target).map(|change| change.parts)
}

fn stored(model: &Model) -> coreml_planner::variant::Stored {
    let machine = machine("macbook-air-m4", 26);
    let variant = Subject::new(model, &machine, true).own_variant();
    Storage::of(model).store(&variant)
}

#[test]
fn a_model_above_the_loader_s_bound_is_cut_between_layers_and_its_parts_run_on_the_neural_engine() {
    let model = stack(20);
    let machine = machine("macbook-air-m4", 26);
    let place = |model: &Model| {
        let subject = Subject::new(model, &machine, true);
        let variant = subject.own_variant();
        place::document(&subject, &variant, &Storage::of(model).store(&variant), Units::CpuAndNe)
    };
    let stays_off = |model: &Model| {
        let function = place(model).functions.remove(0);
        function.summary.ane_ops == 0
    };
    assert!(stays_off(&model), "2.7 GB of weights stay off the Neural Engine");
    let parts = split(&model, 1_900_000_000).unwrap_or_else(|why| panic!("{why:?}"));
    assert_eq!(parts.len(), 2);
    for part in &parts {
        check_sound(part);
        assert!(stored(part).weight_file <= 1_900_000_000);
        assert!(!stays_off(part), "{} is still off the Neural Engine", part.name);
        let function = &part.functions[0];
        // Between layers, one tensor passes; the mask goes to both.
        assert_eq!((function.inputs.len(), function.outputs.len()), (2, 1), "{}", part.name);
    }
    let n_ops: usize = parts.iter().map(|part| part.functions[0].ops().count()).sum();
    assert_eq!(n_ops, model.functions[0].ops().count(), "each operation is in one part");
    assert_eq!(stored(&parts[0]).payload + stored(&parts[1]).payload, stored(&model).payload, "and each weight");
}

#[test]
fn layers_that_repeat_are_cut_between_copies_with_their_slices_of_the_cache() {
    let model = preset("llama-3.2-3b");
    let parts = split(&model, 1_900_000_000).unwrap_or_else(|why| panic!("{why:?}"));
    assert_eq!(parts.len(), 4, "6.4 GB, and the table of words in the first and the last part");
    let bytes_of_states = |model: &Model| -> u64 {
        let function = &model.functions[0];
        function.states.iter().filter_map(|id| function.tensor(*id)).map(|tensor| tensor.bytes()).sum()
    };
    let count_ops = |model: &Model| -> Vec<u64> {
        model.functions.iter().map(|function| function.ops().map(|(times, _)| u64::from(times)).sum()).collect()
    };
    let mut n_ops = vec![0; model.functions.len()];
    for part in &parts {
        check_sound(part);
        assert!(stored(part).weight_file <= 1_900_000_000, "{}", part.name);
        for (sum, own) in n_ops.iter_mut().zip(count_ops(part)) {
            *sum += own;
        }
    }
    assert_eq!(n_ops, count_ops(&model));
    assert_eq!(
        parts.iter().map(bytes_of_states).sum::<u64>(),
        bytes_of_states(&model),
        "no slice of the cache is lost"
    );
}

#[test]
fn what_cannot_be_cut_says_so() {
    let small = stack(2);
    assert_eq!(split(&small, 1_900_000_000).map(|parts| parts.len()), Err(NotApplied::NothingToChange));
    assert_eq!(split(&small, 0).map(|parts| parts.len()), Err(NotApplied::NothingToChange), "there is no bound");
    // One tensor is larger than a part may be.
    assert_eq!(split(&small, 1_000_000).map(|parts| parts.len()), Err(NotApplied::NeedsSource));
    // A state that every layer reads would have to be in both parts.
    let mut shared = Model { name: "shared".to_owned(), ..Model::default() };
    let mut f = FunctionBuilder::new(&mut shared, "main", Role::Single);
    let shape = [1, 4096, 1, 64];
    let mut x = f.input("x", DType::Fp16, &shape);
    let state = f.state("state", DType::Fp16, &shape);
    for _ in 0..4 {
        let kernel = f.weight("kernel", DType::Fp16, &[4096, 4096, 1, 1]);
        let held = f.op(OpKind::ReadState, &[("input", state)], DType::Fp16, &shape);
        let y = f.op(OpKind::Conv, &[("x", x), ("weight", kernel)], DType::Fp16, &shape);
        x = f.op(OpKind::Add, &[("x", y), ("y", held)], DType::Fp16, &shape);
    }
    f.finish(&[x]);
    assert_eq!(split(&shared, 80_000_000).map(|parts| parts.len()), Err(NotApplied::NeedsSource));
}
