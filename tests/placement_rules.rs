//! Every placement rule that is evaluated, on a graph where it must speak and on a near one where it must not.
//!
//! The graphs are small and written here; the operation under test stands between convolutions that are large enough for
//! no size rule to decide. A last test holds the table of rules to having a row here for each id.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail")]

use std::collections::BTreeSet;

use coreml_planner::{
    catalog::{Effect, Rulebook},
    estimate::Subject,
    machine,
    model::{
        DType::{self, Bool, Fp16, Fp32, Int32},
        Dim, Encoding, Flexibility, Flexible, FunctionBuilder, Granularity, Literal, Model, OpKind, Part, PartRole,
        Place, Role, ValueId, ValueType,
    },
    placement::Placed,
    report::place,
    scenario::{DeviceRef, Units},
    variant::Storage,
};

/// Channels and sides of the image that the operation under test sees.
const IMAGE: [u64; 4] = [1, 512, 16, 16];

/// A graph and where it is planned.
struct Case {
    model: Model,
    device: &'static str,
    os: u8,
    units: Units,
}

impl Case {
    fn on(mut self, device: &'static str, os: u8) -> Self {
        (self.device, self.os) = (device, os);
        self
    }

    fn with(mut self, units: Units) -> Self {
        self.units = units;
        self
    }

    /// Changes the model once it is written.
    fn then(mut self, change: impl FnOnce(&mut Model)) -> Self {
        change(&mut self.model);
        self
    }

    fn placed(&self) -> Placed {
        let device = DeviceRef::Known { id: self.device.to_owned(), ram_gib: None };
        let machine = machine::resolve(&device, self.os).expect("a known device");
        let subject = Subject::new(&self.model, &machine, true);
        let variant = subject.own_variant();
        let stored = Storage::of(&self.model).store(&variant);
        // The document must be writable for every graph.
        let document = place::document(&subject, &variant, &stored, self.units);
        assert!(!place::text(&document).is_empty());
        subject.place(&variant, &stored, self.units).into_iter().next().expect("one function")
    }
}

/// Ids of the rules that speak, anywhere in the plan.
fn heard(placed: &Placed) -> BTreeSet<&'static str> {
    let of_ops = placed.ops.iter().flat_map(|op| &op.whys);
    let all = of_ops.chain(&placed.risks).chain(&placed.warnings);
    all.filter_map(|why| why.rule.rule()).map(|rule| rule.id.as_str()).collect()
}

type Build<'m> = FunctionBuilder<'m>;

/// A convolution with a square kernel and a rectifier.
fn conv(f: &mut Build<'_>, x: ValueId, outputs: u64, kernel: u64) -> ValueId {
    let shape = f.shape(x);
    let mut out = shape.clone();
    out[1] = outputs;
    let weight = f.weight("weight", Fp16, &[outputs, shape[1], kernel, kernel]);
    let y = f.op(OpKind::Conv, &[("x", x), ("weight", weight)], Fp16, &out);
    f.op(OpKind::Relu, &[("x", y)], Fp16, &out)
}

