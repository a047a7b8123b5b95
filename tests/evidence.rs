//! Measured plans: every form that is read, every figure of the comparison, and files that mean harm.
//!
//! The samples in `evidence/` were not written on a Mac; its `make.py` says how they came about.

#![allow(clippy::panic, reason = "tests speak by failing")]

use std::{fs, path::PathBuf, process::Command};

use coreml_planner::{
    estimate::Subject,
    evidence::{self, Basis, Fault, MeasuredOp, MeasuredPlan, Source},
    format::{self, Limits},
    machine::{self, Machine, Unit},
    model::Model,
    placement::{Certainty, PlacedOp},
    report::evidence::{Evidence, EvidenceDocument, text},
    scenario::{DeviceRef, Units},
    variant::Storage,
};

#[path = "../src/bin/planner/files.rs"]
mod files;

const SAMPLES: [(&str, Source); 4] = [
    ("script.json", Source::Script),
    ("profiler.json", Source::CoreMlProfiler),
    ("profiler_table.json", Source::CoreMlProfiler),
    ("anemll.json", Source::AnemllProfile),
];

fn sample(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/evidence").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn plan(text: &str) -> MeasuredPlan {
    evidence::read(text.as_bytes()).unwrap_or_else(|fault| panic!("{fault}"))
}

fn model() -> Model {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/placement/packages/g06_while_pos.mlpackage.zip");
    let entries = files::open_path(&path).unwrap_or_else(|error| panic!("{error}"));
    let package = format::open(entries, &Limits::default()).unwrap_or_else(|error| panic!("{error}"));
    package.model.at_default_shapes()
}

fn m4() -> Machine {
    let device = DeviceRef::Known { id: "macbook-air-m4".to_owned(), ram_gib: None };
    machine::resolve(&device, 26).unwrap_or_else(|unknown| panic!("no device {}", unknown.0))
}

fn document(plan: &MeasuredPlan, units: Units) -> EvidenceDocument {
    let (model, machine) = (model(), m4());
    let subject = Subject::new(&model, &machine, true);
    let variant = subject.own_variant();
    let stored = Storage::of(&model).store(&variant);
    Evidence::new(&subject, &variant, &stored, units, plan).document()
}

#[test]
fn every_form_says_the_same_of_the_same_plan() {
    let whole = plan(&String::from_utf8_lossy(&sample("script.json")));
    for (name, source) in SAMPLES {
        let read = evidence::read(&sample(name)).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(read.source, source, "{name}");
        assert_eq!(read.functions.len(), 1, "{name}");
        assert_eq!(read.functions[0].name, "main", "{name}");
        // The table and anemll-profile list no operation of a block.
        let is_nested = |op: &&MeasuredOp| matches!(op.op.as_str(), "less" | "mul") || op.op == "add";
        let flat = matches!(name, "profiler_table.json" | "anemll.json");
        let expected = whole.functions[0].ops.iter().filter(|op| !flat || !is_nested(op));
        let ops = &read.functions[0].ops;
        assert_eq!(ops.len(), if flat { 13 } else { 16 }, "{name}");
        for (own, other) in ops.iter().zip(expected) {
            assert_eq!((&own.output, &own.op, own.preferred), (&other.output, &other.op, other.preferred), "{name}");
            assert_eq!(own.supported[0], other.supported[0], "{name}");
            assert_eq!(own.cost, other.cost, "{name}");
        }
    }
    assert_eq!(whole.units, Some(Units::CpuAndNe));
    assert_eq!(whole.os, Some(("macOS".to_owned(), "26.0".to_owned())));
    assert_eq!(whole.chip.as_deref(), Some("Apple M4"));
}

