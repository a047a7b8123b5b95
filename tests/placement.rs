//! How well placement agrees with labelled packages: a scoreboard, with floors that only rise.
//!
//! The labels in `placement/cases.json` carry public rules over to small packages; they were not measured on a device, so
//! a good score means "agrees with the rules". `PLANNER_CORPUS` may name a folder with more of the same (`cases.json`
//! beside the packages); nothing is read from it otherwise.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a test may fail, and says what it did")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

use coreml_planner::{
    estimate::Subject,
    evidence,
    format::{self, Limits},
    machine,
    report::{
        evidence::Evidence,
        place::{self, FunctionPlace, OpPlace},
    },
    scenario::{DeviceRef, Units},
    variant::Storage,
};
use serde_json::Value as Json;

#[path = "../src/bin/planner/files.rs"]
mod files;

/// Right answers of all, by what was asked.
#[derive(Default)]
struct Board {
    scores: BTreeMap<String, (u32, u32)>,
    pairs: BTreeMap<String, bool>,
    wrong: Vec<String>,
}

impl Board {
    fn mark(&mut self, what: &str, is_right: bool) {
        let (right, all) = self.scores.entry(what.to_owned()).or_default();
        *right += u32::from(is_right);
        *all += 1;
    }

    /// Percent right.
    fn percent(&self, what: &str) -> f64 {
        let (right, all) = self.scores.get(what).copied().unwrap_or_default();
        if all == 0 { 100.0 } else { 100.0 * f64::from(right) / f64::from(all) }
    }

    fn pairs_percent(&self) -> f64 {
        let right = self.pairs.values().filter(|is_right| **is_right).count();
        100.0 * right as f64 / self.pairs.len().max(1) as f64
    }

    fn print(&self, title: &str) {
        println!("{title}");
        for (what, (right, all)) in &self.scores {
            println!("  {what:<24} {right:>4} of {all:<4} {:>6.1} %", self.percent(what));
        }
        let right = self.pairs.values().filter(|is_right| **is_right).count();
        println!("  {:<24} {right:>4} of {:<4} {:>6.1} %", "pairs", self.pairs.len(), self.pairs_percent());
        for line in &self.wrong {
            println!("  wrong: {line}");
        }
    }
}

fn score(folder: &Path, packages: &Path) -> Board {
    let text = fs::read_to_string(folder.join("cases.json")).expect("cases.json");
    let cases: Json = serde_json::from_str(&text).expect("JSON");
    let cases = cases["cases"].as_array().expect("a list");
    let mut board = Board::default();
    for case in cases {
        let before = board.wrong.len();
        let function = placed(case, packages);
        score_case(case, &function, cases, &mut board);
        let pair = board.pairs.entry(word(case, "pair").to_owned()).or_insert(true);
        *pair &= board.wrong.len() == before;
        let is_right = board.wrong.len() == before;
        board.mark(&format!("confidence {}", word(case, "confidence")), is_right);
        board.mark(&format!("group {}", word(case, "group")), is_right);
    }
    board
}

fn word<'a>(json: &'a Json, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_default()
}

fn placed(case: &Json, packages: &Path) -> FunctionPlace {
    let entries = files::open_path(&packages.join(word(case, "package"))).expect("the package");
    let package = format::open(entries, &Limits::default()).expect("a package that opens");
    let os = word(case, "os").split(' ').next_back().and_then(|version| version.parse().ok()).expect("a version");
    let device = DeviceRef::Known { id: word(case, "device").to_owned(), ram_gib: None };
    let machine = machine::resolve(&device, os).expect("a known device");
    let model = package.model.at_default_shapes();
    let subject = Subject::new(&model, &machine, true);
    let variant = subject.own_variant();
    let stored = Storage::of(&model).store(&variant);
    let units = Units::from_id(word(case, "units")).expect("compute units");
    let document = place::document(&subject, &variant, &stored, units);
    let own = document.functions.into_iter().find(|function| function.name == word(case, "function"));
    own.expect("the function")
}

fn rules_of(json: &Json) -> BTreeSet<&str> {
    json["rules"].as_array().into_iter().flatten().filter_map(Json::as_str).collect()
}

