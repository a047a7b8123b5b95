//! A larger collection of packages, when `PLANNER_CORPUS` names its folder: `packages/*.zip` with a
//! `ground_truth.json` of what coremltools says about each, and any artefacts under `broken/` and `hostile/`.
//!
//! Without the variable nothing is checked, and the test says so.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a test may fail, and says what it did")]

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    time::Instant,
};

use coreml_planner::{
    format::{self, Limits, Package},
    report::inspect,
};
use serde_json::Value as Json;

#[path = "../src/bin/planner/files.rs"]
mod files;
#[path = "support/ledger.rs"]
mod ledger;

fn corpus() -> Option<PathBuf> {
    let folder = env::var_os("PLANNER_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        println!("nothing checked: PLANNER_CORPUS is not set");
    }
    folder
}

fn open(path: &Path) -> Result<Package, String> {
    let entries = files::open_path(path)?;
    format::open(entries, &Limits::default()).map_err(|error| error.to_string())
}

/// Operations of a model and of the models in it.
fn count_ops(model: &Json, ops: &mut BTreeMap<String, u64>) {
    let histograms = model["program"]["functions"].as_object().into_iter().flatten().map(|(_, f)| &f["op_histogram"]);
    for histogram in histograms.chain([&model["layers"]]) {
        for (name, count) in histogram.as_object().into_iter().flatten() {
            *ops.entry(name.clone()).or_default() += count.as_u64().unwrap_or_default();
        }
    }
    for stage in model["submodels"].as_array().into_iter().flatten() {
        count_ops(stage, ops);
    }
}

/// A number of a model and of the models in it, where they state it.
fn sum(model: &Json, of: &dyn Fn(&Json) -> Option<u64>) -> u64 {
    let inner: u64 = model["submodels"].as_array().into_iter().flatten().map(|stage| sum(stage, of)).sum();
    of(model).unwrap_or_default() + inner
}

fn compare(package: &Package, truth: &Json, wrong: &mut Vec<String>) {
    let found = inspect::document(package);
    let mut same = |what: &str, found: String, expected: String| {
        if found != expected {
            wrong.push(format!("{what}: {found}, not {expected}"));
        }
    };
    same("type", found.model_type.clone(), truth["type"].as_str().unwrap_or_default().to_owned());
    same("specification", found.spec_version.to_string(), truth["spec_version"].to_string());
    same("bytes", found.total_bytes.to_string(), truth["total_bytes"].to_string());
    let files: BTreeMap<&str, u64> = found.files.iter().map(|file| (file.path.as_str(), file.bytes)).collect();
    let expected = truth["files"].as_object().into_iter().flatten();
    let expected: BTreeMap<&str, u64> =
        expected.map(|(path, bytes)| (path.as_str(), bytes.as_u64().unwrap_or_default())).collect();
    same("files", format!("{files:?}"), format!("{expected:?}"));

    let (mut ops, mut expected): (BTreeMap<String, u64>, BTreeMap<String, u64>) = Default::default();
    for function in &found.functions {
        for (name, count) in &function.ops {
            *ops.entry(name.clone()).or_default() += count;
        }
        let truth = &truth["program"]["functions"][&function.name]["op_histogram"];
        if let Some(own) = truth.as_object() {
            let own: BTreeMap<_, _> = own.iter().map(|(name, count)| (name.clone(), count.as_u64())).collect();
            let found: BTreeMap<_, _> = function.ops.iter().map(|(name, count)| (name.clone(), Some(*count))).collect();
            same(&format!("operations of {}", function.name), format!("{found:?}"), format!("{own:?}"));
        }
        same("sum of operations", function.ops.values().sum::<u64>().to_string(), function.n_ops.to_string());
    }
    count_ops(truth, &mut expected);
    same("operations", format!("{ops:?}"), format!("{expected:?}"));

    let program = |of: &'static str| move |model: &Json| model["program"][of].as_u64();
    let layers = |of: &'static str| move |model: &Json| model[of].as_u64();
    let n_tensors = sum(truth, &program("unique_weights")) + sum(truth, &layers("nn_weight_tensors"));
    let n_params = sum(truth, &program("unique_logical_elements")) + sum(truth, &layers("nn_elements_max"));
    let stored = sum(truth, &program("unique_payload_bytes")) + sum(truth, &layers("nn_weight_bytes"));
    same("weights", found.weights.n_tensors.to_string(), n_tensors.to_string());
    same("parameters", found.weights.n_params.to_string(), n_params.to_string());
    same("stored bytes", found.weights.stored_bytes.to_string(), stored.to_string());
    if let Err(text) = ledger::check(package) {
        same("bytes by purpose", text, String::new());
    }
    same("unaccounted bytes", found.unaccounted_bytes.to_string(), "0".to_owned());
    same("warnings", found.warnings.len().to_string(), "0".to_owned());

    let truth = truth["io"].as_object().into_iter().flatten();
    for ((name, io), function) in truth.zip(&found.functions) {
        for (what, features) in
            [("inputs", &function.inputs), ("outputs", &function.outputs), ("states", &function.states)]
        {
            let expected = io[what].as_array().into_iter().flatten();
            let expected: Vec<_> = expected.map(|feature| feature["name"].as_str().unwrap_or_default()).collect();
            let found: Vec<_> = features.iter().map(|feature| feature.name.as_str()).collect();
            if name.is_empty() || *name == function.name {
                same(what, format!("{found:?}"), format!("{expected:?}"));
            }
        }
    }
}