#[test]
fn the_figures_are_those_of_the_differences_that_were_made() {
    let plan = evidence::read(&sample("script.json")).unwrap_or_else(|fault| panic!("{fault}"));
    let document = document(&plan, Units::CpuAndNe);
    let function = &document.functions[0];
    assert_eq!((function.n_predicted, function.n_measured), (16, 16));
    assert_eq!((function.n_by_name, function.n_by_order), (14, 1));
    let agreement = &document.agreement;
    assert_eq!((agreement.n_same, agreement.n_counted, agreement.n_costed), (14, 15, 15));
    // Six convolutions at 0.125 and nine others at 0.025; one of these differs.
    let share = agreement.share_of_cost.unwrap_or_default();
    assert!((share - 0.95 / 0.975).abs() < 1e-12, "{share}");
    assert_eq!(agreement.share_of_eligible, Some(1.0));
    let cells: Vec<_> = agreement.matrix.iter().map(|cell| (cell.predicted, cell.measured, cell.n_ops)).collect();
    assert_eq!(cells, [("ane", "ane", 10), ("ane", "cpu", 1), ("cpu", "cpu", 4)]);
    assert_eq!(agreement.matrix.iter().map(|cell| cell.n_ops).sum::<u64>(), agreement.n_counted);
    let differing: Vec<_> =
        function.disagreements.iter().map(|own| (own.output.as_str(), own.predicted, own.measured)).collect();
    assert_eq!(differing, [("post_relu1", "ane", "cpu")]);
    let alone = |list: &[coreml_planner::report::evidence::Alone]| -> Vec<String> {
        list.iter().filter_map(|own| own.output.clone()).collect()
    };
    assert_eq!(alone(&function.only_predicted), ["post_relu2"]);
    assert_eq!(alone(&function.only_measured), ["x_to_fp16"]);
    assert_eq!(document.notes.len(), 1, "the same question: {:?}", document.notes);
}

#[test]
fn another_question_than_the_measured_one_is_said_first() {
    let plan = evidence::read(&sample("script.json")).unwrap_or_else(|fault| panic!("{fault}"));
    let document = document(&plan, Units::All);
    assert_eq!(document.notes[0], "Measured with cpu-and-ne, predicted for all.");
    let silent = evidence::read(&sample("profiler.json")).unwrap_or_else(|fault| panic!("{fault}"));
    let notes = self::document(&silent, Units::All).notes;
    assert_eq!(notes.iter().filter(|note| note.starts_with("The file does not say")).count(), 3, "{notes:?}");
    let words = text(&document);
    let line = words.lines().find(|line| line.starts_with("predicted for")).unwrap_or_default();
    assert!(!line.contains("measured"), "{line}");
}

fn placed(output: &str, kind: &str) -> PlacedOp {
    PlacedOp {
        output: output.to_owned(),
        kind: kind.to_owned(),
        times: 1,
        unit: Unit::Ane,
        eligible: [true, false, true],
        cost_share: 0.0,
        certainty: Certainty::Likely,
        whys: Vec::new(),
    }
}

fn measured(output: Option<&str>, op: &str) -> MeasuredOp {
    MeasuredOp {
        output: output.map(str::to_owned),
        op: op.to_owned(),
        preferred: Some(Unit::Ane),
        supported: [None; 3],
        cost: None,
    }
}

fn check_pairs(predicted: &[(&str, &str)], plan: &[(Option<&str>, &str)], expected: &[(usize, usize, Basis)]) {
    let predicted: Vec<_> = predicted.iter().map(|(output, kind)| placed(output, kind)).collect();
    let plan: Vec<_> = plan.iter().map(|(output, op)| measured(*output, op)).collect();
    let paired = evidence::pair(&predicted, &plan);
    let found: Vec<_> = paired.pairs.iter().map(|pair| (pair.predicted, pair.measured, pair.basis)).collect();
    assert_eq!(found, expected);
    assert_eq!(found.len() + paired.only_predicted.len(), predicted.len());
    assert_eq!(found.len() + paired.only_measured.len(), plan.len());
}

#[test]
fn operations_pair_by_name_wherever_they_stand() {
    let (a, b) = (("a", "conv"), ("b", "relu"));
    let both = [(0, 1, Basis::Name), (1, 0, Basis::Name)];
    check_pairs(&[a, b], &[(Some("b"), "relu"), (Some("a"), "conv")], &both);
    // The compiler may change the type of an operation and keep its result.
    check_pairs(&[a], &[(Some("a"), "matmul")], &[(0, 0, Basis::Name)]);
    // Of two with one name, the one of the same type.
    check_pairs(&[("a", "relu"), a], &[(Some("a"), "conv")], &[(1, 0, Basis::Name)]);
}

#[test]
fn names_that_a_tool_has_cut_still_pair() {
    let long = "layer/".repeat(40);
    let cut = &long[..127];
    check_pairs(&[(&long, "conv")], &[(Some(cut), "conv")], &[(0, 0, Basis::Name)]);
}

#[test]
fn what_is_left_pairs_in_order_within_its_type_and_its_place() {
    use Basis::{Name, Order};
    check_pairs(
        &[("a", "conv"), ("b", "relu"), ("c", "conv")],
        &[(None, "conv"), (None, "conv"), (None, "relu")],
        &[(0, 0, Order), (1, 2, Order), (2, 1, Order)],
    );
    // A cast that the compiler adds before `a` is not the cast after it.
    check_pairs(
        &[("a", "conv"), ("b", "cast")],
        &[(Some("added"), "cast"), (Some("a"), "conv"), (Some("renamed"), "cast")],
        &[(0, 1, Name), (1, 2, Order)],
    );
    check_pairs(&[("a", "conv")], &[(None, "relu")], &[]);
    check_pairs(&[], &[(None, "relu")], &[]);
}