/// The operation under test between two stacks of convolutions.
fn between(probe: impl FnOnce(&mut Build<'_>, ValueId) -> ValueId) -> Case {
    graph(|f| {
        let mut x = f.input("x", Fp16, &IMAGE);
        for _ in 0..4 {
            x = conv(f, x, 512, 3);
        }
        let y = probe(f, x);
        // What comes out is folded back into the trunk.
        let tensor = f.shape(y);
        let back = if tensor == IMAGE { y } else { x };
        let z = conv(f, back, 512, 3);
        let z = conv(f, z, 512, 3);
        vec![y, z]
    })
}

fn graph(write: impl FnOnce(&mut Build<'_>) -> Vec<ValueId>) -> Case {
    let mut model = Model::default();
    let mut f = FunctionBuilder::new(&mut model, "main", Role::Single);
    let outputs = write(&mut f);
    f.finish(&outputs);
    Case { model, device: "macbook-air-m4", os: 26, units: Units::CpuAndNe }
}

fn ints(f: &mut Build<'_>, all: &[i64]) -> ValueId {
    f.literal(Literal::Ints(all.to_vec()))
}

fn text(f: &mut Build<'_>, word: &str) -> ValueId {
    f.literal(Literal::Text(word.to_owned()))
}

/// One operation on the image with a result of the same shape.
fn unary(kind: OpKind) -> Case {
    typed(kind, Fp16, &IMAGE)
}

fn typed(kind: OpKind, dtype: DType, shape: &'static [u64]) -> Case {
    between(move |f, x| f.op(kind, &[("x", x)], dtype, shape))
}

/// A convolution under test with integer parameters, on data of a shape.
fn conv_on(
    shape: &'static [u64],
    weight: &'static [u64],
    params: &'static [(&'static str, &'static [i64])],
    out: &'static [u64],
) -> Case {
    between(move |f, x| {
        let x = f.op(OpKind::Reshape, &[("x", x)], Fp16, shape);
        let weight = f.weight("probe", Fp16, weight);
        let params: Vec<(&str, ValueId)> = params.iter().map(|(name, all)| (*name, ints(f, all))).collect();
        let mut inputs = vec![("x", x), ("weight", weight)];
        inputs.extend(params);
        f.op(OpKind::Conv, &inputs, Fp16, out)
    })
}

/// A linear layer on 64 rows.
fn linear(depth: u64, features: u64) -> Case {
    graph(|f| {
        let x = f.input("x", Fp16, &[1, 64, depth]);
        let weight = f.weight("head", Fp16, &[features, depth]);
        let y = f.op(OpKind::Linear, &[("x", x), ("weight", weight)], Fp16, &[1, 64, features]);
        vec![y]
    })
}

/// The last convolution's weight, encoded as a file would have it.
fn encoded(encoding: Encoding, has_scale: bool) -> impl FnOnce(&mut Model) {
    move |model| {
        model.spec_version = 9;
        let weight = model.weights.last_mut().expect("a weight");
        weight.encoding = encoding;
        if has_scale {
            let scale = Part { role: PartRole::Scale, dtype: Fp16, bytes: 64, place: Place::Planned };
            weight.parts.push(scale);
        }
    }
}

fn table(bits: u32, vector: u32, int8_table: bool) -> Encoding {
    Encoding::Palettized { bits, tables: 1, vector, int8_table }
}

fn blocks(granularity: Granularity) -> Encoding {
    Encoding::Linear { bits: 4, granularity }
}

/// A cache of a shape that is read, updated and written again.
fn cache(shape: &'static [u64], written: bool) -> Case {
    between(move |f, x| {
        let state = f.state("kv", Fp16, shape);
        let old = f.op(OpKind::ReadState, &[("input", state)], Fp16, shape);
        let (begin, end) = (ints(f, &[0]), ints(f, &[1]));
        let inputs = [("x", old), ("update", x), ("begin", begin), ("end", end)];
        let new = f.op(OpKind::SliceUpdate, &inputs, Fp16, shape);
        if written {
            f.op_n(OpKind::WriteState, &[("input", vec![state]), ("data", vec![new])], &[]);
        }
        f.op(OpKind::ReduceMean, &[("x", new)], Fp16, &[1])
    })
}

fn varying(how: Flexibility, computes_shapes: bool) -> Flexible {
    Flexible { function: "main".to_owned(), how, computes_shapes, defaults: Vec::new() }
}

/// A shape with its last dimensions decided at run time.
fn flexible(case: Case, how: Flexibility) -> Case {
    case.then(|model| {
        model.flexible.push(varying(how, false));
        for value in &mut model.functions[0].values {
            let ValueType::Tensor(tensor) = &mut value.ty else { continue };
            if let ([1, ..], Some(last)) = (IMAGE, tensor.shape.last_mut())
                && *last == Dim::Fixed(16)
            {
                *last = Dim::Flexible;
            }
        }
    })
}

/// A range of sizes, with a slice whose bounds are computed.
fn ranged(computes: bool) -> Case {
    let case = between(move |f, x| {
        let at = if computes { f.input("at", Int32, &[4]) } else { ints(f, &[0, 0, 0, 0]) };
        f.op(OpKind::SliceBySize, &[("x", x), ("begin", at)], Fp16, &[1, 512, 8, 8])
    });
    case.then(move |model| model.flexible.push(varying(Flexibility::Range { span: 99 }, computes)))
}

#[test]
fn a_range_of_sizes_stays_at_its_default_shape_unless_shapes_are_computed() {
    let n_ane = |case: Case| case.placed().n_ops[0];
    assert_eq!(n_ane(ranged(true)), 0);
    assert!(n_ane(ranged(false)) > 10);
}

fn pad(amounts: &'static [i64], mode: &'static str, out: &'static [u64]) -> Case {
    between(move |f, x| {
        let (amounts, mode) = (ints(f, amounts), text(f, mode));
        f.op(OpKind::Pad, &[("x", x), ("pad", amounts), ("mode", mode)], Fp16, out)
    })
}

fn tile(reps: &'static [i64], out: &'static [u64]) -> Case {
    between(move |f, x| {
        let reps = ints(f, reps);
        f.op(OpKind::Tile, &[("x", x), ("reps", reps)], Fp16, out)
    })
}

fn attention(heads: u64, tokens: u64) -> Case {
    graph(|f| {
        let shape = [1, heads, tokens, 64];
        let (q, k, v) = (f.input("q", Fp16, &shape), f.input("k", Fp16, &shape), f.input("v", Fp16, &shape));
        vec![f.op(OpKind::ScaledDotProductAttention, &[("query", q), ("key", k), ("value", v)], Fp16, &shape)]
    })
}

fn matmul(side: u64) -> Case {
    graph(|f| {
        let (a, b) = (f.input("a", Fp16, &[side, side]), f.input("b", Fp16, &[side, side]));
        vec![f.op(OpKind::Matmul, &[("x", a), ("y", b)], Fp16, &[side, side])]
    })
}

/// A stack of wide convolutions, so many megabytes of fp16 weights.
fn megabytes(size: u64) -> Case {
    graph(|f| {
        let mut x = f.input("x", Fp16, &[1, 1000, 8, 8]);
        for _ in 0..size.div_ceil(50) {
            x = conv(f, x, 1000, 5);
        }
        vec![x]
    })
    .then(|model| model.spec_version = 8)
}

/// Rules with a case where each must speak and one where it must not.
#[allow(clippy::too_many_lines, reason = "it is a table")]
fn table_of_cases() -> Vec<(&'static str, Case, Case)> {
    let plain = || unary(OpKind::Relu);
    let states = |n: usize| {
        plain().then(move |model| {
            let mut f = FunctionBuilder::new(model, "spare", Role::Single);
            let states: Vec<ValueId> = (0..n).map(|at| f.state(&format!("s{at}"), Fp16, &[1, 4, 64, 64])).collect();
            f.finish(&[]);
            let spare = model.functions.pop().expect("just written");
            let main = &mut model.functions[0];
            let first = main.values.len() as u32;
            main.states = states.iter().map(|id| ValueId(first + id.0)).collect();
            main.values.extend(spare.values);
        })
    };
    let dynamic = |is_dynamic: bool| {
        between(move |f, x| {
            let given = if is_dynamic { f.input("at", Int32, &[4]) } else { ints(f, &[0, 0, 0, 0]) };
            f.op(OpKind::SliceBySize, &[("x", x), ("begin", given)], Fp16, &[1, 512, 8, 8])
        })
    };
    let slice = |stride: i64| {
        between(move |f, x| {
            let stride = ints(f, &[1, 1, 1, stride]);
            f.op(OpKind::SliceByIndex, &[("x", x), ("stride", stride)], Fp16, &IMAGE)
        })
    };
    let cast = |boundary: bool| {
        graph(|f| {
            let dtype = if boundary { Fp32 } else { Fp16 };
            let mut x = f.input("x", dtype, &IMAGE);
            if boundary {
                x = f.op(OpKind::Cast, &[("x", x)], Fp16, &IMAGE);
            }
            for _ in 0..4 {
                x = conv(f, x, 512, 3);
            }
            vec![x]
        })
    };
    let image = |scaled: bool| {
        graph(|f| {
            let mut x = f.input("image", Fp32, &IMAGE);
            if scaled {
                let number = f.literal(Literal::Floats(vec![0.5]));
                x = f.op(OpKind::Mul, &[("x", x), ("y", number)], Fp32, &IMAGE);
            }
            x = f.op(OpKind::Cast, &[("x", x)], Fp16, &IMAGE);
            for _ in 0..4 {
                x = conv(f, x, 512, 3);
            }
            vec![x]
        })
    };
    let island = |dtype: DType| {
        between(move |f, x| {
            let x = if dtype == Fp32 { f.op(OpKind::Cast, &[("x", x)], dtype, &IMAGE) } else { x };
            let y = f.op(OpKind::Softmax, &[("x", x)], dtype, &IMAGE);
            if dtype == Fp32 { f.op(OpKind::Cast, &[("x", y)], Fp16, &IMAGE) } else { y }
        })
    };
    let masked = |value: f32| {
        between(move |f, x| {
            let mask = f.literal(Literal::Floats(vec![0.0, value]));
            f.op(OpKind::Add, &[("x", x), ("y", mask)], Fp16, &IMAGE)
        })
    };
    let norm = |scaled: bool| {
        between(move |f, x| {
            let number = f.literal(Literal::Floats(vec![22.6]));
            let x = if scaled { f.op(OpKind::RealDiv, &[("x", x), ("y", number)], Fp16, &IMAGE) } else { x };
            let square = f.op(OpKind::Mul, &[("x", x), ("y", x)], Fp16, &IMAGE);
            let mean = f.op(OpKind::ReduceMean, &[("x", square)], Fp16, &[1, 1, 16, 16]);
            let sum = f.op(OpKind::Add, &[("x", mean), ("y", number)], Fp16, &[1, 1, 16, 16]);
            let root = f.op(OpKind::Rsqrt, &[("x", sum)], Fp16, &[1, 1, 16, 16]);
            f.op(OpKind::Mul, &[("x", x), ("y", root)], Fp16, &IMAGE)
        })
    };
    let log = |of: OpKind| {
        between(move |f, x| {
            let x = f.op(of, &[("x", x)], Fp16, &IMAGE);
            f.op(OpKind::Log, &[("x", x)], Fp16, &IMAGE)
        })
    };
    let scatter = |from_state: bool| {
        between(move |f, x| {
            let state = f.state("kv", Fp16, &[1, 4, 64, 64]);
            let old = f.op(OpKind::ReadState, &[("input", state)], Fp16, &[1, 4, 64, 64]);
            let data = if from_state { old } else { x };
            f.op(OpKind::Scatter, &[("data", data), ("updates", x)], Fp16, &[1, 4, 64, 64])
        })
    };
    let pool = |window: i64| {
        between(move |f, x| {
            let x = f.op(OpKind::Reshape, &[("x", x)], Fp16, &[1, 128, 32, 32]);
            let window = ints(f, &[window, window]);
            f.op(OpKind::MaxPool, &[("x", x), ("kernel_sizes", window)], Fp16, &[1, 128, 1, 1])
        })
    };
    let dynamic_weight = |is_dynamic: bool| {
        between(move |f, x| {
            let weight = f.weight("probe", Fp16, &[512, 512, 1, 1]);
            let scaled = f.op(OpKind::Mul, &[("x", weight), ("y", x)], Fp16, &[512, 512, 1, 1]);
            let weight = if is_dynamic { scaled } else { weight };
            f.op(OpKind::Conv, &[("x", x), ("weight", weight)], Fp16, &IMAGE)
        })
    };
    let deconv = |strides: &'static [i64]| {
        between(move |f, x| {
            let weight = f.weight("probe", Fp16, &[512, 512, 2, 2]);
            let strides = ints(f, strides);
            let inputs = [("x", x), ("weight", weight), ("strides", strides)];
            f.op(OpKind::ConvTranspose, &inputs, Fp16, &[1, 512, 32, 32])
        })
    };
    let value_shaped = |dims: &'static [u64], open: bool| {
        typed(OpKind::NonZero, Int32, dims).then(move |model| {
            let values = model.functions[0].values.iter_mut();
            let found = values.rev().find(|value| value.name.starts_with("non_zero")).expect("the probe");
            if let (ValueType::Tensor(tensor), true) = (&mut found.ty, open) {
                tensor.shape[0] = Dim::Flexible;
            }
        })
    };
    let upsampled =
        |out: &'static [u64]| between(move |f, x| f.op(OpKind::UpsampleNearestNeighbor, &[("x", x)], Fp16, out));
    let norm3 = |how| {
        let case = graph(|f| {
            let mut x = f.input("x", Fp16, &[1, 16, 2048]);
            for _ in 0..4 {
                let weight = f.weight("w", Fp16, &[2048, 2048]);
                x = f.op(OpKind::LayerNorm, &[("x", x)], Fp16, &[1, 16, 2048]);
                x = f.op(OpKind::Linear, &[("x", x), ("weight", weight)], Fp16, &[1, 16, 2048]);
            }
            vec![x]
        });
        case.then(move |model| model.flexible.push(varying(how, false)))
    };
    let wide = |width: u64| {
        graph(|f| {
            let mut x = f.input("x", Fp16, &[1, 512, 1, width]);
            for _ in 0..4 {
                x = conv(f, x, 512, 3);
            }
            vec![x]
        })
    };
    let conv1d: fn(&'static [u64], &'static [i64]) -> Case = |weight, groups| {
        between(move |f, x| {
            let x = f.op(OpKind::Reshape, &[("x", x)], Fp16, &[1, 1024, 128]);
            let (weight, groups) = (f.weight("probe", Fp16, weight), ints(f, groups));
            f.op(OpKind::Conv, &[("x", x), ("weight", weight), ("groups", groups)], Fp16, &[1, 1024, 128])
        })
    };
    let on_last_weight = |encoding, has_scale| plain().then(encoded(encoding, has_scale));
    let k = |kernel: &'static [u64], strides: &'static [i64], out: &'static [u64]| {
        let params: &'static [(&str, &[i64])] = Vec::leak(vec![("strides", strides)]);
        conv_on(&IMAGE, kernel, params, out)
    };
    let table_on_probe = |case: Case, encoding: Encoding| {
        case.then(move |model| {
            model.spec_version = 9;
            let probe = model.weights.iter_mut().find(|weight| weight.name == "probe").expect("the probe's weight");
            probe.encoding = encoding;
        })
    };
    let stateful = |encoding| flexible(cache(&[1, 4, 64, 64], true), Flexibility::Listed).then(encoded(encoding, true));
    const SAME3: &[u64] = &[512, 512, 3, 3];
    vec![
        ("G01", plain().with(Units::CpuAndGpu), plain()),
        ("G02", plain().on("apple-watch-series-9", 11), plain()),
        ("G03", typed(OpKind::Relu, Fp32, &IMAGE).then(all_full), plain()),
        ("G05", unary(OpKind::CustomLayer), plain()),
        ("G06", unary(OpKind::WhileLoop), plain()),
        (
            "G08",
            typed(OpKind::Reshape, Fp16, &[1, 2, 256, 4, 4, 16]),
            typed(OpKind::Reshape, Fp16, &[1, 2, 256, 16, 16]),
        ),
        ("G09", value_shaped(&[99, 2], true), value_shaped(&[99, 2], false)),
        ("F05", value_shaped(&[99, 2], true), value_shaped(&[99, 2], false)),
        ("G10", plain().then(|model| model.functions[0].sections[0].times = 2000), plain()),
        ("G11", states(3), states(2)),
        ("D01", island(Fp32), island(Fp16)),
        ("D02", cast(true), cast(false)),
        ("P08", cast(true), cast(false)),
        ("D03", typed(OpKind::Add, Int32, &IMAGE), typed(OpKind::Add, Fp16, &IMAGE)),
        ("D05", typed(OpKind::ExpandDims, Bool, &IMAGE), typed(OpKind::Greater, Bool, &IMAGE)),
        ("D07", island(Fp32), cast(true)),
        ("O40", island(Fp32), cast(true)),
        ("D09", image(true), image(false)),
        ("S01", typed(OpKind::Transpose, Fp16, &[65_537, 2]), typed(OpKind::Transpose, Fp16, &[2, 65_536])),
        ("S02", wide(20_000).on("iphone-13", 18), wide(20_000)),
        ("S02", wide(70_000), wide(16_000)),
        ("S03", wide(240_000), wide(60_000)),
        ("S06", graph_of_side(5568), graph_of_side(1024)),
        ("S07", linear(512, 32_000).on("iphone-13", 18), linear(512, 32_000)),
        ("S07", linear(512, 151_936), linear(512, 16_000)),
        ("S08", deep_matmul(4), deep_matmul(1)),
        ("S10", cache(&[1, 4, 64, 270], true), cache(&[1, 4, 64, 256], true)),
        ("T03", cache(&[1, 4, 64, 270], true), cache(&[1, 4, 64, 256], true)),
        ("S13", typed(OpKind::Softmax, Fp16, &[1, 1, 16, 32_768]), typed(OpKind::Softmax, Fp16, &[1, 1, 16, 8192])),
        ("O02", k(&[512, 512, 17, 17], &[1, 1], &IMAGE), k(&[512, 512, 7, 7], &[1, 1], &IMAGE)),
        ("O03", k(SAME3, &[5, 5], &[1, 512, 4, 4]), k(SAME3, &[4, 4], &[1, 512, 4, 4])),
        ("O03", k(SAME3, &[7, 7], &[1, 512, 3, 3]), k(SAME3, &[6, 6], &[1, 512, 3, 3])),
        (
            "O04",
            conv_on(&IMAGE, SAME3, &[("dilations", &[5, 5])], &IMAGE),
            conv_on(&IMAGE, SAME3, &[("dilations", &[6, 6])], &IMAGE),
        ),
        ("O05", conv1d(&[1024, 1, 3], &[1024]), conv1d(&[1024, 1, 9], &[1024])),
        ("O05", conv1d(&[1024, 1, 3], &[1024]), conv1d(&[1024, 1024, 3], &[1])),
        ("O07", dynamic_weight(true), dynamic_weight(false)),
        (
            "O08",
            conv_on(&[1, 32, 16, 16, 16], &[32, 32, 3, 3, 3], &[], &[1, 32, 16, 16, 16]),
            conv_on(&IMAGE, SAME3, &[], &IMAGE),
        ),
        ("O09", deconv(&[16, 1]), deconv(&[2, 2])),
        ("O10", linear(20_000, 512), linear(16_000, 512)),
        ("O17", unary(OpKind::Sin), unary(OpKind::Tanh)),
        ("O18", unary(OpKind::Softplus), unary(OpKind::Silu)),
        ("O19", unary(OpKind::Tan), unary(OpKind::Tanh)),
        ("O20", unary(OpKind::Gather), plain()),
        ("O21", unary(OpKind::GatherAlongAxis), plain()),
        ("O22", unary(OpKind::ScatterNd), plain()),
        ("O23", unary(OpKind::ScatterAlongAxis), unary(OpKind::Select)),
        ("O24", unary(OpKind::Topk), unary(OpKind::Softmax)),
        ("O25", typed(OpKind::ReduceArgmax, Int32, &[1, 1, 16, 16]), typed(OpKind::ReduceMax, Fp16, &[1, 1, 16, 16])),
        ("O26", unary(OpKind::BandPart), plain()),
        ("O26", filled(true), filled(false)),
        ("O27", unary(OpKind::Cumsum), unary(OpKind::ReduceSum)),
        ("O28", unary(OpKind::Mod), unary(OpKind::FloorDiv)),
        ("O29", typed(OpKind::LogicalAnd, Bool, &IMAGE), typed(OpKind::Less, Bool, &IMAGE)),
        ("O30", unary(OpKind::Lstm), unary(OpKind::Tanh)),
        ("O31", pool(32), pool(31)),
        ("O32", upsampled(&[1, 512, 48, 48]).on("iphone-11", 18), upsampled(&[1, 512, 32, 32]).on("iphone-11", 18)),
        ("O33", unary(OpKind::Resample), unary(OpKind::PixelShuffle)),
        (
            "O34",
            pad(&[0, 0, 0, 32, 0, 0, 0, 0], "constant", &[1, 544, 16, 16]),
            pad(&[1, 1, 1, 1], "constant", &[1, 512, 18, 18]),
        ),
        (
            "O34",
            pad(&[1, 0, 1, 0], "constant", &[1, 512, 17, 17]),
            pad(&[0, 0, 0, 0, 1, 1, 1, 1], "constant", &[1, 512, 18, 18]),
        ),
        (
            "O34",
            pad(&[1, 1, 1, 1], "reflect", &[1, 512, 18, 18]).on("macbook-air-m1", 15),
            pad(&[1, 1, 1, 1], "reflect", &[1, 512, 18, 18]),
        ),
        ("O35", dynamic(true), dynamic(false)),
        ("O35", slice(-1), slice(2)),
        ("O38", tile(&[1, 1, 5, 1], &[1, 512, 80, 16]), tile(&[1, 1, 4, 1], &[1, 512, 64, 16])),
        ("O38", leading_tile(true), leading_tile(false)),
        ("O43", unary(OpKind::NonMaximumSuppression), plain()),
        ("C05x", on_last_weight(blocks(Granularity::PerChannel), true), plain()),
        (
            "C06",
            on_last_weight(blocks(Granularity::PerBlock(32)), true),
            on_last_weight(blocks(Granularity::PerTensor), true),
        ),
        ("C11", on_last_weight(table(4, 1, true), true), on_last_weight(table(4, 1, false), false)),
        (
            "C12",
            table_on_probe(k(&[512, 512, 17, 17], &[1, 1], &IMAGE), table(4, 1, false)),
            table_on_probe(k(SAME3, &[2, 2], &[1, 512, 8, 8]), table(4, 1, false)),
        ),
        (
            "C12",
            table_on_probe(k(SAME3, &[4, 4], &[1, 512, 4, 4]), table(4, 1, false)),
            k(SAME3, &[4, 4], &[1, 512, 4, 4]),
        ),
        (
            "C13",
            table_on_probe(conv_on(&IMAGE, &[512, 1, 3, 3], &[("groups", &[512])], &IMAGE), table(4, 1, false)),
            table_on_probe(conv_on(&IMAGE, &[512, 1, 3, 3], &[("groups", &[512])], &IMAGE), table(8, 1, false)),
        ),
        ("C14", on_last_weight(table(4, 2, false), false), on_last_weight(table(4, 1, false), false)),
        ("C19", on_last_weight(table(4, 1, false), true), on_last_weight(table(4, 1, false), false)),
        ("T02", cache(&[1, 4, 64, 64], false), cache(&[1, 4, 64, 64], true)),
        ("T02", cache(&[4, 64, 64], true), cache(&[1, 4, 64, 64], true)),
        ("T06", stateful(blocks(Granularity::PerBlock(32))), stateful(blocks(Granularity::PerChannel))),
        ("T08", scatter(true), scatter(false)),
        ("T08", cache(&[2, 1, 4, 64, 64], true), cache(&[1, 4, 64, 64], true)),
        ("F01", flexible(plain(), Flexibility::Range { span: 500 }), flexible(plain(), Flexibility::Range { span: 3 })),
        ("F01", ranged(true), ranged(true).then(|model| model.flexible.clear())),
        ("F02", flexible(plain(), Flexibility::Listed), plain()),
        ("F03", flexible(plain(), Flexibility::Listed), plain()),
        (
            "F06",
            norm3(Flexibility::Listed).on("macbook-air-m1", 13),
            norm3(Flexibility::Listed).on("macbook-air-m1", 14),
        ),
        ("F08", flexible(plain(), Flexibility::Range { span: 3 }), plain()),
        ("P01", small(24), small(640)),
        ("P01", matmul(360), matmul(512)),
        ("P02", attention(16, 1024), attention(16, 2048)),
        ("P03", matmul(256), matmul(512)),
        (
            "P05",
            megabytes(300).on("mac-studio-m2-ultra", 26).with(Units::All),
            megabytes(300).on("mac-studio-m2-ultra", 26),
        ),
        ("P05", megabytes(300).on("mac-studio-m2-ultra", 26).with(Units::All), megabytes(300).with(Units::All)),
        ("P10", leading_tile(true), plain()),
        ("M01", megabytes(1600).on("iphone-15-pro", 18), megabytes(800).on("iphone-15-pro", 18)),
        ("M02", megabytes(2500), megabytes(1700)),
        ("N01", masked(-1e9), masked(-40_000.0)),
        ("N03", log(OpKind::Softmax), log(OpKind::Sigmoid)),
        ("N03", unary(OpKind::ReduceLogSumExp), unary(OpKind::ReduceSum)),
        ("N04", norm(false), norm(true)),
        ("N06", attention(16, 2048), attention(16, 2048).on("macbook-air-m4", 15)),
        ("U01", typed(OpKind::InstanceNorm, Fp16, &[1, 2, 256, 16, 16]), unary(OpKind::InstanceNorm)),
    ]
}

