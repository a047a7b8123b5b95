//! How long packages take to open in process, and how much heap they hold at most: `cargo bench --bench packages -- PATHS`.
//!
//! Prints a line of JSON for each path: `{"path", "ms", "heap"}`; the time is the shortest of the openings that fit into a
//! second, because other work on the machine can only make it longer. The files are in the system's cache by then.

#![allow(clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a bench speaks by failing and printing")]

use std::{path::Path, time::Instant};

use coreml_planner::{
    format::{self, Limits, Package},
    report::inspect,
};
use peak_alloc::PeakAlloc;

#[path = "../src/bin/planner/files.rs"]
mod files;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Opens a package and makes what `planner inspect` shows of it.
fn inspected(path: &str) -> (Package, inspect::InspectDocument) {
    let entries = files::open_path(Path::new(path)).expect("a package");
    let package = format::open(entries, &Limits::default()).expect("a package");
    let document = inspect::document(&package);
    (package, document)
}

fn main() {
    // Cargo adds `--bench`.
    for path in std::env::args().skip(1).filter(|arg| !arg.starts_with("--")) {
        HEAP.reset_peak_usage();
        let before = HEAP.current_usage();
        drop(inspected(&path));
        let heap = HEAP.peak_usage() - before;
        let (mut times, begun) = (Vec::new(), Instant::now());
        while times.len() < 5 || (begun.elapsed().as_secs_f64() < 1.0 && times.len() < 1000) {
            let started = Instant::now();
            drop(inspected(&path));
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
        let ms = times.iter().copied().fold(f64::INFINITY, f64::min);
        println!("{{\"path\": {path:?}, \"ms\": {ms:.4}, \"heap\": {heap}}}");
    }
}
