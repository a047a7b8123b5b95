//! Predicted against real: every file in `tests/cases/variant_sizes`, to the byte where the method is deterministic.
//!
//! Weight files of tables and scales must agree within 0.1 %, sparse ones within 1 % (values that are equal to the
//! threshold are pruned too, and how many they are depends on the values). Run with `--nocapture` for the table.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

use coreml_planner::{
    model::{DType, Def, FunctionBuilder, Literal, Model, OpKind, Role, Weight},
    units::Quantity,
    variant::{Compression, Precision, Runtime, Storage, Touch, Variant},
};
use serde_json::Value;

fn dtype(name: &str) -> DType {
    match name {
        "fp16" => DType::Fp16,
        "fp32" => DType::Fp32,
        "int8" => DType::Int8,
        "uint8" => DType::UInt8,
        "int16" => DType::Int16,
        "uint16" => DType::UInt16,
        "int32" => DType::Int32,
        other => panic!("unknown type {other}"),
    }
}

/// The model of a fixture: its weights, each read by its consumers, padded to the real number of constants.
fn model(fixture: &Value, spec_version: u32) -> Model {
    let mut model = Model { spec_version, ..Model::default() };
    let mut f = FunctionBuilder::new(&mut model, "main", Role::Single);
    let x = f.input("x", DType::Fp16, &[1]);
    for row in fixture["weights"].as_array().unwrap() {
        let shape: Vec<u64> = row[1].as_array().unwrap().iter().map(|size| size.as_u64().unwrap()).collect();
        let weight = f.weight("w", dtype(row[0].as_str().unwrap()), &shape);
        for consumer in row[2].as_array().unwrap() {
            let kind = OpKind::from_name(consumer[0].as_str().unwrap()).unwrap();
            let mut inputs = vec![(consumer[1].as_str().unwrap(), weight)];
            if inputs[0].0 != "x" {
                inputs.push(("x", x));
            }
            for (name, value) in consumer[2].as_object().unwrap() {
                let value = value.as_i64().unwrap();
                let literal = match name.as_str() {
                    "groups" => Literal::Ints(vec![value]),
                    _ => Literal::Bools(vec![value != 0]),
                };
                inputs.push((name, f.literal(literal)));
            }
            f.op(kind, &inputs, DType::Fp16, &[1]);
        }
    }
    f.finish(&[]);
    // Operations and constants that read no weight only count for the specification.
    let function = &mut model.functions[0];
    let missing = fixture["n_ops"].as_u64().unwrap() as usize - function.ops().count();
    let section = function.sections.last_mut().unwrap();
    let op = coreml_planner::model::Op { kind: OpKind::Relu, inputs: vec![], outputs: vec![], blocks: vec![] };
    section.ops.extend(std::iter::repeat_n(op, missing));
    let constant = |def: &Def| matches!(def, Def::Const(_) | Def::Weight(_));
    let n_consts = function.values.iter().filter(|value| constant(&value.def)).count();
    let value = coreml_planner::model::Value {
        name: String::new(),
        ty: coreml_planner::model::ValueType::Other,
        def: Def::Const(Literal::Opaque),
    };
    let missing = (fixture["n_consts"].as_u64().unwrap() as usize).saturating_sub(n_consts);
    function.values.extend(std::iter::repeat_n(value, missing));
    model
}

fn fixtures() -> Vec<Value> {
    let mut paths: Vec<_> = std::fs::read_dir("tests/cases/variant_sizes")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        .collect();
    paths.sort();
    paths.iter().map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).collect()
}