fn score_case(case: &Json, function: &FunctionPlace, cases: &[Json], board: &mut Board) {
    let id = format!("{} {} {}", word(case, "id"), word(case, "pair"), word(case, "kind"));
    for expected in case["expect"].as_array().into_iter().flatten() {
        let output = word(expected, "op_output");
        let Some(op) = function.ops.iter().find(|op| op.output == output) else {
            board.wrong.push(format!("{id}: no operation {output}"));
            continue;
        };
        score_op(&id, expected, op, board);
    }
    let (label, summary) = (word(&case["expect_model"], "label"), &function.summary);
    if !label.is_empty() {
        let only_casts = || function.ops.iter().all(|op| op.predicted == "ane" || op.op == "cast");
        let is_right = match label {
            "ane_compile_risk" => !summary.risks.is_empty(),
            "ane" => summary.label == "ane" || summary.label == "mostly_ane" && only_casts(),
            other => summary.label == other,
        };
        board.mark("label", is_right);
        if !is_right {
            board.wrong.push(format!("{id}: label {}, not {label}", summary.label));
        }
    }
    let of_ops = function.ops.iter().flat_map(|op| &op.reasons);
    let heard: BTreeSet<&str> =
        of_ops.chain(&summary.risks).chain(&summary.warnings).map(|reason| reason.rule).collect();
    if word(case, "kind") == "pos" {
        let is_right = rules_of(case).iter().any(|rule| heard.contains(rule));
        board.mark("rule recalled", is_right);
        if !is_right {
            board.wrong.push(format!("{id}: none of {:?} in {heard:?}", rules_of(case)));
        }
    } else {
        let twins = cases.iter().filter(|twin| word(twin, "pair") == word(case, "pair") && word(twin, "kind") == "pos");
        let alarms: Vec<&str> = twins.flat_map(rules_of).filter(|rule| heard.contains(rule)).collect();
        board.mark("no false alarm", alarms.is_empty());
        if !alarms.is_empty() {
            board.wrong.push(format!("{id}: false alarms {alarms:?}"));
        }
    }
}

fn score_op(id: &str, expected: &Json, op: &OpPlace, board: &mut Board) {
    let role = word(expected, "role");
    if let Some(eligible) = expected["eligible_ane"].as_bool() {
        let found = op.eligible.contains(&"ane");
        board.mark(&format!("eligible, {role}"), found == eligible);
        if found != eligible {
            board.wrong.push(format!("{id}: {} eligible {found}", op.output));
        }
    }
    let unit = word(expected, "predicted");
    if !unit.is_empty() {
        let is_right = if unit == "not_ane" { op.predicted != "ane" } else { op.predicted == unit };
        board.mark(&format!("unit, {role}"), is_right);
        if !is_right {
            board.wrong.push(format!("{id}: {} on {}, not {unit}", op.output, op.predicted));
        }
    }
}

#[test]
fn labelled_packages_are_placed_as_they_are_labelled() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/placement");
    let board = score(&folder, &folder.join("packages"));
    board.print("labelled packages of this repository");
    assert!(board.wrong.is_empty(), "see above");
}

#[test]
fn a_larger_collection_keeps_its_floor() {
    let Some(folder) = env::var_os("PLANNER_CORPUS").map(PathBuf::from) else {
        println!("nothing checked: PLANNER_CORPUS is not set");
        return;
    };
    let folder = if folder.join("cases.json").exists() { folder } else { folder.join("placement") };
    if !folder.join("cases.json").exists() {
        println!("nothing checked: {} has no cases.json", folder.display());
        return;
    }
    let board = score(&folder, &folder);
    board.print(&format!("labelled packages of {}", folder.display()));
    // Floors: raise them when the board is better, never lower them.
    assert!(board.percent("confidence A") >= 99.0);
    assert!(board.percent("confidence B") >= 99.0);
    assert!(board.percent("label") >= 99.0);
    assert!(board.percent("unit, probe") >= 99.0);
    assert!(board.percent("eligible, probe") >= 99.0);
    assert!(board.pairs_percent() >= 99.0);
}

#[test]
fn a_measured_plan_becomes_a_case_that_the_scoreboard_reads() {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests");
    let packages = tests.join("placement/packages");
    let name = "g06_while_pos.mlpackage.zip";
    let package = format::open(files::open_path(&packages.join(name)).expect("the package"), &Limits::default());
    let model = package.expect("a package that opens").model.at_default_shapes();
    let device = DeviceRef::Known { id: "macbook-air-m4".to_owned(), ram_gib: None };
    let machine = machine::resolve(&device, 26).expect("a known device");
    let plan = evidence::read(&fs::read(tests.join("evidence/script.json")).expect("a sample")).expect("a plan");
    let subject = Subject::new(&model, &machine, true);
    let variant = subject.own_variant();
    let stored = Storage::of(&model).store(&variant);
    let cases = Evidence::new(&subject, &variant, &stored, Units::CpuAndNe, &plan).cases(name, "macbook-air-m4");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("measured-case");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("cases.json"), serde_json::to_string(&cases).expect("JSON")).expect("a file");
    let board = score(&folder, &packages);
    assert_eq!(board.scores.get("unit, measured"), Some(&(14, 15)), "{:?}", board.wrong);
    assert_eq!(board.scores.get("eligible, measured"), Some(&(15, 15)));
    // One operation has no counterpart, so the case says nothing about the whole.
    assert_eq!(board.scores.get("label"), None);
    assert_eq!(board.wrong.len(), 1, "the unit of post_relu1: {:?}", board.wrong);
}
