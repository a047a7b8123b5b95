//! Core ML's own plan of one network on an M1, operation by operation: the units it chose and the times it expected.
//!
//! The dump is in `placement/mobilenet_edgetpu_m1.csv` (its licence is in it). The graph is written from the dump's shapes.
//! It is the only plan with estimates that is public; the planner's cost table was fitted to it, so this shows that the
//! table and the path reproduce it, not how well they do elsewhere.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a test may fail, and says what it did")]

use coreml_planner::{
    estimate::Subject,
    evidence,
    machine::{self, Machine, Unit},
    model::{DType, FunctionBuilder, Literal, Model, OpKind, Role, ValueId},
    placement,
    scenario::{DeviceRef, Units},
    variant::Storage,
};

const DUMP: &str = include_str!("placement/mobilenet_edgetpu_m1.csv");

/// A row of the dump.
struct Row<'a> {
    op: &'a str,
    unit: Unit,
    shape: &'a str,
    kernel: u64,
    groups: u64,
    /// Milliseconds: Neural Engine, GPU, both CPU libraries.
    times: [Option<f64>; 4],
}

fn rows() -> Vec<Row<'static>> {
    let lines = DUMP.lines().filter(|line| !line.starts_with('#')).skip(1);
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let unit = match cells[2] {
                "ANE" => Unit::Ane,
                "GPU" => Unit::Gpu,
                _ => Unit::Cpu,
            };
            Row {
                op: cells[1].rsplit('.').next().expect("a name"),
                unit,
                shape: cells[3],
                kernel: cells[4].split('x').next().and_then(|k| k.parse().ok()).unwrap_or(1),
                groups: cells[5].parse().unwrap_or(1),
                times: [8, 9, 10, 11].map(|at| cells[at].parse().ok()),
            }
        })
        .collect()
}

/// `1x32x56x56` as sizes.
fn sizes(text: &str) -> Vec<u64> {
    text.split('x').map(|size| size.parse().expect("a size")).collect()
}