#[test]
fn weight_files_are_predicted_to_the_byte() {
    let (mut n_files, mut n_exact, mut failures) = (0, 0, Vec::new());
    println!("{:20} {:14} spec      real  predicted  error %   mlmodel  low..high", "network", "variant");
    for fixture in fixtures() {
        let network = fixture["network"].as_str().unwrap();
        for file in fixture["files"].as_array().unwrap() {
            let id = file["variant"].as_str().unwrap();
            let variant = Variant::from_id(id).unwrap_or_else(|| panic!("{id}"));
            let spec_version = file["spec"].as_u64().unwrap() as u32;
            let model = model(&fixture, spec_version);
            let stored = Storage::of(&model).store(&variant);
            let real = file["weight_bin"].as_u64().unwrap();
            let error = (stored.weight_file as f64 - real as f64) / real as f64 * 100.0;
            let spec = file["model_mlmodel"].as_f64().unwrap();
            println!(
                "{network:20} {id:14} {spec_version:4} {real:10} {:10} {error:8.4} {spec:8}  {:.0}..{:.0}",
                stored.weight_file,
                stored.spec.low.get(),
                stored.spec.high.get()
            );
            n_files += 1;
            n_exact += u32::from(stored.weight_file == real);
            let allowed = match variant.compression {
                Compression::Sparse { .. } | Compression::SparsePalettized { .. } => 1.0,
                _ => 0.1,
            };
            if error.abs() > allowed {
                failures.push(format!("{network} {id}: {} instead of {real}", stored.weight_file));
            }
        }
    }
    println!("{n_exact} of {n_files} to the byte");
    assert!(n_files > 100, "only {n_files} files: are the fixtures there?");
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn specifications_lie_in_their_range() {
    let (mut n, mut inside, mut worst) = (0_u32, 0_u32, 0.0_f64);
    for fixture in fixtures() {
        for file in fixture["files"].as_array().unwrap() {
            let variant = Variant::from_id(file["variant"].as_str().unwrap()).unwrap();
            if variant.precision == Precision::W8A8 {
                // The fixture does not say which additions have two live inputs.
                continue;
            }
            let model = model(&fixture, file["spec"].as_u64().unwrap() as u32);
            let spec = Storage::of(&model).store(&variant).spec;
            let real = file["model_mlmodel"].as_f64().unwrap();
            n += 1;
            inside += u32::from(spec.low.get() <= real && real <= spec.high.get());
            worst = worst.max((spec.value.get() / real - 1.0).abs());
        }
    }
    println!("{inside} of {n} specifications in range, worst error {:.1} %", worst * 100.0);
    assert!(f64::from(inside) >= 0.95 * f64::from(n), "{inside} of {n}");
    assert!(worst < 0.25, "{worst}");
}

/// Llama 3.1 8B as its configuration states it, in the names of its checkpoint.
fn llama_8b() -> Model {
    let mut model = Model::default();
    let mut f = FunctionBuilder::new(&mut model, "decode", Role::Decode { context: 64 });
    let x = f.input("tokens", DType::Int32, &[1]);
    let embedding = f.weight("model.embed_tokens.weight", DType::Fp16, &[128_256, 4096]);
    let x = f.op(OpKind::Gather, &[("x", embedding), ("indices", x)], DType::Fp16, &[1, 4096]);
    f.section(32);
    for name in ["input_layernorm", "post_attention_layernorm"] {
        let norm = f.weight(name, DType::Fp16, &[4096]);
        f.op(OpKind::Mul, &[("x", x), ("y", norm)], DType::Fp16, &[1, 4096]);
    }
    for (name, outputs, inputs) in [
        ("self_attn.q_proj.weight", 4096, 4096),
        ("self_attn.k_proj.weight", 1024, 4096),
        ("self_attn.v_proj.weight", 1024, 4096),
        ("self_attn.o_proj.weight", 4096, 4096),
        ("mlp.gate_proj.weight", 14_336, 4096),
        ("mlp.up_proj.weight", 14_336, 4096),
        ("mlp.down_proj.weight", 4096, 14_336),
    ] {
        let weight = f.weight(name, DType::Fp16, &[outputs, inputs]);
        f.op(OpKind::Linear, &[("x", x), ("weight", weight)], DType::Fp16, &[1, outputs]);
    }
    f.section(1);
    let norm = f.weight("model.norm.weight", DType::Fp16, &[4096]);
    let x = f.op(OpKind::Mul, &[("x", x), ("y", norm)], DType::Fp16, &[1, 4096]);
    let head = f.weight("lm_head.weight", DType::Fp16, &[128_256, 4096]);
    let y = f.op(OpKind::Linear, &[("x", x), ("weight", head)], DType::Fp16, &[1, 128_256]);
    f.finish(&[y]);
    model
}

/// Published bits for each weight of Llama 3.1 8B: `tools/quantize/README.md` of llama.cpp. MLX: 4 (or 8) bits and two
/// fp16 numbers for 64 weights.
#[test]
fn gguf_and_mlx_agree_with_published_bits_of_llama_8b() {
    let model = llama_8b();
    assert_eq!(model.n_params(), 8_030_261_248);
    let check = |id: &str, bits: f64| {
        let real = Storage::of(&model).store(&Variant::from_id(id).unwrap()).bits_per_weight();
        assert!((real - bits).abs() < 0.001, "{id}: {real} instead of {bits}");
    };
    check("llama.cpp-f16", 16.0005);
    check("llama.cpp-q8_0", 8.5008);
    check("llama.cpp-q4_k_m", 4.8944);
    check("mlx-4bit", 4.5004);
    check("mlx-8bit", 8.5002);
}

#[test]
fn the_whole_list_costs_little() {
    let fixtures = fixtures();
    let fixture = fixtures.iter().max_by_key(|fixture| fixture["weights"].as_array().unwrap().len()).unwrap();
    let model = model(fixture, 9);
    let run = || {
        let start = std::time::Instant::now();
        let storage = Storage::of(&model);
        let read = start.elapsed();
        let total: f64 = coreml_planner::variant::EVERY.iter().map(|v| storage.store(v).package.value.get()).sum();
        (start.elapsed(), read, total)
    };
    let (took, read, total) = (0..9).map(|_| run()).min_by_key(|(took, _, _)| *took).unwrap();
    println!(
        "{} rows, {} variants: {took:?}, of which reading the model {read:?}",
        model.weights.len(),
        coreml_planner::variant::EVERY.len()
    );
    // Generous: this is a debug build on a machine that may be busy.
    assert!(total > 0.0 && took.as_millis() < 200, "{took:?}");
}

fn small() -> Model {
    let mut model = Model::default();
    let mut f = FunctionBuilder::new(&mut model, "decode", Role::Decode { context: 64 });
    let tokens = f.input("tokens", DType::Int32, &[1]);
    let embedding = f.weight("embed_tokens", DType::Fp16, &[1000, 256]);
    let mut x = f.op(OpKind::Gather, &[("x", embedding), ("indices", tokens)], DType::Fp16, &[1, 256]);
    f.section(8);
    let norm = f.weight("norm", DType::Fp16, &[256]);
    x = f.op(OpKind::Mul, &[("x", x), ("y", norm)], DType::Fp16, &[1, 256]);
    for (name, shape) in [("v_proj", [64, 256]), ("up_proj", [688, 256]), ("tiny", [8, 256]), ("odd", [30, 72])] {
        let weight = f.weight(name, DType::Fp16, &shape);
        f.op(OpKind::Linear, &[("x", x), ("weight", weight)], DType::Fp16, &[1, shape[0]]);
    }
    let down = f.weight("down_proj", DType::Fp16, &[256, 688]);
    x = f.op(OpKind::Linear, &[("x", x), ("weight", down)], DType::Fp16, &[1, 256]);
    f.section(1);
    let head = f.weight("lm_head", DType::Fp16, &[1000, 256]);
    x = f.op(OpKind::Linear, &[("x", x), ("weight", head)], DType::Fp16, &[1, 1000]);
    f.finish(&[x]);
    model.weights.push(Weight::planned("unread", &[64, 64], DType::Fp16, 1));
    model
}

#[test]
fn parts_sum_to_rows_and_rows_to_the_file() {
    let model = small();
    let storage = Storage::of(&model);
    for variant in coreml_planner::variant::EVERY {
        let stored = storage.store(variant);
        let id = variant.id();
        let rows: u64 = stored.weights.iter().map(|weight| weight.bytes).sum();
        assert_eq!(rows, stored.payload + stored.inline, "{id}");
        assert_eq!(stored.weight_file, stored.payload + stored.records + stored.padding + stored.header, "{id}");
        let package = stored.weight_file as f64 + stored.manifest as f64 + stored.spec.value.get();
        assert!((stored.package.value.get() - package).abs() < 1.0, "{id}");
        assert!(stored.package.low.get() <= package && package <= stored.package.high.get(), "{id}");
        assert_eq!(stored.weights.len(), model.weights.len());
        for (weight, row) in stored.weights.iter().zip(&model.weights) {
            assert_eq!(weight.elements, row.elements() * u64::from(row.copies));
            // Only pieces that copies share make a row smaller than its copies.
            assert!(weight.bytes <= weight.pieces.bytes() * u64::from(row.copies) + 210 * row.elements(), "{id}");
        }
    }
}

#[test]
fn fewer_bits_are_never_larger() {
    let model = small();
    let storage = Storage::of(&model);
    let size = |id: &str| storage.store(&Variant::from_id(id).unwrap()).weight_file;
    for ladder in [
        &["fp32", "fp16", "lut8", "lut6", "lut4", "lut3", "lut2", "lut1"][..],
        &["fp16", "lut6-g16", "lut4-g16", "lut3-g16", "lut2-g16", "lut1-g16"],
        &["fp16", "int8-channel", "int4-channel"],
        &["int8-block32", "int4-block32"],
        &["fp16", "sparse50", "sparse75"],
        &["sparse75", "sparse75-lut8", "sparse75-lut4"],
        &["lut4", "lut4-v2", "lut4-v4"],
        &["llama.cpp-f16", "llama.cpp-q8_0", "llama.cpp-q4_k_m"],
        &["mlx-8bit", "mlx-4bit"],
    ] {
        for pair in ladder.windows(2) {
            assert!(size(pair[1]) <= size(pair[0]), "{} is larger than {}", pair[1], pair[0]);
        }
    }
}

proptest::proptest! {
    /// Shapes as a hostile file may state them: nothing panics, nothing small is touched, parts sum to totals.
    #[test]
    fn any_shape_is_counted(
        shape in proptest::collection::vec(proptest::prop_oneof![0_u64..70, proptest::prelude::any::<u64>()], 0..6),
        kind in 0_usize..5,
        copies in 0_u32..5,
        spec_version in 6_u32..10,
    ) {
        let kind = [OpKind::Linear, OpKind::Conv, OpKind::ConvTranspose, OpKind::Matmul, OpKind::Gather][kind];
        let mut model = Model { spec_version, ..Model::default() };
        let mut f = FunctionBuilder::new(&mut model, "main", Role::Single);
        f.section(copies);
        let x = f.input("x", DType::Fp16, &[1]);
        let weight = f.weight("w", DType::Fp16, &shape);
        f.op(kind, &[("x", x), ("y", weight)], DType::Fp16, &[1]);
        f.finish(&[]);
        for variant in coreml_planner::variant::EVERY {
            let stored = Storage::of(&model).store(variant);
            let row = stored.weights[0];
            proptest::prop_assert_eq!(row.bytes, stored.payload.saturating_add(stored.inline));
            let small = model.weights[0].elements() <= 2048;
            let core_ml = variant.runtime == Runtime::CoreMl;
            proptest::prop_assert!(!(small && core_ml && row.touch == Touch::Compressed));
        }
    }
}
