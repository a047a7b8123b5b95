//! How long the whole matrix of one device takes: every variant on every choice of compute units.
//!
//! `cargo bench --bench matrix`. The page runs the same code; its own figure is printed by the browser tests.

#![allow(clippy::expect_used, missing_docs, reason = "a bench speaks by failing")]

use coreml_planner::{
    report::answer,
    scenario::{ModelRef, Scenario},
};

fn main() {
    divan::main();
}

#[divan::bench(args = ["llama-3.1-8b", "llama-3.2-3b", "resnet-50", "stable-diffusion-1.5"])]
fn whole_matrix(bencher: divan::Bencher<'_, '_>, preset: &str) {
    let scenario = Scenario { model: ModelRef::Preset(preset.to_owned()), ..Scenario::default() };
    let machine = answer::machine(&scenario).expect("a known device");
    bencher.bench(|| {
        let chosen = answer::choose(&scenario, None).expect("a known preset");
        answer::answer(&chosen, &machine, &scenario)
    });
}