/// The plan is refused with these words.
fn check_refused(bytes: &[u8], words: &str) {
    match evidence::read(bytes) {
        Ok(plan) => panic!("read {plan:?}, not `{words}`"),
        Err(fault) => assert!(fault.to_string().contains(words), "`{fault}` does not say `{words}`"),
    }
}

fn with_op(op: &str) -> String {
    format!(r#"{{"schema": "coreml-planner/measured-plan/1", "functions": [{{"name": "main", "ops": [{op}]}}]}}"#)
}

#[test]
fn what_is_not_a_plan_is_refused_with_the_reason() {
    check_refused(b"", "not JSON");
    check_refused(b"Operation,Compute Unit,Cost\nconv,Neural Engine,0.1\n", "table (CSV)");
    check_refused(b"\"a text\"", "not of a known form");
    check_refused(b"{}", "not of a known form");
    check_refused(b"[1, 2]", "not of a known form");
    check_refused(b"[]", "no operations");
    check_refused(br#"{"error": "Unsupported model structure"}"#, "Unsupported model structure");
    check_refused(br#"{"schema": "coreml-planner/place/1"}"#, "not of a known form");
    check_refused(br#"{"schema": "coreml-planner/measured-plan/2"}"#, "a newer planner");
    check_refused(br#"{"total_cost": 1, "with_device": 3, "operations": []}"#, "ane-costplan");
    check_refused(br#"{"tool": "anemll-profile", "version": "0.3.2"}"#, "0.4.1");
    check_refused(with_op("").as_bytes(), "no operations");
    check_refused(with_op(r#"{"outputs": ["w"], "op": "const"}"#).as_bytes(), "no operations");
}

#[test]
fn a_wrong_value_is_named_with_its_place() {
    let check = |op: &str, at: &str| check_refused(with_op(op).as_bytes(), at);
    check(r#"{"op": "conv"}"#, "functions[0].ops[0].outputs");
    check(r#"{"op": "conv", "outputs": [3]}"#, "functions[0].ops[0].outputs[0]");
    check(r#"{"outputs": []}"#, "functions[0].ops[0].op`");
    check(r#"{"op": "conv", "outputs": [], "preferred": "tpu"}"#, "functions[0].ops[0].preferred");
    check(r#"{"op": "conv", "outputs": [], "preferred": 1}"#, "functions[0].ops[0].preferred");
    check(r#"{"op": "conv", "outputs": [], "supported": "ane"}"#, "functions[0].ops[0].supported");
    check(r#"{"op": "conv", "outputs": [], "cost": "0.1"}"#, "functions[0].ops[0].cost");
    check(r#"{"op": "conv", "outputs": [], "cost": -0.1}"#, "functions[0].ops[0].cost");
    check(r#"{"op": "conv", "outputs": [], "cost": NaN}"#, "not JSON");
    check(r#"{"op": "conv", "outputs": [], "cost": 1e999}"#, "not JSON");
    check_refused(br#"{"schema": "coreml-planner/measured-plan/1", "functions": {}}"#, "`functions`");
    check_refused(br#"{"schema": "coreml-planner/measured-plan/1", "units": "fast", "functions": []}"#, "`units`");
    check_refused(br#"[{"operatorName": "conv", "preferred_device": "TPU"}]"#, "[0].preferred_device");
    let row = r#"{"function": "main", "type": "conv", "name": "a", "device": "ANE", "ane_supported": "yes"}"#;
    let report = format!(r#"{{"tool": "anemll-profile", "ordered_placements": [{row}]}}"#);
    check_refused(report.as_bytes(), "ordered_placements[0].ane_supported");
}

#[test]
fn deep_and_huge_files_are_refused_and_not_followed() {
    check_refused("[".repeat(1_000_000).as_bytes(), "not JSON");
    check_refused(r#"{"main":"#.repeat(100_000).as_bytes(), "not JSON");
    check_refused(&vec![b' '; (64 << 20) + 1], "is it the right file");
    // Blocks in blocks, as deep as JSON may be.
    let op = |inner: &str| {
        format!(r#"{{"operatorName": "while_loop", "operator_id": "w", "blocks": [{{"operations": [{inner}]}}]}}"#)
    };
    let mut deep = op("");
    for _ in 0..20 {
        deep = op(&deep);
    }
    let deep = plan(&format!(r#"{{"main": {{"block": {{"operations": [{deep}]}}}}}}"#));
    assert_eq!(deep.functions[0].ops.len(), 21);
}

#[test]
fn a_million_operations_of_one_name_take_no_time_that_grows_with_their_square() {
    let same: Vec<_> = (0..100_000).map(|_| placed("x", "conv")).collect();
    let other: Vec<_> = (0..100_000).map(|_| measured(Some("x"), "relu")).collect();
    assert_eq!(evidence::pair(&same, &other).pairs.len(), 100_000);
}

#[test]
fn names_are_text_and_nothing_else() {
    let op = r#"{"op": "ios17.conv", "outputs": ["<script>alert(1)</script>\u001b[2J"], "preferred": "ane"}"#;
    let read = plan(&with_op(op));
    assert_eq!(read.functions[0].ops[0].output.as_deref(), Some("<script>alert(1)</script>\u{fffd}[2J"));
    let words = text(&document(&read, Units::CpuAndNe));
    assert!(!words.contains('\u{1b}'), "no file writes to the terminal");
}

#[test]
fn what_is_not_stated_stays_unknown() {
    let read = plan(&with_op(r#"{"op": "ios17.conv", "outputs": ["pre_conv0"]}"#));
    let own = &read.functions[0].ops[0];
    assert_eq!((own.preferred, own.supported, own.cost), (None, [None; 3], None));
    let document = document(&read, Units::CpuAndNe);
    assert_eq!(document.functions[0].n_by_name, 1);
    let agreement = &document.agreement;
    assert_eq!((agreement.n_counted, agreement.share_of_ops, agreement.share_of_cost), (0, None, None));
    assert_eq!(agreement.share_of_eligible, None);
}

#[test]
fn damage_is_read_or_refused() {
    for (name, _) in SAMPLES {
        let bytes = sample(name);
        for end in 0..bytes.len() {
            // A text that ends early is never a plan.
            let is_whole = bytes[end..].iter().all(u8::is_ascii_whitespace);
            assert_eq!(evidence::read(&bytes[..end]).is_ok(), is_whole, "{name} cut at {end}");
        }
        for at in (0..bytes.len()).step_by(7) {
            for byte in [0, b'"', b'9', b'}', 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = byte;
                // Whatever comes of it, nothing panics, and what is read can be compared.
                if let Ok(read) = evidence::read(&damaged) {
                    assert!(read.functions.iter().any(|function| !function.ops.is_empty()));
                }
            }
        }
    }
}

#[test]
fn a_fault_names_what_is_too_large() {
    assert_eq!(evidence::read(&vec![0; (64 << 20) + 2]), Err(Fault::TooLarge((64 << 20) + 2)));
}

/// The tool's exit code and what it prints.
fn run(args: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_planner")).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let output = output.unwrap_or_else(|error| panic!("{error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

#[test]
fn the_command_takes_units_and_system_from_the_plan_and_says_what_is_missing() {
    let (package, plan) = ("tests/placement/packages/g06_while_pos.mlpackage.zip", "tests/evidence/script.json");
    let (code, printed) = run(&["evidence", package, plan, "--device", "macbook-air-m4", "--json"]);
    assert_eq!(code, Some(0), "{printed}");
    let json: serde_json::Value = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(json["schema"], "coreml-planner/evidence/1");
    assert_eq!(json["predicted"]["units"], "cpu-and-ne");
    assert_eq!(json["predicted"]["os"], "macOS 26");
    assert_eq!(json["agreement"]["n_same"], 14);
    let (code, script) = run(&["evidence", "--script"]);
    assert!(code == Some(0) && script.contains("coreml-planner/measured-plan/1"), "{script}");
    for (args, words) in [
        (&["evidence", package, "--device", "macbook-air-m4"][..], "needs a package and a measured plan"),
        (&["evidence", package, "tests/evidence/make.py", "--device", "macbook-air-m4"], "not JSON"),
        (&["evidence", package, "no-such-file", "--device", "macbook-air-m4"], "no-such-file"),
        (&["evidence", package, plan], "--device"),
        (&["evidence", package, plan, "--device", "no-such-device"], "no device"),
        (&["place", package, plan, "--device", "macbook-air-m4"], "unexpected"),
        (&["place", package, "--label", "--device", "macbook-air-m4"], "--label"),
    ] {
        let (code, printed) = run(args);
        assert_eq!(code, Some(2), "{args:?}: {printed}");
        assert!(printed.contains(words), "{args:?}: {printed}");
    }
}