fn graph(rows: &[Row<'_>]) -> Model {
    let mut model = Model { name: "MobileNetEdgeTPU".to_owned(), ..Model::default() };
    let buffer = OpKind::Other(model.names.intern("tensor_buffer_to_tensor"));
    let mut f = FunctionBuilder::new(&mut model, "main", Role::Single);
    let image = [1, 3, 224, 224];
    // What the buffer holds is not a tensor of the program.
    let mut x = f.input("image", DType::String, &[]);
    for row in rows {
        let here = f.shape(x);
        x = match row.op {
            "tensor_buffer_to_tensor" => f.op(buffer, &[("x", x)], DType::Fp32, &image),
            "mul" => scaled(&mut f, OpKind::Mul, x),
            "add" if row.unit == Unit::Cpu => scaled(&mut f, OpKind::Add, x),
            "add" => f.op(OpKind::Add, &[("x", x), ("y", x)], DType::Fp16, &here),
            "cast" => {
                let dtype = if row.shape.contains("->") { DType::Fp32 } else { DType::Fp16 };
                f.op(OpKind::Cast, &[("x", x)], dtype, &here)
            }
            "conv" => conv(&mut f, x, row),
            "relu" => f.op(OpKind::Relu, &[("x", x)], DType::Fp16, &here),
            "avg_pool" => {
                let window = f.literal(Literal::Ints(vec![7, 7]));
                f.op(OpKind::AvgPool, &[("x", x), ("kernel_sizes", window)], DType::Fp16, &[1, 1280, 1, 1])
            }
            "transpose" => f.op(OpKind::Transpose, &[("x", x)], DType::Fp16, &[1, 1, 1, 1001]),
            "squeeze" => f.op(OpKind::Squeeze, &[("x", x)], DType::Fp16, &[1, 1001]),
            "softmax" => f.op(OpKind::Softmax, &[("x", x)], DType::Fp16, &[1, 1001]),
            other => unreachable!("the dump has no {other}"),
        };
    }
    f.finish(&[x]);
    model
}

fn scaled(f: &mut FunctionBuilder<'_>, kind: OpKind, x: ValueId) -> ValueId {
    let shape = f.shape(x);
    let number = f.literal(Literal::Floats(vec![0.5]));
    f.op(kind, &[("x", x), ("y", number)], DType::Fp32, &shape)
}

fn conv(f: &mut FunctionBuilder<'_>, x: ValueId, row: &Row<'_>) -> ValueId {
    let (inputs, output) = row.shape.split_once(";out=").expect("both shapes");
    let inputs: u64 = inputs.trim_start_matches("in_ch=").parse().expect("channels");
    let output = sizes(output);
    let weight = f.weight("weight", DType::Fp16, &[output[1], inputs / row.groups, row.kernel, row.kernel]);
    let groups = f.literal(Literal::Ints(vec![row.groups as i64]));
    f.op(OpKind::Conv, &[("x", x), ("weight", weight), ("groups", groups)], DType::Fp16, &output)
}

fn m1() -> Machine {
    let device = DeviceRef::Known { id: "macbook-air-m1".to_owned(), ram_gib: None };
    machine::resolve(&device, 14).expect("a known device")
}

#[test]
fn every_operation_lands_where_core_ml_put_it() {
    let rows = rows();
    assert_eq!(rows.len(), 119);
    let (model, machine) = (graph(&rows), m1());
    let subject = Subject::new(&model, &machine, true);
    let variant = subject.own_variant();
    let placed = subject.place(&variant, &Storage::of(&model).store(&variant), Units::All);
    let ops = &placed.first().expect("one function").ops;
    let wrong: Vec<String> = rows
        .iter()
        .zip(ops)
        .filter(|(row, op)| row.unit != op.unit)
        .map(|(row, op)| format!("{} {}: {:?}, not {:?}", row.op, row.shape, op.unit, row.unit))
        .collect();
    println!("M1 per operation: {} of {} units as Core ML chose them", rows.len() - wrong.len(), rows.len());
    assert!(wrong.is_empty() && ops.len() == rows.len(), "{wrong:#?}");
}

#[test]
fn the_planner_s_estimates_are_reproduced() {
    let rows = rows();
    let (model, machine) = (graph(&rows), m1());
    let costs = placement::planner_costs(&model, &model.functions[0], &machine);
    let (mut n, mut worst, mut sum) = (0_u32, 0.0_f64, 0.0);
    for (row, costs) in rows.iter().zip(&costs) {
        for (expected, seconds) in row.times.iter().zip(costs) {
            let Some(expected) = expected else { continue };
            let error = (seconds * 1e3 / expected - 1.0).abs();
            assert!(error < 0.05, "{} {}: {} ms, not {expected}", row.op, row.shape, seconds * 1e3);
            n += 1;
            sum += error;
            worst = worst.max(error);
        }
    }
    let mean = 100.0 * sum / f64::from(n);
    println!("M1 per operation: {n} estimates, mean error {mean:.3} %, worst {:.2} %", 100.0 * worst);
    assert!(n > 460 && worst < 0.01);
}

/// The dump as the JSON of the planner's own script: it has no names of results.
fn measured(rows: &[Row<'_>]) -> evidence::MeasuredPlan {
    let op = |row: &Row<'_>| {
        let unit = match row.unit {
            Unit::Ane => "ane",
            Unit::Gpu => "gpu",
            Unit::Cpu => "cpu",
        };
        format!(r#"{{"outputs": [], "op": "ios17.{}", "preferred": "{unit}"}}"#, row.op)
    };
    let ops: Vec<String> = rows.iter().map(op).collect();
    let text = format!(
        r#"{{"schema": "coreml-planner/measured-plan/1", "functions": [{{"name": "main", "ops": [{}]}}]}}"#,
        ops.join(",")
    );
    evidence::read(text.as_bytes()).expect("a plan")
}

#[test]
fn the_measured_plan_is_found_again_without_a_single_name() {
    let mut rows = rows();
    let (model, machine) = (graph(&rows), m1());
    let subject = Subject::new(&model, &machine, true);
    let variant = subject.own_variant();
    let placed = subject.place(&variant, &Storage::of(&model).store(&variant), Units::All);
    let ops = &placed.first().expect("one function").ops;
    let agreement = |rows: &[Row<'_>]| {
        let plan = measured(rows);
        let paired = evidence::pair(ops, &plan.functions[0].ops);
        evidence::agree(ops, &plan.functions[0].ops, &paired)
    };
    let all = agreement(&rows);
    assert_eq!((all.n_counted, all.n_same, all.share_of_ops()), (119, 119, Some(1.0)));
    assert_eq!(all.share_of_cost(), None, "the plan states no cost");
    rows[60].unit = Unit::Gpu;
    let most = agreement(&rows);
    assert_eq!((most.n_counted, most.n_same), (119, 118));
}