#[test]
fn every_package_of_the_corpus_has_the_totals_that_coremltools_says() {
    let Some(corpus) = corpus() else { return };
    let truth = fs::read_to_string(corpus.join("ground_truth.json")).expect("ground_truth.json");
    let truth: serde_json::Map<String, Json> = serde_json::from_str(&truth).expect("ground_truth.json is JSON");
    let (mut n_right, mut all_wrong) = (0, Vec::new());
    for (name, expected) in &truth {
        let started = Instant::now();
        let mut wrong = Vec::new();
        match open(&corpus.join("packages").join(format!("{name}.zip"))) {
            Ok(package) => compare(&package, expected, &mut wrong),
            Err(error) => wrong.push(error),
        }
        let ms = started.elapsed().as_secs_f64() * 1e3;
        println!("{ms:8.1} ms  {name}");
        n_right += usize::from(wrong.is_empty());
        all_wrong.extend(wrong.into_iter().map(|wrong| format!("{name}: {wrong}")));
    }
    println!("{n_right} of {} packages are right", truth.len());
    assert!(all_wrong.is_empty(), "\n{}", all_wrong.join("\n"));
}

#[test]
fn every_broken_or_hostile_artefact_opens_or_says_what_is_wrong() {
    let Some(corpus) = corpus() else { return };
    for folder in ["broken", "hostile"] {
        let Ok(children) = fs::read_dir(corpus.join(folder)) else {
            println!("no folder `{folder}`");
            continue;
        };
        let mut paths: Vec<PathBuf> = children.filter_map(|child| child.ok().map(|child| child.path())).collect();
        paths.sort();
        for path in paths {
            let started = Instant::now();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let outcome = match open(&path) {
                Ok(package) => {
                    // The document must hold for whatever opens.
                    let document = inspect::document(&package);
                    assert!(!inspect::text(&document).is_empty());
                    let warnings =
                        package.warnings.iter().take(3).map(|warning| format!("{}: {}", warning.file, warning.text));
                    format!("ok {}", warnings.collect::<Vec<_>>().join(" | "))
                }
                Err(error) => {
                    assert!(!error.is_empty(), "{name}");
                    format!("error {error}")
                }
            };
            let ms = started.elapsed().as_millis();
            println!("{name:40} {ms:6} ms  {}", outcome.chars().take(300).collect::<String>());
            assert!(ms < 60_000, "{name} took {ms} ms");
        }
    }
}