/// Makes a program fp32 throughout.
fn all_full(model: &mut Model) {
    for value in &mut model.functions[0].values {
        if let ValueType::Tensor(tensor) = &mut value.ty
            && tensor.dtype == Fp16
        {
            tensor.dtype = Fp32;
        }
    }
}

fn graph_of_side(side: u64) -> Case {
    graph(|f| {
        let x = f.input("x", Fp16, &[1, 3, side, side]);
        vec![conv(f, x, 64, 3)]
    })
}

fn deep_matmul(depth: u64) -> Case {
    between(move |f, x| {
        let shape = [1, depth, 8, 64, 64];
        let x = f.op(OpKind::Reshape, &[("x", x)], Fp16, &shape);
        f.op(OpKind::Matmul, &[("x", x), ("y", x)], Fp16, &shape)
    })
}

fn filled(is_dynamic: bool) -> Case {
    between(move |f, _| {
        let shape = if is_dynamic { f.input("shape", Int32, &[4]) } else { ints(f, &[1, 512, 16, 16]) };
        f.op(OpKind::Fill, &[("shape", shape)], Fp16, &IMAGE)
    })
}

fn leading_tile(leads: bool) -> Case {
    graph(move |f| {
        let given = f.input("x", Fp16, &[1, 512, 8, 16]);
        let reps = ints(f, &[1, 1, 2, 1]);
        let source = if leads { given } else { f.op(OpKind::Relu, &[("x", given)], Fp16, &[1, 512, 8, 16]) };
        let mut x = f.op(OpKind::Tile, &[("x", source), ("reps", reps)], Fp16, &IMAGE);
        for _ in 0..4 {
            x = conv(f, x, 512, 3);
        }
        vec![x]
    })
}

/// Six convolutions of so many channels.
fn small(channels: u64) -> Case {
    graph(|f| {
        let mut x = f.input("x", Fp16, &[1, channels, 16, 16]);
        for _ in 0..6 {
            x = conv(f, x, channels, 3);
        }
        vec![x]
    })
}

#[test]
fn each_rule_speaks_where_it_must_and_is_silent_where_it_must_not() {
    let mut wrong = Vec::new();
    for (at, (id, positive, control)) in table_of_cases().into_iter().enumerate() {
        let (found, near) = (positive.placed(), control.placed());
        if !heard(&found).contains(id) {
            wrong.push(format!("{at} {id} is silent; heard {:?}", heard(&found)));
        }
        if heard(&near).contains(id) {
            wrong.push(format!("{at} {id} speaks on its control"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_evaluated_rule_has_a_case() {
    let cases: BTreeSet<&str> = table_of_cases().iter().map(|(id, _, _)| *id).collect();
    let rules = &Rulebook::get().rules;
    let silent = |id: &str| rules.iter().filter(|rule| rule.id == id).all(|rule| rule.effects == [Effect::Native]);
    let missing: BTreeSet<&str> =
        rules.iter().map(|rule| rule.id.as_str()).filter(|id| !silent(id) && !cases.contains(id)).collect();
    assert!(missing.is_empty(), "rules without a case: {missing:?}");
}

#[test]
fn what_a_rule_calls_native_stays_on_the_neural_engine() {
    let mut wrong = Vec::new();
    let native = Rulebook::get().rules.iter().filter(|rule| rule.effects == [Effect::Native]);
    for name in native.flat_map(|rule| &rule.ops) {
        let kind = OpKind::from_name(name).expect("a known operation");
        // These need their own operands; each is the control of another rule.
        let own = [
            OpKind::ReadState,
            OpKind::WriteState,
            OpKind::SliceUpdate,
            OpKind::Tile,
            OpKind::ScaledDotProductAttention,
        ];
        if own.contains(&kind) {
            continue;
        }
        let placed = unary(kind).placed();
        for op in placed.ops.iter().filter(|op| op.unit != machine::Unit::Ane) {
            wrong.push(format!("{name}: {} is on {:?}: {:?}", op.kind, op.unit, op.whys));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
